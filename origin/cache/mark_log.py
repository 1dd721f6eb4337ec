"""The purges of a fleet: written down as marks in the bucket, and read by every origin.

    marks/{time}!{mark}   a mark, all of which is in the name
    latest-mark           changes with each mark; every origin asks for it each second

A message through Valkey tells the other origins at once. They look each second with Valkey too, since it may
be the origin that was asked that cannot reach it. A mark that the bucket does not take is kept in Valkey, and
every origin that has heard of it writes it to the bucket once that works again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from origin.cache.bucket import BucketFailed
from origin.cache.bucket import WatchedBucket
from origin.cache.marks import Mark
from origin.cache.marks import Marks
from origin.cache.marks import first_name
from origin.cache.marks import mark_of_object
from origin.cache.marks import object_name
from origin.cache.marks import read_mark

log = logging.getLogger(__name__)

MARKS = "marks/"
LATEST = "latest-mark"
LOOK_SECONDS = 1.0  # between two looks at the bucket
LIST_SECONDS = 30.0  # between two lists of the marks, though the last one is known
MARGIN = 300.0  # seconds before the last look that are read again: clocks differ, and writes take time
FRESH_SECONDS = 5.0  # after a look, in which the bucket is used
UNWRITTEN_SECONDS = 3.0  # after which a mark that was heard of and is not in the bucket is written there
# From so many new marks on, all is dropped: that is one delete, and the bucket still has the results.
MANY = 10_000
MORE_DAYS = 2  # for which marks are kept longer than results


class BusDown(Exception):
    """Valkey did not do it, or not in time."""


class Bus(Protocol):
    """What carries marks to other origins at once. Every method raises BusDown."""

    async def publish(self, text: str) -> None: ...

    async def hold(self, id: str, text: str) -> None:
        """Keep a mark that the bucket did not take."""

    async def held(self) -> list[str]:
        """The marks that are kept."""

    async def release(self, id: str) -> None:
        """Keep it no more: the bucket has it."""


class MarkNotWritten(Exception):
    """A purge is in force here alone; the other origins learn of it when the bucket or Valkey is back."""


Apply = Callable[[Mark | None], Awaitable[object]]
"""Removes what a mark covers from this machine, or all where it is None. In force when it returns; awaiting
it waits for the disk."""


class MarkLog:
    """Reads and writes the marks of a fleet.

    `clock` gives Unix seconds, and `ticks` seconds that never go back. `days` is how old results may be.
    """

    def __init__(
        self,
        bucket: WatchedBucket,
        marks: Marks,
        apply: Apply,
        *,
        bus: Bus | None = None,
        days: int = 30,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seen: float | None = None  # Unix seconds until which every mark has been read
        self._bucket = bucket
        self._marks = marks
        self._apply = apply
        self._bus = bus
        self.days = days
        self._kept = (days + MORE_DAYS) * 86_400.0
        self._clock = clock
        self._ticks = ticks
        self._version: str | None = None  # of `latest-mark`
        self._looked: float | None = None  # in ticks, when the last look began that brought everything
        self._listed = float("-inf")  # the same of the last list
        self._unwritten: dict[
            str, tuple[Mark, float]
        ] = {}  # not seen in the bucket; and since when, in ticks
        self._awaited: dict[str, asyncio.Future[None]] = {}  # those that somebody waits for, by id
        self._untold: set[str] = set()  # ids of those in the bucket of which `latest-mark` does not tell yet
        self._held: set[str] = set()  # ids of those that Valkey keeps for this origin
        self._looking = asyncio.Lock()

    @property
    def age(self) -> float:
        """Seconds since the purges were known to be complete; infinite before the first time."""
        return float("inf") if self._looked is None else self._ticks() - self._looked

    @property
    def is_fresh(self) -> bool:
        return self.age <= FRESH_SECONDS

    @property
    def unwritten(self) -> int:
        """Marks that are not known to be in the bucket."""
        return len(self._unwritten)

    def written(self, id: str) -> asyncio.Future[None]:
        """Done once the bucket has that mark, which is not known to be in it."""
        return self._awaited.setdefault(id, asyncio.get_running_loop().create_future())

    # Reading

    async def look(self, since: float | None = None) -> None:
        """Apply the marks that are new. Raises BucketFailed.

        The first look reads all marks, and applies those from `since` on: Unix seconds, None for all of them.
        The others are in force on this machine already.
        """
        async with self._looking:
            began, now = self._ticks(), self._clock()
            changed = await self._bucket.get_changed(LATEST, self._version, LOOK_SECONDS)
            is_first = self._looked is None
            if is_first or changed or self._unwritten or began - self._listed >= LIST_SECONDS:
                await self._read_list(now, since if is_first else 0.0)
                self._listed = began
            if is_first:
                with suppress(BusDown):  # then they are read once it is back
                    await self._read_held()
            if changed is not None:
                self._version = changed[1]
            self._looked, self.seen = began, now
        await self._write_unwritten()

    def hear(self, text: str) -> str | None:
        """Apply a mark that another origin tells of, before anything else happens. Returns its id."""
        try:
            mark = read_mark(text)
        except ValueError as error:
            log.warning("a message in Valkey is ignored, since it is not a mark of a purge: %s", error)
            return None
        if mark.id not in self._marks:
            self._unwritten[mark.id] = (mark, self._ticks())
            self._marks.add(mark)
            self._apply(mark)
        return mark.id

    async def _read_list(self, now: float, since: float | None) -> None:
        kept_from = now - self._kept
        start = kept_from if self.seen is None else max(kept_from, min(self.seen, now) - MARGIN)
        applied_from = float("-inf") if since is None else since - MARGIN
        listed: list[tuple[float, Mark]] = []
        try:
            async for each in self._bucket.list(MARKS, MARKS + first_name(start)):
                with suppress(ValueError):  # nothing of ours
                    listed.append(mark_of_object(each.name.removeprefix(MARKS)))
        finally:  # what is known by now counts, though the list is not complete
            self._learn_all(listed, applied_from)
        self._marks.forget(kept_from)

    def _learn_all(self, listed: list[tuple[float, Mark]], applied_from: float) -> None:
        new = []
        for written, mark in listed:
            self._is_written(mark.id)
            if self._marks.add(mark) and written >= applied_from:
                new.append(mark)
        for each in new if len(new) < MANY else (None,):
            self._apply(each)

    async def _read_held(self) -> None:
        """Raises BusDown."""
        for text in await self._bus.held() if self._bus is not None else ():
            id = self.hear(text)
            if id is not None and id not in self._unwritten:
                await self._release(id)

    async def rejoin(self) -> None:
        """Valkey is back: learn what was said meanwhile. Raises BusDown."""
        await self._read_held()

    # Writing

    async def write(self, mark: Mark, *, is_urgent: bool = False) -> float | None:
        """Make a purge known that is in force here. Returns since when the bucket has it, in Unix seconds of
        the bucket's clock; None where only Valkey has it.

        Raises MarkNotWritten where neither took it. It is tried again until the bucket has it. Where it
        `is_urgent`, a bucket that has just failed is not waited for.
        """
        self._unwritten[mark.id] = (mark, self._ticks())
        name, _ = await asyncio.gather(self._put(mark, always=not is_urgent), self._tell(mark))
        if name is not None:
            return await self._time_of(name)
        if self._bus is not None:
            try:
                await self._bus.hold(mark.id, mark.to_text())
            except BusDown:
                raise MarkNotWritten from None
            finally:
                self._held.add(mark.id)
            if await self._tell(mark):  # once more: who comes now reads what is held
                return None
        raise MarkNotWritten

    async def _put(self, mark: Mark, *, always: bool = True) -> str | None:
        """The name of its object; None where the bucket did not take it."""
        name = MARKS + object_name(mark, self._clock())
        try:
            await self._bucket.put(name, mark.to_text().encode(), always=always)
            self._untold.add(mark.id)
            await self._change_latest()
        except BucketFailed as error:
            log.debug("the mark of a purge is not in the bucket yet: %s", error)
            return None
        self._is_written(mark.id)
        return name

    def _is_written(self, id: str) -> None:
        self._unwritten.pop(id, None)
        awaited = self._awaited.pop(id, None)
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

    async def _change_latest(self) -> set[str]:
        """Have every origin list the marks; the ids of those that this tells of. Raises BucketFailed."""
        told = set(self._untold)
        await self._bucket.put(LATEST, os.urandom(16).hex().encode(), always=True)
        self._untold -= told
        return told

    async def _tell(self, mark: Mark) -> bool:
        if self._bus is None:
            return False
        try:
            await self._bus.publish(mark.to_text())
        except BusDown:
            return False
        return True

    async def _time_of(self, name: str) -> float | None:
        try:
            async for listed in self._bucket.list(name):
                return listed.modified
        except BucketFailed:
            pass
        return None

    async def _write_unwritten(self) -> None:
        """Write what the bucket should have by now: the origin that was asked for it may be gone."""
        if self._untold:  # the bucket failed between the two
            with suppress(BucketFailed):
                for id in await self._change_latest():
                    self._is_written(id)
        now = self._ticks()
        for mark, since in list(self._unwritten.values()):
            if now - since < UNWRITTEN_SECONDS:
                continue
            if await self._put(mark) is not None:
                await self._release(mark.id)
        for id in self._held - self._unwritten.keys() - self._untold:
            await self._release(id)
            self._held.discard(id)

    async def _release(self, id: str) -> None:
        if self._bus is not None:
            with suppress(BusDown):
                await self._bus.release(id)
