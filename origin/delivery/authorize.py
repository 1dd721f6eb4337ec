"""Who may see a picture: anyone, the holder of a token, or those whom the embedding program admits."""

from __future__ import annotations

import inspect
import logging
import time
import traceback
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request as StarletteRequest

from origin.errors import Forbidden
from origin.http.message import Request
from origin.signing import Pair
from origin.signing import Verifier
from origin.signing import decode_query
from origin.signing.foreign import ForeignVerifier
from origin.signing.message import find_token
from origin.urls.path import ROOT
from origin.urls.path import decode_path
from origin.urls.path import path_above
from origin.urls.path import raw_key
from origin.urls.query import MAX_PAIRS

log = logging.getLogger(__name__)

Pairs = Sequence[Pair]
Verify = Callable[[str, StarletteRequest], bool | int | Awaitable[bool | int]]
"""The function of an embedding program: the token (or empty text) and the request. It answers False, True,
or the Unix second until which it is true."""


class Authorizer(Protocol):
    """Decides who may see a picture.

    `lasts` is true where the decision depends on nothing but the URL and the time, so that it need not be
    made again for the same URL until it expires.
    """

    lasts: bool

    def authorize(self, key: str, pairs: Pairs, request: Request) -> Awaitable[int | None] | int | None:
        """The Unix second at which the permission ends, or None where it has no end. Raises Forbidden."""


class _AllowAll:
    lasts = True

    def authorize(self, key: str, pairs: Pairs, request: Request) -> None:
        return None


allow_all: Authorizer = _AllowAll()
"""The authorizer of a handler without signing."""


class TokenAuthorizer:
    """Admits the URLs that a token signs.

    `translated` is the prefix of a handler whose dialect puts options into the path. There the key and the
    pairs of a request are no longer what the URL says, and what the URL says is signed.
    """

    lasts = True

    def __init__(
        self,
        verifier: Verifier,
        clock: Callable[[], float] = time.time,
        *,
        translated: str | None = None,
    ) -> None:
        self._verifier = verifier
        self._clock = clock
        self._above = None if translated is None else path_above(translated).removeprefix("/")

    def authorize(self, key: str, pairs: Pairs, request: Request) -> int | None:
        if self._above is not None:
            key = decode_path(request.raw_path).removeprefix(self._above)
            pairs = [] if request.query.count(b"&") > MAX_PAIRS else decode_query(request.query)
        verdict = self._verifier.verify(key, pairs, self._clock())
        if not verdict.accepted:
            raise Forbidden(str(verdict))
        return verdict.expires


class ForeignAuthorizer:
    """Admits the URLs that another system signed, in a handler with its dialect.

    With `behind` the path is signed from there on, for a CDN that puts this prefix before it.
    """

    lasts = True

    def __init__(
        self, verifier: ForeignVerifier, behind: str = ROOT, clock: Callable[[], float] = time.time
    ) -> None:
        self._verifier = verifier
        self._behind = behind
        self._clock = clock

    def authorize(self, key: str, pairs: Pairs, request: Request) -> int | None:
        signed_path = raw_key(request.raw_path, self._behind)
        if signed_path is None:
            raise Forbidden("the slash behind the prefix is escaped")
        verdict = self._verifier.verify(signed_path, request.query, self._clock())
        if not verdict.accepted:
            raise Forbidden(str(verdict))
        return verdict.expires


class EmbeddedAuthorizer:
    """Asks a function of the embedding program, sync or async, which may know sessions or other tokens."""

    lasts = False

    def __init__(self, verify: Verify, clock: Callable[[], float] = time.time) -> None:
        self._verify = verify
        self._clock = clock

    async def authorize(self, key: str, pairs: Pairs, request: Request) -> int | None:
        token = _token(pairs)
        try:
            verdict = self._verify(token, StarletteRequest(request.scope))
            allowed = await verdict if inspect.isawaitable(verdict) else verdict
        except Exception as exc:
            # The traceback may quote the token, which the program was given.
            report = "".join(traceback.format_exception(exc))
            log.error("verify failed: %s", report.replace(token, "[token]") if token else report)
            raise Forbidden(f"verify failed: {type(exc).__name__}") from exc
        if allowed is True:
            return None
        if type(allowed) is int and allowed > self._clock():
            return allowed
        raise Forbidden("verify refused the token")


def _token(pairs: Pairs) -> str:
    """The text of the token; empty where there is none. Raises Forbidden where it comes twice."""
    try:
        return find_token(pairs).decode("utf-8", "replace")
    except ValueError as exc:
        raise Forbidden(str(exc)) from exc
