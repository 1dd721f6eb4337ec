"""The disk tier: records in a folder, read and written in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Coroutine
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any

from origin.cache.disk_store import DiskStore
from origin.cache.diskcache_safe import ValueIsLarge
from origin.cache.reader_threads import HandOn
from origin.cache.reader_threads import ReaderThreads
from origin.cache.records import Lookup
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.records import pack
from origin.cache.records import unpack
from origin.cache.tier import Measure
from origin.cache.tier import Tier
from origin.cache.tier import Touch

READERS = 16  # threads: as many reads as a disk has under way; each holds a connection of SQLite
LARGE_VALUE = 4_000_000  # bytes; what is larger is read by threads of its own, since each read takes it twice
LARGE_READERS = 3


class DiskTier(Tier):
    """A `DiskStore` behind threads: one that writes, and several that read.

    `find` reads a version and its result in one trip to a thread.
    """

    label = "disk"

    def __init__(self, store: DiskStore) -> None:
        self.store = store
        self.shared = store.shared
        self._large_readers = ReaderThreads(LARGE_READERS, "cache-read-large")
        self._readers = ReaderThreads(READERS, "cache-read", self._large_readers)
        self._writer = ReaderThreads(1, "cache-write")

    @property
    def failures(self) -> int:
        return self.store.failures

    async def open(self) -> None:
        await self._writer.run(self.store.open)

    async def close(self) -> None:
        await self._writer.run(self.store.close)
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._large_readers.close)

    async def get(self, name: str) -> Record | None:
        return await self._readers.run(self._get, name)

    def find(
        self, original: str, variant: str, version: Version | None
    ) -> Coroutine[
        Any, Any, Lookup
    ]:  # not `async`: each coroutine between a hit and its thread costs it time
        return self._readers.run(self._find, original, variant, version)

    async def put(self, name: str, record: Record) -> None:
        await self.put_all([(name, record)])

    async def put_all(self, records: Sequence[tuple[str, Record]]) -> None:
        # What others have deleted by now has taken effect on these records; what they delete from now on, the
        # store has to look at.
        await self._writer.run(self._put_all, records, self.store.heard)

    async def delete(self, name: str) -> bool:
        return await self._writer.run(self.store.delete, name)

    async def delete_prefix(self, prefix: str) -> set[str]:
        return await self._writer.run(self.store.delete_prefix, prefix)

    async def names(self, prefix: str) -> AsyncIterator[str]:
        for name in await self._readers.run(self.store.names, prefix):
            yield name

    def may_hold(self, name: str) -> bool:
        stored = self.store.stored_names
        return stored is None or name in stored

    @property
    def deletes_wait(self) -> bool:
        return self.store.deletes_wait

    @property
    def touch(self) -> Touch:
        return self.store.touch

    async def deleted_by_others(self) -> Sequence[str]:
        deletes = await self._readers.run(self.store.deletes_of_others)
        if deletes is None:
            return ()
        self.store.heard, prefixes = deletes
        return prefixes

    def measures(self) -> Iterator[Measure]:
        store = self.store
        yield Measure("origin_cache_bytes", "Bytes of the caches' folders.", store.size)
        yield Measure("origin_cache_entries", "Entries in the caches' folders.", store.count)
        text = "Reads and writes of the caches' folders that failed; it serves on without them."
        yield Measure("origin_cache_failures_total", text, lambda: self.failures)

    # In threads

    def _get(self, name: str, most: int | None = LARGE_VALUE) -> Record | None:
        try:
            packed = self.store.get(name, most)
        except ValueIsLarge:
            raise HandOn(partial(self._get, name, None)) from None
        return None if packed is None else unpack(name, packed)

    def _find(
        self, original: str, variant: str, version: Version | None, most: int | None = LARGE_VALUE
    ) -> Lookup:
        try:
            return self._follow(original, variant, version, most)
        except ValueIsLarge:
            raise HandOn(partial(self._find, original, variant, version, None)) from None

    def _follow(self, original: str, variant: str, version: Version | None, most: int | None) -> Lookup:
        """Raises ValueIsLarge."""
        if version is not None:
            name = name_result(original, version.etag, variant)
            return self._lookup(version, name, self.store.get(name, most))
        version_name, name = name_version(original), ""

        def follow(packed: memoryview) -> str | None:
            nonlocal version, name
            record = unpack(version_name, packed)
            if not isinstance(record, Version):
                return None
            version, name = record, name_result(original, record.etag, variant)
            return name

        packed = self.store.get_following(version_name, follow, most)
        return self._lookup(version, name, packed)

    def _lookup(self, version: Version | None, name: str, packed: memoryview | None) -> Lookup:
        result = None if packed is None else unpack(name, packed)
        return Lookup(version, result if isinstance(result, Result) else None, self.label)

    def _put_all(self, records: Sequence[tuple[str, Record]], heard: int | None) -> None:
        self.store.put_all([(name, pack(record)) for name, record in records], heard)
