"""The configuration: every key and default of the contract, and a line for every mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from origin.config import model as config_module
from origin.config.load import build_config
from origin.config.load import json_schema
from origin.config.load import load_config
from origin.config.load import parse_config
from origin.config.model import S3
from origin.config.model import Config
from origin.config.model import Local
from origin.errors import ConfigError
from origin.formats import Format

CANARY = "canary-0123456789-0123456789-0123456789"
SOURCE = {"type": "s3", "bucket": "pictures"}
EXAMPLE = Path(__file__).parents[2] / "config.example.json"


def config(top: dict[str, Any] | None = None, **handler: Any) -> dict[str, Any]:
    """A configuration with one handler, which is right but for what is given."""
    return {"handlers": [{"name": "photos", "source": SOURCE, **handler}], **(top or {})}


def mistake(data: Any) -> str:
    with pytest.raises(ConfigError) as error:
        build_config(data, name="config.json")
    return str(error.value)


# Defaults, as the tables of the contract have them


def test_the_defaults_of_the_top_level() -> None:
    built = build_config(config(), base=Path("/etc/origin"))
    assert (built.http_host, built.http_port) == ("0.0.0.0", 80)
    assert (built.https_enabled, built.https_port) == (False, 443)
    assert (built.https_cert, built.https_key, built.https_strict) == (None, None, False)
    assert built.hosts == ()
    assert built.cache.path == Path("/etc/origin/cache")
    assert (built.cache.max_size, built.cache.memory) == (10_000_000_000, 64_000_000)
    assert built.renderers == 0
    assert (built.admin.token, built.admin.port) == (None, None)
    assert built.log.format == "text"


def test_the_defaults_of_a_handler() -> None:
    [handler] = build_config(config()).handlers
    assert (handler.name, handler.prefix) == ("photos", "photos")
    assert [format.name for format in handler.allowed_formats] == [
        *("jpg", "png", "webp", "gif", "avif", "bmp", "ico")
    ]
    assert handler.output_format == "original"
    assert handler.quality == {"jpg": 80, "webp": 78, "avif": 60}
    assert handler.crop is True
    assert (handler.error_image, handler.error_status, handler.error_max_age) == (None, 404, 10)
    assert (handler.cache_enabled, handler.cache_path, handler.cache_time) == (True, None, 604_800)
    assert (handler.max_age, handler.stale_while_revalidate, handler.stale_if_error) == (86400, 86400, 604800)
    assert handler.signing is None
    assert (handler.widths, handler.variants) == (None, None)
    assert handler.caches


def test_the_defaults_of_the_limits() -> None:
    limits = build_config(config()).limits
    assert limits.model_dump() == {
        "max_dimension": 4096,
        "max_original_bytes": 50_000_000,
        "max_original_pixels": 100_000_000,
        "max_frames": 100,
        "source_timeout": 10,
        "render_timeout": 10,
        "render_memory": 1_000_000_000,
        "queue": 64,
        "queue_timeout": 5,
    }


def test_the_defaults_of_an_s3_source() -> None:
    source = build_config(config()).handlers[0].source
    assert isinstance(source, S3)
    assert (source.bucket, source.folder, source.anonymous) == ("pictures", "", False)
    assert source.region is source.endpoint_url is source.addressing_style is None
    assert source.access_key is source.secret_key is source.session_token is None


def test_the_limits_of_a_handler_stand_before_those_of_the_top() -> None:
    built = build_config(config({"limits": {"max_frames": 7, "queue": 3}}, limits={"max_dimension": 500}))
    within = built.limits.within(built.handlers[0].limits)
    assert (within.max_dimension, within.max_frames, within.queue) == (500, 7, 3)


# What may stand there


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10GB", 10_000_000_000),
        ("512MiB", 536_870_912),
        ("1.5kB", 1500),
        ("1 KiB", 1024),
        ("2tb", 2_000_000_000_000),
        ("17B", 17),
        ("17", 17),
        (17, 17),
        (0, 0),
    ],
)
def test_a_size_is_bytes_or_text_with_a_unit(text: object, size: int) -> None:
    assert build_config(config({"cache": {"max_size": text}})).cache.max_size == size


@pytest.mark.parametrize("text", ["10 parsecs", "GB", "-1GB", "1e9", "1,5GB", "", -1, 1.5, True, None, []])
def test_what_is_no_size_is_refused(text: object) -> None:
    assert mistake(config({"cache": {"max_size": text}})).startswith(
        'config.json: cache.max_size: expected bytes, as a number or as "10GB" or "512MiB", got '
    )


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "oops.png").write_bytes(b"")
    file = tmp_path / "config.json"
    source = {"type": "local", "root": "pictures"}
    file.write_text(json.dumps(config({"cache": {"path": "../c"}}, source=source, error_image="oops.png")))
    built = load_config(file)
    handler = built.handlers[0]
    assert isinstance(handler.source, Local)
    assert handler.source.root == tmp_path / "pictures"
    assert handler.error_image == tmp_path / "oops.png"
    assert built.cache.path == tmp_path / "../c"
    assert build_config(config({"cache": {"path": "/abs"}}), base=tmp_path).cache.path == Path("/abs")


@pytest.mark.parametrize(
    ("given", "prefix"),
    [
        ("img/photos", "img/photos"),
        ("/img/", "img"),
        ("fotos-ü", "fotos-ü"),
        ("", "photos"),
        (None, "photos"),
    ],
)
def test_a_prefix_may_hold_slashes(given: object, prefix: str) -> None:
    assert build_config(config(prefix=given)).handlers[0].prefix == prefix


@pytest.mark.parametrize("given", ["a//b", "a/../b", ".", "-", "-/x", "a\nb", 7, False, ["x"]])
def test_a_prefix_that_no_url_could_have_is_refused(given: object) -> None:
    assert mistake(config(prefix=given)).startswith(
        "config.json: handlers[0].prefix: expected a path such as"
    )


@pytest.mark.parametrize(
    ("given", "quality"),
    [
        (50, {"jpg": 50, "webp": 50, "avif": 50}),
        ({"avif": 40}, {"jpg": 80, "webp": 78, "avif": 40}),
        ({"jpeg": 90, ".WEBP": 1}, {"jpg": 90, "webp": 1, "avif": 60}),
    ],
)
def test_quality_is_a_number_or_one_per_format(given: object, quality: dict[str, int]) -> None:
    assert build_config(config(quality=given)).handlers[0].quality == quality


@pytest.mark.parametrize("given", [0, 101, "80", {"png": 80}, {"jpg": 0}, {"jpg": True}, {"bmp": 5}])
def test_a_quality_out_of_range_is_refused(given: object) -> None:
    assert "handlers[0].quality: expected 1 to 100" in mistake(config(quality=given))


def test_formats_may_have_a_leading_dot_and_any_case() -> None:
    handler = build_config(config(allowed_formats=[".JPEG", "tif", "svg"], output_format=".WebP")).handlers[0]
    assert handler.allowed_formats == (Format.JPG, Format.TIFF, Format.SVG)
    assert handler.output_format == "webp"


@pytest.mark.parametrize("text", ["original", "auto", "jpg", "png", "webp", "avif", "gif", "AUTO"])
def test_every_output_format(text: str) -> None:
    assert build_config(config(output_format=text)).handlers[0].output_format == text.lower()


def test_cache_time_of_minus_one_is_off_and_so_is_cache_enabled_of_false() -> None:
    assert not build_config(config(cache_time=-1)).handlers[0].caches
    assert not build_config(config(cache_enabled=False)).handlers[0].caches


def test_cache_time_of_zero_is_refused_and_both_old_meanings_named() -> None:
    assert mistake(config(cache_time=0)) == (
        "config.json: handlers[0].cache_time: expected seconds, or -1 for no cache; 0 is refused: "
        'in s3imageserver it meant "for ever" in the comment and "always expired" in the code'
    )


def test_comments_and_trailing_commas_are_accepted() -> None:
    built = parse_config(
        """
        // the pictures
        {
            "handlers": [ /* one
                          handler */
                {"name": "photos", "source": {"type": "s3", "bucket": "http://no//comment"},},
            ],
        }
        """
    )
    source = built.handlers[0].source
    assert isinstance(source, S3)
    assert source.bucket == "http://no//comment"


# env: and file:


def test_a_reference_is_replaced_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_BUCKET", "from-env")
    monkeypatch.setenv("TEST_PORT", "8080")
    monkeypatch.setenv("TEST_TIMEOUT", "2.5")
    monkeypatch.setenv("TEST_SIZE", "1GB")
    (tmp_path / "key").write_text(CANARY + "\n")
    top = {"http_port": "env:TEST_PORT", "cache": {"max_size": "env:TEST_SIZE"}}
    source = {"type": "s3", "bucket": "env:TEST_BUCKET", "timeout": "env:TEST_TIMEOUT"}
    built = build_config(config(top, source=source, signing={"keys": ["file:key"]}), base=tmp_path)
    handler = built.handlers[0]
    assert isinstance(handler.source, S3)
    assert (handler.source.bucket, handler.source.timeout) == ("from-env", 2.5)
    assert (built.http_port, built.cache.max_size) == (8080, 1_000_000_000)
    assert handler.signing is not None
    assert handler.signing.keys[0].get_secret_value() == CANARY


def test_a_reference_to_nothing_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_NOWHERE", raising=False)
    signing = {"keys": ["env:TEST_NOWHERE"]}
    assert mistake(config(signing=signing)) == (
        "config.json: handlers[0].signing.keys[0]: the environment has no TEST_NOWHERE; set it"
    )
    assert mistake(config({"admin": {"token": "file:/no/where"}})) == (
        "config.json: admin.token: the file /no/where cannot be read"
    )


def test_an_error_names_the_reference_and_not_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PORT", CANARY)
    assert mistake(config({"http_port": "env:TEST_PORT"})) == (
        "config.json: http_port: expected a port, 1 to 65535, got the content of env:TEST_PORT"
    )


# Mistakes


def test_the_mistake_of_the_contract() -> None:
    data = config()
    data["handlers"].append({"name": "more", "source": SOURCE, "cache_time": "a week"})
    assert mistake(data) == 'config.json: handlers[1].cache_time: expected seconds >= -1, got "a week"'


MISTAKES: list[tuple[Any, str, str]] = [
    ({}, "handlers", "required, and not there"),
    ([], "the file", "expected an object, got []"),
    ({"handlers": []}, "handlers", "expected a list with at least one entry, got []"),
    ({"handlers": {}}, "handlers", "expected a list, got an object"),
    ({"handlers": [None]}, "handlers[0]", "expected an object, got null"),
    (config({"handler": 1}), "handler", "unknown key; did you mean handlers?"),
    (config(cache_tmie=1), "handlers[0].cache_tmie", "unknown key; did you mean cache_time?"),
    (config(zzz=1), "handlers[0].zzz", "unknown key"),
    (config(crop="yes"), "handlers[0].crop", 'expected true or false, got "yes"'),
    (config(crop=1), "handlers[0].crop", "expected true or false, got 1"),
    (config(max_age=-1), "handlers[0].max_age", "expected seconds >= 0, got -1"),
    (config(max_age=1.5), "handlers[0].max_age", "expected seconds >= 0, got 1.5"),
    (config(max_age=True), "handlers[0].max_age", "expected seconds >= 0, got true"),
    (config(error_status=500), "handlers[0].error_status", 'expected 404 or "exact", got 500'),
    (
        config(error_image="no.png"),
        "handlers[0].error_image",
        'expected a file, got "no.png", which is not there',
    ),
    (
        config(allowed_formats=[]),
        "handlers[0].allowed_formats",
        "expected a list with at least one entry, got []",
    ),
    (
        config(allowed_formats=["heic"]),
        "handlers[0].allowed_formats[0]",
        'expected one of jpg, png, webp, gif, avif, bmp, ico, tiff, svg, got "heic"',
    ),
    (
        config(output_format="tiff"),
        "handlers[0].output_format",
        'expected original, auto, jpg, png, webp, gif or avif, got "tiff"',
    ),
    (config(widths=[100, 0]), "handlers[0].widths[1]", "expected a whole number >= 1, got 0"),
    (config(limits={"queue": 5}), "handlers[0].limits.queue", "unknown key"),
    (
        config({"limits": {"render_memory": "1MB"}}),
        "limits.render_memory",
        'expected 200MB or more, got "1MB"',
    ),
    (config({"limits": {"source_timeout": 0}}), "limits.source_timeout", "expected seconds > 0, got 0"),
    (config({"limits": {"source_timeout": "10"}}), "limits.source_timeout", 'expected seconds > 0, got "10"'),
    (config({"http_port": 70000}), "http_port", "expected a port, 1 to 65535, got 70000"),
    (
        config({"http_port": 443, "https_enabled": True, "https_cert": "c", "https_key": "k"}),
        "https_port",
        "expected a port of its own, got 443, as http_port",
    ),
    (config({"admin": {"port": 80}}), "admin.port", "expected a port of its own, got 80, as http_port"),
    (config({"https_enabled": True}), "https_enabled", "expected https_cert and https_key beside it"),
    (
        config({"https_enabled": True, "https_cert": "c.pem", "https_key": "k.pem"}),
        "https_cert",
        'expected a file, got "c.pem", which is not there',
    ),
    (
        config({"https_enabled": True, "https_cert": "c", "https_key": "k", "https_strict": True}),
        "https_strict",
        "expected the host name to redirect to in hosts",
    ),
    (config({"hosts": "example.com"}), "hosts", 'expected a list, got "example.com"'),
    (config({"hosts": [1]}), "hosts[0]", "expected a host name, without a port, got 1"),
    (
        config({"hosts": ["a.example:8080"]}),
        "hosts[0]",
        'expected a host name, without a port, got "a.example:8080"',
    ),
    (config({"https_strict": True}), "https_strict", "expected https_enabled beside it"),
    (
        config(source={"type": "s3", "bucket": "b", "access_key": "a"}),
        "handlers[0].source",
        "expected access_key and secret_key together",
    ),
    (
        config(tag_header="Content-Length"),
        "handlers[0].tag_header",
        "expected Surrogate-Key, Cache-Tag, Edge-Cache-Tag, xkey, or a name with x-; null for none, "
        'got "Content-Length"',
    ),
    (config({"log": {"format": "xml"}}), "log.format", 'expected text or json, got "xml"'),
    (config(source={}), "handlers[0].source", 'expected a "type", s3 or local, got an object'),
    (config(source={"type": "ftp"}), "handlers[0].source", 'expected s3 or local as "type", got an object'),
    (config(source={"type": "s3"}), "handlers[0].source.bucket", "required, and not there"),
    (config(source={"type": "local"}), "handlers[0].source.root", "required, and not there"),
    (config(source={**SOURCE, "root": "/x"}), "handlers[0].source.root", "unknown key"),
    (
        config(source={**SOURCE, "endpoint_url": "minio:9000"}),
        "handlers[0].source.endpoint_url",
        'expected an http or https URL without a user, got "minio:9000"',
    ),
    (
        config(source={**SOURCE, "addressing_style": "x"}),
        "handlers[0].source.addressing_style",
        'expected auto, path or virtual, got "x"',
    ),
    (config(aws={"bucket_name": "b"}), "handlers[0]", "expected either `source` or `aws`, not both"),
    (
        config(signing={}),
        "handlers[0].signing",
        "expected at least one key in `keys`; without one nothing is signed",
    ),
    (
        config(signing={"keys": []}),
        "handlers[0].signing",
        "expected at least one key in `keys`; without one nothing is signed",
    ),
    (
        config(signing={"keys": ["k" * 31]}),
        "handlers[0].signing.keys[0]",
        "expected a key of 32 characters or more, got a value that is not shown here",
    ),
    (
        config({"admin": {"token": "short"}}),
        "admin.token",
        "expected a token of 16 characters or more, got a value that is not shown here",
    ),
    (config({"a\nb\x1b[31m": 1}), "a\\nb\\x1b[31m", "unknown key"),
    (
        config(error_image="a\nb"),
        "handlers[0].error_image",
        'expected a file, got "a\\nb", which is not there',
    ),
    (config(max_age=-1, crop=1), "handlers[0].crop", "expected true or false, got 1 (and 1 more)"),
]


@pytest.mark.parametrize(("data", "place", "told"), MISTAKES, ids=[place for _, place, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_place_expectation_and_value(
    data: Any, place: str, told: str
) -> None:
    assert mistake(data) == f"config.json: {place}: {told}"


def test_prefixes_and_names_are_unique() -> None:
    data = config(prefix="img")
    data["handlers"].append({"name": "img", "source": SOURCE})
    assert mistake(data) == (
        'config.json: handlers[1].prefix: expected a prefix of its own, got "img", which handlers[0] has'
    )
    data["handlers"][1] = {"name": "photos", "prefix": "else", "source": SOURCE}
    assert mistake(data) == (
        'config.json: handlers[1].name: expected a name of its own, got "photos", which handlers[0] has'
    )
    data["handlers"][1] = {"name": "more", "prefix": "/img/", "source": SOURCE}
    assert "handlers[1].prefix: expected a prefix of its own" in mistake(data)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"handlers": [}', 'not JSON: line 1 Unexpected "}" at column 15'),
        ('{\n"handlers": [}', "not JSON: line 2 "),
        ('{"a": 1, "a": 2}', 'not JSON: Duplicate key "a"'),
        ("", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ('{"a": "b\nc"}', "not JSON: line 1 "),
    ],
)
def test_what_is_not_json_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(text, name="config.json")
    assert str(error.value).startswith(f"config.json: {told}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"\xff{}", "it is not UTF-8 text")]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "config.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(file)
    assert str(error.value) == f"config.json: cannot be read: {reason}"


WRONG: list[Any] = [None, True, "x", "", -1, 0, 1.5, 10**30, float("nan"), [], ["x"], [[]], {}, {"x": 1}]
PLACES: dict[str, Callable[[str, Any], Any]] = {
    "Config": lambda key, value: config({key: value}),
    "Handler": lambda key, value: config(**{key: value}),
    "S3": lambda key, value: config(source={**SOURCE, key: value}),
    "Local": lambda key, value: config(source={"type": "local", "root": "/x", key: value}),
    "Aws": lambda key, value: {"handlers": [{"name": "a", "aws": {key: value}}]},
    "Signing": lambda key, value: config(signing={"keys": [CANARY], key: value}),
    "HandlerLimits": lambda key, value: config(limits={key: value}),
    "Limits": lambda key, value: config({"limits": {key: value}}),
    "Cache": lambda key, value: config({"cache": {key: value}}),
    "Admin": lambda key, value: config({"admin": {key: value}}),
    "Log": lambda key, value: config({"log": {key: value}}),
}


@pytest.mark.parametrize("part", PLACES)
def test_a_wrong_value_under_any_key_is_told_in_our_words(part: str) -> None:
    told = []
    ours = re.compile(
        r"config\.json: [\w.\[\]]+: (expected .+|unknown key.*|required, and not there.*)|.*either.*"
    )
    for key in vars(config_module)[part].model_fields:
        for value in WRONG:
            try:
                build_config(PLACES[part](key, value), name="config.json")
            except ConfigError as error:
                told.append(str(error))
    assert len(told) > 5
    assert [line for line in told if not ours.fullmatch(line) or "nput should" in line] == []


# Secrets


SECRET_PLACES: list[tuple[str, Any]] = [
    ("signing", config(signing={"keys": [CANARY], "required": "yes"})),
    ("short key", config(signing={"keys": [CANARY[:20]]})),
    ("key in a list too deep", config(signing={"keys": [[CANARY]]})),
    ("keys as text", config(signing={"keys": CANARY})),
    ("key under a wrong name", config(signing={"key": CANARY})),
    ("signing as text", config(signing=CANARY)),
    ("signing as a list", config(signing=[CANARY])),
    ("token under a wrong name", config({"admin": {"tokn": CANARY}})),
    ("token in an object", config({"admin": {"token": {"is": CANARY}}})),
    ("admin as text", config({"admin": CANARY})),
    ("source as text", config(source=CANARY)),
    ("source as a list", config(source=[{"secret_key": CANARY}])),
    ("secret in a list", config(source={**SOURCE, "secret_key": [CANARY]})),
    ("secret of a source of no type", config(source={"secret_key": CANARY})),
    ("secret in a wrong place", config(secret_key=CANARY)),
    ("secret in the URL", config(source={**SOURCE, "endpoint_url": f"https://me:{CANARY}@host"})),
    ("aws as text", {"handlers": [{"name": "a", "aws": CANARY}]}),
    ("aws with a mistake", {"handlers": [{"name": "a", "aws": {"aws_secret": CANARY, "bucket": 1}}]}),
    ("handler as a list", {"handlers": [[CANARY]]}),
]


@pytest.mark.parametrize(("where", "data"), SECRET_PLACES, ids=[where for where, _ in SECRET_PLACES])
def test_no_error_repeats_a_secret(where: str, data: Any) -> None:
    with pytest.raises(ConfigError) as error:
        build_config(data)
    assert "canary" not in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_no_repr_shows_a_secret() -> None:
    source = {**SOURCE, "access_key": CANARY, "secret_key": CANARY, "session_token": CANARY}
    built = build_config(config({"admin": {"token": CANARY}}, source=source, signing={"keys": [CANARY]}))
    old = build_config({"handlers": [{"name": "a", "aws": {"aws_access": CANARY, "aws_secret": CANARY}}]})
    for shown in (repr(built), str(built), built.model_dump_json(), repr(old), old.model_dump_json()):
        assert "canary" not in shown


# s3imageserver


OLD = """
{
    // a file of the old server
    "http_port": 0,
    "https_enabled": false,
    "https_cert": "",
    "https_key": "",
    "handlers": [
        {
            "name": "old",
            "prefix": "",
            "aws": {
                "aws_access": "canary-access",
                "aws_secret": "canary-secret",
                "bucket_name": "pictures",
                "file_path": "imagesLarge/"
            },
            "error_image": "",
            "allowed_formats": [".jpg", ".jpeg", ".png", ".gif", ".webp"],
            "cache_path": "./images",
            "cache_time": 604800, // a week
        },
    ],
}
"""


def test_a_file_of_the_old_server_works_unchanged() -> None:
    built = parse_config(OLD, base=Path("/srv"))
    [handler] = built.handlers
    assert built.legacy
    assert (built.http_port, built.https_cert) == (80, None)
    assert (handler.prefix, handler.output_format, handler.error_image) == ("old", "webp", None)
    assert handler.cache_path == Path("/srv/images")
    assert isinstance(handler.source, S3)
    assert (handler.source.bucket, handler.source.folder) == ("pictures", "imagesLarge/")
    assert handler.source.access_key is not None
    assert handler.source.access_key.get_secret_value() == "canary-access"


def test_a_file_of_the_old_server_without_keys_uses_the_usual_credentials() -> None:
    source = (
        build_config({"handlers": [{"name": "a", "aws": {"bucket_name": "b", "aws_access": ""}}]})
        .handlers[0]
        .source
    )
    assert isinstance(source, S3)
    assert source.access_key is None


def test_an_output_format_of_the_old_server_is_honoured() -> None:
    assert (
        build_config({"handlers": [{"name": "a", "aws": {}, "output_format": ".png"}]})
        .handlers[0]
        .output_format
        == "png"
    )


def test_a_file_of_ours_is_not_legacy() -> None:
    assert not build_config(config()).legacy


# The schema


SCHEMA = json_schema()


def conforms(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is as the schema says: as much of JSON Schema as ours uses."""
    if "$ref" in schema:
        return conforms(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    kinds = schema.get("type", [])
    return (
        (not kinds or any(is_a(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)))
        and ("anyOf" not in schema or any(conforms(value, each) for each in schema["anyOf"]))
        and ("oneOf" not in schema or sum(conforms(value, each) for each in schema["oneOf"]) == 1)
        and ("enum" not in schema or value in schema["enum"])
        and ("const" not in schema or value == schema["const"])
        and (not isinstance(value, str) or conforms_text(value, schema))
        and (not isinstance(value, int | float) or value >= schema.get("minimum", value))
        and (not isinstance(value, int | float) or value <= schema.get("maximum", value))
        and (not isinstance(value, list) or all(conforms(each, schema.get("items", {})) for each in value))
        and (not isinstance(value, dict) or conforms_object(value, schema))
    )


def is_a(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, kinds[kind])


def conforms_text(value: str, schema: dict[str, Any]) -> bool:
    return len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))


def conforms_object(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return set(schema.get("required", ())) <= value.keys() and all(
        conforms(each, known[name]) if name in known else others is not False for name, each in value.items()
    )


def test_the_example_and_the_old_form_conform_to_the_schema() -> None:
    import json5

    assert conforms(json5.loads(EXAMPLE.read_text()), SCHEMA)
    assert conforms(json5.loads(OLD.replace('"http_port": 0,', "")), SCHEMA)
    assert conforms(config(), SCHEMA)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"handlers": 1},
        config({"unknown": 1}),
        config(unknown=1),
        config(crop="yes"),
        config(max_age=-1),
        config(error_status=500),
        config({"http_port": 70000}),
        config({"http_port": True}),
        config(source={"type": "s3"}),
        config(source={"type": "ftp", "bucket": "x"}),
        config(aws={}),
        {"handlers": [{"source": SOURCE}]},
    ],
)
def test_what_the_program_refuses_the_schema_refuses(data: Any) -> None:
    assert not conforms(data, SCHEMA)
    with pytest.raises(ConfigError):
        build_config(data)


def test_references_conform_to_the_schema_where_numbers_and_secrets_stand() -> None:
    top = {"http_port": "env:PORT", "admin": {"token": "env:T"}, "cache": {"max_size": "env:S"}}
    assert conforms(config(top, signing={"keys": ["file:k"]}, max_age="env:A"), SCHEMA)
    assert not conforms(config({"http_port": "80"}), SCHEMA)


def test_every_default_in_the_schema_conforms_to_it() -> None:
    for part in [SCHEMA, *SCHEMA["$defs"].values()]:
        for name, schema in part.get("properties", {}).items():
            assert "default" not in schema or conforms(schema["default"], schema), name


def test_the_schema_is_of_a_known_draft_and_knows_every_key() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(SCHEMA["properties"]) == set(Config.model_fields)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
