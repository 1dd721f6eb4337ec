"""From the path on the wire to a mount prefix and a key. No I/O happens for a path that is refused here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from origin.errors import BadRequest

MAX_KEY = 1024  # bytes, as S3 has it
ROOT = ""
"""The prefix of what is mounted above all paths that nothing else has."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # a surrogate has no UTF-8 form
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
    """What is mounted at the longest prefix of the decoded `path`, and the rest of the path.

    Only prefixes no longer than the longest mount are looked up, so a path of many slashes costs nothing
    more. At the root is what no other prefix claims, apart from the paths of operators.
    """
    end = 1 + max(map(len, mounts), default=0)
    while (end := path.rfind("/", 0, end)) > 0:
        mounted = mounts.get(path[:end])
        if mounted is not None:
            return mounted, path[end + 1 :]
    if ROOT not in mounts or path == "status" or path.startswith("-/"):
        return None
    return mounts[ROOT], path


def path_above(prefix: str) -> str:
    """The beginning of the paths of a mount: `/photos/`, or `/` at the root."""
    return f"/{prefix}/" if prefix else "/"


def raw_key(raw_path: bytes, prefix: str) -> bytes | None:
    """What stands behind the prefix in a path as it came, with the slash before it.

    None where that cannot be told, since the slash itself is escaped.
    """
    if prefix == ROOT:
        return raw_path
    end, longest = 0, 3 * len(prefix.encode()) + 2  # with all of it escaped
    while (end := raw_path.find(b"/", end + 1, longest)) > 0:
        if unquote_to_bytes(raw_path[1:end]) == prefix.encode():
            return raw_path[end:]
    return None


def check_key(key: str) -> None:
    """Raise BadRequest for a key that could mean another place than it says, or no place at all."""
    violation = find_key_violation(key)
    if violation:
        raise BadRequest(violation)


def _describe_empty(key: str) -> str:
    """Which rule a key with an empty segment breaks."""
    if not key:
        return "a key has at least one character"
    if key.startswith("/") or key.endswith("/"):
        return "a key has no slash at an end"
    return "a key has no empty segment" + ("; it is no URL" if "://" in key else "")


def find_key_violation(key: str) -> str:
    """The rule that a decoded key breaks; empty where it breaks none. Signers and the origin share it."""
    segments = key.split("/")
    if "" in segments:
        return _describe_empty(key)
    if "." in segments or ".." in segments:
        return "a key has no . or .. segment"
    if _CONTROL.search(key):
        return "a key has no control character"
    if len(key.encode()) > MAX_KEY:
        return f"a key has at most {MAX_KEY} bytes"
    return ""
