"""A cache tier in a dictionary, for tests of what stands above it; the contract suite keeps it honest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Sequence

from origin.cache.records import Record
from origin.cache.tier import Tier


class DictTier(Tier):
    """`calls` holds the name of each call that reached the tier. Reads and writes wait while their event is
    cleared."""

    def __init__(self, label: str = "dict") -> None:
        self.label = label
        self.records: dict[str, Record] = {}
        self.calls: list[str] = []
        self.reads = asyncio.Event()
        self.writes = asyncio.Event()
        self.reads.set()
        self.writes.set()
        self.breaks = False  # whether writes raise, which no tier may do
        self.deleted: list[str] = []  # what others have deleted
        self.closed = False
        self.knows_names = False  # whether it says which names it lacks

    async def close(self) -> None:
        self.closed = True

    async def get(self, name: str) -> Record | None:
        self.calls.append("get")
        record = self.records.get(name)
        await self.reads.wait()
        return record

    async def put(self, name: str, record: Record) -> None:
        self.calls.append("put")
        await self._write()
        self.records[name] = record

    async def delete(self, name: str) -> bool:
        self.calls.append("delete")
        await self._write()
        return self.records.pop(name, None) is not None

    async def delete_prefix(self, prefix: str) -> set[str]:
        self.calls.append("delete_prefix")
        await self._write()
        names = {name for name in self.records if name.startswith(prefix)}
        for name in names:
            del self.records[name]
        return names

    async def names(self, prefix: str) -> AsyncIterator[str]:
        for name in [name for name in self.records if name.startswith(prefix)]:
            yield name

    def may_hold(self, name: str) -> bool:
        return not self.knows_names or name in self.records

    async def deleted_by_others(self) -> Sequence[str]:
        deleted, self.deleted = self.deleted, []
        return deleted

    async def _write(self) -> None:
        await self.writes.wait()
        if self.breaks:
            raise OSError("the tier is broken")
