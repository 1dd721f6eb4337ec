"""Camo's URLs: `/{digest}/{hex of the original's URL}` and `/{digest}?url={the original's URL}`.

Camo has no options, so that ours keep their words. Its digest is a part of the key, which the source reads
and checks: see `camo_key_reader` of `urls/url_keys.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from origin.urls.dialects.dialect import SourceNames
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.dialect import keep_words
from origin.urls.query import Pair
from origin.urls.url_keys import ReadKey


class Camo:
    """See `Dialect`."""

    name = "camo"
    signs_in_path = False

    def translate(self, key: str, pairs: Sequence[Pair], raw_key: bytes = b"") -> Translation:
        return keep_words(key, pairs, raw_key)

    def key_reader(self, read: ReadKey, source: SourceNames) -> ReadKey:
        return read
