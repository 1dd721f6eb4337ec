"""docs/configuration.md has every key of the configuration with its default; the example serves pictures."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from origin.config.answers import FixedAnswer
from origin.config.answers import OnError
from origin.config.cdn import CloudflareCdn
from origin.config.cdn import CloudFrontCdn
from origin.config.cdn import FastlyCdn
from origin.config.cdn import HttpCdn
from origin.config.cdn import VarnishCdn
from origin.config.events import EventQueue
from origin.config.events import Events
from origin.config.handler import Handler
from origin.config.legacy import Aws
from origin.config.limits import HandlerLimits
from origin.config.limits import Limits
from origin.config.load import build_config
from origin.config.load import only_variables
from origin.config.model import Admin
from origin.config.model import Cache
from origin.config.model import Config
from origin.config.model import Log
from origin.config.part import Part
from origin.config.part import keys_of
from origin.config.part import part_types
from origin.config.pictures import PresetKeys
from origin.config.pictures import Watermark
from origin.config.shared import Shared
from origin.config.signing import Signing
from origin.config.sources import SOURCE_PARTS
from origin.config.storing import Normalise
from origin.config.storing import StoredAs
from origin.config.telemetry import Telemetry
from origin.config.write import StagePart
from origin.config.write import Write
from origin.config.write import WriteCors
from origin.config.write import WriteRoutes
from origin.errors import ConfigError
from origin.formats import FORMATS
from origin.urls.dialects import DIALECTS
from tests.support.cases import check_each
from tests.support.documents import PICTURES
from tests.support.documents import ROOT
from tests.support.documents import SECRET
from tests.support.documents import code
from tests.support.documents import page
from tests.support.running import Running
from tests.support.s3_servers import S3Server


def part_named(name: str) -> type[Part]:
    """The kind of object that the types of sources have made of settings of that name."""
    (part,) = {part for part in part_types() if part.__name__ == name}
    return part


CONFIGURATION = page("docs/configuration.md")
# The line before a table, the model it describes, and where that stands in a configuration.
PLACES: list[tuple[str, type[Part], tuple[str | int, ...]]] = [
    ("## Top level", Config, ()),
    ("## A handler", Handler, ("handlers", 0)),
    ("## Presets", PresetKeys, ("presets", "a")),
    ("## Watermarks", Watermark, ("watermarks", "a")),
    ('`"type": "s3"`', SOURCE_PARTS["s3"], ("handlers", 0, "source")),
    ('`"type": "local"`', SOURCE_PARTS["local"], ("handlers", 1, "source")),
    ('`"type": "http"`', SOURCE_PARTS["http"], ("handlers", 3, "source")),
    (
        '`registry` with `"type": "sqlite"`',
        part_named("SqliteRegistry"),
        ("handlers", 4, "source", "registry"),
    ),
    ('`registry` with `"type": "redis"`', part_named("RedisRegistry"), ("handlers", 5, "source", "registry")),
    ("An object of `answers`", FixedAnswer, ("answers", "/x")),
    ("`aws`, in place of `source`", Aws, ("handlers", 2, "aws")),
    ("## Writing", Write, ("handlers", 0, "write")),
    ("## Queue of events", EventQueue, ("events", "queue")),
    ('`cdn` with `"type": "cloudflare"`', CloudflareCdn, ("cdn", "cloudflare")),
    ('`cdn` with `"type": "fastly"`', FastlyCdn, ("cdn", "fastly")),
    ('`cdn` with `"type": "cloudfront"`', CloudFrontCdn, ("cdn", "cloudfront")),
    ('`cdn` with `"type": "varnish"`', VarnishCdn, ("cdn", "varnish")),
    ('`cdn` with `"type": "http"`', HttpCdn, ("cdn", "http")),
    ("## Limits", Limits, ("limits",)),
]
# Parts whose keys the page writes with a dot.
DOTTED: dict[str, type[Part]] = {
    **{"cache": Cache, "admin": Admin, "log": Log, "signing": Signing, "on_error": OnError},
    **{"normalise": Normalise, "object": StoredAs, "cors": WriteCors, "routes": WriteRoutes},
    **{"stage": StagePart, "shared": Shared, "events": Events, "telemetry": Telemetry},
}
DEFAULTS = {
    f"{model.__name__}.{code(row[0])[0]}": (model, path, code(row[0])[0], row[1])
    for after, model, path in PLACES
    for row in CONFIGURATION.table(after)
}


CDNS: dict[str, dict[str, Any]] = {
    "cloudflare": {"zone": "1", "token": SECRET},
    "fastly": {"service": "1", "token": SECRET},
    "cloudfront": {"distribution": "E1"},
    "varnish": {"urls": ["http://127.0.0.1/"]},
    "http": {"url": "http://127.0.0.1/"},
}


def registered(registry: dict[str, str]) -> dict[str, Any]:
    return {"type": "http", "keys": "hex", "registry": registry}


def configuration(path: tuple[str | int, ...] = ()) -> dict[str, Any]:
    """A configuration with every part in it that stands on the path, and every default left out."""
    return {
        "handlers": [
            {
                "name": "one",
                "source": {"type": "s3", "bucket": "bucket"},
                "signing": {"keys": [SECRET]},
                "on_error": {"redirect": "/default.png"},
                "write": {
                    **{"auth": "open", "normalise": {}, "object": {}, "routes": {}},
                    "cors": {"origins": ["https://www.example.com"]},
                    "stage": {"source": {"type": "s3", "bucket": "stage"}},
                },
            },
            {"name": "two", "source": {"type": "local", "root": "."}},
            {"name": "three", "aws": {}},
            {"name": "four", "source": {"type": "http", "base_url": "https://example.com/a"}},
            {"name": "five", "source": registered({"type": "sqlite", "path": "urls.db"})},
            {"name": "six", "source": registered({"type": "redis", "url": "redis://localhost"})},
        ],
        "limits": {},
        "presets": {"a": {}},
        "watermarks": {"a": {"picture": str(PICTURES / "logo.png")}},
        "cache": {},
        "admin": {},
        "log": {},
        "shared": {"results": {"type": "s3", "bucket": "results"}},
        "telemetry": {},
        "events": {"queue": {"url": "http://127.0.0.1/1/queue"}},
        **({"cdn": {"type": path[1], **CDNS[str(path[1])]}} if path[:1] == ("cdn",) else {}),
        **({"answers": {"/x": {}}} if path[:1] == ("answers",) else {}),
    }


def keys(model: type[Part]) -> Iterator[tuple[str, Any]]:
    """The keys of a table, with what the model says of each."""
    for key, field in keys_of(model).items():
        if key in DOTTED:
            yield from ((f"{key}.{inner}", f) for inner, f in keys_of(DOTTED[key]).items())
        else:
            yield key, field


@pytest.mark.parametrize(("after", "model", "path"), PLACES)
def test_every_key_of_the_configuration_is_on_the_page(after: str, model: type[Part], path: Any) -> None:
    rows = CONFIGURATION.table(after)
    assert sorted(code(row[0])[0] for row in rows) == sorted(name for name, _ in keys(model))


def test_every_dialect_is_on_the_page() -> None:
    (shown,) = [row[-1] for row in CONFIGURATION.table("## A handler") if row[0] == "`dialect`"]
    assert [name for name in DIALECTS if f"[`{name}`](" not in shown] == []


def test_every_type_of_source_has_its_table() -> None:
    assert {part for _, part, _ in PLACES} >= set(SOURCE_PARTS.values())


def test_the_formats_that_have_to_be_named_are_the_programs() -> None:
    named = {format.name for format in FORMATS if not format.by_default}
    (row,) = [row for row in CONFIGURATION.table("## A handler") if row[0] == "`allowed_formats`"]
    assert set(code(row[2])) == named
    rows = {name: by for names, _, by in CONFIGURATION.table("| name | what it is |") for name in code(names)}
    assert rows.keys() == {format.name for format in FORMATS}
    assert {name for name, by in rows.items() if "only when named" in by} == named


def test_each_default_on_the_page_is_the_programs() -> None:
    check_each(DEFAULTS, _has_its_default)


def _has_its_default(row: tuple[type[Part], tuple[str | int, ...], str, str]) -> None:
    model, path, key, default = row
    config, absent = configuration(path), configuration(path)
    *parts, name = key.split(".")
    place, place_without = (_follow(each, (*path, *parts)) for each in (config, absent))
    place_without.pop(name, None)
    if default == "none":
        assert dict(keys(model))[key].default is None
    elif default == "required":
        del place[name]
        with pytest.raises(ConfigError):
            build_config(config)
    else:
        place[name] = place["name"] if default == "= `name`" else json.loads(code(default)[0])
        assert build_config(config) == build_config(absent)


def _follow(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data if step in CDNS else data[step]  # of which there is one, of some type
    return data


def test_the_limits_that_a_handler_may_have_are_marked() -> None:
    assert {code(row[0])[0] for row in CONFIGURATION.table("## Limits") if row[2] == "yes"} == set(
        HandlerLimits.model_fields
    )


def test_the_message_that_the_page_shows_is_the_programs() -> None:
    config = configuration()
    config["handlers"][1]["cache_time"] = "a week"
    with pytest.raises(ConfigError) as error:
        build_config(config, name="config.json")
    assert f"origin: {error.value}\n" == CONFIGURATION.block("text", "handlers[1]")


@pytest.fixture
def example(moto_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in a folder of its own, with what it refers to, and its bucket at a test server."""
    for name, value in {
        "ORIGIN_ADMIN_TOKEN": "0123456789abcdef",
        "ORIGIN_S3_ACCESS_KEY": "access",
        "ORIGIN_S3_SECRET_KEY": "secret",
        "ORIGIN_KEY": SECRET,
        "AWS_ACCESS_KEY_ID": moto_server.access_key,
        "AWS_SECRET_ACCESS_KEY": moto_server.secret_key,
        "AWS_ENDPOINT_URL_S3": moto_server.url,
    }.items():
        monkeypatch.setenv(name, value)
    place = {"LocationConstraint": "eu-central-1"}
    moto_server.client.create_bucket(Bucket="example-photos", CreateBucketConfiguration=place)
    picture = (PICTURES / "logo.png").read_bytes()
    moto_server.client.put_object(Bucket="example-photos", Key="originals/2024/cat.jpg", Body=picture)
    path = tmp_path / "config.json"
    path.write_text((ROOT / "config.example.json").read_text(encoding="utf-8"), encoding="utf-8")
    return path


@pytest.mark.slow
def test_the_app_starts_with_the_example_and_serves_what_it_says(example: Path) -> None:
    with Running(example) as origin:
        picture = origin.get("/photos/2024/cat.jpg?w=300", headers={"Accept": "image/avif"})
        unsigned = origin.get("/img/members/cat.jpg")
    assert (picture.status, picture.type) == (200, "image/avif")
    assert (unsigned.status, unsigned.kind) == (404, "forbidden")


def test_the_variables_of_the_page_are_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "signing-key").write_text("0123456789abcdef" * 2)
    block = page("docs/configuration.md").block("sh", "ORIGIN__HTTP_PORT")
    pairs = (shlex.split(line)[0].partition("=") for line in block.splitlines())
    made = only_variables({name: value.replace("/run/secrets", str(tmp_path)) for name, _, value in pairs})
    assert made is not None
    assert (made.http_port, made.handlers[0].name, made.limits.render_timeout) == (8080, "photos", 5)
