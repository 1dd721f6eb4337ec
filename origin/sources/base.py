"""What every source gives and promises."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from origin.errors import NotFound

MAX_BYTES = 50_000_000  # of an original, unless a source is told otherwise
TIMEOUT = 10.0  # seconds for one operation, unless a source is told otherwise
PROBE_KEY = "origin-check"  # the key that `check` asks for; it need not exist
EXPECTED_BYTES = 1_000_000  # bytes of an original for which the caller of `get` has memory already

_NO_NAMES = frozenset({"", ".", ".."})

ReserveMemory = Callable[[int], Awaitable[None]]
"""Waits until there is memory for an original of so many bytes. Raises Overloaded."""


async def no_limit(size: int) -> None:
    """There is memory for an original of any size."""


@dataclass(frozen=True, slots=True)
class Original:
    """One original as the source holds it.

    `etag` is the source's version of it: opaque, never empty. `last_modified` is in Unix seconds.
    `is_local` says that fetching it again costs no more than reading a copy from a cache.
    """

    body: bytes
    etag: str
    last_modified: float | None
    is_local: bool = False


class Access(enum.Enum):
    """What `check` learned about reading from a source."""

    READABLE = "an original was found and may be read"
    EMPTY = "the source may be listed and holds no original"
    REFUSED = "an original was found and reading it is refused"
    UNKNOWN = "the source answers, but a missing key and a refused key look the same"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a source that answers told about itself.

    `place` is where the originals are, as an operator would write it. `example` is the key of an original
    that was found. `warnings` are sentences about settings that probably are mistakes.
    """

    access: Access
    place: str
    example: str | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for the operator."""
        match self.access:
            case Access.READABLE:
                return f"{self.place} is readable, such as {self.example!r}"
            case Access.EMPTY:
                return f"no objects below {self.place}"
            case Access.REFUSED:
                return f"{self.place} may be listed, but reading {self.example!r} is refused"
        return f"{self.place} is reachable; access denied or no such key, cannot tell; try --key"


class Source(Protocol):
    """Where originals come from."""

    async def open(self) -> None:
        """Get ready before the first request. A source that fails here tries again in each `get`.

        Raises SourceUnavailable.
        """

    async def close(self) -> None: ...

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        """The original, or None when its version is still `if_none_match`.

        Calls `reserve_memory` before it reads more than `EXPECTED_BYTES`, and raises what that raises.

        Raises NotFound (KeyRefused where the source refuses the key), Unprocessable (over the byte
        limit), SourceUnavailable, SourceTimeout.
        """

    async def check(self) -> CheckResult:
        """Ask the source what can be known without a key.

        Raises SourceUnavailable, with a line for the operator, when no original can come from here.
        """


class SourceSettings(Protocol):
    """The keys of one type of source as a frozen dataclass; see `origin.sources.settings`.

    Its `__post_init__` raises ValueError, with what is expected and no secret, for keys that contradict
    each other. Making one opens and imports nothing.
    """

    def describe(self) -> str:
        """Where the originals are, in one word: `s3://photos/originals/`."""

    def locate(self, key: str) -> str:
        """Where the original of this key is: `s3://photos/originals/2024/cat.jpg`."""

    def identity(self) -> str:
        """The `identity_digest` of what tells this source from any other of any type.

        It must never change: it is part of the names of cached results. Start its parts with the name of
        the type.
        """


async def reserve(reserve_memory: ReserveMemory, size: int, deadline: asyncio.Timeout) -> None:
    """Reserve memory for `size` bytes. The deadline of the fetch stands still meanwhile."""
    if size <= EXPECTED_BYTES:
        return
    loop, until = asyncio.get_running_loop(), deadline.when()
    assert until is not None
    left = until - loop.time()
    deadline.reschedule(None)
    await reserve_memory(size)
    deadline.reschedule(loop.time() + left)


def segments(key: str) -> list[str]:
    """The parts of a key between its slashes.

    Raises NotFound for a key that could leave its folder. URLs with such keys are refused long before;
    this is the last line of defence.
    """
    if not is_key(key):
        raise NotFound(f"{key!r} is not the key of an original")
    return key.split("/")


def is_key(key: str) -> bool:
    return "\0" not in key and is_utf8(key) and _NO_NAMES.isdisjoint(key.split("/"))


def is_utf8(text: str) -> bool:
    """Whether it came from UTF-8: the name of a file need not be."""
    return text.isascii() or text.encode(errors="ignore").decode() == text
