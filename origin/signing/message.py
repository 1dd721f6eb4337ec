"""A query in two: the token, and the rest, which an exact token signs.

The message is part of the wire format: signers in other languages write the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from origin.urls.options import BY_NAME
from origin.urls.options import TOKEN
from origin.urls.query import Pair
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs


def message(prefix: str, key: str, pairs: Iterable[Pair]) -> bytes:
    """Prefix, key and query, one line each; the token is left out of the query.

    Raises ValueError for a prefix or key with a newline or without a UTF-8 form: such a message could be
    read in two ways.
    """
    if "\n" in prefix or "\n" in key:
        raise ValueError("a prefix or key with a newline cannot be signed")
    # By name, then value, never as joined text: "=" sorts after "-" and ".".
    query = join_pairs(sorted(escape_pairs(drop_token(pairs))))
    return f"{prefix}\n{key}\n{query}".encode()


def drop_token(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that a token signs: all but its own."""
    return [pair for pair in pairs if BY_NAME.get(pair[0]) is not TOKEN]


def find_token(pairs: Iterable[Pair]) -> bytes:
    """The text of the token; empty where there is none. Raises ValueError where it comes twice."""
    tokens = [value for name, value in pairs if BY_NAME.get(name) is TOKEN]
    if len(tokens) > 1:
        raise ValueError("the token comes twice")
    return tokens[0] if tokens else b""
