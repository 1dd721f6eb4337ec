"""The bucket tier: results that many origins share, each with a stamp that says which purges its maker knew.

What a bucket holds is not trusted, since others may write to it. A record is taken where its digest is that
of its name and bytes, where it is a picture of one of our formats by its content, and where every value in it
is of the kind that we write.

    results/{handler}!{source}/{key}!/V           the version of an original
    results/{handler}!{source}/{key}!/R{digest}   a result

Handler, source and key are percent-encoded, and long ones stand in several segments.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote
from urllib.parse import unquote

from origin.cache.bucket import BucketFailed
from origin.cache.bucket import WatchedBucket
from origin.cache.marks import Marks
from origin.cache.marks import in_parts
from origin.cache.memory import Lru
from origin.cache.records import OriginalBody
from origin.cache.records import Pieces
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import pack
from origin.cache.records import unpack
from origin.cache.tier import Tier
from origin.formats import Format
from origin.formats import sniff

T = TypeVar("T")
RESULTS = "results/"
MAX_NAME = 900  # characters of an object's name; S3 takes 1024 bytes, of which the folder needs some
MAX_RECORD = 60_000_000  # bytes of an object that is read
WRITES = 16  # at once
MAX_SKEW = 120.0  # seconds by which the clock of another origin may be ahead of this one
_LARGE = 250_000  # bytes; the digests of more are made in a thread
_DIGEST = 32  # bytes in front of a record
_HEAD = 16_384  # bytes in which each of the two lines in front of a body ends
_PORTION = 200  # records that a walk removes at once
_GONE = 20_000  # originals that were dropped here and may still be in the bucket


def object_of(name: str) -> str | None:
    """The name of a record's object; None for a name that is none of a record, or too long."""
    handler, source, key, rest = (*name.split("\0", 3), "", "", "")[:4]
    if name.count("\0") != 3 or not rest:
        return None
    made = f"{RESULTS}{_quote(handler)}!{_quote(source)}/{in_parts(_quote(key) + '!')}/{_quote(rest)}"
    return made if len(made) <= MAX_NAME else None


def beginning_of(prefix: str) -> str:
    """What the names of the objects start with whose records' names start with this."""
    parts = prefix.split("\0", 3)
    made = RESULTS + _quote(parts[0])
    if len(parts) > 1:
        made += "!" + _quote(parts[1])
    if len(parts) > 2:
        made += "/" + in_parts(_quote(parts[2]) + ("!" if len(parts) > 3 else ""))
    return made if len(parts) < 4 else f"{made}/{_quote(parts[3])}"


def name_of(object_name: str) -> str | None:
    """The name of the record in an object; None for an object that is none of ours."""
    place, _, rest = object_name.removeprefix(RESULTS).partition("/")
    handler, _, source = place.partition("!")
    key, mark, last = rest.rpartition("!/")
    name = "\0".join(unquote(part) for part in (handler, source, key.replace("/", ""), last))
    return name if mark and object_of(name) == object_name else None


def _quote(text: str) -> str:
    return quote(text, safe="", errors="replace")  # without `/` and `!`


class BucketTier(Tier):
    """Versions and results in a bucket; no originals, which their source has.

    `fresh` says whether this origin knows the purges of the last seconds: otherwise it neither reads nor
    writes. Records of more than `days` are not read, since marks are not kept for longer. `clock` gives Unix
    seconds.
    """

    label = "shared"

    def __init__(
        self,
        bucket: WatchedBucket,
        marks: Marks,
        fresh: Callable[[], bool],
        *,
        days: int = 30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.hits = 0  # results that were read
        self.refused = 0  # records that were not taken
        self._bucket = bucket
        self._marks = marks
        self._fresh = fresh
        self._seconds = days * 86_400.0
        self._clock = clock
        self._writes = asyncio.Semaphore(WRITES)
        self._gone: Lru[str, bool] = Lru(_GONE, lambda _: 1)  # names of versions

    @property
    def failures(self) -> int:
        return self._bucket.failures

    def may_hold(self, name: str) -> bool:
        return self._fresh() and self._bucket.reads.is_well

    # Reading

    async def get(self, name: str) -> Record | None:
        where = object_of(name)
        if where is None or not self._fresh():
            return None
        try:
            data = await self._bucket.get(where)
        except BucketFailed:
            return None
        if data is None or self._gone.get(name):
            return None
        record = await _in_thread_if_large(len(data), lambda: self._read(name, data))
        if record is None or not self._is_current(name, record[1]):
            self.refused += 1
            return None
        self.hits += isinstance(record[0], Result)
        return record[0]

    def _read(self, name: str, data: bytes) -> tuple[Record, frozenset[str]] | None:
        """The record of that name and its stamp; None for anything that we would not have written."""
        try:
            view = memoryview(data)[_DIGEST:]
            if _digest(name, view) != data[:_DIGEST]:
                return None
            head = bytes(view[:_HEAD]).partition(b"\n")[0]
            told = json.loads(head)
            written, stamp = told["written"], told["marks"]
            rest = view[len(head) + 1 :]
            is_ours = b"\n" in bytes(rest[:_HEAD]) and all(isinstance(mark, str) for mark in stamp)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if not is_ours or not _is_time(written):
            return None
        if not self._clock() - self._seconds < written < self._clock() + MAX_SKEW:
            return None
        try:
            record = unpack(name, rest)
        except RecursionError:
            return None
        if record is None or not self._is_sound(record):
            return None
        return record, frozenset(stamp)

    def _is_sound(self, record: Record) -> bool:
        if isinstance(record, OriginalBody):
            return False
        if record.last_modified is not None and not _is_time(record.last_modified):
            return False
        if isinstance(record, Version):
            return _is_time(record.checked) and _is_etag(record.etag)
        return hashlib.sha256(record.body).digest()[:16] == record.digest and _is_what_it_says(record)

    def _is_current(self, name: str, stamp: frozenset[str]) -> bool:
        """Whether it was begun after every purge of its original that is known here."""
        return self._marks.stamp(name) <= stamp

    # Writing

    async def put(self, name: str, record: Record) -> None:
        await self.put_all([(name, record)])

    async def put_all(self, records: Sequence[tuple[str, Record]]) -> None:
        # Nothing is awaited before the stamps are taken. What a purge reached before is not among them.
        stamped = [(name, record, self._marks.stamp(name)) for name, record in records]
        await asyncio.gather(*(self._put(*each) for each in stamped))

    async def _put(self, name: str, record: Record, stamp: frozenset[str]) -> None:
        where = object_of(name)
        if where is None or isinstance(record, OriginalBody) or not self._fresh():
            return
        told = {"name": name, "written": self._clock(), "marks": sorted(stamp)}
        data = await _in_thread_if_large(
            0 if isinstance(record, Version) else len(record.body),
            lambda: _seal(name, (json.dumps(told).encode() + b"\n", *pack(record))),
        )
        try:
            async with self._writes:
                if self._is_current(name, stamp):
                    await self._bucket.put(where, data)
                    self._gone.pop(name)
            if not self._is_current(name, stamp):  # a purge came meanwhile; its walk may have missed this one
                await self._bucket.delete(where)
        except BucketFailed:
            return

    # Removing

    async def delete(self, name: str) -> bool:
        where = object_of(name)
        was_there = where is not None and await self.get(name) is not None
        await self.forget(name)
        return was_there

    async def delete_prefix(self, prefix: str) -> set[str]:
        if object_of(prefix) is not None:  # one record, such as a version; nobody asks whether it was there
            await self.forget(prefix)
            return set()
        return {name async for name in self.sweep(prefix)}

    async def forget(self, name: str) -> None:
        """Remove one record, without a look whether it is there."""
        where = object_of(name)
        if where is None:
            return
        self._gone.put(name, True)  # from now on, also where the bucket refuses
        try:
            async with self._writes:
                await self._bucket.delete(where)
            self._gone.pop(name)
        except BucketFailed:
            return

    async def sweep(self, prefix: str, until: float = math.inf) -> AsyncIterator[str]:
        """Remove all records whose names start so, and that were written until then; their names.

        `until` is in Unix seconds of the bucket's clock.
        """
        portion: list[str] = []
        try:
            async for listed in self._bucket.list(beginning_of(prefix)):
                name = name_of(listed.name)
                if name is None or not name.startswith(prefix) or listed.modified > until:
                    continue
                portion.append(name)
                yield name
                if len(portion) == _PORTION:
                    await asyncio.gather(*map(self.forget, portion))
                    portion.clear()
        except BucketFailed:
            pass
        await asyncio.gather(*map(self.forget, portion))

    async def names(self, prefix: str) -> AsyncIterator[str]:
        try:
            async for listed in self._bucket.list(beginning_of(prefix)):
                name = name_of(listed.name)
                if name is not None and name.startswith(prefix):
                    yield name
        except BucketFailed:
            return


def _seal(name: str, pieces: Pieces) -> bytes:
    return b"".join((_digest(name, *pieces), *pieces))


def _digest(name: str, *pieces: bytes | memoryview) -> bytes:
    """SHA-256, unlike that of the disk: a bucket may be in many hands."""
    digest = hashlib.sha256(f"{len(name)}:{name}".encode())
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _is_what_it_says(record: Result) -> bool:
    """Whether the body is in the format that the record names, and that it is served as."""
    return not isinstance(record.format, Format) or sniff(record.body) is record.format


def _is_etag(value: object) -> bool:
    """Whether a source may be asked with it: it becomes the value of a header."""
    if not isinstance(value, str) or value.encode(errors="replace").decode() != value:
        return False
    return bool(value) and not set(value) & {"\r", "\n", "\0"}


def _is_time(value: object) -> bool:
    """Whether it is Unix seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 1e11


async def _in_thread_if_large(size: int, work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work) if size > _LARGE else work()
