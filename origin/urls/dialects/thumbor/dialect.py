"""thumbor's URLs in our words, and how thumbor signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from functools import partial

from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.dialect import Signature
from origin.urls.dialects.dialect import SourceNames
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.segments import split_key
from origin.urls.dialects.segments import split_signature
from origin.urls.dialects.thumbor import filters
from origin.urls.dialects.thumbor import size
from origin.urls.dialects.thumbor.path import FORM
from origin.urls.dialects.thumbor.path import UNSAFE
from origin.urls.dialects.thumbor.path import read_path
from origin.urls.query import Pair
from origin.urls.url_keys import ReadKey

_SCHEME = re.compile("https?(?::|%3a)", re.IGNORECASE)
_STEPS = (
    size.settle_part,
    size.settle_size,
    filters.settle_flips,
    filters.settle_filters,
    filters.settle_fill,
)


class Thumbor:
    """See `SigningDialect`. What thumbor enlarges is enlarged."""

    name = "thumbor"
    begins_with_key = False
    signs_in_path = True
    signature_name = ""
    signature_form = FORM

    def translate(self, key: str, pairs: Sequence[Pair], raw_key: bytes = b"", /) -> Translation:
        path = read_path(split_key(key, raw_key))
        asked = Asked(self.name)
        if not path.is_signed:
            asked.note(Refusal("path", f"expected {UNSAFE} or a signature in front"))
        for word in ("debug", "meta"):
            if word in path.parts:
                asked.note(Refusal(word, "not available here"))
        for mistake in path.mistakes:
            asked.note(mistake)
        for step in _STEPS:
            asked.attempt(partial(step, path, asked))
        for name, _ in pairs:  # which thumbor neither reads nor signs
            asked.ignore_unknown(name.decode("utf-8", "replace"))
        return asked.translated(path.original)

    def key_reader(self, read: ReadKey, source: SourceNames) -> ReadKey:
        """A URL without a scheme begins with http, as with thumbor's own loader."""

        def read_original(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
            if source.takes_urls and key and not _SCHEME.match(key):
                key = f"http://{key}"
            return read(key, (), b"")

        return read_original

    def read_signature(self, raw_path: bytes, query: bytes) -> Signature:
        """The path behind the signature is signed as it stands in the URL, and the query is not."""
        first, rest = split_signature(raw_path)
        text = first.decode("latin-1")
        return Signature("" if text == UNSAFE else text, rest, None)

    def sign(self, secret: str, message: bytes) -> str:
        digest = hmac.digest(secret.encode(), message, hashlib.sha1)
        return base64.urlsafe_b64encode(digest).decode()

    def sign_url(self, secret: str, raw_path: str) -> str:
        return f"/{self.sign(secret, raw_path.removeprefix('/').encode())}{raw_path}"

    def write_url(self, secret: str | None, path: str, expires: int) -> str:
        """thumbor's URLs have no end."""
        return f"/{UNSAFE}{path}" if secret is None else self.sign_url(secret, path)
