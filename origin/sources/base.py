"""What every source gives and promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from origin.errors import NotFound

MAX_BYTES = 50_000_000  # of an original, unless a source is told otherwise
TIMEOUT = 10.0  # seconds for one `get`, unless a source is told otherwise
PROBE = "origin-check"  # the key that `check` asks for; it need not exist
EXPECTED_BYTES = 1_000_000  # bytes of an original that whoever calls `get` has memory for

ReserveMemory = Callable[[int], Awaitable[None]]
"""Waits until there is memory for an original of so many bytes. Raises Overloaded."""


async def no_limit(size: int) -> None:
    """There is room for anything."""


@dataclass(frozen=True, slots=True)
class Original:
    """One original as the source holds it.

    `etag` is the source's version of it: opaque, never empty. `last_modified` is in Unix seconds. `near`
    says that getting it again costs no more than getting a copy from a cache would.
    """

    body: bytes
    etag: str
    last_modified: float | None
    is_local: bool = False


class Source(Protocol):
    async def open(self) -> None:
        """Get ready before the first request. A source that could not will try again in each `get`.

        Raises SourceUnavailable.
        """

    async def close(self) -> None: ...

    async def get(
        self, key: str, if_none_match: str | None = None, room: ReserveMemory = no_limit
    ) -> Original | None:
        """The original, or None when its version is still `if_none_match`.

        Asks for `room` before it reads more than `EXPECTED` bytes, and raises what that raises.

        Raises NotFound, Unprocessable (over the byte cap), SourceUnavailable, SourceTimeout.
        """

    async def check(self) -> None:
        """Raise SourceUnavailable, with a line for the operator, when no original can come from here."""


async def reserve(room: ReserveMemory, size: int, deadline: asyncio.Timeout) -> None:
    """Wait for room, which takes nothing of the time that the source has."""
    if size <= EXPECTED_BYTES:
        return
    loop, until = asyncio.get_running_loop(), deadline.when()
    assert until is not None
    left = until - loop.time()
    deadline.reschedule(None)
    await room(size)
    deadline.reschedule(loop.time() + left)


def segments(key: str) -> list[str]:
    """The parts of a key between its slashes.

    Raises NotFound for one that could leave its folder. URLs with such keys are refused long before;
    this is the last line of defence.
    """
    parts = key.split("/")
    if "\0" in key or not {"", ".", ".."}.isdisjoint(parts):
        raise NotFound(f"{key!r} is not the key of an original")
    return parts
