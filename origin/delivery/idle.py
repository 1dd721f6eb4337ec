"""What is made in idle time: in a queue that is bounded, each thing once, one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass

from origin.errors import OriginError

log = logging.getLogger(__name__)

LIMIT = 1000  # that may wait; each is a name and takes less than a kilobyte


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Something to make. `owner` is who gives it up when it closes."""

    name: str
    owner: object
    may_start: Callable[[], Awaitable[None]]  # returns in idle time
    make: Callable[[], Awaitable[object]]


class IdleQueue:
    """All that one origin makes in idle time. What is lost is counted; it is asked for again."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: dict[str, Work] = {}  # by name, the oldest first
        self._under_way: Work | None = None
        self._task: asyncio.Task[None] | None = None
        self._made = self._failed = self._dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each number for the metrics."""
        yield "origin_later_queue", "AVIFs that wait for idle time.", len(self)
        yield "origin_later_made_total", "AVIFs made in idle time.", self._made
        yield "origin_later_failed_total", "AVIFs that could not be made in idle time.", self._failed
        text = "AVIFs given up while they waited: the queue was full, a purge, a reload or the stop."
        yield "origin_later_dropped_total", text, self._dropped

    def add(self, work: Work) -> None:
        """Make this in idle time, unless it is on its way. Where the queue is full, it is dropped."""
        if work.name in self._waiting or (self._under_way and self._under_way.name == work.name):
            return
        if len(self._waiting) >= self._limit:
            self._dropped += 1
            return
        self._waiting[work.name] = work
        self._start()

    def purge(self, prefix: str) -> None:
        """Give up what waits under names that start with `prefix`."""
        self._give_up([work for name, work in self._waiting.items() if name.startswith(prefix)])

    async def leave(self, owner: object) -> None:
        """Give up all of this owner, and what is under way for it."""
        given_up = [work for work in self._waiting.values() if work.owner is owner]
        interrupted = self._under_way
        if interrupted is not None and interrupted.owner is owner:
            given_up.append(interrupted)
        self._give_up(given_up)
        if self._task is not None and (interrupted in given_up or not (self._waiting or interrupted)):
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if given_up:
            log.info("%d AVIFs are not made in idle time, since the origin stops or reloads", len(given_up))
        self._start()

    def _start(self) -> None:
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    def _give_up(self, given_up: list[Work]) -> None:
        for work in given_up:
            self._waiting.pop(work.name, None)
        self._dropped += len(given_up)

    async def _run(self) -> None:
        while self._waiting:
            work = next(iter(self._waiting.values()))
            await work.may_start()
            if self._waiting.get(work.name) is not work:
                continue  # given up meanwhile
            self._under_way = self._waiting.pop(work.name)
            try:
                await work.make()
                self._made += 1
            except OriginError as error:
                self._failed += 1
                log.warning("not made in idle time: %r: %s", work.name, error)
            finally:
                self._under_way = None
