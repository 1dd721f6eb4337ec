"""One render for each picture in a fleet: the origin that has the lease renders, and the others wait.

A lease is a key in Valkey that expires. Where it is held, the one who has it says so again and again; a dead
origin does not, and loses it. Where Valkey is away, every origin renders.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import TypeVar

from origin.cache.lease import GivingBack
from origin.cache.lease import Lease
from origin.cache.lease import Polls
from origin.cache.lease import Server

T = TypeVar("T")
MADE_SECONDS = 2.0  # after a render, for which others that ask for its lease are told that it is made
_MADE = "made"  # the value of a lease whose result is in the bucket


class Leases:
    """Leases of renders.

    `flush` waits until the results of this origin are in the bucket. `is_useful` says whether that is there:
    the others read the result from it. `stamp` tells which purges of a picture are known here: after one,
    nobody waits for a render from before it.
    """

    def __init__(
        self,
        server: Server,
        flush: Callable[[], Awaitable[None]],
        is_useful: Callable[[], bool],
        stamp: Callable[[str], frozenset[str]],
        *,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.taken = 0  # renders with a lease
        self.waits = 0  # requests that waited for the render of another origin
        self.alone = 0  # renders without a lease, since Valkey was away or the other origin took too long
        self._server = server
        self._flush = flush
        self._is_useful = is_useful
        self._stamp = stamp
        self._ticks = ticks
        self._sleep = sleep
        self._releasing = GivingBack()

    async def close(self) -> None:
        """Wait for leases that are given back."""
        await self._releasing.close()

    async def once(
        self,
        name: str,
        seconds: float,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
    ) -> T:
        """What `make` gives here, or `look` finds once another origin has made it.

        A lease lasts `seconds` without news of its holder. It is waited for twice as long at most.
        """
        text = "\0".join([name, *sorted(self._stamp(name))])
        lease = Lease(self._server, "lease", text, seconds)
        give_up, polls = self._ticks() + 2 * seconds, Polls(self._sleep)
        while self._is_useful() and self._ticks() < give_up:
            holder = await self._take(lease)
            if holder is None:  # Valkey does not say, and may have given it to us
                self.alone += 1
                return await self._make(lease, make)
            is_ours = holder == lease.token
            found = await look() if holder == _MADE or (is_ours and polls.has_waited) else None
            if is_ours and found is None:
                self.taken += 1
                return await self._make(lease, make)
            if is_ours:
                self._give_back(lease, is_made=False)
            if found is not None:
                return found
            if holder == _MADE:  # and the bucket does not have it
                break
            self.waits += not polls.has_waited
            await polls.wait()
        self.alone += 1
        return await make()

    async def _take(self, lease: Lease) -> str | None:
        """Who has it: this origin, where it was free. None where Valkey does not say."""
        try:
            return await lease.take()
        except asyncio.CancelledError:
            self._give_back(lease, is_made=False)
            raise

    async def _make(self, lease: Lease, make: Callable[[], Awaitable[T]]) -> T:
        keeping = asyncio.create_task(self._keep(lease))
        is_made = False
        try:
            made = await make()
            is_made = True
            return made
        finally:
            keeping.cancel()
            self._give_back(lease, is_made=is_made)

    async def _keep(self, lease: Lease) -> None:
        while True:
            await self._sleep(lease.seconds / 3)
            await lease.extend()

    def _give_back(self, lease: Lease, *, is_made: bool) -> None:
        self._releasing.begin(self._release(lease, is_made=is_made))

    async def _release(self, lease: Lease, *, is_made: bool) -> None:
        """Give it back, once others can read the result."""
        if not is_made:
            await lease.give_back()
            return
        await self._flush()
        await lease.give_back(_MADE, MADE_SECONDS)
