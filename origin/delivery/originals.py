"""A handler's originals: fetched once for all who need them, kept, and checked against the source in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from origin.cache.results import ResultCache
from origin.cache.results import Version
from origin.delivery.admission import FetchAdmission
from origin.delivery.singleflight import SingleFlight
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.sources import Original
from origin.sources import Source

MAX_CACHE_READS = 4  # originals read from the cache at once: their size is unknown until they are read
DOWN_SECONDS = 5.0  # for which a source that failed is not asked about what can be served stale


@dataclass(frozen=True, slots=True)
class FetchedOriginal:
    """An original as the source has it now. `body` is there when it was fetched just now."""

    version: Version
    body: bytes | None = None
    asked: str = ""  # "fetched" or "unchanged" where the source was asked
    took: float = 0.0  # seconds in the source


class Originals:
    """The originals behind one handler.

    `cache` is None where the handler keeps nothing. All times are Unix seconds of `clock`.
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
        clock: Callable[[], float] = time.time,
        flights: SingleFlight[FetchedOriginal] | None = None,
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
        self._clock = clock
        self._flights: SingleFlight[FetchedOriginal] = SingleFlight() if flights is None else flights
        self._cache_reads = asyncio.Semaphore(MAX_CACHE_READS)

    def ttl(self, version: Version) -> int:
        """Seconds for which a version is served without asking the source; 0 or less when it is stale."""
        return int(version.checked + self.cache_time - self._clock())

    def is_down(self) -> bool:
        """Whether the source has failed within the last seconds."""
        return self._clock() < self._down_until

    async def current(self, original: str, key: str, version: Version | None) -> FetchedOriginal:
        """The version to serve now: the one that is there while it is fresh, else what the source says.

        Raises what the source raises, and Overloaded.
        """
        if version is not None and self.ttl(version) > 0:
            return FetchedOriginal(version)
        return await self._flights.run(original, lambda: self._ask(original, key, version))

    async def body(self, original: str, key: str, current: FetchedOriginal) -> FetchedOriginal:
        """The same with its bytes: those just fetched, those in the cache, or fetched once more."""
        if current.body is not None:
            return current
        if self.cache is not None:
            async with self.admission.place(self._handler) as reserve, self._cache_reads:
                body = await self.cache.find_original(original, current.version.etag)
                await reserve(len(body or b""))
            if body is not None:
                return FetchedOriginal(current.version, body, current.asked, current.took)
        return await self._flights.run(original + "body", lambda: self._ask(original, key, None))

    def forget(self, prefix: str) -> None:
        """A purge: a request that comes now does not join a fetch that began before it."""
        self._flights.forget(prefix)

    async def _ask(self, original: str, key: str, version: Version | None) -> FetchedOriginal:
        since = self.cache.mark() if self.cache else 0
        start = time.perf_counter()
        try:
            async with self.admission.place(self._handler) as reserve:
                answer = await self.source.get(key, version.etag if version else None, reserve)
        except OriginError as error:
            await self._remember_failure(original, error, since)
            raise
        self._down_until = 0.0
        return self._keep(original, version, answer, since, time.perf_counter() - start)

    def _keep(
        self, original: str, version: Version | None, answer: Original | None, since: int, took: float
    ) -> FetchedOriginal:
        now = self._clock()
        if answer is None:
            assert version is not None  # nothing else makes a source say "not modified"
            current = FetchedOriginal(
                Version(version.etag, version.last_modified, now), None, "unchanged", took
            )
        else:
            current = FetchedOriginal(
                Version(answer.etag, answer.last_modified, now), answer.body, "fetched", took
            )
        if self.cache is not None:
            self.cache.keep_version(original, current.version, since)
            if answer is not None and not answer.is_local:
                self.cache.keep_original(original, answer.etag, answer.body, since)
        return current

    async def _remember_failure(self, original: str, error: OriginError, since: int) -> None:
        if isinstance(error, SourceUnavailable):
            self._down_until = self._clock() + DOWN_SECONDS
        if self.cache is None or not error.remembered:
            return
        if isinstance(error, NotFound):
            await self.cache.drop(original)
        self.cache.keep_failure(original, error, self._clock() + self.failure_seconds, since)
