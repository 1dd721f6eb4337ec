"""What the README says is what the program does: its tables, URLs, examples and commands."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from PIL import Image

from origin.cli.demo import demo_config
from origin.cli.main import main
from origin.config.legacy import Aws
from origin.config.load import build_config
from origin.config.load import parse_config
from origin.config.model import Admin
from origin.config.model import Cache
from origin.config.model import Config
from origin.config.model import Handler
from origin.config.model import HandlerLimits
from origin.config.model import Limits
from origin.config.model import Log
from origin.config.model import Signing
from origin.config.part import Part
from origin.config.sources import SOURCE_PARTS
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.ops.metrics import Metrics
from origin.ops.routes import private_routes
from origin.ops.routes import public_routes
from origin.pages.demo import add_demo_page
from origin.urls.options import ALIASES
from origin.urls.options import NAMES
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.s3_servers import S3Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEMO = ROOT / "origin" / "pages" / "pictures"
KEY = "0123456789abcdef0123456789abcdef"
HERE = "http://127.0.0.1:8080"


def table(after: str) -> list[list[str]]:
    """The cells, row by row, of the first table behind the line that starts with `after`."""
    lines = README[README.index(f"\n{after}") :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def block(language: str, mark: str) -> str:
    """The one block in that language that holds the mark."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (found,) = [text for text in blocks if mark in text]
    return str(found)


# --- Options and configuration ---------------------------------------------------------------------


def test_the_options_are_those_of_the_program() -> None:
    rows = {code(name)[0]: code(alias) for name, alias, *_ in table("| option | alias")}
    assert rows.keys() == NAMES
    assert {alias: name for name, aliases in rows.items() for alias in aliases} == ALIASES


# The line before a table, the model it describes, and where that stands in a configuration.
PLACES: list[tuple[str, type[Part], tuple[str | int, ...]]] = [
    ("### The whole", Config, ()),
    ("### A handler", Handler, ("handlers", 0)),
    ('`"type": "s3"`', SOURCE_PARTS["s3"], ("handlers", 0, "source")),
    ('`"type": "local"`', SOURCE_PARTS["local"], ("handlers", 1, "source")),
    ("`aws`, in place of `source`", Aws, ("handlers", 2, "aws")),
    ("### Limits", Limits, ("limits",)),
]
# Parts whose keys the README writes with a dot.
DOTTED: dict[str, type[Part]] = {"cache": Cache, "admin": Admin, "log": Log, "signing": Signing}
DEFAULTS = [
    pytest.param(model, path, code(row[0])[0], row[1], id=f"{model.__name__}.{code(row[0])[0]}")
    for after, model, path in PLACES
    for row in table(after)
]


def configuration() -> dict[str, Any]:
    """A configuration with every part in it and every default left out."""
    return {
        "handlers": [
            {"name": "one", "source": {"type": "s3", "bucket": "bucket"}, "signing": {"keys": [KEY]}},
            {"name": "two", "source": {"type": "local", "root": "."}},
            {"name": "three", "aws": {}},
        ],
        "limits": {},
        "cache": {},
        "admin": {},
        "log": {},
    }


def keys(model: type[Part]) -> Iterator[tuple[str, Any]]:
    """The keys of a table, with what the model says of each."""
    for name, field in model.model_fields.items():
        if name in DOTTED:
            yield from ((f"{name}.{inner}", f) for inner, f in DOTTED[name].model_fields.items())
        else:
            yield name, field


@pytest.mark.parametrize(("after", "model", "path"), PLACES)
def test_every_key_of_the_configuration_is_in_the_readme(after: str, model: type[Part], path: Any) -> None:
    assert sorted(code(row[0])[0] for row in table(after)) == sorted(name for name, _ in keys(model))


@pytest.mark.parametrize(("model", "path", "key", "default"), DEFAULTS)
def test_each_default_in_the_readme_is_the_programs(
    model: type[Part], path: tuple[str | int, ...], key: str, default: str
) -> None:
    config = configuration()
    *parts, name = key.split(".")
    place: Any = config
    for step in (*path, *parts):
        place = place[step]
    if default == "none":
        assert dict(keys(model))[key].default is None
    elif default == "required":
        del place[name]
        with pytest.raises(ConfigError):
            build_config(config)
    else:
        place[name] = place["name"] if default == "= `name`" else json.loads(code(default)[0])
        assert build_config(config) == build_config(configuration())


def test_the_limits_that_a_handler_may_have_are_marked() -> None:
    assert {code(row[0])[0] for row in table("### Limits") if row[2] == "yes"} == set(
        HandlerLimits.model_fields
    )


def test_the_message_that_the_readme_shows_is_the_programs() -> None:
    config = configuration()
    config["handlers"][1]["cache_time"] = "a week"
    with pytest.raises(ConfigError) as error:
        build_config(config, name="config.json")
    assert f"origin: {error.value}\n" == block("text", "handlers[1]")


def test_the_smallest_configuration_is_one() -> None:
    config = parse_config(block("json", '"handlers"'))
    assert [handler.prefix for handler in config.handlers] == ["photos"]


# --- The example -----------------------------------------------------------------------------------


@pytest.fixture
def example(moto_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in a folder of its own, with what it refers to, and its bucket at a test server."""
    for name, value in {
        "ORIGIN_ADMIN_TOKEN": "0123456789abcdef",
        "ORIGIN_S3_ACCESS_KEY": "access",
        "ORIGIN_S3_SECRET_KEY": "secret",
        "ORIGIN_KEY": KEY,
        "AWS_ACCESS_KEY_ID": moto_server.access_key,
        "AWS_SECRET_ACCESS_KEY": moto_server.secret_key,
        "AWS_ENDPOINT_URL_S3": moto_server.url,
    }.items():
        monkeypatch.setenv(name, value)
    place = {"LocationConstraint": "eu-central-1"}
    moto_server.client.create_bucket(Bucket="example-photos", CreateBucketConfiguration=place)
    picture = (DEMO / "logo.png").read_bytes()
    moto_server.client.put_object(Bucket="example-photos", Key="originals/2024/cat.jpg", Body=picture)
    path = tmp_path / "config.json"
    path.write_text((ROOT / "config.example.json").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_the_app_starts_with_the_example_and_serves_what_it_says(example: Path) -> None:
    with Running(example) as origin:
        picture = origin.get("/photos/2024/cat.jpg?w=300", headers={"Accept": "image/avif"})
        unsigned = origin.get("/img/members/cat.jpg")
    assert (picture.status, picture.type) == (200, "image/avif")
    assert (unsigned.status, unsigned.kind) == (404, "forbidden")


# --- Commands --------------------------------------------------------------------------------------


def test_the_commands_are_those_of_the_program() -> None:
    rows = {code(row[0])[0].split()[1]: " ".join(row) for row in table("| command |")}
    assert rows.keys() | {"sign"} == main.commands.keys()
    for name, text in rows.items():
        options = {option for parameter in main.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", text)) <= options


def test_every_command_in_the_text_exists() -> None:
    named = set(re.findall(r"(?:`|bin/)origin ([a-z]+)(?: ([a-z]+))?", README))
    assert len({command for command, _ in named}) == len(main.commands)
    for command, inner in named:
        found = main.commands[command]
        assert command != "sign" or (isinstance(found, click.Group) and inner in found.commands)


def test_the_lines_to_paste_install_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"pip install (?:-e )?'\.\[(\w+)\]'", README)
    assert sorted(named) == ["server", "server", "test", "test"]
    assert set(named) <= extras.keys()


def test_ci_runs_the_test_line_of_the_readme() -> None:
    (pattern,) = re.findall(r"grep -m 1 -x '(.*)' README\.md", (ROOT / ".ci" / "run").read_text())
    found = subprocess.run(
        ["grep", "-m", "1", "-x", pattern, "README.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == block("sh", "python3 -m venv .venv && .venv/bin/pip install -e")


# --- Answers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """One answer of every kind there is."""
    folder = tmp_path_factory.mktemp("answers")
    handler = {
        "name": "h",
        "source": {"type": "local", "root": str(DEMO)},
        "output_format": "auto",
        "cdn_max_age": 60,
    }
    config = {
        "handlers": [handler],
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
        "admin": {"token": KEY},
    }
    strict = {
        **config,
        "hosts": ["img.example.com"],
        "https_enabled": True,
        "https_strict": True,
        "https_cert": __file__,  # there, which is all that is asked of it here
        "https_key": __file__,
    }
    with Running(config) as origin:
        picture = origin.get("/h/logo.png?w=30")
        kinds = [
            picture,
            origin.get("/h/logo.png?w=30", headers={"If-None-Match": str(picture.headers["ETag"])}),
            origin.get("/h/logo.png?w=30", headers={"Range": "bytes=0-9"}),
            origin.get("/h/logo.png?w=30", headers={"Range": "bytes=99999999-"}),
            origin.get("/h/none.png"),
            origin.get("/h/logo.png", "POST"),
            origin.get("/nowhere/logo.png"),
            origin.get("/h/" + "x" * 9000),
            origin.get("/status"),
            origin.get("/-/metrics"),
            origin.get("/-/purge", "POST"),
        ]
        origin.origin.admission.waiting_limit = 0
        kinds.append(origin.get("/h/portrait.jpg"))
    with Running(strict) as origin:
        kinds.append(origin.get("/h/logo.png"))
    assert [answer.status for answer in kinds] == [
        *(200, 304, 206, 416, 404, 405, 404, 414, 200, 200, 401, 503, 301)
    ]
    return kinds


def test_the_headers_are_those_that_are_sent(answers: list[Answer]) -> None:
    sent = {name.lower() for answer in answers for name in answer.headers} - {"date", "connection"}
    assert {code(row[0])[0].lower() for row in table("| header |")} == sent


def test_the_headers_on_all_answers_are_marked_so(answers: list[Answer]) -> None:
    marked = {code(row[0])[0].lower() for row in table("| header |") if row[1] == "all"}
    everywhere = set.intersection(*({name.lower() for name in answer.headers} for answer in answers))
    assert marked == everywhere - {"date", "connection"}


def test_the_metrics_are_those_that_are_counted(answers: list[Answer]) -> None:
    (text,) = [a.body.decode() for a in answers if b"# TYPE" in a.body]
    counted = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    assert {code(row[0])[0] for row in table("| metric |")} == {
        name for name in counted if not name.endswith("_created")
    }


def test_the_paths_for_operators_are_those_that_are_routed() -> None:
    routes = public_routes(lambda: True) + private_routes({}, KEY, Metrics())
    assert [code(row[0])[0] for row in table("| path | answer |")] == [route.path for route in routes]


def test_the_classes_of_failure_and_their_statuses_are_the_programs() -> None:
    statuses: dict[str, set[int]] = {}
    classes = list(OriginError.__subclasses__())
    for kind in classes:
        statuses.setdefault(kind.kind, set()).add(kind.status)
        classes += kind.__subclasses__()
    rows = {code(row[0])[0]: {int(status) for status in row[3].split(",")} for row in table("| class |")}
    assert rows == statuses


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    with demo_config(8080) as config:
        origin = Running(config)
        add_demo_page(origin.app)
        with origin:
            yield origin


def test_the_demo_shows_its_page(demo: Running) -> None:
    assert f"<{HERE}/>" in README
    assert demo.get("/").type == "text/html; charset=utf-8"


@pytest.mark.parametrize("row", table("| URL |"), ids=lambda row: row[1])
def test_the_urls_to_paste_give_what_the_readme_says(demo: Running, row: list[str]) -> None:
    answer = demo.get(row[0].strip("<>").removeprefix(HERE))
    assert answer.status == (404 if "404" in row[1] else 200)
    with Image.open(io.BytesIO(answer.body)) as picture:
        width, height = re.search(r"(\d+) x (\d+)", row[1]).groups()  # type: ignore[union-attr]
        assert picture.size == (int(width), int(height))
        assert picture.format == ("PNG" if "fallback" in row[1] else row[1].split(",")[0].upper())
        assert getattr(picture, "is_animated", False) == ("moving" in row[1])
