"""Where a handler is, for programs that write its URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from origin.urls.path import find_key_violation
from origin.urls.query import Pair
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs


class Address:
    """The base URL and the prefix of a handler. An empty base URL makes URLs that begin with the path.

    Raises ValueError for a base URL that has more than a path, or no scheme before its host; TypeError for
    what is no text.
    """

    def __init__(self, base_url: str, prefix: str) -> None:
        check_text("base_url", base_url)
        check_text("prefix", prefix)
        if re.search(r"[?#\s]", base_url):
            raise ValueError("a base URL ends with its path: it has no query, no fragment and no space")
        if not re.match(r"(https?:)?//|/|$", base_url, re.IGNORECASE):
            raise ValueError(f"base_url: expected one such as https://img.example.com, got {base_url!r}")
        self.prefix = prefix.strip("/")
        self._base = base_url.rstrip("/")

    def url(self, key: str, pairs: Iterable[Pair]) -> str:
        """The URL of a decoded key. Raises ValueError for a key that the origin refuses, TypeError for one
        that is no text."""
        check_key(key)
        return self._join(key, join_pairs(escape_pairs(pairs)))

    def mount(self, query: str) -> str:
        """The URL of the handler itself."""
        return self._join("", query)

    def _join(self, key: str, query: str) -> str:
        path = "/".join(quote(part) for part in (self.prefix, key) if part)
        return f"{self._base}/{path}" + (f"?{query}" if query else "")


def check_key(key: str) -> None:
    """Raises ValueError for a decoded key that the origin refuses, TypeError for one that is no text."""
    check_text("key", key)
    if violation := find_key_violation(key):
        raise ValueError(f"{violation}: {key!r}")


def check_text(name: str, value: object) -> None:
    """Raises TypeError for what is no text, such as a setting that is missing."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a text, got {'None' if value is None else type(value).__name__}")
