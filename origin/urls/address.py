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

    Raises ValueError for a base URL that has more than a path.
    """

    def __init__(self, base_url: str, prefix: str) -> None:
        if re.search(r"[?#\s]", base_url):
            raise ValueError("a base URL ends with its path: it has no query, no fragment and no space")
        self.prefix = prefix.strip("/")
        self._base = base_url.rstrip("/")

    def url(self, key: str, pairs: Iterable[Pair]) -> str:
        """The URL of a decoded key. Raises ValueError for a key that the origin refuses."""
        if violation := find_key_violation(key):
            raise ValueError(f"{violation}: {key!r}")
        return self._join(key, join_pairs(escape_pairs(pairs)))

    def mount(self, query: str) -> str:
        """The URL of the handler itself."""
        return self._join("", query)

    def _join(self, key: str, query: str) -> str:
        path = "/".join(quote(part) for part in (self.prefix, key) if part)
        return f"{self._base}/{path}" + (f"?{query}" if query else "")
