"""camptocamp.org's image service (c2corg v6_images): uploads are published, cut anew and deleted by forms.

Its settings are the environment. What it did beside that, moving the pictures of an older system, is left to
`origin copy` and `origin rebuild`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from origin.convert.address import read_bind
from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.imagemagick import read_presets
from origin.convert.log_level import read_log_level

ADDRESS = ":8080"
EXPIRE = 7200  # seconds after which what was not published goes
CACHE_CONTROL = "public, max-age=3600"
MAX_BYTES = 50_000_000  # of an upload; the old program had no limit
FORMATS = ("jpg", "png", "gif", "svg")
_LOG_LEVEL = "C2CORG_IMAGES_LOG_LEVEL"
_METHODS = ["POST", "GET", "OPTIONS"]
_HEADERS = ["Origin", "Content-Type", "Accept", "Authorization"]
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,;])")


def convert(arguments: Sequence[str], environment: Mapping[str, str]) -> Conversion:
    """The configuration for an environment. `-b HOST:PORT` is where to listen. Raises CannotConvert."""
    host, port = read_bind(_bind(arguments, environment))
    published, waiting = _sources(environment)
    base = "/" + environment.get("ROUTE_PREFIX", "/").strip("/")
    base = base if base == "/" else f"{base}/"
    presets = read_presets(environment.get("RESIZING_CONFIG", ""))
    config = {
        "http_host": host,
        "http_port": port,
        **read_log_level(_LOG_LEVEL, environment.get(_LOG_LEVEL)),
        "answers": {
            f"{base}ping": "Pong!",
            f"POST {base}ping": "Pong!",
        },
        "presets": dict(presets.values()),
        "handlers": [_handler(environment, base, published, waiting, presets)],
    }
    return Conversion(config, tuple(_notes(environment, published)))


def _bind(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    match list(arguments):
        case []:
            pass
        case ["-b" | "--bind", address]:
            return address
        case _:
            raise CannotConvert(f"{' '.join(arguments)}: expected -b HOST:PORT, or nothing")
    try:
        words = shlex.split(environment.get("GUNICORN_PARAMS", ""))
    except ValueError as error:
        raise CannotConvert(f"GUNICORN_PARAMS: {error}") from None
    for word, following in pairwise([*words, ""]):
        if word in ("-b", "--bind"):
            return following
        if word.startswith("--bind="):
            return word.removeprefix("--bind=")
    return ADDRESS


def _sources(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where pictures are published, and where they wait."""
    backend = environment.get("STORAGE_BACKEND", "")
    if backend == "local":
        names = ("ACTIVE_FOLDER", "INCOMING_FOLDER")
        active, incoming = ({"type": "local", "root": _needed(environment, name)} for name in names)
        return active, incoming
    if backend == "s3":
        return _bucket(environment, "ACTIVE"), _bucket(environment, "INCOMING")
    raise CannotConvert(f"STORAGE_BACKEND: expected s3 or local, got {backend or 'nothing'}")


def _bucket(environment: Mapping[str, str], place: str) -> dict[str, Any]:
    if (signature := environment.get("S3_SIGNATURE_VERSION", "s3v4")) != "s3v4":
        raise CannotConvert(f"S3_SIGNATURE_VERSION: only s3v4 can be kept, got {signature}")
    source = {"type": "s3", "bucket": _needed(environment, f"{place}_BUCKET")}
    credentials = environment.get(f"{place}_PREFIX")
    if not credentials:
        return source
    keys = {
        "endpoint_url": "ENDPOINT",
        "access_key": "ACCESS_KEY_ID",
        "secret_key": "SECRET_KEY",
        "region": "DEFAULT_REGION",
    }
    given = {key: environment.get(f"{credentials}_{name}") for key, name in keys.items()}
    return source | {key: value for key, value in given.items() if value}


def _needed(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise CannotConvert(f"{name} is not set")
    return environment[name]


def _handler(
    environment: Mapping[str, str],
    base: str,
    published: dict[str, Any],
    waiting: dict[str, Any],
    presets: Mapping[str, tuple[str, Any]],
) -> dict[str, Any]:
    control = environment.get("CACHE_CONTROL", CACHE_CONTROL)
    max_age = _MAX_AGE.search(control)
    secret = {"form": {"field": "secret", "value": _needed(environment, "API_SECRET_KEY")}}
    said = {"status": 200, "json": {"success": True}}
    named = {"status": 200, "json": {"filename": "{name}"}}
    is_bucket = published["type"] == "s3"
    return {
        "name": "active",
        "prefix": f"{base}active".strip("/"),
        "source": published,
        "allowed_formats": list(FORMATS),
        "passthrough": "plain",
        "max_age": int(max_age[1]) if max_age else 0,
        "on_error": {"text": True},
        "error_status": {"unsupported": 400},
        "write": {
            "auth": {"post": "open", "publish": secret, "recrop": secret, "delete": secret},
            "accept": list(FORMATS),
            "max_bytes": MAX_BYTES,
            "name": "{epoch}_{rand31}",
            "normalise": {"orient": environment.get("AUTO_ORIENT_ORIGINAL", "0") == "1"},
            "derive": {suffix: name for suffix, (name, _) in presets.items()},
            "stage": {"source": waiting, "expire": EXPIRE},
            **({"object": {"cache_control": control, "acl": "public-read"}} if is_bucket else {}),
            "reply": {"post": named, "publish": said, "recrop": named, "delete": said},
            "cors": {"origins": ["*"], "methods": _METHODS, "headers": _HEADERS, "max_age": 1_728_000},
            "routes": {name: f"{base}{name}" for name in ("upload", "publish", "recrop", "delete")},
        },
    }


def _notes(environment: Mapping[str, str], published: Mapping[str, Any]) -> Iterator[str]:
    yield "the secrets of the environment stand in this configuration; env:API_SECRET_KEY keeps one out of it"
    yield "failures are JSON with the statuses of before, 400 and 403; what was a 500 is 400, 404 or 405"
    yield f"an upload may have {MAX_BYTES} bytes, since uploads are public; before, there was no limit"
    yield "where a picture was taken goes from originals, and all metadata from presets; before, they stayed"
    yield "SVG is stored without scripts and outside references: pip install 'image-origin[server,svg]'"
    yield "what is not published goes after two hours; before, a rule of the bucket was needed for that"
    yield "presets are made when a picture is published; in the incoming place only originals wait"
    yield "the part that a picture is cut to is remembered. What the old program had cut shows in its presets"
    yield "  alone: they stay as they are until the picture is recropped, or origin rebuild makes them anew"
    yield "presets are to be had as WebP and AVIF as well, without being stored: 1_2MI.webp"
    if published["type"] == "s3" and environment.get("ACTIVE_PREFIX") is None:
        yield "the keys of S3 are those of the usual AWS settings, as before"
    for name in ("V5_DATABASE_URL", "BUCKET_DATABASE_URL"):
        if environment.get(name):
            yield f"{name}: nothing is migrated from a database; origin copy and origin rebuild do the rest"
    if environment.get("TEMP_FOLDER"):
        yield "TEMP_FOLDER: bodies wait in TMPDIR, in files without a name"
