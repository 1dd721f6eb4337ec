"""imgix's URLs in our words, and how imgix signs them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import partial

from origin.urls.dialects.dialect import Signature
from origin.urls.dialects.dialect import SourceNames
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.imgix import box
from origin.urls.dialects.imgix import look
from origin.urls.dialects.imgix.names import EXPIRES
from origin.urls.dialects.imgix.names import SIGNATURE
from origin.urls.dialects.imgix.query import ImgixQuery
from origin.urls.query import Pair
from origin.urls.query import decode_query
from origin.urls.url_keys import ReadKey

_SECONDS = re.compile(rb"[0-9]{1,15}")
_STEPS = (
    box.settle_box,
    box.settle_rect,
    look.trim,
    look.turn,
    look.tone,
    look.surround,
    look.mask,
    look.encode,
    look.take_frame,
)


class Imgix:
    """See `Dialect`. Nothing is enlarged beyond the original: where imgix would enlarge a picture that is cut
    or stretched, its shape stays and the box is lowered."""

    name = "imgix"
    begins_with_key = True
    signs_in_path = False
    signature_name = SIGNATURE
    signature_form = re.compile(rb"[0-9a-f]{32}")

    def translate(self, key: str, pairs: Sequence[Pair], raw_key: bytes = b"", /) -> Translation:
        query = ImgixQuery(pairs)
        for step in _STEPS:
            query.attempt(partial(step, query))
        return query.translated(key)

    def key_reader(self, read: ReadKey, source: SourceNames) -> ReadKey:
        return read

    def read_signature(self, raw_path: bytes, query: bytes) -> Signature:
        """`s` beside what it signs: the path and the rest of the query, as they stand in the URL.

        Where `s` comes twice, its text is that of no signature. NUL is refused: from one signature anybody
        can compute that of a longer text, which has MD5's padding in it, and that has NULs.
        """
        if b"\0" in raw_path or b"\0" in query:
            raise ValueError("a URL has no NUL")
        pieces = query.split(b"&") if query else []
        own = [piece for piece in pieces if piece.partition(b"=")[0] == SIGNATURE.encode()]
        rest = b"&".join(piece for piece in pieces if piece not in own)
        expiries = [value for name, value in decode_query(rest) if name == EXPIRES.encode() and value]
        if len(expiries) > 1 or not all(map(_SECONDS.fullmatch, expiries)):
            raise ValueError("expires is one number of Unix seconds")
        text = b"&".join(piece.partition(b"=")[2] for piece in own).decode("latin-1")
        message = raw_path + (b"?" + rest if rest else b"")
        return Signature(text, message, int(expiries[0]) if expiries else None)

    def sign(self, secret: str, message: bytes) -> str:
        """MD5, as imgix defined it, of the token with the message behind it."""
        return hashlib.md5(secret.encode() + message, usedforsecurity=False).hexdigest()

    def sign_url(self, secret: str, raw_path: str) -> str:
        """`raw_path` may have a query."""
        sign = "&" if "?" in raw_path else "?"
        return f"{raw_path}{sign}{SIGNATURE}={self.sign(secret, raw_path.encode())}"

    def write_url(self, secret: str | None, path: str, expires: int) -> str:
        return path if secret is None else self.sign_url(secret, f"{path}?{EXPIRES}={expires}")
