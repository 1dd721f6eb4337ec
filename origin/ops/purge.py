"""Purges that reach every origin of a fleet, and what each origin does to learn of them."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from origin.cache.bucket import BucketFailed
from origin.cache.mark_log import LOOK_SECONDS
from origin.cache.mark_log import MANY
from origin.cache.mark_log import MARGIN
from origin.cache.mark_log import Apply
from origin.cache.mark_log import BusDown
from origin.cache.mark_log import MarkLog
from origin.cache.mark_log import MarkNotWritten
from origin.cache.marks import Mark
from origin.cache.marks import Marks
from origin.cache.marks import make_mark
from origin.cache.records import counts_as_entry
from origin.cache.records import name_purged
from origin.cache.seen import Seen
from origin.cache.shared import BucketTier
from origin.ops.awake import Awake

log = logging.getLogger(__name__)

SWEEP_SECONDS = 10.0  # for which a purge waits while its records are removed from the bucket
SPREAD_SECONDS = 2.0  # within which a purge is in force on every origin
SAVE_SECONDS = 10.0  # between two notes of until when the purges have been made


class PurgeNotSpread(Exception):
    """A purge is in force on this origin alone. The others learn of it when the bucket or Valkey is back."""

    def __init__(self, count: int, reached: str, spread: Awaitable[None]) -> None:
        super().__init__(f"the purge reached {reached} alone")
        self.count = count  # results and originals that were removed
        self.reached = reached  # the name of the machine
        self.spread = spread  # done once the bucket has it, and the others learn of it


class Machine(Protocol):
    """What a purge reaches on one origin."""

    @property
    def deletes_wait(self) -> bool:
        """Whether a purge would be forgotten if this process ended now."""

    def begin_purge(self, handler: str, key: str | None, prefix: str | None) -> Awaitable[set[str]]:
        """In force when it returns; the names of results and originals, once they are removed.

        Of all handlers where `handler` is empty.
        """

    def sources_of(self, handler: str) -> set[str]:
        """The sources that a handler of this name has had here."""

    def trust(self) -> None:
        """Read the cache of this machine: all purges have been made."""

    def read_seen(self) -> Seen:
        """What was last written down."""

    def write_seen(self, until: float) -> None: ...


class FleetPurges:
    """The purges of one origin among many.

    `clock` gives Unix seconds. `ticks` gives seconds that never go back.
    """

    def __init__(
        self,
        machine: Machine,
        marks: Marks,
        tier: BucketTier,
        make_log: Callable[[Apply], MarkLog],
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.log = make_log(self._apply)
        self.is_trusted = False  # whether the cache of this machine may be read
        self.awake = Awake(self._look_everywhere, clock)
        self._machine = machine
        self._marks = marks
        self._tier = tier
        self._clock = clock
        self._ticks = ticks
        self._saved = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._sweeps: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Learn of the purges that came while this origin was away, and of new ones from now on."""
        try:
            await self.look()
        except BucketFailed as error:
            log.error(
                "the cache is not read until the bucket tells what was purged while this origin was away: %s",
                error,
            )
        self._looking = asyncio.create_task(self._keep_looking())
        self.awake.open()

    async def close(self) -> None:
        await self.awake.close()
        tasks = [*self._sweeps, *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.is_trusted:
            self._save()

    async def purge(self, handler: str, key: str | None, prefix: str | None, *, counts: bool = True) -> int:
        """Forget these originals on every origin; how many results and originals this one and the bucket had.

        `key` is that of the source. Raises PurgeNotSpread.
        """
        replaced = self._marks.replaced_by(handler, key, prefix)
        mark = make_mark(self._clock(), handler, key, prefix, replaced)
        self._marks.add(mark)
        removed = self._apply(mark)
        try:
            until = await self.log.write(mark, is_urgent=not counts)
        except MarkNotWritten:
            spread = self.log.written(mark.id)
            raise PurgeNotSpread(len(await removed), socket.gethostname(), spread) from None
        names = set(await removed)
        sweep = asyncio.create_task(self._sweep(mark, until, names))
        self._sweeps.add(sweep)
        sweep.add_done_callback(self._sweeps.discard)
        if counts:
            await asyncio.wait([sweep], timeout=SWEEP_SECONDS)
        return len(names)

    def adopt(self) -> None:
        """Make all purges again, for handlers or folders that this origin did not have until now."""
        marks = self._marks.all()
        for mark in marks if len(marks) < MANY else (None,):
            self._apply(mark)
        if self.is_trusted:
            self._machine.trust()

    async def look(self) -> None:
        """Learn of new purges. Raises BucketFailed."""
        if self.is_trusted:
            await self.log.look()
        else:
            await self.log.look(self._made_until())
            self.is_trusted = True
            self._machine.trust()
        if self._ticks() - self._saved >= SAVE_SECONDS:
            self._save()

    def _made_until(self) -> float | None:
        """Unix seconds until which all purges have been made on this machine; None where that is unknown."""
        seen, now = self._machine.read_seen(), self._clock()
        if seen.until is None or seen.until > now + MARGIN:
            return None
        if now - seen.until > self.log.days * 86_400:  # and there may be no mark any more of what was purged
            self._machine.begin_purge("", None, None)
        return seen.until if seen.is_of_these_handlers else None

    def _apply(self, mark: Mark | None) -> Awaitable[set[str]]:
        if mark is None:
            return self._machine.begin_purge("", None, None)
        return self._machine.begin_purge(mark.handler, mark.key, mark.prefix)

    async def _sweep(self, mark: Mark, until: float | None, names: set[str]) -> None:
        """Remove from the bucket what was there before the mark; nobody reads it any more."""
        if until is None:
            return
        sources = self._machine.sources_of(mark.handler)
        whole = mark.key is None and mark.prefix is None
        for source in [""] if whole else sources:
            prefix = name_purged(mark.handler, source, mark.key, mark.prefix)
            async for name in self._tier.sweep(prefix, until):
                if counts_as_entry(name):
                    names.add(name)

    async def _keep_looking(self) -> None:
        while True:
            began = self._ticks()
            await self._try_to_look()
            await asyncio.sleep(max(0.1, began + LOOK_SECONDS - self._ticks()))

    async def _try_to_look(self) -> bool:
        try:
            await self.look()
        except BucketFailed:
            return False  # the bucket counts it, and has said so
        except Exception:  # a mistake of ours must not end it: nobody would learn of purges any more
            log.exception("the look for purges failed, and is tried again")
            return False
        return True

    async def _look_everywhere(self) -> None:
        """In the bucket, or where it is away in what Valkey keeps for it."""
        if not await self._try_to_look():
            with suppress(BusDown):
                await self.log.rejoin()

    def _save(self) -> None:
        """Write down until when the purges have been made, where the disk has made all of them."""
        if self.log.seen is None or self._machine.deletes_wait:
            return
        self._machine.write_seen(self.log.seen)
        self._saved = self._ticks()
