"""`ResultCache`: originals, results and failures over a list of tiers.

Reads go down the list and fill the tiers above. Writes go to memory at once, and to the other tiers behind
the answer. Purges reach all tiers, and nothing that was under way when a purge came is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from origin.cache.in_use import ResultsInUse
from origin.cache.memory import Failures
from origin.cache.memory import MemoryTier
from origin.cache.purges import PurgeHistory
from origin.cache.records import Lookup
from origin.cache.records import OriginalBody
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import counts_as_entry
from origin.cache.records import name_body
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.records import prefix_of_results
from origin.cache.tier import Measure
from origin.cache.tier import Tier
from origin.cache.tiers_below import TiersBelow
from origin.errors import OriginError
from origin.formats import ResultFormat

MayBe = Callable[[ResultFormat], bool]
"""Whether a result can be in that format. Others may be able to write to a tier, and put anything there."""
LISTEN_SECONDS = 0.5  # between two looks at what other processes have deleted from a shared tier
_NOTHING = Lookup(None)


class ResultCache:
    """The cache of one folder, for all handlers that use it. All methods are called in the event loop.

    `original` is the name of an original (`records.name_original`), `variant` the text of one picture of it.
    """

    def __init__(self, memory: MemoryTier, tiers: Sequence[Tier] = (), bucket: Tier | None = None) -> None:
        """`memory` answers without waiting and stands above `tiers`; the fastest of those comes first.

        With a `bucket`, no tier but memory is read before `trust`.
        """
        self.memory = memory
        self.below = TiersBelow(tiers, bucket)
        self._touches = self.below.touches
        self._failures = Failures()
        self._purges = PurgeHistory()
        self._in_use = ResultsInUse()
        # Reads of the tiers under way, by name and variant, each with the requests that wait for it too. They
        # get None where the request that reads is cancelled.
        self._reading: dict[tuple[str, str], list[asyncio.Future[Lookup | None]]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises ConfigError where a tier cannot be used as it is configured."""
        await self.below.open()
        if self.below.is_shared:
            self._listening = asyncio.create_task(self._listen())

    @property
    def has_bucket(self) -> bool:
        return self.below.bucket is not None

    async def flush(self) -> None:
        """Wait until all that was kept is in every tier."""
        await self.below.flush()

    async def close(self) -> None:
        """Finish what is being written. What is kept after this is dropped."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
        await self.below.close()
        self._in_use.close()

    def measures(self) -> Iterator[Measure]:
        """Numbers for operators, of all tiers."""
        yield from self.memory.measures()
        yield from self.below.measures()

    def entry(self, original: str) -> Entry:
        """Keeps what is learned of one original, by work that begins now."""
        return Entry(self, original)

    # Reading

    def peek(self, original: str, variant: str) -> Lookup:
        """What is in memory: the hot path of every hit, without an await."""
        version_name = name_version(original)
        version = self.memory.versions.get(version_name)
        if version is None:
            return _NOTHING
        name = name_result(original, version.etag, variant)
        result = self.memory.results.get(name)
        if result is not None:
            # Memory serves it, so no other tier sees that it is read; the disk would drop the hottest first.
            for touch in self._touches:
                touch(name, version_name)
        return Lookup(version, result)

    async def find(self, original: str, variant: str, may_be: MayBe | None = None) -> Lookup:
        """What is in any tier, and of the formats that it `may_be` in. A disk costs one trip to a thread at
        most."""
        name = name_version(original)
        version = self.memory.versions.get(name)
        if version is not None:
            name = name_result(original, version.etag, variant)
            if self.memory.results.get(name) is not None:
                return self.peek(original, variant)
        for queue in self.below.queues if self.below.is_trusted else ():
            if queue.may_hold(name):
                return await self._find_below(original, variant, version, name, may_be)
        return _NOTHING if version is None else Lookup(version)

    async def find_original(self, original: str, etag: str) -> bytes | memoryview | None:
        """The bytes of that version of the original."""
        mark = self._purges.mark
        name = name_body(original)
        for depth, queue in enumerate(self.below.own if self.below.is_trusted else ()):
            if not queue.may_hold(name):
                continue
            record = await queue.get(name)
            if self._purges.reached(original, mark):
                return None
            if isinstance(record, OriginalBody) and record.etag == etag:
                self.below.write(name, record, depth)
                return record.body
        return None

    async def count_results(self, original: str) -> int:
        """How many results of this original are kept on this machine."""
        prefix = prefix_of_results(original)
        if not self.below.own:
            return len({name async for name in self.memory.names(prefix)})
        return len(await self.below.names(prefix))

    def failure(self, original: str, variant: str, now: float) -> OriginError | None:
        """Why this original cannot be fetched, or this variant of it not be rendered, as far as remembered.

        `now` is in Unix seconds.
        """
        return self._failures.get(original, now) or self._failures.get(original + variant, now)

    # Removing

    async def purge(self, prefix: str) -> int:
        """Remove everything that belongs to originals whose names start with `prefix`, from this machine.

        Returns how many results and originals that were. Work that is under way keeps nothing of them.
        """
        return len(await self.begin_purge(prefix))

    def begin_purge(self, prefix: str) -> Awaitable[set[str]]:
        """A purge that is in force when this returns; the names of what it removed, once that is gone."""
        names = self._forget(prefix)
        on_their_way, deleted = self.below.begin_purge(prefix)
        names |= on_their_way

        async def finish() -> set[str]:
            for each in deleted:
                names.update(await each)
            return set(filter(counts_as_entry, names))

        return asyncio.ensure_future(finish())

    async def apply_deletes_of_others(self) -> None:
        """Remove from all tiers what other processes have deleted from a shared one."""
        await self.below.apply_deletes_of_others(self._forget)

    # Inside

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_SECONDS)
            await self.apply_deletes_of_others()

    def _forget(self, prefix: str) -> set[str]:
        """Begin a purge: nothing is served from memory, and nothing that is under way is kept. Returns the
        names that memory had."""
        self._purges.add(prefix)
        self._failures.delete(prefix)
        self._in_use.delete(prefix)
        return self.memory.drop(prefix)

    async def _find_below(
        self, original: str, variant: str, version: Version | None, name: str, may_be: MayBe | None
    ) -> Lookup:
        """What the tiers below memory have, read once for all requests at the same time. `name` is that of
        the result, or of the version where that has to be read first."""
        key = name, variant
        while (followers := self._reading.get(key)) is not None:
            follower: asyncio.Future[Lookup | None] = asyncio.get_running_loop().create_future()
            followers.append(follower)
            shared = await follower
            if shared is not None:
                return shared
        if version is not None:
            result = self._in_use.get(name)
            if result is not None:
                return Lookup(version, result)
        followers = self._reading[key] = []
        lookup = None
        try:
            lookup = await self._read_tiers(original, variant, version, may_be)
            return lookup
        finally:
            del self._reading[key]
            for follower in followers:
                if not follower.done():
                    follower.set_result(lookup)

    async def _read_tiers(
        self, original: str, variant: str, version: Version | None, may_be: MayBe | None
    ) -> Lookup:
        mark = self._purges.mark
        for depth, queue in enumerate(self.below.queues):
            lookup = await queue.find(original, variant, version)
            if mark != self._purges.mark and self._purges.reached(original, mark):
                return _NOTHING
            if version is None and lookup.version is not None:
                version = lookup.version
                name = name_version(original)
                if self.memory.versions.get(name) is None:  # or a newer one was kept meanwhile
                    self.memory.versions.put(name, version)
                    if depth:
                        self.below.write(name, version, depth)
            if lookup.result is not None and may_be is not None and not may_be(lookup.result.format):
                continue
            if version is not None and lookup.result is not None:
                name = name_result(original, version.etag, variant)
                if depth:
                    self.below.write(name, lookup.result, depth)
                if self.memory.results.put(name, lookup.result):
                    return lookup
                return Lookup(version, self._in_use.share(name, lookup.result), lookup.tier)
        # Another request may have made it while the tiers were read. It must not be made a second time.
        lookup = self.peek(original, variant)
        return lookup if lookup.result is not None else Lookup(version)

    def _delete(self, original: str) -> list[asyncio.Future[set[str]]]:
        """Remove all records of one original; what is under way for it may still be kept.

        No result is reached without the version. So a flood of names that nobody has costs neither a look
        through all of memory nor a delete of the disk.
        """
        in_memory = self.memory.versions.get(name_version(original)) is not None
        if in_memory:
            self.memory.drop(original)
        self._in_use.delete(original)
        # What was found in the bucket is in memory too.
        return self.below.delete(original, is_known=in_memory or not self.memory.versions.capacity)


class Entry:
    """Keeps what one piece of work learns of one original: take it when the work begins.

    What comes after a purge of that original is dropped: the work may have begun with the old one.
    """

    __slots__ = ("_cache", "_mark", "_original")

    def __init__(self, cache: ResultCache, original: str) -> None:
        self._original = original
        self._cache = cache
        self._mark = cache._purges.mark

    def keep_version(self, version: Version) -> None:
        """Keep what the source said. Where the original has changed, all records of the old version go."""
        if self._is_purged():
            return
        name = name_version(self._original)
        old = self._cache.memory.versions.get(name)
        if old is not None and old.etag != version.etag:
            self._cache._delete(self._original)
        self._cache._failures.pop(self._original)
        self._cache.memory.versions.put(name, version)
        self._cache.below.write(name, version)

    def keep_original(self, etag: str, body: bytes | memoryview) -> None:
        if not self._is_purged():
            self._cache.below.write(name_body(self._original), OriginalBody(etag, body))

    def keep_result(self, etag: str, variant: str, result: Result) -> None:
        """Keep a result that was rendered from the version with this ETag."""
        if self._is_purged():
            return
        name = name_result(self._original, etag, variant)
        if not self._cache.memory.results.put(name, result):
            self._cache._in_use.share(name, result)
        self._cache.below.write(name, result)

    def keep_failure(self, error: OriginError, until: float, variant: str = "") -> None:
        """Remember until then (Unix seconds) that the original cannot be fetched; with `variant`, that this
        variant cannot be rendered. A failure of the original counts for all variants."""
        failures = self._cache._failures
        if not self._is_purged() and not (variant and failures.is_kept(self._original, until)):
            failures.put(self._original + variant, error, until)

    async def drop(self) -> None:
        """Forget an original that is gone. Unlike a purge, this does not stop work under way from keeping."""
        for deleted in self._cache._delete(self._original):
            await deleted

    def _is_purged(self) -> bool:
        return self._cache._purges.reached(self._original, self._mark)
