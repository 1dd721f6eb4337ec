"""Cloudflare's URLs in our words: `/{prefix}/{options}/{path or URL of the original}`.

Cloudflare signs no URLs. What our token signs is the whole path, options included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from origin.urls.dialects.cloudflare import box
from origin.urls.dialects.cloudflare import look
from origin.urls.dialects.cloudflare.asked import Asked
from origin.urls.dialects.cloudflare.asked import Refusal
from origin.urls.dialects.dialect import Translation
from origin.urls.options import BY_NAME
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

    def translate(self, key: str, pairs: Sequence[Pair], raw_key: bytes = b"", /) -> Translation:
        text, slash, source = _split(key.removeprefix(PREFIX))
        asked = Asked(text)
        for step in _STEPS:
            try:
                step(asked)
            except Refusal as refusal:
                asked.note(refusal)
        if not (asked.has_options or asked.mistakes):
            asked.mistakes["the path has no option of cloudflare in its first segment"] = None
        elif not slash:
            asked.mistakes["the path has nothing behind the options of cloudflare"] = None
        token, query = _divide(pairs)
        is_url = _URL.match(source)
        names = [] if is_url else [name.decode("utf-8", "replace") for name, _ in query]
        return Translation(
            _with_query(_URL.sub(r"\1://", source, count=1), query) if is_url else source.removeprefix("/"),
            [*asked.pairs, *token],
            asked.beyond,
            asked.without_effect(),
            list(dict.fromkeys([*asked.unknown, *names])),
            list(asked.mistakes),
        )


def _split(path: str) -> tuple[str, str, str]:
    """The options, the slash behind them, and the original."""
    found = _OPTIONS.fullmatch(path)
    return (path, "", "") if found is None else (found[1], "/", found[2])


def _divide(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The pairs of our token, and the others."""
    token = [pair for pair in pairs if (option := BY_NAME.get(pair[0])) and option.of_token]
    return token, [pair for pair in pairs if pair not in token]


def _with_query(url: str, query: Sequence[Pair]) -> str:
    """The URL of an original, to which the query of the request belongs."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{join_pairs(escape_pairs(query))}"
