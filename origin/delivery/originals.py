"""A handler's originals: fetched once for all who need them, kept, and checked against the source in time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from origin.cache.records import Version
from origin.cache.results import Entry
from origin.cache.results import ResultCache
from origin.delivery.singleflight import SingleFlight
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import SourceUnavailable
from origin.sources import EXPECTED_BYTES
from origin.sources import Original
from origin.sources import ReserveMemory
from origin.sources import Source

UNPACKING = 4  # originals that come from the cache at once; there is no room for them before they are read
MAX_CLOCK_SKEW = 60.0  # seconds by which another clock may have been ahead of this one
DOWN = 5.0  # seconds for which a source that failed is not asked for what we can serve stale


class FetchAdmission:
    """What may come in at once: fetches of each handler, and bytes of originals in memory over all.

    A source that hangs takes the places of its own handler and no others. Each fetch has room for an
    original of the usual size, and asks for more before it reads a larger one.
    """

    def __init__(self, fetches: int = 32, waiting: int = 256, held: int = 256_000_000, timeout: float = 5.0):
        self.fetches = fetches  # of one handler
        self.waiting_limit = waiting  # of one handler
        self.held_limit = held  # bytes; an original that is larger comes alone
        self.timeout = timeout  # seconds to wait for a place, and for room
        self.held = 0  # bytes, of what is on its way as well
        self._fetching: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()  # for a place
        self._waiting_for_memory = 0  # fetches that wait for room
        self._changed = asyncio.Condition()

    @property
    def fetching(self) -> int:
        return self._fetching.total()

    @asynccontextmanager
    async def place(self, handler: str) -> AsyncIterator[ReserveMemory]:
        """A place for one fetch, and the room it may ask for. Raises Overloaded."""
        if self._waiting[handler] >= self.waiting_limit:
            raise Overloaded(f"{self.waiting_limit} fetches are waiting")
        if self._waiting[handler] or not self._has_place(handler):
            await self._wait_for_place(handler)
        self._fetching[handler] += 1
        mine = EXPECTED_BYTES
        self.held += mine

        async def room(size: int) -> None:
            nonlocal mine
            if size <= mine:
                return
            # Who waits holds nothing, or two that are larger than all there is would wait for each other.
            self.held -= mine
            mine = 0
            if not self._has_room(size):
                await self._tell()
                await self._wait_for_room(size)
            self.held += size
            mine = size

        try:
            yield room
        finally:
            self._fetching[handler] -= 1
            self.held -= mine
            await self._tell()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncIterator[None]:
        """Count the bytes of an original for as long as a render needs them."""
        self.held += size
        try:
            yield
        finally:
            self.held -= size
            await self._tell()

    def _has_place(self, handler: str) -> bool:
        return self._fetching[handler] < self.fetches and self._has_room(EXPECTED_BYTES)

    def _has_room(self, size: int) -> bool:
        return self.held + size <= self.held_limit or not self.held

    async def _wait_for_place(self, handler: str) -> None:
        self._waiting[handler] += 1
        try:
            await self._wait(lambda: self._has_place(handler), "no place for a fetch")
        finally:
            self._waiting[handler] -= 1

    async def _wait_for_room(self, size: int) -> None:
        self._waiting_for_memory += 1
        try:
            await self._wait(lambda: self._has_room(size), f"no room for an original of {size} bytes")
        finally:
            self._waiting_for_memory -= 1

    async def _wait(self, over: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(self.timeout), self._changed:
                await self._changed.wait_for(over)
        except TimeoutError:
            raise Overloaded(f"{otherwise} within {self.timeout} s") from None

    async def _tell(self) -> None:
        if self._waiting_for_memory or any(self._waiting.values()):
            async with self._changed:
                self._changed.notify_all()


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
    ) -> None:
        self._handler = handler
        self.source = source
        self.cache = cache
        self.admission = admission
        self.cache_time = cache_time
        # Even where CDNs are told to keep no failure, a flood for one missing key asks the source once.
        self.remember = max(1, error_max_age)
        self._down_until = 0.0
        self._clock = clock
        self._flights: SingleFlight[FetchedOriginal] = SingleFlight()
        self._unpacking = asyncio.Semaphore(UNPACKING)

    def ttl(self, version: Version) -> int:
        """Seconds for which it is served unasked; 0 or less when it is stale, or from a clock ahead."""
        now = self._clock()
        return int(version.checked + self.cache_time - now) if version.checked <= now + MAX_CLOCK_SKEW else 0

    def is_down(self) -> bool:
        """Whether the source has failed a moment ago."""
        return self._clock() < self._down_until

    async def current(self, original: str, key: str, known: Version | None) -> FetchedOriginal:
        """The version to serve now: the known one while it is fresh, else what the source says.

        Raises what the source raises, and Overloaded.
        """
        if known is not None and self.ttl(known) > 0:
            return FetchedOriginal(known)
        return await self._flights.run(original, lambda: self._ask(original, key, known))

    async def body(self, original: str, key: str, current: FetchedOriginal) -> FetchedOriginal:
        """With the bytes: those just fetched, those kept, or fetched once more."""
        if current.body is not None:
            return current
        if self.cache is not None:
            async with self.admission.place(self._handler) as room, self._unpacking:
                kept = await self.cache.find_original(original, current.version.etag)
                await room(len(kept or b""))
            if kept is not None:
                return FetchedOriginal(current.version, kept, current.asked, current.took)
        return await self._flights.run(original + "body", lambda: self._ask(original, key, None))

    def forget(self, prefix: str) -> None:
        """A purge: who asks from now on does not join a fetch that began before it."""
        self._flights.forget(prefix)

    async def _ask(self, original: str, key: str, known: Version | None) -> FetchedOriginal:
        entry = self.cache.entry(original) if self.cache else None
        start = time.perf_counter()
        try:
            async with self.admission.place(self._handler) as room:
                found = await self.source.get(key, known.etag if known else None, room)
        except OriginError as error:
            await self._failed(error, entry)
            raise
        self._down_until = 0.0
        return self._keep(known, found, entry, time.perf_counter() - start)

    def _keep(
        self, known: Version | None, found: Original | None, entry: Entry | None, took: float
    ) -> FetchedOriginal:
        now = self._clock()
        if found is None:
            assert known is not None  # nothing else makes a source say "not modified"
            version = Version(known.etag, known.last_modified, now)
            current = FetchedOriginal(version, None, "unchanged", took)
        else:
            version = Version(found.etag, found.last_modified, now)
            current = FetchedOriginal(version, found.body, "fetched", took)
        if entry is not None:
            entry.keep_version(version)
            if found is not None and not found.is_local:
                entry.keep_original(found.etag, found.body)
        return current

    async def _failed(self, error: OriginError, entry: Entry | None) -> None:
        if isinstance(error, SourceUnavailable):
            self._down_until = self._clock() + DOWN
        if entry is None or not error.remembered:
            return
        if isinstance(error, NotFound):
            await entry.drop()
        entry.keep_failure(error, self._clock() + self.remember)
