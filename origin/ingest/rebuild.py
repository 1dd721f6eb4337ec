"""Makes the files of `derive` for the originals of a store, several at a time, and can be taken up again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from origin.errors import OriginError
from origin.errors import Unsupported
from origin.ingest.deriving_store import DerivingStore
from origin.ingest.deriving_store import Restored
from origin.sources.base import StoredObject
from origin.sources.manifest import Manifest
from origin.sources.walk import do_for_all


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of all keys, `number` being from 0."""

    number: int = 0
    count: int = 1

    def has(self, key: str) -> bool:
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % self.count == self.number

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one key, an original or a file of one."""

    key: str
    done: Restored
    failure: str | None = None  # why an original has not got its files
    is_refused: bool = False  # whether that lies in the original itself


@dataclass(frozen=True, slots=True)
class Rebuild:
    """`manifest` tells which originals have been dealt with."""

    store: DerivingStore
    manifest: Manifest | None
    shard: Shard

    async def count(self, prefix: str) -> int:
        """How many keys there are to look at."""
        count = 0
        async for found in self.store.store.objects(prefix):
            count += self.shard.has(found.key)
        return count

    async def run(self, prefix: str, jobs: int) -> AsyncIterator[Outcome]:
        """Deal with what begins with `prefix`, `jobs` keys at a time, in no particular order.

        What crashes have left half is dealt with first. Raises SourceUnavailable and SourceTimeout where the
        store cannot be listed.
        """
        await self.store.unfinished.sweep()
        async with aclosing(do_for_all(self._keys(prefix), self._look_at, jobs)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def _keys(self, prefix: str) -> AsyncIterator[StoredObject]:
        async for found in self.store.store.objects(prefix):
            if self.shard.has(found.key):
                yield found

    async def _look_at(self, found: StoredObject) -> Outcome:
        key = found.key
        try:
            if self.store.is_derived(key):
                return Outcome(key, Restored(removed=await self.store.remove_orphan(key)))
            if self.manifest is not None and self.manifest.has(key, found.etag):
                return Outcome(key, Restored(fitting=1))
            done = await self.store.restore(key)
        except OriginError as error:
            return Outcome(key, Restored(), f"{key!r}: {error}", isinstance(error, Unsupported))
        if self.manifest is not None:
            self.manifest.add(key, found.etag, made=done.made)
        return Outcome(key, done)
