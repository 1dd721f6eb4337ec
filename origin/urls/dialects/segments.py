"""Paths in which another system writes signature, options and original, between slashes."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import unquote_to_bytes

MAX_OPTIONS = 100  # of a URL; as many as a query may have pairs


def split_key(key: str, raw_key: bytes) -> list[bytes]:
    """The segments of a raw key, still escaped; those of the decoded key where there is no raw one."""
    return (raw_key or b"/" + quote(key).encode())[1:].split(b"/")


def decode(segments: Iterable[bytes]) -> str:
    """Segments as text, each percent-decoded once. The path they come from has been found valid, or is
    refused anyway."""
    return unquote(b"/".join(segments).decode("latin-1"), errors="replace")


def split_signature(raw_path: bytes) -> tuple[bytes, bytes]:
    """The first segment, decoded, and what stands behind it, as it came. Raises ValueError where nothing
    does."""
    first, slash, rest = raw_path[1:].partition(b"/")
    if not slash:
        raise ValueError("the path has nothing behind its first segment")
    return unquote_to_bytes(first), rest
