"""The uploads of webcompat.com: pictures of web pages, as files or data URIs in a form.

Its settings are the environment, or a Python file. What is not a picture (console logs) has no place here.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from origin.convert.address import read_bind
from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.python_settings import Settings
from origin.convert.python_settings import read_settings

ADDRESS = "127.0.0.1:5000"
MAX_BODY = 5_767_168  # bytes: 5.5 MiB
_DESTINATIONS = (
    "uploads_default_dest",
    "prod_uploads_default_dest",
    "staging_uploads_default_dest",
)  # of which one counts, in this order; in DEVELOPMENT, that of staging before that of production
_PUBLIC = ("PRODUCTION", "DEVELOPMENT")  # neither is the developer's own machine
_NAMES = (*_DESTINATIONS, "uploads_default_url", "max_content_length")


def convert(arguments: Sequence[str], settings: str, environment: Mapping[str, str]) -> Conversion:
    """The configuration for the text of a settings file and the environment.

    `-b HOST:PORT` is where to listen. Raises CannotConvert.
    """
    host, port = read_bind(_bind(arguments))
    own = read_settings(settings, _NAMES, environment)
    folder = _folder(own, is_staging=bool(environment.get("DEVELOPMENT")))
    if not own.has("uploads_default_url") and any(map(environment.get, _PUBLIC)):
        raise CannotConvert(
            "UPLOADS_DEFAULT_URL is not set; only on a developer's machine it is localhost. "
            "Set it to the URL of the uploads, such as https://example.com/uploads/"
        )
    base, prefix = _base_url(str(own.get("uploads_default_url") or f"http://localhost:{port}/uploads/"))
    config = {
        "http_host": host,
        "http_port": port,
        "answers": {
            "POST /upload": {"status": 308, "location": "/upload/"},
            "GET /upload/": {"status": 404, "text": "404 Not Found"},
        },
        "handlers": [_uploads(folder, base, prefix, _max_body(own))],
    }
    return Conversion(config, tuple(_notes(prefix)))


def _bind(arguments: Sequence[str]) -> str:
    match list(arguments):
        case []:
            return ADDRESS
        case ["-b" | "--bind", address]:
            return address
    raise CannotConvert(f"{' '.join(arguments)}: expected -b HOST:PORT, or nothing")


def _folder(own: Settings, *, is_staging: bool) -> str:
    first, production, staging = _DESTINATIONS
    for name in (first, staging, production) if is_staging else _DESTINATIONS:
        if own.has(name):
            return str(own.get(name))
    own.get(_DESTINATIONS[0])
    raise CannotConvert("UPLOADS_DEFAULT_DEST, the folder of the uploads, is not set")


def _base_url(url: str) -> tuple[str, str]:
    """The URL that keys are put behind, and the prefix in it."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise CannotConvert(
            f"UPLOADS_DEFAULT_URL {url!r}: expected a URL such as https://example.com/uploads/"
        )
    if not prefix:
        raise CannotConvert(f"UPLOADS_DEFAULT_URL {url!r}: expected a path in it, such as /uploads/")
    return f"{parts.scheme}://{parts.netloc}/{prefix}/", prefix


def _max_body(own: Settings) -> int:
    try:
        return int(own.get("max_content_length", MAX_BODY))
    except (TypeError, ValueError):
        raise CannotConvert("MAX_CONTENT_LENGTH: expected a number of bytes") from None


def _uploads(folder: str, base: str, prefix: str, max_body: int) -> dict[str, Any]:
    return {
        "name": "uploads",
        "prefix": prefix,
        "source": {"type": "local", "root": folder},
        "passthrough": "plain",
        "error_status": {"nothing-sent": 501},
        "write": {
            "auth": "open",
            "methods": ["POST"],
            "accept": ["jpg", "png", "gif", "bmp"],
            "max_bytes": max_body,
            "field": "image",
            "data_uri": True,
            "name": "{year}/{month}/{uuid}",
            "extensions": {"png": "jpg", "jpg": "jpeg"},
            "normalise": {"orient": True, "strip": "all", "convert": {"png": "jpg"}},
            "reply": {"post": {"status": 201, "json": {"filename": "{name}", "url": f"{base}{{key}}"}}},
            "routes": {"upload": "/upload/"},
        },
    }


def _notes(prefix: str) -> Iterator[str]:
    yield "failures are JSON; before, they were HTML. The statuses stay: 413, 415, 501"
    yield "JPEGs keep their pixels: they are encoded anew only where they have to be turned upright"
    yield "transparent PNGs become JPEG on white; before, what was behind transparency showed"
    yield "a picture that lies on its side is turned upright; before, it stayed on its side"
    yield "metadata go, GPS coordinates among them, as before"
    yield "a GIF of one frame is stored; before, some were a 500. Too many pixels are 415; before, a 500"
    yield "console_logs are no pictures: keep the old program for them"
    yield f"pictures are served below /{prefix}/ too, in any size asked for: ?w=300"
    yield "uploads are public, as before: anyone who can reach the server may upload; see write.auth"
