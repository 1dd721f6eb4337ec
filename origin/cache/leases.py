"""One render for each picture in a fleet: whoever has the lease renders, and the others wait for the result.

A lease is a key in Valkey that expires. Where it is held, the one who has it says so again and again; a dead
origin does not, and loses it. Where Valkey is away, every origin renders.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any
from typing import NamedTuple
from typing import Protocol
from typing import TypeVar

from origin.cache.mark_log import BusDown

T = TypeVar("T")
FIRST_POLL = 0.03  # seconds until a follower looks whether the lease is still held; longer each time
LAST_POLL = 0.25
MADE_SECONDS = 2.0  # after a render in which whoever asks for a lease learns that the result is there
_MADE = "made"  # the value of a lease whose result is in the bucket

# Both change a lease only where it is still that of the origin that asks.
_EXTEND = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('del', KEYS[1]) end
redis.call('set', KEYS[1], 'made', 'PX', ARGV[2])
return 1
"""


class Server(Protocol):
    namespace: str

    async def run(self, *command: str | int) -> Any:
        """The answer to a command. Raises BusDown."""


class _Lease(NamedTuple):
    key: str
    token: str  # of who has it
    milliseconds: int


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
        self._releasing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait for leases that are given back."""
        await asyncio.gather(*self._releasing, return_exceptions=True)

    async def once(
        self,
        name: str,
        seconds: float,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
    ) -> T:
        """What `make` gives here, or `look` finds once another origin has made it.

        `seconds` is how long a lease lasts without news of who has it, and half of the longest wait for it.
        """
        text = "\0".join([name, *sorted(self._stamp(name))])
        key = f"{self._server.namespace}lease:{hashlib.sha256(text.encode()).hexdigest()[:40]}"
        lease = _Lease(key, os.urandom(16).hex(), int(seconds * 1000))
        give_up, pause, has_waited = self._ticks() + 2 * seconds, FIRST_POLL, False
        while self._is_useful() and self._ticks() < give_up:
            holder = await self._take(lease)
            if holder is None:  # which may have given it to us all the same
                self.alone += 1
                return await self._make(lease, make)
            is_ours = holder == lease.token
            found = await look() if holder == _MADE or (is_ours and has_waited) else None
            if is_ours and found is None:
                self.taken += 1
                return await self._make(lease, make)
            if is_ours:
                self._give_back(lease, is_made=False)
            if found is not None:
                return found
            if holder == _MADE:  # and the bucket does not have it
                break
            self.waits += not has_waited
            has_waited = True
            await self._sleep(pause)
            pause = min(pause * 1.5, LAST_POLL)
        self.alone += 1
        return await make()

    async def _take(self, lease: _Lease) -> str | None:
        """Who has it: this origin, where it was free. None where Valkey does not say."""
        try:
            if await self._server.run("SET", lease.key, lease.token, "NX", "PX", lease.milliseconds):
                return lease.token
            return await self._server.run("GET", lease.key) or "nobody by now"
        except BusDown:
            return None
        except asyncio.CancelledError:
            self._give_back(lease, is_made=False)
            raise

    async def _make(self, lease: _Lease, make: Callable[[], Awaitable[T]]) -> T:
        keeping = asyncio.create_task(self._keep(lease))
        is_made = False
        try:
            made = await make()
            is_made = True
            return made
        finally:
            keeping.cancel()
            self._give_back(lease, is_made=is_made)

    async def _keep(self, lease: _Lease) -> None:
        while True:
            await self._sleep(lease.milliseconds / 3000)
            try:
                await self._server.run("EVAL", _EXTEND, 1, lease.key, lease.token, lease.milliseconds)
            except BusDown:
                continue

    def _give_back(self, lease: _Lease, *, is_made: bool) -> None:
        task = asyncio.create_task(self._release(lease, is_made=is_made))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, lease: _Lease, *, is_made: bool) -> None:
        """Give it back, once others can read the result."""
        if is_made:
            await self._flush()
        try:
            made_ms = int(MADE_SECONDS * 1000) if is_made else 0
            await self._server.run("EVAL", _RELEASE, 1, lease.key, lease.token, made_ms)
        except BusDown:
            return  # it expires
