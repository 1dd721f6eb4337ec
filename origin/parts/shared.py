"""What this origin shares with others, put together from `shared` of the configuration."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import asynccontextmanager
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Any

from origin.cache.bucket import WRITE_SECONDS
from origin.cache.bucket import BucketFailed
from origin.cache.bucket import Listed
from origin.cache.bucket import WatchedBucket
from origin.cache.leases import Leases
from origin.cache.locks import FleetLocks
from origin.cache.mark_log import MarkLog
from origin.cache.marks import Marks
from origin.cache.results import ResultCache
from origin.cache.shared import MAX_RECORD
from origin.cache.shared import BucketTier
from origin.config.shared import Shared
from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginError
from origin.ingest.locks import HoldName
from origin.ops.purge import FleetPurges
from origin.ops.purge import Machine
from origin.sources import Store
from origin.sources import make_store
from origin.sources.base import PreconditionFailed

if TYPE_CHECKING:
    from origin.cache.valkey import Valkey

TRIAL_SECONDS = 2.0  # that `origin check` waits for an answer: nobody waits for it meanwhile
TRIAL = "origin-check/"  # what the names of objects start with that `origin check` writes


class Fleet:
    """The bucket, the purges and the leases of one origin. `clock` gives Unix seconds."""

    def __init__(self, config: Shared, machine: Machine, clock: Callable[[], float]) -> None:
        """Raises ConfigError where the client of Valkey is not installed."""
        self.caches: list[ResultCache] = []  # those over the bucket
        self.marks = Marks()
        store = make_store(config.results, max_bytes=MAX_RECORD, timeout=WRITE_SECONDS)
        self.bucket = WatchedBucket(StoreBucket(store))
        self.valkey = None if config.url is None else _connect(config, config.url.get_secret_value())
        self.tier = BucketTier(self.bucket, self.marks, self._is_fresh, days=config.days, clock=clock)
        self.purges = FleetPurges(
            machine,
            self.marks,
            self.tier,
            lambda apply: MarkLog(
                self.bucket, self.marks, apply, bus=self.valkey, days=config.days, clock=clock
            ),
            clock=clock,
        )
        self.leases = (
            None
            if self.valkey is None
            else Leases(self.valkey, self._flush, self._takes_results, self.marks.stamp)
        )
        self.locks = None if self.valkey is None else FleetLocks(self.valkey)

    async def open(self) -> None:
        """Get ready, and learn of the purges until now. A bucket or a Valkey that is away stops nobody."""
        await self.bucket.open()
        if self.valkey is not None:
            await self.valkey.open()
            self.valkey.listen(self.purges.log.hear, self.purges.log.rejoin)
        await self.purges.open()

    async def close(self) -> None:
        """Before the caches are closed, which write what is left to the bucket."""
        for part in (self.leases, self.locks):
            if part is not None:
                await part.close()
        await self.purges.close()
        if self.valkey is not None:
            await self.valkey.close()

    async def close_bucket(self) -> None:
        await self.bucket.close()

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each number for the metrics."""
        yield "origin_shared_hits_total", "Results read from the shared bucket.", self.tier.hits
        text = "Records in the shared bucket that were not taken: damaged, foreign, too old or purged."
        yield "origin_shared_refused_total", text, self.tier.refused
        text = "Requests to the shared bucket that failed or took too long; the origin goes on without."
        yield "origin_shared_failures_total", text, self.bucket.failures
        text = "Results that were not written to the shared bucket, since too many waited."
        yield "origin_shared_dropped_total", text, sum(cache.below.dropped for cache in self.caches)
        yield "origin_shared_marks", "Purges that this origin knows of.", len(self.marks)
        text = "Purges of this origin and of others that are not known to be in the bucket."
        yield "origin_shared_marks_unwritten", text, self.purges.log.unwritten
        text = "Seconds since this origin knew every purge; infinite before the first time."
        yield "origin_shared_marks_age_seconds", text, self.purges.log.age
        if self.valkey is not None and self.leases is not None:
            text = "Commands to Valkey that failed or took too long; the origin goes on without."
            yield "origin_valkey_failures_total", text, self.valkey.breaker.failures
            text = "1 while Valkey answers, 0 while nobody asks it."
            yield "origin_valkey_up", text, 0 if self.valkey.breaker.is_open else 1
            yield "origin_leases_total", "Renders with a lease.", self.leases.taken
            text = "Requests that waited for the render of another origin."
            yield "origin_lease_waits_total", text, self.leases.waits
            text = "Renders without a lease: Valkey or the bucket was away, or another origin too slow."
            yield "origin_lease_alone_total", text, self.leases.alone
        if self.locks is not None:
            yield from self.locks.numbers()

    def _is_fresh(self) -> bool:
        return self.purges.log.is_fresh

    def _takes_results(self) -> bool:
        return self._is_fresh() and self.bucket.writes.is_well and self.bucket.reads.is_well

    async def _flush(self) -> None:
        for cache in self.caches:
            await cache.below.flush_bucket()


@asynccontextmanager
async def locks_of(config: Shared | None) -> AsyncIterator[HoldName | None]:
    """What locks a name for the whole fleet, for a program that is no origin; None where nothing does.

    Raises ConfigError where the client of Valkey is not installed.
    """
    if config is None or config.url is None:
        yield None
        return
    valkey = _connect(config, config.url.get_secret_value())
    locks = FleetLocks(valkey)
    await valkey.open()
    try:
        yield locks.holding
    finally:
        await locks.close()
        await valkey.close()


async def try_bucket(config: Shared) -> None:
    """Do once what an origin does with the bucket. Raises BucketFailed."""
    bucket = StoreBucket(make_store(config.results, max_bytes=MAX_RECORD, timeout=WRITE_SECONDS))
    name = f"{TRIAL}{os.urandom(8).hex()}"
    try:
        await bucket.open()
        await bucket.put(name, b"origin check")
        listed = [each.name async for each in bucket.list(TRIAL)]
        found = await bucket.get(name)
        await bucket.delete(name)
    finally:
        await bucket.close()
    if name not in listed or found is None or found[0] != b"origin check":
        raise BucketFailed("what was written is not found again")


async def try_valkey(config: Shared) -> None:
    """Do once what an origin does with Valkey. Raises BusDown; ConfigError as Valkey does, and where its
    client is not installed."""
    assert config.url is not None
    valkey = _connect(config, config.url.get_secret_value(), answer_seconds=TRIAL_SECONDS)
    try:
        await valkey.open()
        await valkey.try_all()
    finally:
        await valkey.close()


def _connect(config: Shared, url: str, **bounds: float) -> Valkey:
    """Raises ConfigError where its client is not installed, or does not understand the URL."""
    valkey: Any = importlib.import_module("origin.cache.valkey")  # an extra
    namespace = hashlib.sha256(config.results.identity().encode()).hexdigest()[:12]
    made: Valkey = valkey.Valkey(url, f"image-origin:{namespace}:", **bounds)
    return made


class StoreBucket:
    """A store as the cache wants it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self) -> None:
        with _errors_become_ours():
            await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def get(self, name: str, if_none_match: str | None = None) -> tuple[bytes, str] | None:
        with _errors_become_ours():
            try:
                found = await self._store.get(name, if_none_match)
            except KeyRefused:
                raise
            except NotFound:
                return None
        return None if found is None else (bytes(found.body), found.etag)

    async def put(self, name: str, body: bytes) -> None:
        with _errors_become_ours():
            await self._store.put(name, body)

    async def delete(self, name: str) -> None:
        with _errors_become_ours():
            await self._store.delete(name)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Listed]:
        listing = self._store.objects(prefix, start_after)
        while True:
            with _errors_become_ours():
                stored = await anext(listing, None)
            if stored is None:
                return
            yield Listed(stored.key, stored.last_modified)


@contextmanager
def _errors_become_ours() -> Iterator[None]:
    try:
        yield
    except (OriginError, PreconditionFailed) as error:
        raise BucketFailed(str(error)) from error
