"""What was fetched and rendered: a bounded tier in memory over `DiskStore`.

Three kinds of record hang on an original: what is known of it (`Version`), its bytes, and the
results rendered from it. A result's key holds the version it was made of, so a new version of the
original leaves every old result unreachable at once, and one revalidation renews them all.

Nothing that was under way when a purge came is kept: each writer says with a `mark()` when it began.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from functools import partial
from threading import Condition
from typing import Any
from typing import Generic
from typing import TypeVar

from origin.cache.disk import DiskTier
from origin.cache.reader_threads import ReaderThreads
from origin.errors import OriginError
from origin.formats import Format

K = TypeVar("K")
T = TypeVar("T")
READERS = 16  # threads, as many reads as a disk has under way; each holds a connection of SQLite
MAX_VERSIONS = 20_000  # in memory
MAX_FAILURES = 10_000
MAX_PURGES = 1_000  # remembered, for writers that began before them
MAX_UNWRITTEN = 64_000_000  # bytes on their way to the disk; past that, results are served and not kept
GATHER_SECONDS = 0.05  # seconds for which what is to be written waits for more, to share a transaction
MAX_GATHERED = 32  # records of one transaction
_OVERHEAD = 500  # bytes that an entry in memory takes beside its body
_FOREIGN = (ValueError, KeyError, TypeError)  # what a record raises that another release has written


@dataclass(frozen=True, slots=True)
class Version:
    """What the source last said of an original."""

    etag: str
    last_modified: float | None  # unix seconds
    checked: float  # unix seconds, when it said so


@dataclass(frozen=True, slots=True)
class Result:
    """A picture as it is served."""

    body: bytes
    format: Format
    digest: bytes  # of the body: the identity in the ETag
    last_modified: float | None  # of the original, unix seconds


@dataclass(frozen=True, slots=True)
class Lookup:
    version: Version | None
    result: Result | None = None
    tier: str = "memory"


class Lru(Generic[K, T]):
    """A dictionary bounded by the sum of its entries' weights; the one unused for longest goes first."""

    def __init__(self, capacity: int, weigh: Callable[[T], int]) -> None:
        self.capacity = capacity
        self.weight = 0
        self._weigh = weigh
        self._entries: OrderedDict[K, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> T | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, entry: T) -> None:
        self.pop(key)
        if self._weigh(entry) > self.capacity // 8:
            return  # one giant must not empty the tier
        self._entries[key] = entry
        self.weight += self._weigh(entry)
        while self.weight > self.capacity:
            self.weight -= self._weigh(self._entries.popitem(last=False)[1])

    def pop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.weight -= self._weigh(entry)

    def delete(self: Lru[str, T], prefix: str) -> set[str]:
        """Remove every entry whose key starts with `prefix`; their keys."""
        keys = {key for key in self._entries if key.startswith(prefix)}
        for key in keys:
            self.pop(key)
        return keys


@dataclass(frozen=True, slots=True)
class _Write:
    """A record on its way to the disk."""

    original: str
    key: str
    record: bytes
    since: int


class ResultCache:
    """The cache of one folder, for every handler that names it.

    `original` is everywhere the text that names one original; it ends in NUL and no other such text
    starts with it (see `name_original`). `variant` names a picture made of it.
    """

    def __init__(self, store: DiskTier, memory: int) -> None:
        self.store = store
        self.results: Lru[str, Result] = Lru(memory, lambda result: len(result.body) + _OVERHEAD)
        self.versions: Lru[str, Version] = Lru(MAX_VERSIONS, lambda _: 1)
        self._failures: OrderedDict[str, tuple[OriginError, float]] = OrderedDict()
        self._lock = Condition()  # over the three below, which the writer's thread changes as well
        self._unwritten: dict[str, bytes] = {}
        self._unwritten_bytes = 0
        self._batch: list[_Write] = []  # what is written next, and may still grow
        self._purges: deque[tuple[int, str]] = deque(maxlen=MAX_PURGES)
        self._mark = 0
        self._readers = ReaderThreads(READERS, "cache-read")
        # One writer: a write and a purge are never under way together.
        self._writer = ThreadPoolExecutor(1, "cache-write")

    async def close(self) -> None:
        """Finish what is being written."""
        self._end_batch()
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.close)
        self.store.close()

    def mark(self) -> int:
        """The moment, as purges count it; taken before the work whose outcome is to be kept."""
        return self._mark

    # Reading

    def peek(self, original: str, variant: str) -> Lookup:
        """What is in memory."""
        version = self.versions.get(original)
        if version is None:
            return Lookup(None)
        key = _result_key(original, version.etag, variant)
        result = self.results.get(key)
        if result is not None:
            # What memory serves is never read on the disk, and the culler would take the hottest first.
            self.store.touch(key, original + "V")
        return Lookup(version, result)

    async def find(self, original: str, variant: str) -> Lookup:
        """What is in memory or on disk, with one hop to a thread at most."""
        found = self.peek(original, variant)
        if found.result is not None or not self._may_be_kept(original, variant, found.version):
            return found
        mark = self._mark
        found = await self._readers.run(self._read, original, variant, found.version)
        if self._purged(original, mark):
            return Lookup(None)
        if found.result is None:
            kept = self.peek(original, variant)  # since: a crowd's last must not make it a second time
            if kept.result is not None:
                return kept
        if found.version is not None and self.versions.get(original) is None:
            self.versions.put(original, found.version)
        if found.version is not None and found.result is not None:
            self.results.put(_result_key(original, found.version.etag, variant), found.result)
        return found

    async def find_original(self, original: str, etag: str) -> bytes | None:
        """The bytes of that version of the original."""
        if not self.store.may_hold(original + "O"):
            return None
        mark = self._mark
        record = await self._readers.run(self._get, original + "O")
        if record is None or self._purged(original, mark):
            return None
        try:
            meta, body = _unpack(record)
            return body if meta["etag"] == etag else None
        except _FOREIGN:
            return None

    async def count_results(self, original: str) -> int:
        """How many results of this original are kept."""
        with self._lock:
            unwritten = {key for key in self._unwritten if key.startswith(original + "R")}
        # What is just being written is in both.
        return len(unwritten | await self._readers.run(self.store.keys, original + "R"))

    def failure(self, original: str, now: float) -> OriginError | None:
        """Why this original could not be had or rendered, while that is remembered."""
        error, until = self._failures.get(original, (None, 0.0))
        return None if error is None or now >= until else _bare(error)

    # Writing

    def keep_version(self, original: str, version: Version, since: int) -> None:
        """Keep what the source said; where the original has changed, what was made of the old one goes."""
        if self._purged(original, since):
            return
        known = self.versions.get(original)
        self.versions.put(original, version)
        self._failures.pop(original, None)
        if known is not None and known.etag != version.etag:
            self.results.delete(original)
            self._end_batch()
            self._submit(partial(self.store.delete, original))
        meta = {"etag": version.etag, "last_modified": version.last_modified, "checked": version.checked}
        self._write(original, "V", _pack(meta, b""), since)

    def keep_original(self, original: str, etag: str, body: bytes, since: int) -> None:
        if not self._purged(original, since):
            self._write(original, "O", _pack({"etag": etag}, body), since)

    def keep_result(self, original: str, etag: str, variant: str, result: Result, since: int) -> None:
        if self._purged(original, since):
            return
        key = _result_key(original, etag, variant)
        self.results.put(key, result)
        meta = {
            "format": result.format.name,
            "digest": result.digest.hex(),
            "last_modified": result.last_modified,
        }
        self._write(original, key.removeprefix(original), _pack(meta, result.body), since)

    def keep_failure(self, original: str, error: OriginError, until: float, since: int) -> None:
        if self._purged(original, since):
            return
        self._failures[original] = (_bare(error), until)
        if len(self._failures) > MAX_FAILURES:
            self._failures.popitem(last=False)

    async def purge(self, prefix: str) -> int:
        """Remove whatever belongs to originals whose name starts with `prefix`, in every tier.

        Returns how many results and originals that were.
        """
        self._purges.append((self._mark + 1, prefix))
        self._mark += 1  # after it, since the writer's thread looks there when this has changed
        keys = self.results.delete(prefix)
        self.versions.delete(prefix)
        for original in [key for key in self._failures if key.startswith(prefix)]:
            del self._failures[original]
        with self._lock:
            unwritten = [key for key in self._unwritten if key.startswith(prefix)]
            for key in unwritten:
                del self._unwritten[key]
        keys.update(unwritten)
        self._end_batch()
        loop = asyncio.get_running_loop()
        keys |= await loop.run_in_executor(self._writer, self.store.delete, prefix)
        return sum(key.rpartition("\0")[2].startswith(("R", "O")) for key in keys)

    async def drop(self, original: str) -> None:
        """Forget an original that is gone; what is under way for it is not held back, as a purge does."""
        self.versions.pop(original)
        self.results.delete(original)
        self._end_batch()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self.store.delete, original)

    # Inside

    def _purged(self, original: str, since: int) -> bool:
        """Whether a purge met this original after `since`; yes where that is no longer known."""
        if since == self._mark:
            return False
        purges = tuple(self._purges)  # the writer's thread asks as well
        if since < purges[0][0] - 1:
            return True
        return any(mark > since and original.startswith(prefix) for mark, prefix in purges)

    def _write(self, original: str, kind: str, record: bytes, since: int) -> None:
        """Send a record to the disk, behind the answer."""
        key = original + kind
        with self._lock:
            if self._unwritten_bytes + len(record) > MAX_UNWRITTEN:
                return
            self._unwritten[key] = record
            self._unwritten_bytes += len(record)
            self.store.expect(key)
            batch = self._batch
            batch.append(_Write(original, key, record, since))
        if len(batch) == 1:
            self._submit(partial(self._put_all, batch))
        if len(batch) == MAX_GATHERED:
            self._end_batch()

    def _end_batch(self) -> None:
        """What is written from now on comes after what is submitted next."""
        with self._lock:
            self._batch = []
            self._lock.notify()

    def _submit(self, work: Callable[[], Any]) -> None:
        try:
            self._writer.submit(work)
        except RuntimeError:
            pass  # closing; what was not written is rendered again

    def _put_all(self, batch: list[_Write]) -> None:
        """In the writer's thread, where no purge is under way."""
        with self._lock:
            self._lock.wait_for(lambda: self._batch is not batch, GATHER_SECONDS)
            if self._batch is batch:
                self._batch = []
        writes = [one for one in batch if not self._purged(one.original, one.since)]
        self.store.put_all([(one.key, one.record) for one in writes])
        with self._lock:
            for one in batch:
                self._unwritten_bytes -= len(one.record)
                if self._unwritten.get(one.key) is one.record:
                    del self._unwritten[one.key]

    def _may_be_kept(self, original: str, variant: str, version: Version | None) -> bool:
        """Whether a thread has to look; most that is asked for the first time is known to be nowhere."""
        key = original + "V" if version is None else _result_key(original, version.etag, variant)
        return self.store.may_hold(key)

    def _get(self, key: str) -> bytes | None:
        return self._unwritten.get(key) or self.store.get(key)

    def _read(self, original: str, variant: str, version: Version | None) -> Lookup:
        """In a reader's thread."""
        try:
            return self._read_records(original, variant, version)
        except _FOREIGN:
            return Lookup(version)

    def _read_records(self, original: str, variant: str, version: Version | None) -> Lookup:
        if version is None:
            record = self._get(original + "V")
            if record is None:
                return Lookup(None)
            version = Version(**_unpack(record)[0])
        record = self._get(_result_key(original, version.etag, variant))
        if record is None:
            return Lookup(version)
        meta, body = _unpack(record)
        digest = bytes.fromhex(meta["digest"])
        return Lookup(
            version, Result(body, Format.named(meta["format"]), digest, meta["last_modified"]), "disk"
        )


def name_original(handler: str, source: str, key: str) -> str:
    """The name of an original in the cache. `source` tells the bucket, so that a handler that is
    pointed at another one does not serve the old one's pictures. No part holds a NUL."""
    return f"{handler}\0{source}\0{key}\0"


@lru_cache(maxsize=8192)
def _result_key(original: str, etag: str, variant: str) -> str:
    text = f"{len(etag)}:{etag}{variant}"
    return f"{original}R{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def _bare(error: OriginError) -> OriginError:
    """The same error without its traceback, whose frames hold originals, and grow each time it is raised."""
    return type(error)(*error.args)


def _pack(meta: dict[str, Any], body: bytes) -> bytes:
    return json.dumps(meta).encode() + b"\n" + body


def _unpack(record: bytes) -> tuple[dict[str, Any], bytes]:
    """The store has checked that the record is the one that was packed."""
    meta, _, body = record.partition(b"\n")
    return json.loads(meta), body
