"""img-LinuxFr.org: a proxy for pictures of other sites, with its registry in Redis.

The old program has flags and no file. Its limits are constants, which stand here as what they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.flags import read_flags

_DEFAULTS = {
    "a": "127.0.0.1:8000",  # address
    "l": "-",  # log file
    "r": "localhost:6379/0",  # Redis
    "d": "cache",  # folder of the cache
    "u": "img_LinuxFr.org/1.0",  # User-Agent
    "e": "//nginx/default-avatar.svg",  # where the browser finds the avatar that stands for a failure
}
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\[\]]*):(?P<port>[0-9]{1,5})")
_REDIS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:/\[\]@]+)(:[0-9]{1,5})?(/[0-9]+)?")
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}  # strconv.ParseBool of Go

MAX_BYTES = 5 * 1024 * 1024
AVATAR_HEIGHT = 64
REFRESH_SECONDS = 3600
FETCH_SECONDS = 10
MAX_REDIRECTS = 10
FOR_EVER = 10 * 365 * 86400  # seconds: the old program served what it once had until it was blocked
_FORMATS = ["jpg", "png", "gif", "webp", "avif", "svg", "tiff", "bmp", "ico"]


def convert(arguments: Sequence[str]) -> Conversion:
    """The configuration for the flags of the old program. Raises CannotConvert."""
    flags = read_flags(arguments, _DEFAULTS, switches=("c", "h"))
    if "h" in flags:
        raise CannotConvert("-h only told the flags of the old program: -a -l -r -d -u -e")
    if flags.get("c", "false") not in _FALSE:
        raise CannotConvert("-c only looked at the registry and ended; `origin registry check` does so now")
    host, port = _address(flags["a"])
    if flags["d"].endswith("/"):
        raise CannotConvert(f"-d {flags['d']}: the old program refused a / at the end")
    config = {
        "http_host": host,
        "http_port": port,
        "cache": {"path": f"{flags['d']}/image-origin"},
        "presets": {
            "avatar": {"h": AVATAR_HEIGHT, "enlarge": True, "only": ["jpg", "png"], "locked": True},
        },
        "handlers": [_images(flags), _avatars(flags)],
    }
    return Conversion(config, tuple(_notes(flags)))


def _source(flags: dict[str, str]) -> dict[str, Any]:
    if not _REDIS.fullmatch(flags["r"]):
        raise CannotConvert(f"-r {flags['r']!r}: expected host:port/db")
    return {
        "type": "http",
        "keys": "hex",
        "registry": {"type": "redis", "url": f"redis://{flags['r']}"},
        "user_agent": flags["u"],
        "max_redirects": MAX_REDIRECTS,
        "timeout": FETCH_SECONDS,
        "connect_timeout": FETCH_SECONDS,
        "retry_errors_after": REFRESH_SECONDS,
        "keep_removed": True,
    }


def _images(flags: dict[str, str]) -> dict[str, Any]:
    return {
        "name": "img",
        **_common(flags),
        "passthrough": "always",
        "error_status": {"bad-request": 400, "registry-down": 503},
        "on_error": {"text": True},
    }


def _avatars(flags: dict[str, str]) -> dict[str, Any]:
    return {
        "name": "avatars",
        **_common(flags),
        "preset": "avatar",
        "options": [],
        "quality": {"jpg": 75},
        "error_status": {"bad-request": 400},
        "on_error": {"redirect": flags["e"]},
    }


def _common(flags: dict[str, str]) -> dict[str, Any]:
    return {
        "source": _source(flags),
        "allowed_formats": _FORMATS,
        "limits": {"max_original_bytes": MAX_BYTES},
        "cache_time": REFRESH_SECONDS,
        "max_age": REFRESH_SECONDS,
        "stale_while_revalidate": 0,
        "stale_if_error": FOR_EVER,
        "error_max_age": 0,
    }


def _address(text: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise CannotConvert(f"-a {text!r}: expected host:port")
    return match["host"].strip("[]") or "0.0.0.0", int(match["port"])


def _notes(flags: dict[str, str]) -> Iterator[str]:
    yield 'certificates of servers are verified now; "verify_tls": false in the sources takes any, as before'
    yield "addresses that are not public are refused, also behind a redirect; allow_private can name networks"
    yield (
        f"the new cache is {flags['d']}/image-origin, bounded by cache.max_size; "
        "files of the old one are neither read nor removed"
    )
    yield "/img and /avatars keep results of their own; before, the first request decided for both"
    yield "with Redis down, what is cached is served; before, everything was 404"
    yield "Content-Type follows the bytes, not what the server says"
    if flags["l"] != "-":
        yield f"log lines go to stderr, and no longer to a file: append 2>> {flags['l']}"
    else:
        yield "log lines go to stderr, and no longer to stdout"
