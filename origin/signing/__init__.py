"""Tokens: what a signed URL says, how it is written and how it is checked.

An exact token signs one URL by its meaning, so a cache that sorts the query or re-escapes the path does
not break it. A grant token carries its own bounds and serves every URL within them. This package imports
the standard library and itsdangerous alone, so that an application can write URLs without the server:

    >>> signer = UrlSigner("https://img.example.com", "photos", ["k" * 32])
    >>> signer.url("cat.jpg", w=300)
    'https://img.example.com/photos/cat.jpg?w=300&t=WV8vUaxodI2UhDPzgVq9gQnD2gUOAvAAIXmFnbsvUao'
"""

from __future__ import annotations

from origin.signing.message import message
from origin.signing.signer import UrlSigner
from origin.signing.verdict import Reason
from origin.signing.verdict import Verdict
from origin.signing.verifier import Verifier
from origin.urls.options import ALIASES
from origin.urls.query import Pair
from origin.urls.query import decode_query

__all__ = ["ALIASES", "Pair", "Reason", "UrlSigner", "Verdict", "Verifier", "decode_query", "message"]
