"""Originals of other web servers, through aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from functools import partial

import aiohttp

from origin.errors import Forbidden
from origin.errors import HostTimeout
from origin.errors import HostUnavailable
from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginalUnavailable
from origin.errors import OriginError
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import refusal as describe_refusal
from origin.formats import sniff
from origin.http.dates import http_date
from origin.http.dates import parse_http_date
from origin.sources.base import MAX_BYTES
from origin.sources.base import PROBE_KEY
from origin.sources.base import TIMEOUT
from origin.sources.base import Access
from origin.sources.base import CheckResult
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import no_limit
from origin.sources.base import reserve
from origin.sources.http import HttpSettings
from origin.sources.http_body import BodyTooLarge
from origin.sources.http_body import read_body
from origin.sources.http_session import HttpSession
from origin.sources.http_session import LookUp
from origin.sources.remote_url import RemoteUrl
from origin.sources.url_registry import FetchedRecord
from origin.sources.url_registry import Refusal
from origin.sources.url_registry import make_registry
from origin.sources.watched_registry import WatchedRegistry

RETRY_NETWORK = 10.0  # seconds for which a server that cannot be reached is not asked again

_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,200}"')  # RFC 9110 section 8.8.3, in ASCII
_BY_DATE = "modified "  # in front of Last-Modified and a digest, as a version where there is no ETag
# Of pictures that a server has no type for. Every other type that is not image/* is no picture.
_NO_TYPE = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain"})
_REFUSED = frozenset({401, 402, 403, 407, 451})
_FOR_NOW = frozenset({408, 425, 429})
_DOWN = _FOR_NOW | {502, 503, 504}  # of the whole server; other failures may be of one URL alone
# What a registry remembers. Its record has one text for a 404 and for a server that fails.
_ERRORS: dict[Refusal, type[OriginError]] = {
    Refusal.STATUS: NotFound,
    Refusal.SIZE: Unprocessable,
    Refusal.TYPE: UnsupportedFormat,
}


class _Refused(Exception):
    """The server answered, and the answer is not taken."""

    def __init__(self, reason: Refusal, error: OriginError) -> None:
        self.reason = reason
        self.error = error


class HttpSource:
    """Originals below a URL, or at any URL that the key is, as far as the settings allow.

    `timeout`, or that of the settings, is the whole time of one `get`: name, connect, redirects, headers and
    body. `look_up` stands in for the system's resolver; `clock` gives Unix seconds.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        max_bytes: int = MAX_BYTES,
        timeout: float = TIMEOUT,
        look_up: LookUp | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._max_bytes = max_bytes
        self._timeout = settings.timeout or timeout
        self._session = HttpSession(settings, look_up)
        self._clock = clock
        self.registry: WatchedRegistry | None = None
        if settings.registry is not None:
            self.registry = WatchedRegistry(make_registry(settings.registry))

    async def open(self) -> None:
        try:
            self._session.open()
        except OSError as error:
            raise SourceUnavailable(f"ca {self._settings.ca}: {error.strerror or error}") from error

    async def close(self) -> None:
        await self._session.close()
        if self.registry is not None:
            await self.registry.close()

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        url = self._settings.url_of(key)
        fetch = partial(self._fetch, url, if_none_match, reserve_memory)
        if self.registry is not None:
            return await self._fetch_registered(self.registry, key, if_none_match, fetch)
        try:
            return (await fetch())[0]
        except _Refused as refused:
            raise self._refusal(refused, if_none_match) from refused.__cause__

    async def check(self) -> CheckResult:
        await self.open()
        if self._settings.keys is None:
            with contextlib.suppress(NotFound, Unprocessable):
                await self.get(PROBE_KEY)
            return CheckResult(Access.UNKNOWN, self._settings.describe())
        if self.registry is not None:
            with contextlib.suppress(Forbidden):
                await self.registry.check_fetch("")
        return CheckResult(Access.ON_DEMAND, self._settings.describe())

    # Fetching

    async def _fetch(
        self, url: RemoteUrl, if_none_match: str | None, reserve_memory: ReserveMemory
    ) -> tuple[Original | None, float | None]:
        """The original, None where it is unchanged; and when the server says that it was changed."""
        async with self._answer(url, _conditions(if_none_match)) as (response, deadline):
            modified = parse_http_date(response.headers.get("Last-Modified", ""))
            if response.status == 304 and if_none_match is not None:
                return None, modified
            self._judge_head(url, response)
            try:
                body = await read_body(
                    response, self._max_bytes, lambda size: reserve(reserve_memory, size, deadline)
                )
            except BodyTooLarge as error:
                raise _Refused(Refusal.SIZE, Unprocessable(f"{url}: {error}")) from error
        if self._settings.keys is not None and sniff(body) is None:
            raise _Refused(Refusal.TYPE, UnsupportedFormat(f"{url}: {describe_refusal(body)}"))
        original = Original(body, _version(response, body), modified)
        return None if original.etag == if_none_match else original, modified

    @contextlib.asynccontextmanager
    async def _answer(
        self, url: RemoteUrl, conditions: dict[str, str]
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, asyncio.Timeout]]:
        """The answer of the server, within the deadline. Every error in the block becomes ours."""
        with self._errors_become_ours(url):
            async with asyncio.timeout(self._timeout) as deadline:
                async with self._session.get(url, conditions) as response:
                    yield response, deadline

    def _judge_head(self, url: RemoteUrl, response: aiohttp.ClientResponse) -> None:
        """Raises _Refused for an answer whose body is not read."""
        status = response.status
        if status != 200:
            text = f"{url}: status {status}"
            if status in _REFUSED:
                raise _Refused(Refusal.STATUS, KeyRefused(text))
            if 400 <= status < 500 and status not in _FOR_NOW:
                raise _Refused(Refusal.STATUS, NotFound(text))
            raise _Refused(Refusal.STATUS, self._unavailable(text, is_down=status in _DOWN))
        declared = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        is_picture = declared.startswith("image/") or declared in _NO_TYPE
        if self._settings.keys is not None and not is_picture:
            raise _Refused(Refusal.TYPE, UnsupportedFormat(f"{url}: of the type {declared[:80]!r}"))

    # What is remembered of servers and of the registry

    async def _fetch_registered(
        self,
        registry: WatchedRegistry,
        key: str,
        if_none_match: str | None,
        fetch: Callable[[], Awaitable[tuple[Original | None, float | None]]],
    ) -> Original | None:
        await self._admit(registry, key, if_none_match)
        async with registry.turn(key) as turn:
            if not turn.is_first:  # and another origin may have noted why it is no use to ask
                await self._admit(registry, key, if_none_match)
            try:
                original, modified = await fetch()
            except _Refused as refused:
                error = self._refusal(refused, if_none_match)
                seconds = int(error.remember_for or 0)
                note = partial(registry.registry.note_refused, key, refused.reason, seconds)
                if seconds and (not await turn.may_note() or await registry.note(note)):
                    error.remember_for = 0  # here: the registry is asked each time
                raise error from refused.__cause__
            if await turn.may_note():
                await self._note(registry, key, original, self._clock() if modified is None else modified)
            return original

    async def _admit(self, registry: WatchedRegistry, key: str, if_none_match: str | None) -> None:
        """Ask the registry. Raises Forbidden, RegistryDown, and the refusal that it remembers."""
        state = await registry.check_fetch(key)
        if state.refusal is None:
            return
        text = f"{key}: {state.refusal.value}, not long ago"
        if if_none_match is not None:
            raise HostUnavailable(text, remember_for=0)
        raise _ERRORS[state.refusal](text, remember_for=0)

    def _refusal(self, refused: _Refused, if_none_match: str | None) -> OriginError:
        """The error of a refusal, and for how long it is remembered."""
        error, seconds = refused.error, self._settings.retry_errors_after
        if self._settings.keys is None and isinstance(error, SourceUnavailable):
            seconds = int(RETRY_NETWORK)  # this one server fails for a while
        if self._settings.keep_removed and if_none_match is not None:
            error = HostUnavailable(str(error))
        error.remember_for = seconds
        return error

    async def _note(
        self, watched: WatchedRegistry, key: str, original: Original | None, modified: float
    ) -> None:
        registry, seconds = watched.registry, self._settings.retry_errors_after
        if original is None:
            await watched.note(partial(registry.note_unchanged, key, modified, seconds))
            return
        format = sniff(original.body)
        assert format is not None  # anything else was refused
        checksum = hashlib.sha1(original.body, usedforsecurity=False).hexdigest()
        etag = original.etag if _ETAG.fullmatch(original.etag) else None
        record = FetchedRecord(format.mime.removeprefix("image/"), checksum, etag, modified)
        await watched.note(partial(registry.note_fetched, key, record, seconds))

    def _unavailable(self, text: str, *, is_down: bool = True) -> SourceUnavailable:
        """`is_down`: all that this one server has is out of reach."""
        if self._settings.keys is not None:
            return HostUnavailable(text, remember_for=RETRY_NETWORK)
        return (SourceUnavailable if is_down else OriginalUnavailable)(text, remember_for=RETRY_NETWORK)

    @contextlib.contextmanager
    def _errors_become_ours(self, url: RemoteUrl) -> Iterator[None]:
        try:
            yield
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            late = SourceTimeout if self._settings.keys is None else HostTimeout
            text = f"{url}: no answer within {self._timeout:g} s"
            raise late(text, remember_for=RETRY_NETWORK) from error
        except HostUnavailable as error:
            raise self._unavailable(str(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unavailable(f"{url}: {_describe(error)}") from error


def _conditions(version: str | None) -> dict[str, str]:
    """The headers by which a server tells whether this version is still its own."""
    if version is None:
        return {}
    if version.startswith(_BY_DATE):
        return {"If-Modified-Since": version.removeprefix(_BY_DATE).rpartition(" ")[0]}
    return {"If-None-Match": version} if _ETAG.fullmatch(version) else {}


def _version(response: aiohttp.ClientResponse, body: bytes) -> str:
    """The server's ETag, else its date with a digest of the bytes, else the digest."""
    etag = response.headers.get("ETag", "")
    if _ETAG.fullmatch(etag):
        return etag
    digest = hashlib.sha256(body).hexdigest()
    modified = parse_http_date(response.headers.get("Last-Modified", ""))
    return digest if modified is None else f"{_BY_DATE}{http_date(modified)} {digest}"


def _describe(error: Exception) -> str:
    """What aiohttp or the system says, without what it repeats of the URL."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is refused: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"its name cannot be looked up: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"it cannot be reached: {error.os_error.strerror or error.os_error}"
    return f"{type(error).__name__}: {error}"[:300]
