"""Locks of a fleet: one origin at a time writes a picture, and one goes first to another site for it.

A lock is a lease in Valkey, and adds to what stores and registries promise by themselves. Where Valkey is
away, each origin goes on alone, and conditional writes decide between two. An origin that was still for
longer than a lock lasts may have lost it to another one: its work ends before it writes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from origin.cache.lease import GivingBack
from origin.cache.lease import Kept
from origin.cache.lease import Lease
from origin.cache.lease import Polls
from origin.cache.lease import Server
from origin.errors import Overloaded
from origin.errors import SourceUnavailable

LOCK_SECONDS = 10.0  # for which a lock of a dead origin is still held
WAIT_SECONDS = 30.0  # after which a write that waits for another origin is refused
FETCH_SECONDS = 20.0  # that a fetch from another site takes at most
BEHIND_SECONDS = 1.0  # for which a fetch waits for another origin that went first


class _Taken(NamedTuple):
    """How asking for a lease ended: it is ours, or Valkey is away."""

    is_ours: bool
    since: float  # by the clock of the loop
    has_waited: bool  # for another origin


class Turn:
    """A fetch's place among those of other origins for the same URL."""

    def __init__(self, lease: Lease | None, *, is_first: bool) -> None:
        """Without a `lease`, nobody knows of others."""
        self.is_first = is_first  # whether no other origin was at it
        self._lease = lease

    async def may_note(self) -> bool:
        """Whether the server's answer may be written to the registry.

        Not where another origin writes one, or where the URL has been added anew since this turn began.
        """
        if self._lease is None:
            return True
        return await self._lease.extend() in (Kept.OURS, Kept.UNKNOWN)


class FleetLocks:
    """Locks by name. `seconds` is how long one lasts without news of its holder, and `behind` the longest
    wait for another origin's fetch."""

    def __init__(
        self,
        server: Server,
        *,
        seconds: float = LOCK_SECONDS,
        behind: float = BEHIND_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.taken = 0  # locks that were held
        self.waits = 0  # that another origin had at first
        self.alone = 0  # that Valkey did not give, or lost
        self.lost = 0  # that another origin took over from this one
        self._server = server
        self._seconds = seconds
        self._behind = behind
        self._sleep = sleep
        self._releasing = GivingBack()

    async def close(self) -> None:
        """Wait for locks that are given back."""
        await self._releasing.close()

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each number for the metrics."""
        yield "origin_locks_total", "Writes and fetches under a lock of the fleet.", self.taken
        yield "origin_lock_waits_total", "Locks that another origin had at first.", self.waits
        text = "Writes and fetches without a lock, since Valkey was away or was emptied."
        yield "origin_lock_alone_total", text, self.alone
        text = "Writes that ended since this origin was still for so long that another may have begun."
        yield "origin_lock_lost_total", text, self.lost

    # Writes

    @asynccontextmanager
    async def holding(self, name: str) -> AsyncIterator[None]:
        """Do what is in the block while no other origin does it.

        Raises Overloaded where another origin does not end with it, and SourceUnavailable where this one was
        still for so long that another may have begun: nothing of the block happens after that.
        """
        lease = Lease(self._server, "lock", name, self._seconds)
        deadline = asyncio.timeout(None)
        try:
            taken = await self._take(lease, WAIT_SECONDS)
            async with deadline:
                if not taken.is_ours:
                    yield
                    return
                deadline.reschedule(taken.since + lease.seconds)
                keeping = asyncio.create_task(self._keep(lease, deadline))
                try:
                    yield
                finally:
                    keeping.cancel()
        except TimeoutError as error:
            if not deadline.expired():
                raise
            self.lost += 1
            raise SourceUnavailable(
                "the lock ended before the work did, so another origin may have begun; this one stops"
            ) from error
        finally:
            await self._give_back(lease)

    async def _keep(self, lease: Lease, deadline: asyncio.Timeout) -> None:
        """Hold it for as long as the work takes. Without Valkey nobody can take it, and the work goes on."""
        loop = asyncio.get_running_loop()
        while True:
            await self._sleep(lease.seconds / 3)
            asked, kept = loop.time(), await lease.extend()
            if deadline.expired():
                return
            if kept is Kept.GONE:  # the server was emptied
                self.alone += 1
                deadline.reschedule(None)
                return
            deadline.reschedule(asked if kept is Kept.LOST else asked + lease.seconds)

    # Fetches from other sites

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[Turn]:
        """Wait for the turn to ask a server.

        The first origin goes at once. The others wait until it has its answer, `behind` seconds at most, and
        then all go.
        """
        lease = Lease(self._server, "turn", name, FETCH_SECONDS)
        try:
            try:
                taken = await self._take(lease, self._behind, is_for_one=True)
            except Overloaded:  # another origin writes down what there is to know
                yield Turn(lease, is_first=False)
            else:
                yield Turn(lease if taken.is_ours else None, is_first=not taken.has_waited)
        finally:
            await self._give_back(lease)

    async def end_turn(self, name: str) -> None:
        """Let nobody write down an answer to a request that was sent before now."""
        await Lease(self._server, "turn", name, 0.0).remove()

    # Both

    async def _take(self, lease: Lease, patience: float, *, is_for_one: bool = False) -> _Taken:
        """Take the lease, or wait for it for `patience` seconds.

        Raises Overloaded where others still have it then. With `is_for_one` it waits for one other origin
        alone, and raises Overloaded as soon as a second one has the lease.
        """
        loop, polls = asyncio.get_running_loop(), Polls(self._sleep)
        give_up, first = loop.time() + patience, None
        while True:
            asked, holder = loop.time(), await lease.take()
            if holder is None:
                self.alone += 1
                return _Taken(False, asked, polls.has_waited)
            if holder == lease.token:
                self.taken += 1
                return _Taken(True, asked, polls.has_waited)
            first = first or holder
            if asked >= give_up or (is_for_one and holder != first):
                raise Overloaded(f"another origin has held the lock for {patience:g} s")
            self.waits += not polls.has_waited
            await polls.wait()

    async def _give_back(self, lease: Lease) -> None:
        await asyncio.wait({self._releasing.begin(lease.give_back())})
