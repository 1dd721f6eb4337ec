"""Queries on the wire: from raw bytes to pairs of names and values, and back."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from urllib.parse import quote_from_bytes
from urllib.parse import unquote_to_bytes

Pair = tuple[bytes, bytes]
MAX_PAIRS = 100  # of a query; each costs microseconds before a token is looked at


def decode_query(query: bytes) -> list[Pair]:
    """Names and values as a form has them: `+` is a space, `%XX` a byte, `a` is `a=`.

    Empty pieces are skipped and an invalid escape stands for itself, so every text has a meaning.
    Bytes come out, since decoding them would let two values that are not UTF-8 become one text.
    """
    if b"%" not in query and b"+" not in query:  # most queries: nothing is escaped
        return [piece.partition(b"=")[::2] for piece in query.split(b"&") if piece]
    pairs = (piece.replace(b"+", b" ").partition(b"=") for piece in query.split(b"&") if piece)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def escape_pairs(pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    """Names and values percent-encoded, all but the unreserved characters of RFC 3986 section 2.3."""
    return ((quote_from_bytes(name, safe=""), quote_from_bytes(value, safe="")) for name, value in pairs)


def join_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """The query of escaped pairs, in their order."""
    return "&".join(f"{name}={value}" for name, value in pairs)
