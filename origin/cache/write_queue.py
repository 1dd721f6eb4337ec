"""Writes to one tier behind the answer: in order, several in one go, and bounded."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field

from origin.cache.records import Lookup
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.records import weigh
from origin.cache.tier import Tier

log = logging.getLogger(__name__)

MAX_UNWRITTEN = 64_000_000  # bytes; past that, results are served and not kept
GATHER_SECONDS = 0.05  # for which a write waits for others, to share a transaction with them
MAX_GATHERED = 32  # records of one transaction
_OVERHEAD = 200  # bytes that a record takes beside its body


@dataclass(slots=True, eq=False)
class _Write:
    """Records that are written in one go."""

    records: dict[str, Record] = field(default_factory=dict)
    size: int = 0


@dataclass(slots=True, eq=False)
class _Delete:
    prefix: str
    names: set[str]  # that were on their way to the tier
    done: asyncio.Future[set[str]]  # all names, once they are deleted


class WriteQueue:
    """A tier and what is on its way to it, which is read as if it were there already.

    All methods are called in the event loop.
    """

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.unwritten_bytes = 0
        self.dropped = 0  # records that were not written, since too many waited
        self._work: deque[_Write | _Delete] = deque()
        self._gathering: _Write | None = None  # the last of `_work`, while it takes records
        self._timer: asyncio.TimerHandle | None = None  # ends the gathering
        self._deleting: tuple[str, ...] = ()  # the prefixes of the deletes in `_work`
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def deletes(self) -> int:
        """Deletes that are not done yet."""
        return len(self._deleting)

    # Reading

    def may_hold(self, name: str) -> bool:
        """Whether `get` or `find` is worth a call."""
        if self.tier.may_hold(name):
            return True
        return bool(self._work) and _newest(self._writes(), name) is not None

    async def get(self, name: str) -> Record | None:
        record = _newest(self._writes(), name)
        if record is not None or self._is_deleting(name):
            return record
        return await self.tier.get(name)

    def find(self, original: str, variant: str, version: Version | None) -> Awaitable[Lookup]:
        """The version of an original, and the result of that version. With `version`, the result alone."""
        if not self._work:
            return self.tier.find(original, variant, version)
        return self._find(original, variant, version)

    async def _find(self, original: str, variant: str, version: Version | None) -> Lookup:
        writes = self._writes()  # those of now: what is written meanwhile is in here or in the tier
        if version is None:
            name = name_version(original)
            record = _newest(writes, name)
            version = record if isinstance(record, Version) else None
            if version is None and self._is_deleting(name):
                return Lookup(None)
        if version is not None:
            result = _newest(writes, name_result(original, version.etag, variant))
            if isinstance(result, Result):
                return Lookup(version, result, self.tier.label)
        if self._is_deleting(original):
            return Lookup(version)
        lookup = await self.tier.find(original, variant, version)
        if lookup.result is None and lookup.version is not None and version is None:
            result = _newest(writes, name_result(original, lookup.version.etag, variant))
            if isinstance(result, Result):
                return Lookup(lookup.version, result, self.tier.label)
        return lookup

    async def names(self, prefix: str) -> set[str]:
        """The names that start with `prefix`."""
        names = {name for write in self._writes() for name in write.records if name.startswith(prefix)}
        if not self._is_deleting(prefix):
            async for name in self.tier.names(prefix):
                names.add(name)
        return names

    # Writing

    def put(self, name: str, record: Record) -> None:
        size = weigh(record) + _OVERHEAD
        if self._closed or self.unwritten_bytes + size > MAX_UNWRITTEN:
            self.dropped += 1
            return
        write = self._gathering
        if write is None:
            write = self._gathering = _Write()
            self._work.append(write)
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._stop_gathering)
        write.records[name] = record
        write.size += size
        self.unwritten_bytes += size
        if len(write.records) == MAX_GATHERED:
            self._stop_gathering()

    def delete_prefix(self, prefix: str) -> asyncio.Future[set[str]]:
        """Delete all records whose names start with `prefix`: those in the tier and those on their way, not
        those that are put from now on. Reads miss them from now on. The result is their names.
        """
        self._stop_gathering()
        delete = _Delete(prefix, self.forget(prefix), asyncio.get_running_loop().create_future())
        if self._closed:
            delete.done.set_result(delete.names)
        else:
            self._deleting = (*self._deleting, prefix)
            self._work.append(delete)
            self._start()
        return delete.done

    def forget(self, prefix: str) -> set[str]:
        """Drop what is on its way and starts with `prefix`; its names."""
        names = {name for write in self._writes() for name in write.records if name.startswith(prefix)}
        for write in self._writes():
            for name in names & write.records.keys():
                del write.records[name]
        return names

    async def flush(self) -> None:
        """Wait until all that was put is written."""
        self._stop_gathering()
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self.flush()
            await self.tier.close()

    # Inside

    def _writes(self) -> list[_Write]:
        """The newest first."""
        if not self.unwritten_bytes:  # there may be thousands of deletes
            return []
        return [work for work in reversed(self._work) if isinstance(work, _Write)]

    def _is_deleting(self, name: str) -> bool:
        return bool(self._deleting) and name.startswith(self._deleting)

    def _stop_gathering(self) -> None:
        """Write what was put so far; what is put from now on is written apart from it."""
        if self._gathering is not None:
            self._gathering = None
            self._start()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        """Do one piece of work after the other, until none is left but what is still gathered."""
        while self._work and self._work[0] is not self._gathering:
            work = self._work[0]
            try:
                if isinstance(work, _Write):
                    await self._write(work)
                else:
                    await self._delete(work)
            except Exception:
                log.exception("the %s tier of the cache failed", self.tier.label)
            self._work.popleft()
        self._task = None

    async def _write(self, write: _Write) -> None:
        try:
            if write.records:
                await self.tier.put_all(list(write.records.items()))
        finally:
            self.unwritten_bytes -= write.size

    async def _delete(self, delete: _Delete) -> None:
        names = delete.names
        try:
            names = names | await self.tier.delete_prefix(delete.prefix)
        finally:
            self._deleting = self._deleting[1:]  # they are in the order of the work
            if not delete.done.done():
                delete.done.set_result(names)


def _newest(writes: Iterable[_Write], name: str) -> Record | None:
    for write in writes:
        record = write.records.get(name)
        if record is not None:
            return record
    return None
