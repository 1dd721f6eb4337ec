"""v2ex/remote: pictures posted as forms, answered in JSON.

The old program has no flags. Its settings are a Python file or the environment, the environment counting
more; its address is gunicorn's. What it does beside pictures (addresses, DNS, Markdown, ENS) has no place
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from origin.convert.address import read_bind
from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.log_level import read_log_level
from origin.convert.python_settings import Settings
from origin.convert.python_settings import read_settings

PORT = 5000  # where it was started
JPEG_QUALITY = 75  # Pillow's
_IDENTITY = ("uid", "region", "country")  # what /hello tells
_NAMES = (*_IDENTITY, "log_level", "nameservers", "ipip_db_path", "sentry_dsn", "sentry_environment", "debug")
_FLAGS = {"-b": "bind", "--bind": "bind", "-w": "workers", "--workers": "workers"}
_FORMATS = [
    *("jpg", "png", "gif", "webp", "avif", "bmp", "tiff", "jp2"),
    *("ico", "icns", "psd", "svg", "heic"),
]


def convert(arguments: Sequence[str], settings: str, environment: Mapping[str, str]) -> Conversion:
    """The configuration for gunicorn's arguments, the text of a settings file, and the environment.

    Raises CannotConvert.
    """
    served = _read_arguments(arguments)
    host, port = read_bind(served.get("bind", f"0.0.0.0:{PORT}"))
    own = read_settings(settings, _NAMES, environment)
    config = {
        "http_host": host,
        "http_port": port,
        "cache": {"max_size": 0, "memory": 0},
        **_renderers(served),
        **read_log_level("LOG_LEVEL", own.get("log_level")),
        "answers": _answers(own),
        "handlers": [
            {
                "name": "images",
                "transform": ["fit", "prepare_jpeg", "resize_avatar", "info"],
                "auth": "open",
                "allowed_formats": _FORMATS,
                "quality": {"jpg": JPEG_QUALITY},
            }
        ],
    }
    return Conversion(config, tuple(_notes(own)))


def _read_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """What gunicorn was told: -b and -w. The name of the app means nothing here."""
    values: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if re.fullmatch(r"[\w.]+:\w+(\(\))?", argument):
            continue
        if name not in _FLAGS:
            raise CannotConvert(f"{argument!r}: of gunicorn's flags -b and -w have a meaning here")
        if not equals and not rest:
            raise CannotConvert(f"{argument} needs a value")
        values[_FLAGS[name]] = value if equals else rest.pop(0)
    return values


def _renderers(served: Mapping[str, str]) -> dict[str, Any]:
    workers = served.get("workers")
    if workers is None:
        return {}
    if not re.fullmatch("[1-9][0-9]{0,3}", workers):
        raise CannotConvert(f"workers {workers!r}: expected a number")
    return {"renderers": int(workers)}


def _answers(own: Settings) -> dict[str, Any]:
    ok = {"status": "ok", "success": True}
    hello = {name: own.get(name) for name in _IDENTITY}
    return {
        "GET /": {"json": {}},
        "GET /ping": {"json": {**ok, "message": "pong", "uptime": "{uptime}"}},
        "GET /hello": {"json": {**ok, **hello, "uptime": "{uptime}"}},
    }


def _notes(own: Settings) -> Iterator[str]:
    yield "every failure has a status of 400 or more; before, some were 200 with an error in the body"
    yield "pictures are turned upright in fit, avatars and info; before, they lay on their side"
    yield "prepare_jpeg encodes a picture anew only where it has to be turned, and keeps its colour profile"
    yield "fit writes jpg, png, gif, webp and avif in their own format, and others as png or jpg"
    yield "SVG and icons are drawn at their own size; before, SVG was 300 dpi in a square, icons 512 x 512"
    yield "pictures have at most 50 MB and 100 megapixels: limits.max_original_bytes and max_original_pixels"
    yield "HEIC needs the extra heic: pip install 'image-origin[server,heic]'"
    yield "posts are public, as before: anyone who can reach the server may send one, unless auth is set"
    yield "/ip, /ipip/, /dns/, /text/ and /ens/ are not there: keep the old program for them"
    for name in ("ipip_db_path", "nameservers"):
        if own.has(name):
            yield f"{name.upper()} is of use to none but those, and dropped"
    if own.has("sentry_dsn"):
        yield "SENTRY_DSN is dropped: errors go to the log"
