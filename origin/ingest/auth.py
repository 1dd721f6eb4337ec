"""Who may write: the holder of a bearer token, of an upload grant, of a secret in the form, or anyone.

Secrets are compared in constant time, and nothing here puts one into a message.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from origin.errors import Unauthorized
from origin.errors import WriteForbidden
from origin.http.message import Request
from origin.signing.uploads import UploadGrant
from origin.signing.uploads import UploadRefused
from origin.signing.uploads import UploadVerifier
from origin.urls.query import decode_query

_TOKEN_NAMES = (b"t", b"token")
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Permission:
    """What a request may do. `grant` bounds it; None where nothing does."""

    grant: UploadGrant | None = None


class WriteAuthorizer(Protocol):
    """`needs_form`: the secret is in the body, so that it can be looked at only behind it."""

    needs_form: bool

    def authorize(self, request: Request, fields: Mapping[str, str]) -> Permission:
        """Raises Unauthorized where nothing was sent, and WriteForbidden for what is wrong."""


class Open:
    """Everyone may."""

    needs_form = False

    def authorize(self, request: Request, fields: Mapping[str, str]) -> Permission:
        return Permission()


class Bearer:
    """`Authorization: Bearer ...` (RFC 6750 section 2.1)."""

    needs_form = False

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def authorize(self, request: Request, fields: Mapping[str, str]) -> Permission:
        sent = request.header(b"authorization")
        if sent is None:
            raise Unauthorized("a bearer token is needed")
        is_bearer = sent[: len(_SCHEME)].lower() == _SCHEME
        if not is_bearer or not _equal(sent[len(_SCHEME) :].strip().encode("latin-1"), self._token):
            raise WriteForbidden("the bearer token is wrong")
        return Permission()


class Signed:
    """An upload grant as `t` in the query."""

    needs_form = False

    def __init__(self, verifier: UploadVerifier, clock: Callable[[], float]) -> None:
        self._verifier = verifier
        self._clock = clock

    def authorize(self, request: Request, fields: Mapping[str, str]) -> Permission:
        tokens = [value for name, value in decode_query(request.query) if name in _TOKEN_NAMES]
        if not any(tokens):
            raise Unauthorized("an upload grant is needed")
        if len(tokens) > 1:
            raise WriteForbidden("the token is repeated")
        try:
            return Permission(self._verifier.verify(tokens[0], self._clock()))
        except UploadRefused as error:
            raise WriteForbidden("the upload grant is not valid") from error


class FormSecret:
    """A field of the form holds a secret."""

    needs_form = True

    def __init__(self, field: str, value: str) -> None:
        self._field = field
        self._value = value.encode()

    def authorize(self, request: Request, fields: Mapping[str, str]) -> Permission:
        if not _equal(fields.get(self._field, "").encode("utf-8", "replace"), self._value):
            raise WriteForbidden("the form does not hold the secret")
        return Permission()


def _equal(sent: bytes, secret: bytes) -> bool:
    return hmac.compare_digest(sent, secret)
