"""Whether this process has just stood still, as one of a paused machine does.

Purges may have passed it by meanwhile, and requests that wait in its sockets came after them. So nothing
that it has is served before it has looked for purges. A hit pays one comparison for that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
STILL_SECONDS = 1.0  # without a beat. Purges that came in less are in force in time all the same
CATCH_UP_SECONDS = 1.0  # that a request waits for the look, where bucket and Valkey are away as well
MAX_LOOKS = 3  # one after the other, while the process stands still again and again


class Awake:
    """`look` learns of purges, and raises nothing. `clock` gives Unix seconds."""

    def __init__(self, look: Callable[[], Awaitable[None]], clock: Callable[[], float] = time.time) -> None:
        self.until = float("-inf")  # Unix seconds until which requests need not `catch_up`
        self._look = look
        self._clock = clock
        self._beating: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin, where all purges until now are known."""
        self._beat()
        self._beating = asyncio.create_task(self._keep_beating())

    async def close(self) -> None:
        tasks = [task for task in (self._beating, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def catch_up(self) -> None:
        """Learn of the purges that came while this process stood still, if it did."""
        if self._clock() < self.until:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again())
        await asyncio.wait([self._looking], timeout=CATCH_UP_SECONDS)

    def _beat(self) -> None:
        self.until = self._clock() + STILL_SECONDS

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self.catch_up()
            self._beat()

    async def _look_again(self) -> None:
        began = self._clock()
        log.info(
            "this process stood still for %.1f s; looking for purges", began - self.until + STILL_SECONDS
        )
        for _ in range(MAX_LOOKS):
            began = self._clock()
            await self._look()
            if self._clock() - began < STILL_SECONDS:
                break
        self._beat()
