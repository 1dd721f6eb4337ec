"""The usual mistakes of signers: what a wrong token would be right for."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from collections.abc import Sequence
from urllib.parse import quote

from origin.signing.message import drop_token
from origin.signing.message import message
from origin.urls.options import BY_NAME
from origin.urls.options import EXPIRES
from origin.urls.query import Pair
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs


def list_mistaken_messages(prefix: str, key: str, pairs: Sequence[Pair]) -> Iterator[tuple[str, bytes]]:
    """Messages that signers write by mistake for this request, and what is wrong with each."""
    signed = drop_token(pairs)
    unexpiring = [pair for pair in signed if BY_NAME.get(pair[0]) is not EXPIRES]
    yield "the message ends with a newline", message(prefix, key, pairs) + b"\n"
    yield "the key is percent-encoded", message(prefix, quote(key), pairs)
    yield "the key begins with a slash", message(prefix, "/" + key, pairs)
    yield "the key holds the prefix", message(prefix, f"{prefix}/{key}", pairs)
    yield "the prefix is written with slashes", message(f"/{prefix}/", key, pairs)
    for form in ("NFC", "NFD"):
        if (other := unicodedata.normalize(form, key)) != key:
            yield f"the key is normalised to {form}", message(prefix, other, pairs)
    if unexpiring != signed:
        yield "the expiry is left out of the query", message(prefix, key, unexpiring)
    if unexpiring:
        yield "the query is left out", message(prefix, key, [])
    if (unsorted := list(escape_pairs(signed))) != sorted(unsorted):
        yield "the query is not sorted", f"{prefix}\n{key}\n{join_pairs(unsorted)}".encode()
