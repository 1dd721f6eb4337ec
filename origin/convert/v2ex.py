"""v2ex/remote: pictures posted as forms, answered in JSON.

The old program has no flags. Its settings are a Python file or the environment, the environment counting
more; its address is gunicorn's. What it does beside pictures (addresses, DNS, Markdown, ENS) has no place
here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion

PORT = 5000  # where it was started
GUNICORN_PORT = 8000  # where -b names none
JPEG_QUALITY = 75  # Pillow's
_IDENTITY = ("uid", "region", "country")  # what /hello tells
_NAMES = (*_IDENTITY, "log_level", "nameservers", "ipip_db_path", "sentry_dsn", "sentry_environment", "debug")
_FLAGS = {"-b": "bind", "--bind": "bind", "-w": "workers", "--workers": "workers"}
_FORMATS = ["jpg", "png", "gif", "webp", "avif", "bmp", "tiff", "ico", "svg"]
_BIND = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\[\]]*)(:(?P<port>[0-9]{1,5}))?")
_LEVELS = {"critical": "error", "warn": "warning", "debug": "debug", "info": "info", "error": "error"}


def convert(arguments: Sequence[str], settings: str, environment: Mapping[str, str]) -> Conversion:
    """The configuration for gunicorn's arguments, the text of a settings file, and the environment.

    Raises CannotConvert.
    """
    served = _read_arguments(arguments)
    host, port = _address(served.get("bind", f"0.0.0.0:{PORT}"))
    own = _read_settings(settings) | _read_environment(environment)
    config = {
        "http_host": host,
        "http_port": port,
        "cache": {"max_size": 0, "memory": 0},
        **_renderers(served),
        **_log(own),
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


def _read_settings(text: str) -> dict[str, Any]:
    """The names that a Python file gives to literals. Nothing in it is run."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as exc:
        raise CannotConvert(f"the settings are no Python file: {exc}") from exc
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id.lower() in _NAMES:
                    found[target.id.lower()] = _literal(target.id, node.value)
    return found


def _literal(name: str, value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        text = f"{name} is computed in the settings; set it in the environment of this command"
        raise CannotConvert(text) from None


def _read_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name.upper()] for name in _NAMES if environment.get(name.upper())}


def _address(bind: str) -> tuple[str, int]:
    match = _BIND.fullmatch(bind)
    if match is None or not 1 <= int(match["port"] or GUNICORN_PORT) <= 65535:
        raise CannotConvert(f"bind {bind!r}: expected host:port")
    return match["host"].strip("[]") or "0.0.0.0", int(match["port"] or GUNICORN_PORT)


def _renderers(served: Mapping[str, str]) -> dict[str, Any]:
    workers = served.get("workers")
    if workers is None:
        return {}
    if not re.fullmatch("[1-9][0-9]{0,3}", workers):
        raise CannotConvert(f"workers {workers!r}: expected a number")
    return {"renderers": int(workers)}


def _log(own: Mapping[str, Any]) -> dict[str, Any]:
    level = own.get("log_level")
    if level is None:
        return {}
    name = str(level).lower()
    if name != "warning" and name not in _LEVELS:
        raise CannotConvert(f"LOG_LEVEL {level!r}: expected debug, info, warning or error")
    return {"log": {"level": _LEVELS.get(name, name)}}


def _answers(own: Mapping[str, Any]) -> dict[str, Any]:
    ok = {"status": "ok", "success": True}
    hello = {name: own.get(name) for name in _IDENTITY}
    return {
        "GET /": {"json": {}},
        "GET /ping": {"json": {**ok, "message": "pong", "uptime": "{uptime}"}},
        "GET /hello": {"json": {**ok, **hello, "uptime": "{uptime}"}},
    }


def _notes(own: Mapping[str, Any]) -> Iterator[str]:
    yield "every failure has a status of 400 or more; before, some were 200 with an error in the body"
    yield "pictures are turned upright in fit, avatars and info; before, they lay on their side"
    yield "prepare_jpeg encodes a picture anew only where it has to be turned, and keeps its colour profile"
    yield "fit writes jpg, png, gif, webp and avif in their own format, and others as png or jpg"
    yield "SVG and icons are drawn at their own size; before, SVG was 300 dpi in a square, icons 512 x 512"
    yield "pictures have at most 50 MB and 100 megapixels: limits.max_original_bytes and max_original_pixels"
    yield "everyone may post, as before: keep the port inside, or set auth"
    yield "/ip, /ipip/, /dns/, /text/ and /ens/ are not there: keep the old program for them"
    for name in ("ipip_db_path", "nameservers"):
        if own.get(name):
            yield f"{name.upper()} is of use to none but those, and dropped"
    if own.get("sentry_dsn"):
        yield "SENTRY_DSN is dropped: errors go to the log"
