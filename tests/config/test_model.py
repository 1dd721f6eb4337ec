"""Every key and default of the contract, and what may stand there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from origin.config.load import build_config
from origin.config.load import load_config
from origin.config.load import parse_config
from origin.config.types import FAILURE_CLASSES
from origin.errors import NotFound
from origin.errors import Overloaded
from origin.errors import SourceUnavailable
from origin.formats import Format
from origin.sources.local import LocalSettings
from origin.sources.s3 import S3Settings
from tests.support.configurations import SOURCE
from tests.support.configurations import config
from tests.support.configurations import mistake

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
    assert (built.admin.token, built.admin.host, built.admin.port) == (None, None, None)
    assert (built.log.format, built.log.level, built.log.probes) == ("text", "info", False)
    assert built.drain == 15
    assert built.sources == {}


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
    assert handler.debug is False
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
    assert isinstance(source, S3Settings)
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
    assert isinstance(handler.source, LocalSettings)
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
        ("", ""),
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


@pytest.mark.parametrize(
    ("given", "effort"),
    [
        ("balanced", {}),
        ("best", dict.fromkeys(("jpg", "png", "webp", "gif", "avif"), "best")),
        ({"AVIF": "fast", "jpeg": "balanced"}, {"avif": "fast"}),
        ({}, {}),
    ],
)
def test_effort_is_one_level_or_one_per_format(given: object, effort: dict[str, str]) -> None:
    assert build_config(config(effort=given)).handlers[0].effort == effort
    assert build_config(config()).handlers[0].effort == {}


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ("slow", '"slow"'),
        (3, "3"),
        ({"avif": "slow"}, '{"avif": "slow"}'),
        ({"bmp": "fast"}, '{"bmp": "fast"}'),
        ({"avif": 9}, '{"avif": ...}'),
    ],
)
def test_an_effort_that_is_none_is_refused(given: object, got: str) -> None:
    text = 'handlers[0].effort: expected fast, balanced, best, or one per format such as {"avif": "fast"}'
    assert mistake(config(effort=given)) == f"config.json: {text}, got {got}"


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
    assert isinstance(source, S3Settings)
    assert source.bucket == "http://no//comment"


# Sources by name


def test_handlers_share_a_source_by_its_name() -> None:
    data = config({"sources": {"pictures": {**SOURCE, "folder": "a"}, "spare": SOURCE}}, source="pictures")
    data["handlers"].append({"name": "more", "source": "pictures"})
    data["handlers"].append({"name": "own", "source": SOURCE})
    built = build_config(data)
    first, second, own = (handler.source for handler in built.handlers)
    assert first == second == built.sources["pictures"] == S3Settings("pictures", "a")
    assert own == built.sources["spare"] == S3Settings("pictures")


def test_the_name_of_a_source_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SOURCE", "a")
    built = build_config(config({"sources": {"a": SOURCE}}, source="env:TEST_SOURCE"))
    assert built.handlers[0].source == S3Settings("pictures")


# What later parts of the program read


@pytest.mark.parametrize(
    "given",
    [404, "exact", {}, {"forbidden": 403, "overloaded": 503}, dict.fromkeys(FAILURE_CLASSES, 599)],
)
def test_error_status_is_a_number_a_word_or_one_per_class(given: object) -> None:
    assert build_config(config(error_status=given)).handlers[0].error_status == given


def test_the_classes_of_error_status_are_those_of_the_errors() -> None:
    assert set(FAILURE_CLASSES) >= {NotFound.kind, SourceUnavailable.kind, Overloaded.kind}


@pytest.mark.parametrize("given", [0, 15, 0.5, 3600])
def test_the_drain_is_seconds_and_may_be_none(given: float) -> None:
    assert build_config(config({"drain": given})).drain == given


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_every_level_of_the_log(level: str) -> None:
    log = build_config(config({"log": {"level": level, "probes": True}})).log
    assert (log.level, log.probes) == (level, True)


def test_the_admin_listener_has_an_address_of_its_own() -> None:
    admin = build_config(config({"admin": {"host": "127.0.0.1", "port": 8081}})).admin
    assert (admin.host, admin.port) == ("127.0.0.1", 8081)


@pytest.mark.parametrize(
    ("http_host", "admin_host", "share"),
    [
        ("10.0.0.1", "127.0.0.1", True),
        ("10.0.0.1", "10.0.0.1", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("10.0.0.1", "::", False),
    ],
)
def test_two_listeners_may_have_one_port_at_different_addresses(
    http_host: str, admin_host: str, share: bool
) -> None:
    data = config({"http_host": http_host, "admin": {"host": admin_host, "port": 80}})
    if share:
        assert build_config(data).admin.port == 80
    else:
        assert "admin.port: expected a port of its own, got 80, as http_port" in mistake(data)


def test_debug_is_a_switch_of_a_handler() -> None:
    assert build_config(config(debug=True)).handlers[0].debug is True


def test_pages_that_may_write_are_named_as_browsers_write_them() -> None:
    """A host has no case (RFC 9110 section 4.2.3), and browsers send it in lower case."""
    write = {"auth": "open", "cors": ["https://WWW.Example.com:8443"]}
    [handler] = build_config(config(write=write)).handlers
    assert handler.write is not None
    assert handler.write.cors is not None
    assert handler.write.cors.origins == ("https://www.example.com:8443",)
