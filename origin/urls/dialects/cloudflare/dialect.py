"""Cloudflare's URLs in our words: `/{prefix}/{options}/{path or URL of the original}`.

Cloudflare signs no URLs. What our token signs is the whole path, options included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.asked import split_token
from origin.urls.dialects.cloudflare import box
from origin.urls.dialects.cloudflare import look
from origin.urls.dialects.cloudflare.asked import CloudflareOptions
from origin.urls.dialects.dialect import Translation
from origin.urls.query import Pair
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs

PREFIX = "cdn-cgi/image/"
"""What the path begins with at Cloudflare; a part of the key where the handler is mounted at the root."""
_STEPS = (
    box.settle_box,
    box.settle_gravity,
    box.settle_trim,
    box.settle_turn,
    look.tone,
    look.surround,
    look.encode,
)
# The first segment, in which a slash may stand in a colour: `rgb(255 0 0 / 50%)`.
_OPTIONS = re.compile(r"((?:[^/()]|\([^()]*\))+)/(.*)", re.DOTALL)
_URL = re.compile(r"(https?):/{1,2}(?=[^/])", re.IGNORECASE)  # proxies make one slash of two


class Cloudflare:
    """See `Dialect`."""

    name = "cloudflare"
    begins_with_key = False

    def translate(self, key: str, pairs: Sequence[Pair], raw_key: bytes = b"", /) -> Translation:
        text, slash, source = _split(key.removeprefix(PREFIX))
        asked = CloudflareOptions(text)
        for step in _STEPS:
            asked.attempt(partial(step, asked))
        if not (slash or asked.has_mistakes):
            asked.note(Refusal("path", "expected an original behind the options"))
        token, query = split_token(pairs)
        is_url = _URL.match(source)
        for name, _ in () if is_url else query:
            asked.ignore_unknown(name.decode("utf-8", "replace"))
        original = _with_query(_URL.sub(r"\1://", source, count=1), query) if is_url else source
        said = asked.translated(original.removeprefix("/"))
        return replace(said, pairs=[*said.pairs, *token])


def _split(path: str) -> tuple[str, str, str]:
    """The options, the slash behind them, and the original."""
    found = _OPTIONS.fullmatch(path)
    return (path, "", "") if found is None else (found[1], "/", found[2])


def _with_query(url: str, query: Sequence[Pair]) -> str:
    """The URL of an original, to which the query of the request belongs."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{join_pairs(escape_pairs(query))}"
