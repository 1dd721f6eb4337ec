"""What may be in memory at once: fetches, and bytes of originals.

A source that hangs takes the places of its own handler and of no other; where a source asks many servers, one
that hangs takes a quarter of the places and half of the memory at most, and all of them leave a quarter.
Each fetch holds memory for an original of the usual size, and asks for more before it reads a larger one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import asynccontextmanager
from contextlib import contextmanager
from functools import partial

from origin.errors import Overloaded
from origin.sources import EXPECTED_BYTES
from origin.sources import ReserveMemory

SERVERS = 4  # that have to hang until a handler has no places left


class FetchAdmission:
    """Bounds on fetches and on bytes of originals in memory, for every handler of one origin."""

    def __init__(
        self,
        max_fetches: int = 32,
        max_waiting: int = 256,
        max_bytes: int = 256_000_000,
        timeout: float = 5.0,
    ) -> None:
        self.max_fetches = max_fetches  # of one handler
        self.max_waiting = max_waiting  # of one handler
        self.max_bytes = max_bytes  # a larger original is admitted alone
        self.timeout = timeout  # seconds to wait for a place, and for memory
        self.bytes = 0  # of originals in memory, and reserved for those on their way
        self._fetching: Counter[str] = Counter()  # by handler
        self._waiting: Counter[str] = Counter()  # for a place, by handler
        self._of_servers = [Counter[tuple[str, str]](), Counter[tuple[str, str]]()]  # fetching, waiting
        self._bytes_of_servers = Counter[tuple[str, str]]()  # of fetches that name their server
        self._waiting_for_memory = 0
        self._changed = asyncio.Condition()

    @property
    def fetching(self) -> int:
        return self._fetching.total()

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each gauge."""
        yield "origin_fetches", "Originals being fetched.", self.fetching
        text = "Bytes of originals in memory, and reserved for those on their way."
        yield "origin_original_bytes", text, self.bytes

    @asynccontextmanager
    async def place(self, handler: str, server: str = "") -> AsyncIterator[ReserveMemory]:
        """A place for one fetch, and the function by which it reserves memory. Raises Overloaded.

        `server` is the one that is asked, where the handler's source asks many.
        """
        fetching, waiting = self._of_servers
        if self._waiting[handler] >= self.max_waiting:
            raise Overloaded(f"{self.max_waiting} fetches are waiting")
        if server and waiting[handler, server] >= self.max_waiting // SERVERS:
            raise Overloaded(f"{self.max_waiting // SERVERS} fetches wait for {server}")
        if self._waiting[handler] or not self._has_place(handler, server):
            with _counted(waiting, (handler, server)):
                await self._wait_for_place(handler, server)
        self._fetching[handler] += 1
        share = _Share(self, handler, server)
        share.hold(EXPECTED_BYTES)
        try:
            with _counted(fetching, (handler, server)):
                yield share.reserve
        finally:
            self._fetching[handler] -= 1
            share.hold(0)
            await self._notify()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncIterator[None]:
        """Count the bytes of an original for as long as a render needs them."""
        self.bytes += size
        try:
            yield
        finally:
            self.bytes -= size
            await self._notify()

    def _has_place(self, handler: str, server: str) -> bool:
        if server and self._of_servers[0][handler, server] >= max(1, self.max_fetches // SERVERS):
            return False
        return self._fetching[handler] < self.max_fetches and self._has_memory(EXPECTED_BYTES)

    def _has_memory(self, size: int, handler: str = "", server: str = "") -> bool:
        if server:
            of_this, of_all = self._bytes_of_servers[handler, server], self._bytes_of_servers.total()
            if (of_this and of_this + size > self.max_bytes // 2) or (
                of_all and of_all + size > self.max_bytes * 3 // 4
            ):
                return False
        return self.bytes + size <= self.max_bytes or not self.bytes

    async def _wait_for_place(self, handler: str, server: str) -> None:
        self._waiting[handler] += 1
        try:
            await self._wait(lambda: self._has_place(handler, server), "no place for a fetch")
        finally:
            self._waiting[handler] -= 1

    def _count(self, change: int, handler: str, server: str) -> None:
        """Count bytes of originals as held, or no longer."""
        self.bytes += change
        if server:
            _add(self._bytes_of_servers, (handler, server), change)

    async def _wait_for_memory(self, size: int, handler: str, server: str) -> None:
        if self._has_memory(size, handler, server):
            return
        await self._notify()
        self._waiting_for_memory += 1
        try:
            has_memory = partial(self._has_memory, size, handler, server)
            await self._wait(has_memory, f"no memory for an original of {size} bytes")
        finally:
            self._waiting_for_memory -= 1

    async def _wait(self, condition: Callable[[], bool], failure: str) -> None:
        try:
            async with asyncio.timeout(self.timeout), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise Overloaded(f"{failure} within {self.timeout} s (limits.queue_timeout)") from None

    async def _notify(self) -> None:
        if self._waiting_for_memory or any(self._waiting.values()):
            async with self._changed:
                self._changed.notify_all()


class _Share:
    """What one fetch holds of the memory for originals, in bytes."""

    def __init__(self, admission: FetchAdmission, handler: str, server: str) -> None:
        self._admission = admission
        self._handler = handler
        self._server = server
        self._size = 0

    def hold(self, size: int) -> None:
        self._admission._count(size - self._size, self._handler, self._server)
        self._size = size

    async def reserve(self, size: int) -> None:
        """Hold so many bytes, once there are as many. Raises Overloaded."""
        if size <= self._size:
            return
        # Hold nothing while waiting: two originals that are larger than all memory would deadlock.
        self.hold(0)
        await self._admission._wait_for_memory(size, self._handler, self._server)
        self.hold(size)


@contextmanager
def _counted(counter: Counter[tuple[str, str]], name: tuple[str, str]) -> Iterator[None]:
    """Count this name meanwhile. A name that is not counted takes no memory: there are many servers."""
    _add(counter, name, 1)
    try:
        yield
    finally:
        _add(counter, name, -1)


def _add(counter: Counter[tuple[str, str]], name: tuple[str, str], number: int) -> None:
    counter[name] += number
    if not counter[name]:
        del counter[name]
