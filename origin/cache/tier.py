"""What a cache tier is: one place that keeps records by name, such as memory, a folder or a bucket."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple
from typing import Protocol

from origin.cache.records import Lookup
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_result
from origin.cache.records import name_version

Touch = Callable[[str, str], None]
"""Tells a tier that two records were served from above: a result and its version, by name."""


class Measure(NamedTuple):
    """A number for operators."""

    name: str  # as in the metrics; the name of a counter ends in `_total`
    help: str
    read: Callable[[], float]


class Tier(Protocol):
    """One tier of a `ResultCache`. A new tier inherits from this class and writes the abstract methods.

    Wholeness: `get` returns the record that was put under this very name, all of it, or None. A tier may
    refuse a record, and may drop any record at any time.

    Threads: every method is called in the event loop and keeps the loop for microseconds at most. A tier
    that has to wait is asynchronous, or waits in threads of its own. Reads come in any number at once.
    `put_all`, `delete` and `delete_prefix` come one at a time, and take effect in the order of the calls.

    Failures: no method but `open` raises because of the medium. A read that fails returns None; a write that
    fails keeps nothing. A delete takes effect for every later read, even where the medium refuses it. The
    tier counts its failures, and logs the first of a series.
    """

    label: str  # what Cache-Status calls the tier
    shared: bool = False  # whether other processes use the tier at the same time

    @property
    def failures(self) -> int:
        """Reads and writes that failed, since the start."""
        return 0

    async def open(self) -> None:
        """Get ready. Raises ConfigError where the tier cannot be used as it is configured."""
        return

    async def close(self) -> None:
        """Let go of everything. No method is called after this one."""
        return

    @abstractmethod
    async def get(self, name: str) -> Record | None: ...

    @abstractmethod
    async def put(self, name: str, record: Record) -> None: ...

    @abstractmethod
    async def delete(self, name: str) -> bool:
        """Remove one record; whether it was there."""

    @abstractmethod
    async def delete_prefix(self, prefix: str) -> set[str]:
        """Remove all records whose names start with `prefix`; the names that were there."""

    @abstractmethod
    def names(self, prefix: str) -> AsyncIterator[str]:
        """The names that start with `prefix`."""

    # What a tier may do better than this

    async def put_all(self, records: Sequence[tuple[str, Record]]) -> None:
        """Put several records. For a tier where one large write is cheaper than many small ones."""
        for name, record in records:
            await self.put(name, record)

    async def find(self, original: str, variant: str, version: Version | None) -> Lookup:
        """The version of an original, and the result of that version. With `version`, the result alone.

        For a tier where two records in one trip are cheaper than two trips.
        """
        if version is None:
            record = await self.get(name_version(original))
            if not isinstance(record, Version):
                return Lookup(None)
            version = record
        result = await self.get(name_result(original, version.etag, variant))
        return Lookup(version, result if isinstance(result, Result) else None, self.label)

    def may_hold(self, name: str) -> bool:
        """Whether `get` and `find` are worth a call. False only where the tier surely lacks the record."""
        return True

    @property
    def deletes_wait(self) -> bool:
        """Whether a delete is in force only as long as this process runs, since the medium refuses it."""
        return False

    @property
    def touch(self) -> Touch | None:
        """For a tier that drops first what was not read lately. Each hit in memory calls it."""
        return None

    async def deleted_by_others(self) -> Sequence[str]:
        """For a shared tier: the prefixes that other processes have deleted since the last call.

        The caller has applied them to everything above before it awaits anything else. The tier then refuses
        what was put before a delete of another process and arrives behind it.
        """
        return ()

    def measures(self) -> Iterable[Measure]:
        """Numbers for operators."""
        return ()
