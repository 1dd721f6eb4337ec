"""A handler's originals: fetched once for all who need them, kept, and checked against the source in time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from origin.cache.records import Version
from origin.cache.results import Entry
from origin.cache.results import ResultCache
from origin.delivery.admission import FetchAdmission
from origin.delivery.singleflight import SingleFlight
from origin.errors import NotFound
from origin.errors import OriginalUnavailable
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.ops.tracing import stage
from origin.sources import Original
from origin.sources import Source

MAX_CACHE_READS = 4  # originals read from the cache at once: their size is unknown until they are read
MAX_CLOCK_SKEW = 60.0  # seconds by which another clock may have been ahead of this one
DOWN_SECONDS = 5.0  # for which a source that failed is not asked about what can be served stale


@dataclass(frozen=True, slots=True)
class FetchedOriginal:
    """An original as the source has it now. `body` is there when it was fetched just now."""

    version: Version
    body: bytes | memoryview | None = None
    asked: str = ""  # "fetched" or "unchanged" where the source was asked
    took: float = 0.0  # seconds in the source


def _past(last_modified: float | None, now: float) -> float | None:
    """The date, or this moment where it lies ahead: Last-Modified is never later than Date (RFC 9110 section
    8.8.2.1)."""
    return None if last_modified is None else min(last_modified, now)


def _one_server(key: str) -> str:
    return ""


class Originals:
    """The originals behind one handler.

    `cache` is None where the handler keeps nothing. `server_of` names the server of a key, where the source
    asks many. All times are Unix seconds of `clock`.
    """

    def __init__(
        self,
        handler: str,
        source: Source,
        cache: ResultCache | None,
        admission: FetchAdmission,
        *,
        cache_time: int,
        error_max_age: int,
        server_of: Callable[[str], str] = _one_server,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._handler = handler
        self.source = source
        self.cache = cache
        self.admission = admission
        self.cache_time = cache_time
        # At least a second, also where CDNs are told to keep no failure: a flood for one missing key asks
        # the source once.
        self.failure_seconds = max(1, error_max_age)
        self._down_until = 0.0
        self._server_of = server_of
        self._clock = clock
        self._flights: SingleFlight[FetchedOriginal] = SingleFlight()
        self._cache_reads = asyncio.Semaphore(MAX_CACHE_READS)

    def ttl(self, version: Version) -> int:
        """Seconds for which a version is served without asking the source; 0 or less when it is stale, or
        comes from a clock that was ahead of this one."""
        return self.ttl_at(version, self._clock())

    def ttl_at(self, version: Version, now: float) -> int:
        """The `ttl` at a moment, in Unix seconds.

        Part of a second counts as a whole one, in both directions: a result is fresh for the whole of
        `cache_time`, and is served stale for no more than its window.
        """
        if version.checked > now + MAX_CLOCK_SKEW:
            return 0
        left = version.checked + self.cache_time - now
        return math.ceil(left) if left > 0 else math.floor(left)

    def is_down(self) -> bool:
        """Whether the source has failed within the last seconds."""
        return self._clock() < self._down_until

    def may_ask(self, original: str) -> bool:
        """Whether the source is asked for this original: neither has it failed, nor this original, lately."""
        return not self.is_down() and self._failure(original) is None

    async def current(self, original: str, key: str, version: Version | None) -> FetchedOriginal:
        """The version to serve now: the one that is there while it is fresh, else what the source says.

        Raises what the source raises, and Overloaded.
        """
        if version is not None and self.ttl(version) > 0:
            return FetchedOriginal(version)
        return await self._flights.run(original, lambda: self._ask(original, key, version))

    async def body(self, original: str, key: str, current: FetchedOriginal) -> FetchedOriginal:
        """The original with its bytes: those just fetched, those in the cache, or fetched once more."""
        if current.body is not None:
            return current
        body = await self._find_kept(original, current.version)
        if body is not None:
            return FetchedOriginal(current.version, body, current.asked, current.took)
        return await self._flights.run(original + "body", lambda: self._ask(original, key, None))

    async def kept(self, original: str, version: Version) -> FetchedOriginal | None:
        """That version as the cache has it, without asking the source; None where it is not kept."""
        body = await self._find_kept(original, version)
        return None if body is None else FetchedOriginal(version, body)

    async def _find_kept(self, original: str, version: Version) -> bytes | memoryview | None:
        """Raises Overloaded."""
        if self.cache is None:
            return None
        async with self.admission.place(self._handler) as reserve, self._cache_reads:
            body = await self.cache.find_original(original, version.etag)
            await reserve(len(body or b""))
            return body

    def forget(self, prefix: str) -> None:
        """A purge: a request that comes now does not join a fetch that began before it."""
        self._flights.forget(prefix)

    async def _ask(self, original: str, key: str, version: Version | None) -> FetchedOriginal:
        failure = self._failure(original)
        if failure is not None:
            raise failure
        entry = self.cache.entry(original) if self.cache else None
        start = time.perf_counter()
        try:
            async with self.admission.place(self._handler, self._server_of(key)) as reserve:
                with stage("fetch"):
                    answer = await self.source.get(key, version.etag if version else None, reserve)
        except OriginError as error:
            await self._remember_failure(error, entry)
            raise
        self._down_until = 0.0
        return self._keep(version, answer, entry, time.perf_counter() - start)

    def _keep(
        self, version: Version | None, answer: Original | None, entry: Entry | None, took: float
    ) -> FetchedOriginal:
        now = self._clock()
        if answer is None:
            assert version is not None  # nothing else makes a source say "not modified"
            current = FetchedOriginal(
                Version(version.etag, version.last_modified, now), None, "unchanged", took
            )
        else:
            current = FetchedOriginal(
                Version(answer.etag, _past(answer.last_modified, now), now), answer.body, "fetched", took
            )
        if entry is not None:
            entry.keep_version(current.version)
            if answer is not None and not answer.is_local:
                entry.keep_original(answer.etag, answer.body)
        return current

    def _failure(self, original: str) -> OriginError | None:
        """Why the original cannot be fetched, as far as remembered."""
        return None if self.cache is None else self.cache.failure(original, "", self._clock())

    async def _remember_failure(self, error: OriginError, entry: Entry | None) -> None:
        if isinstance(error, SourceUnavailable) and not isinstance(error, OriginalUnavailable):
            self._down_until = self._clock() + DOWN_SECONDS
        seconds = error.remember_for
        if seconds is None and error.remembered:
            seconds = self.failure_seconds
        if entry is None:
            return
        if isinstance(error, NotFound):
            await entry.drop()
        if seconds:
            entry.keep_failure(error, self._clock() + seconds)
