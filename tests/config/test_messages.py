"""A line for every mistake, and never a secret in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from origin.config.load import build_config
from origin.config.part import part_types
from origin.errors import ConfigError
from origin.formats import FORMATS
from origin.sources import SOURCES
from tests.support.cases import check_each
from tests.support.configurations import CANARY
from tests.support.configurations import SOURCE
from tests.support.configurations import any_of
from tests.support.configurations import config
from tests.support.configurations import mistake


def test_the_mistake_of_the_contract() -> None:
    data = config()
    data["handlers"].append({"name": "more", "source": SOURCE, "cache_time": "a week"})
    assert mistake(data) == 'config.json: handlers[1].cache_time: expected seconds >= -1, got "a week"'


QUALITY = '1 to 100, or one per format such as {"jpg": 80, "webp": 78, "avif": 60}'
ERROR_STATUS = (
    '404, "exact", or a status of 400 to 599 for each class, such as {"forbidden": 403}; classes are '
    "bad-request, forbidden, not-found, unprocessable, source-unavailable, registry-down, render-failed, "
    "overloaded, nothing-sent, unauthorized, exists, precondition-failed, too-large, unsupported, store-full"
)
WAY = '"open", or an object with one of bearer, signed and form'
HEX = {"type": "http", "keys": "hex"}


def deriving(derive: dict[str, str], normalise: Any = None, **handler: Any) -> dict[str, Any]:
    """A configuration with files that are made of originals, of three presets."""
    presets = {"small": {"w": 10}, "facts": {"f": "json"}, "some": {"w": 10, "only": ["jpg"]}}
    write = {"auth": "open", "derive": derive, "normalise": normalise or {}}
    return config({"presets": presets}, write=write, **handler)


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
    (config(error_status=500), "handlers[0].error_status", f"expected {ERROR_STATUS}, got 500"),
    (config(error_status="Exact"), "handlers[0].error_status", f'expected {ERROR_STATUS}, got "Exact"'),
    (
        config(error_status={"forbiden": 403}),
        "handlers[0].error_status",
        f'expected {ERROR_STATUS}, got {{"forbiden": 403}}',
    ),
    (
        config(error_status={"not-found": 410, "forbidden": 200}),
        "handlers[0].error_status",
        f'expected {ERROR_STATUS}, got {{"forbidden": 200}}',
    ),
    (config(debug=1), "handlers[0].debug", "expected true or false, got 1"),
    (config(quality={"png": 80}), "handlers[0].quality", f'expected {QUALITY}, got {{"png": 80}}'),
    (
        config(quality={"webp": 50, "jpg": True}),
        "handlers[0].quality",
        f'expected {QUALITY}, got {{"jpg": true}}',
    ),
    (
        config(source={**HEX, "hosts": "a.example"}),
        "handlers[0].source.hosts",
        'expected a list, got "a.example"',
    ),
    (
        config(source={"type": "http", "base_url": "a.example"}),
        "handlers[0].source.base_url",
        'expected an http or https URL without a user, a query and a fragment, got "a.example"',
    ),
    (
        config(source={**HEX, "open": True, "hosts": ["a.example"]}),
        "handlers[0].source",
        "expected open only with keys, and without hosts",
    ),
    (
        config(source=HEX),
        "handlers[0].source",
        'expected hosts, registry, signing of the handler, or "open": true to let anybody fetch any URL '
        "through this origin",
    ),
    (config(on_error={}), "handlers[0].on_error", "expected one of image, redirect, text and json"),
    (
        config(on_error={"redirect": "javascript:x"}),
        "handlers[0].on_error.redirect",
        'expected a URL such as https://example.com/default.svg, //host/path or /path, got "javascript:x"',
    ),
    (
        config({"answers": {"ping": "x"}}),
        "answers.ping",
        'expected a path such as /ping, with a method before it or a * at its end; not /-, got "ping"',
    ),
    (
        config({"answers": {"/x": {"status": 99}}}),
        "answers./x.status",
        "expected a status of 200 to 599, got 99",
    ),
    (
        config({"answers": {"/x": {"status": 204, "text": "x"}}}),
        "answers./x",
        "expected no text and no json: an answer of 204 has no content",
    ),
    (
        config({"answers": {"/x": {"status": 304, "json": {}}}}),
        "answers./x",
        "expected no text and no json: an answer of 304 has no content",
    ),
    (config({"drain": -1}), "drain", "expected seconds >= 0 and <= 3600, got -1"),
    (config({"drain": "15"}), "drain", 'expected seconds >= 0 and <= 3600, got "15"'),
    (config({"log": {"level": "warn"}}), "log.level", 'expected debug, info, warning or error, got "warn"'),
    (config({"log": {"probes": 0}}), "log.probes", "expected true or false, got 0"),
    (config({"admin": {"host": "127.0.0.1"}}), "admin.host", "expected admin.port beside it"),
    (config({"sources": []}), "sources", "expected an object, got []"),
    (config({"sources": {"a": {"type": "s3"}}}), "sources.a.bucket", "required, and not there"),
    (config({"sources": {"s3": {"type": "s3"}}}), "sources.s3.bucket", "required, and not there"),
    (config(source="photos"), "handlers[0].source", "expected a source, or a name of sources"),
    (
        config({"sources": {"a": SOURCE, "b": SOURCE}}, source="c"),
        "handlers[0].source",
        "expected a source, or a name of sources, a or b",
    ),
    (
        config(source={**SOURCE, "folder": "a/../b"}),
        "handlers[0].source",
        "expected a folder without . and .. segments, got 'a/../b'",
    ),
    (
        config(source={**SOURCE, "endpoint_url": "http://127.0.0.1:8333/pictures"}),
        "handlers[0].source",
        "expected endpoint_url without the bucket, which is added to it: http://127.0.0.1:8333",
    ),
    (config({"$schema": 1}), "$schema", "expected text, got something else"),
    (config(**{"$schema": None}), "handlers[0].$schema", "expected text, got something else"),
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
        config(allowed_formats=["xcf"]),
        "handlers[0].allowed_formats[0]",
        f'expected one of {", ".join(format.name for format in FORMATS)}, got "xcf"',
    ),
    (
        config(output_format="tiff"),
        "handlers[0].output_format",
        'expected original, auto, jpg, png, webp, gif or avif, got "tiff"',
    ),
    (config(widths=[100, 0]), "handlers[0].widths[1]", "expected a whole number >= 1, got 0"),
    (
        config(limits={"queue": 5}),
        "handlers[0].limits.queue",
        "unknown key; it is a key of limits of the file itself",
    ),
    (
        config({"cdn": {"type": "fastly", "service": "s", "token": "a secret", "zone": "z"}}),
        "cdn.zone",
        "unknown key; another type has it",
    ),
    (
        config({"limits": {"render_memory": "1MB"}}),
        "limits.render_memory",
        'expected 200MB or more, got "1MB"',
    ),
    (
        config({"limits": {"source_timeout": 0}}),
        "limits.source_timeout",
        "expected seconds > 0 and <= 3600, got 0",
    ),
    (
        config({"limits": {"source_timeout": "10"}}),
        "limits.source_timeout",
        'expected seconds > 0 and <= 3600, got "10"',
    ),
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
        config(tag_header="X-Content-Type-Options"),
        "handlers[0].tag_header",
        "expected Surrogate-Key, Cache-Tag, Edge-Cache-Tag, xkey, or a name with x-; null for none, "
        'got "X-Content-Type-Options"',
    ),
    (
        config(write={"auth": "open", "cors": {"origins": ["*"], "headers": ["X-A\r\nX-B"]}}),
        "handlers[0].write.cors.headers[0]",
        "expected the name of a header such as X-Request-Id, got a value that is not shown here",
    ),
    (
        config(write={"auth": "open", "cors": {"origins": ["*"], "methods": ["post"]}}),
        "handlers[0].write.cors.methods[0]",
        'expected a method such as POST, got "post"',
    ),
    (
        config(write={"auth": "open", "object": {"cache_control": "public\r\nx: y"}}),
        "handlers[0].write.object.cache_control",
        r'expected text in one line of ASCII, got "public\r\nx: y"',
    ),
    (
        config(tag_header="Content-Length"),
        "handlers[0].tag_header",
        "expected Surrogate-Key, Cache-Tag, Edge-Cache-Tag, xkey, or a name with x-; null for none, "
        'got "Content-Length"',
    ),
    (config({"log": {"format": "xml"}}), "log.format", 'expected text or json, got "xml"'),
    (config(source={}), "handlers[0].source", f'expected a "type", {any_of(SOURCES)}, got an object'),
    (
        config(source={"type": "gcs"}),
        "handlers[0].source",
        f'expected {any_of(SOURCES)} as "type", got "gcs"',
    ),
    (config(source={"type": "s3"}), "handlers[0].source.bucket", "required, and not there"),
    (config(source={"type": "local"}), "handlers[0].source.root", "required, and not there"),
    (
        config(source={**SOURCE, "root": "/x"}),
        "handlers[0].source.root",
        "unknown key; it is a key of sources of type local",
    ),
    (config(root="/x"), "handlers[0].root", "unknown key; it is a key of sources of type local"),
    (config(http_port=1), "handlers[0].http_port", "unknown key; it is a key of the file itself"),
    (config({"cache_time": 1}), "cache_time", "unknown key; it is a key of handlers"),
    (config({"presets": {"cache": {"wdth": 1}}}), "presets.cache.wdth", "unknown key; did you mean width?"),
    (config({"log": {"levle": "info"}}), "log.levle", "unknown key; did you mean level?"),
    (
        config(limits={"max_original_pixel": 1}),
        "handlers[0].limits.max_original_pixel",
        "unknown key; did you mean max_original_pixels?",
    ),
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
        config(signing={"keys": ["k" * 32, "k" * 40 + "\n"]}),
        "handlers[0].signing.keys[1]",
        "expected a key without white space at its ends",
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
    (config(write={}), "handlers[0].write.auth", "required, and not there"),
    (config(write={"auth": "everyone"}), "handlers[0].write.auth", f"expected {WAY}"),
    (config(write={"auth": {}}), "handlers[0].write.auth", f"expected {WAY}"),
    (config(write={"auth": {"signed": False}}), "handlers[0].write.auth", f"expected {WAY}"),
    (
        config(write={"auth": {"bearer": "b" * 16, "signed": True}}),
        "handlers[0].write.auth",
        f"expected {WAY}",
    ),
    (
        config(write={"auth": {"bearer": "too-short"}}),
        "handlers[0].write.auth.bearer",
        "expected a token of 16 characters or more, got a value that is not shown here",
    ),
    (
        config(write={"auth": {"post": {"bearer": "too-short"}}}),
        "handlers[0].write.auth.post.bearer",
        "expected a token of 16 characters or more, got a value that is not shown here",
    ),
    (
        config(write={"auth": {"form": {"field": "f", "value": "v"}}, "methods": ["POST", "PUT"]}),
        "handlers[0].write.auth",
        "expected another way than form for PUT, which has no form",
    ),
    (
        config(write={"auth": {"signed": True}}),
        "handlers[0].write.auth",
        "expected signing.keys in the handler, with which upload grants are made",
    ),
    (
        config(write={"auth": "open", "methods": ["PATCH"]}),
        "handlers[0].write.methods[0]",
        'expected POST, PUT or DELETE, got "PATCH"',
    ),
    (
        config(write={"auth": "open", "accept": ["tiff"]}),
        "handlers[0].write.accept[0]",
        'expected one of jpg, png, webp, gif, avif, bmp, svg, got "tiff"',
    ),
    (
        config(write={"auth": "open", "name": "{yyyy}/{day}"}),
        "handlers[0].write.name",
        "expected a template such as {yyyy}/{mm}/{uuid}; {day} is none of {yyyy} {mm} {uuid} {year} {month} "
        "{epoch} {rand31} {sha256} {stem}",
    ),
    (
        config(write={"auth": "open", "name": "fixed"}),
        "handlers[0].write.name",
        "expected a template such as {yyyy}/{mm}/{uuid}; without one of these every picture would have the "
        "same name",
    ),
    (
        config(write={"auth": "open", "name": "../{uuid}"}),
        "handlers[0].write.name",
        "expected a template such as {yyyy}/{mm}/{uuid}; a key has no . or .. segment",
    ),
    (
        config(write={"auth": "open", "reply": {"post": {"json": {"a": ["{path}"]}}}}),
        "handlers[0].write.reply",
        "expected placeholders of key, name, stem, ext, url, format, bytes, width, height, got {path}",
    ),
    (
        config(write={"auth": "open", "normalise": {"strip": "gps"}}),
        "handlers[0].write.normalise.strip",
        'expected location, all or none, got "gps"',
    ),
    (
        config(write={"auth": "open", "object": {"metadata": {"origin-crop": "1x1+0+0"}}}),
        "handlers[0].write.object.metadata.origin-crop",
        "expected another name than origin-…, which are the origin's own",
    ),
    (
        config(write={"auth": "open", "routes": {"upload": "/status"}}),
        "handlers[0].write.routes.upload",
        'expected a path of its own, got "/status", which something else has',
    ),
    (
        config(prefix="", write={"auth": "open", "stage": {"source": {"type": "local", "root": "/stage"}}}),
        "handlers[0].write.routes.publish",
        "expected a path such as /publish, since at the root /-/publish is for operators",
    ),
    (
        config(
            write={
                "auth": {"post": "open", "publish": {"signed": True}},
                "stage": {"source": {"type": "local", "root": "/stage"}},
            }
        ),
        "handlers[0].write.auth",
        "expected signing.keys in the handler, with which upload grants are made",
    ),
    (
        config(
            {"cache": {"path": "/srv/photos/cache"}},
            source={"type": "local", "root": "/srv/photos"},
            write={"auth": "open"},
        ),
        "handlers[0].write",
        "expected a folder without a cache in it",
    ),
    (
        config(
            cache_path="/srv/stage",
            write={"auth": "open", "stage": {"source": {"type": "local", "root": "/srv/stage"}}},
        ),
        "handlers[0].write",
        "expected a folder without a cache in it",
    ),
    (
        config(write={"auth": "open", "max_bytes": 0}),
        "handlers[0].write.max_bytes",
        'expected a size of 1 byte or more, such as "20MB", got 0',
    ),
    (
        config(write={"auth": "open", "reply": {"post": {"status": 404}}}),
        "handlers[0].write.reply",
        'expected templates such as {"post": {"status": 201, "json": {"key": "{key}", "url": "{url}"}}}, '
        "got an object",
    ),
    (
        config(write={"auth": "open", "reply": {"delete": {"status": 204, "json": {}}}}),
        "handlers[0].write.reply",
        "expected no json beside a status of 204, whose answer has no content",
    ),
    (
        config(write={"auth": "open", "reply": {"post": {"json": {"a": "{sha256}"}}}}),
        "handlers[0].write.reply",
        "expected placeholders of key, name, stem, ext, url, format, bytes, width, height, got {sha256}",
    ),
    (
        config(write={"auth": "open"}, source=HEX, signing={"keys": ["k" * 32]}),
        "handlers[0].write",
        "expected a source that can be written to, of type s3 or local",
    ),
    (
        config(write={"auth": "open", "derive": {"MI": "medium"}}),
        "handlers[0].write.derive.MI",
        'expected a name of presets, and presets is empty, got "medium"',
    ),
    (
        deriving({"I": "small", "MI": "small"}),
        "handlers[0].write.derive.I",
        "expected a suffix in which no other ends, got the end of MI",
    ),
    (
        deriving({"MI": "small"}, preset_names={"MI": "facts"}),
        "handlers[0].write.derive.MI",
        "expected what preset_names has there, facts, got small",
    ),
    (
        deriving({"MI": "facts"}),
        "handlers[0].write.derive.MI",
        "expected a preset that makes a picture, got facts",
    ),
    (
        deriving({"MI": "some"}, normalise={"strip": "none"}),
        "handlers[0].write.derive.MI",
        "expected a preset without only beside normalise.strip none, got some: it would copy where pictures "
        "were taken",
    ),
    (
        deriving({"a/b": "small"}),
        "handlers[0].write.derive.a/b",
        'expected the end of a file name, before its dot, got "a/b"',
    ),
    (config({"a\nb\x1b[31m": 1}), "a\\nb\\x1b[31m", "unknown key"),
    (
        config(error_image="a\nb"),
        "handlers[0].error_image",
        'expected a file, got "a\\nb", which is not there',
    ),
    (config(max_age=-1, crop=1), "handlers[0].crop", "expected true or false, got 1 (and 1 more)"),
    # A misspelt key is missing under its name, too.
    (
        config(source={"type": "s3", "buckett": "b"}),
        "handlers[0].source.buckett",
        "unknown key; did you mean bucket? (and 1 more)",
    ),
]


def test_a_mistake_is_one_line_that_names_place_expectation_and_value() -> None:
    def check(case: tuple[Any, str, str]) -> None:
        data, place, told = case
        assert mistake(data) == f"config.json: {place}: {told}"

    check_each({f"{number} {case[1]}": case for number, case in enumerate(MISTAKES)}, check)


@pytest.mark.parametrize("path", ["/upload", "/other", "/other/upload", "/status", "/-/upload"])
def test_a_path_has_one_owner(path: str) -> None:
    data = config(write={"auth": "open", "routes": {"upload": path}})
    other = {"name": "other", "source": SOURCE, "write": {"auth": "open", "routes": {"upload": "/upload"}}}
    data["handlers"].append(other)
    place = "handlers[1]" if path == "/upload" else "handlers[0]"
    assert mistake(data) == (
        f'config.json: {place}.write.routes.upload: expected a path of its own, got "{path}", '
        "which something else has"
    )


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
    (model,) = [found for found in part_types() if found.__name__ == part]
    for key in model.model_fields:
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
    ("handler as text", {"handlers": [CANARY]}),
    ("sources as text", config({"sources": CANARY})),
    ("named source as text", config({"sources": {"a": CANARY}})),
    ("secret in a named source", config({"sources": {"a": {**SOURCE, "secret_key": [CANARY]}}})),
    ("one secret alone", config(source={**SOURCE, "access_key": CANARY})),
    ("one secret of the old form alone", {"handlers": [{"name": "a", "aws": {"aws_secret": CANARY}}]}),
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
