"""The tiers below memory, each with its queue: what is written to them, and deleted from which of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from origin.cache.records import Record
from origin.cache.records import name_version
from origin.cache.tier import Measure
from origin.cache.tier import Tier
from origin.cache.write_queue import WriteQueue


class TiersBelow:
    """The tiers of this origin, the fastest first, and below them the bucket that many origins share.

    What a purge names is removed from the bucket once for all of them, by the origin that is asked: see
    `mark_log`. All methods are called in the event loop.
    """

    def __init__(self, tiers: Sequence[Tier], bucket: Tier | None) -> None:
        """With a `bucket`, none is read before `trust`."""
        self.tiers = (*tiers, bucket) if bucket is not None else tuple(tiers)
        self.own = [WriteQueue(tier) for tier in tiers]  # of this origin alone
        self.bucket = None if bucket is None else WriteQueue(bucket)
        self.queues = self.own if self.bucket is None else [*self.own, self.bucket]
        self.touches = [tier.touch for tier in tiers if tier.touch is not None]
        self.is_trusted = bucket is None

    async def open(self) -> None:
        """Raises ConfigError where a tier cannot be used as it is configured."""
        for tier in self.tiers:
            await tier.open()

    async def close(self) -> None:
        """Finish what is being written."""
        for queue in self.queues:
            await queue.close()

    def trust(self) -> None:
        """Read all tiers from now on: the purges of the time when this origin was away have been made."""
        self.is_trusted = True

    async def flush(self) -> None:
        """Wait until all that was kept is in every tier."""
        for queue in self.queues:
            await queue.flush()

    async def flush_bucket(self) -> None:
        """Wait until all that was kept is in the bucket, or was refused."""
        if self.bucket is not None:
            await self.bucket.flush()

    # What operators and purges ask

    @property
    def is_shared(self) -> bool:
        """Whether other processes use one of them at the same time, and delete from it."""
        return any(tier.shared for tier in self.tiers)

    @property
    def deletes_wait(self) -> bool:
        """Whether a purge would be forgotten if this process ended now: a tier has not deleted yet."""
        return any(queue.deletes or queue.tier.deletes_wait for queue in self.own)

    @property
    def dropped(self) -> int:
        """Records that were not written to the bucket, since too many waited."""
        return 0 if self.bucket is None else self.bucket.dropped

    @property
    def failures(self) -> int:
        """Reads and writes that failed, since the start."""
        return sum(tier.failures for tier in self.tiers)

    def measures(self) -> Iterator[Measure]:
        """Numbers for operators."""
        for tier in self.tiers:
            yield from tier.measures()

    # Reading

    async def names(self, prefix: str) -> set[str]:
        """The names that start with `prefix` in the tiers of this origin."""
        names: set[str] = set()
        for queue in self.own:
            names |= await queue.names(prefix)
        return names

    # Writing

    def write(self, name: str, record: Record, depth: int | None = None) -> None:
        """Write a record, behind the answer; to the first `depth` of them."""
        for queue in self.queues[:depth]:
            queue.put(name, record)

    def delete(self, original: str, *, is_known: bool) -> list[asyncio.Future[set[str]]]:
        """Remove all records of one original from the tiers that may have them. `is_known`: memory has it, or
        cannot tell."""
        version = name_version(original)
        if self.bucket is not None and (is_known or not self.bucket.may_hold(version)):
            self.bucket.delete_prefix(version)  # without it nothing there is reached; nobody waits for it
        return [queue.delete_prefix(original) for queue in self.own if queue.may_hold(version)]

    def begin_purge(self, prefix: str) -> tuple[set[str], list[asyncio.Future[set[str]]]]:
        """Remove all that starts with `prefix` from this origin; names, and more of them once it is done."""
        names = self.bucket.forget(prefix) if self.bucket is not None else set()
        return names, [queue.delete_prefix(prefix) for queue in self.own]

    async def apply_deletes_of_others(self, forget: Callable[[str], object]) -> None:
        """Remove from all tiers what other processes have deleted from a shared one. `forget` is called with
        each prefix, for what stands above."""
        for told in self.own:
            if not told.tier.shared:
                continue
            for prefix in await told.tier.deleted_by_others():
                forget(prefix)
                for queue in self.queues:
                    if queue is told or queue is self.bucket:
                        queue.forget(prefix)
                    else:
                        queue.delete_prefix(prefix)
