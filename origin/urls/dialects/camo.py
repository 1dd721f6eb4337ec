"""Camo's URLs: `/{digest}/{hex of the original's URL}` and `/{digest}?url={the original's URL}`.

Camo has no options, so that ours keep their words. Its digest is a part of the key, which the source reads
and checks: see `camo_key_reader` of `urls/url_keys.py`.
"""

from __future__ import annotations

from origin.urls.dialects.dialect import keep_words


class Camo:
    """See `Dialect`."""

    name = "camo"
    begins_with_key = False
    translate = staticmethod(keep_words)
