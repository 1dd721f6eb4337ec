"""From the path on the wire to a mount prefix and a key. No I/O happens on a path this refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from origin.errors import BadRequest

MAX_KEY = 1024  # bytes, as S3 has it
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_HEX = frozenset(b"0123456789abcdefABCDEF")

Mounted = TypeVar("Mounted")


def decode_path(raw_path: bytes) -> str:
    """The decoded path, without its leading slash; empty for `/`.

    Every segment is percent-decoded once, strictly: invalid escapes, invalid UTF-8 and control
    characters are refused (RFC 3986 section 2.1). An escaped slash separates, as a plain one does,
    because proxies rewrite one into the other. Raises BadRequest.
    """
    if b"%" in raw_path:
        for piece in raw_path.split(b"%")[1:]:
            if len(piece) < 2 or piece[0] not in _HEX or piece[1] not in _HEX:
                raise BadRequest("the path has an invalid escape")
        raw_path = unquote_to_bytes(raw_path)
    try:
        path = raw_path.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the path is not UTF-8") from None
    if _CONTROL.search(path):
        raise BadRequest("the path has a control character")
    return path.removeprefix("/")


def find_mount(path: str, mounts: Mapping[str, Mounted]) -> tuple[Mounted, str] | None:
    """What is mounted at the longest prefix of the decoded `path`, and the rest of the path."""
    end = len(path)
    while (end := path.rfind("/", 0, end)) > 0:
        mounted = mounts.get(path[:end])
        if mounted is not None:
            return mounted, path[end + 1 :]
    return None


def check_key(key: str) -> None:
    """Raise BadRequest where a key could mean another place than it says, or no place at all."""
    segments = key.split("/")
    if "" in segments:
        raise BadRequest("the key has an empty segment")
    if "." in segments or ".." in segments:
        raise BadRequest("the key has a dot segment")
    if len(key.encode()) > MAX_KEY:
        raise BadRequest(f"the key is longer than {MAX_KEY} bytes")
