"""A key in Valkey that one origin of a fleet has at a time. It expires where its holder says nothing more.

Renders (`leases`) and writes (`locks`) are built on it.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
import os
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from typing import Protocol

from origin.cache.mark_log import BusDown

FIRST_POLL = 0.03  # seconds before the first look whether it is still held; each pause is longer
LAST_POLL = 0.25
_POLL_GROWTH = 1.5

# Both change a key only where it is still that of the origin that asks.
_EXTEND = """
local holder = redis.call('get', KEYS[1])
if not holder then return -1 end
if holder ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('del', KEYS[1]) end
redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


class Server(Protocol):
    namespace: str

    async def run(self, *command: str | int) -> Any:
        """The answer to a command. Raises BusDown."""


class Kept(enum.Enum):
    """Whether a lease could be made to last longer, as the script and Valkey tell."""

    OURS = 1
    LOST = 0  # it expired, and another origin has it
    GONE = -1  # nobody has it: it expired, or the server was emptied
    UNKNOWN = 2  # the server does not answer


class Lease:
    """One origin's claim to the key of `kind` for `name`, for `seconds` without news of it."""

    def __init__(self, server: Server, kind: str, name: str, seconds: float) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:40]
        self.key = f"{server.namespace}{kind}:{digest}"
        self.token = os.urandom(16).hex()  # the value of the key while we have it
        self.seconds = seconds
        self._server = server

    async def take(self) -> str | None:
        """Who has it: `token` where it was free. None where Valkey does not say; then it may have given it
        to us all the same, and it has to be given back."""
        try:
            if await self._server.run("SET", self.key, self.token, "NX", "PX", self._milliseconds):
                return self.token
            return await self._server.run("GET", self.key) or "nobody by now"
        except BusDown:
            return None

    async def extend(self) -> Kept:
        """Let it last for `seconds` from now on."""
        try:
            return Kept(await self._server.run("EVAL", _EXTEND, 1, self.key, self.token, self._milliseconds))
        except BusDown:
            return Kept.UNKNOWN

    async def give_back(self, note: str = "", note_seconds: float = 0.0) -> None:
        """Leave it to others, with a note in its place for a while."""
        note_milliseconds = int(note_seconds * 1000)
        with suppress(BusDown):  # it expires
            await self._server.run("EVAL", _RELEASE, 1, self.key, self.token, note, note_milliseconds)

    async def remove(self) -> None:
        """Take it from its holder, if any."""
        with suppress(BusDown):
            await self._server.run("DEL", self.key)

    @property
    def _milliseconds(self) -> int:
        return int(self.seconds * 1000)


class GivingBack:
    """Leases that are given back in the background, also where the work under them was cancelled."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Polls:
    """The pauses of one who waits for a lease."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.has_waited = False
        self._sleep = sleep
        self._pause = FIRST_POLL

    async def wait(self) -> None:
        self.has_waited = True
        await self._sleep(self._pause)
        self._pause = min(self._pause * _POLL_GROWTH, LAST_POLL)
