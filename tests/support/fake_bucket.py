"""A bucket in a dictionary that many origins see, and a Valkey that carries purges; both fail on demand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from collections.abc import Callable

from origin.cache.bucket import BucketFailed
from origin.cache.bucket import Listed
from origin.cache.mark_log import BusDown


class Objects:
    """What is in the bucket. `clock` is the bucket's own, in Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.bodies: dict[str, tuple[bytes, float]] = {}
        self.is_full = False


class FakeBucket:
    """The bucket as one origin sees it. While an event is cleared, what comes waits on its way; the answer to
    a mark of a purge waits on its way back."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.is_down = False
        self.refuses_lists = False
        self.calls: list[str] = []
        self.gets = asyncio.Event()  # of results
        self.puts = asyncio.Event()  # of results
        self.marks = asyncio.Event()  # puts of marks
        self.go()

    def go(self) -> None:
        """Nothing waits any more."""
        for event in (self.gets, self.puts, self.marks):
            event.set()

    async def open(self) -> None:
        self._check()

    async def close(self) -> None: ...

    async def get(self, name: str, if_none_match: str | None = None) -> tuple[bytes, str] | None:
        self.calls.append(f"get {name}")
        self._check()
        found = self.objects.bodies.get(name)
        if name.startswith("results/"):
            await self.gets.wait()
        if found is None:
            return None
        version = hashlib.md5(found[0]).hexdigest()
        return None if version == if_none_match else (found[0], version)

    async def put(self, name: str, body: bytes) -> None:
        self.calls.append(f"put {name}")
        self._check()
        if self.objects.is_full:
            raise BucketFailed("507")
        if name.startswith("results/"):
            await self.puts.wait()
        self.objects.bodies[name] = (body, self.objects.clock())
        if not name.startswith("results/"):
            await self.marks.wait()

    async def delete(self, name: str) -> None:
        self.calls.append(f"delete {name}")
        self._check()
        self.objects.bodies.pop(name, None)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Listed]:
        self.calls.append(f"list {prefix}")
        self._check()
        if self.refuses_lists:
            raise BucketFailed("503")
        for name in sorted(self.objects.bodies):
            if name.startswith(prefix) and name > start_after:
                yield Listed(name, self.objects.bodies[name][1])

    def _check(self) -> None:
        if self.is_down:
            raise BucketFailed("no answer")


class FakeValkey:
    """The server that all origins have in common."""

    def __init__(self) -> None:
        self.ears: list[FakeBus] = []
        self.marks: dict[str, str] = {}


class FakeBus:
    """Valkey as one origin sees it. While `holds` is cleared, marks to be kept wait on their way."""

    def __init__(self, server: FakeValkey) -> None:
        self.server = server
        self.is_down = False
        self.holds = asyncio.Event()
        self.holds.set()
        self.hear: Callable[[str], object] | None = None
        server.ears.append(self)

    async def publish(self, text: str) -> None:
        self._check()
        for ear in self.server.ears:
            if ear.hear is not None and not ear.is_down:
                ear.hear(text)

    async def hold(self, id: str, text: str) -> None:
        await self.holds.wait()
        self._check()
        self.server.marks[id] = text

    async def held(self) -> list[str]:
        self._check()
        return list(self.server.marks.values())

    async def release(self, id: str) -> None:
        self._check()
        self.server.marks.pop(id, None)

    def _check(self) -> None:
        if self.is_down:
            raise BusDown("no answer")
