"""What every source and every store gives and promises."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

from origin.errors import NotFound
from origin.errors import SourceUnavailable

MAX_BYTES = 50_000_000  # of an original, unless a source is told otherwise
TIMEOUT = 10.0  # seconds for one operation, unless a source is told otherwise
OWN_FOLDER = ".origin"  # the name below which a store keeps files of its own: no key has it in it
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

    `body` may be a view of memory that is used again once nothing refers to it.
    `etag` is the source's version of it: opaque, never empty. `last_modified` is in Unix seconds.
    `is_local` says that fetching it again costs no more than reading a copy from a cache.
    """

    body: bytes | memoryview
    etag: str
    last_modified: float | None
    is_local: bool = False


class Access(enum.Enum):
    """What `check` learned about reading from a source."""

    READABLE = "an original was found and may be read"
    EMPTY = "the source may be listed and holds no original"
    REFUSED = "an original was found and reading it is refused"
    UNKNOWN = "the source answers, but a missing key and a refused key look the same"
    ON_DEMAND = "each key names a server, which is asked for that key alone"


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
            case Access.ON_DEMAND:
                return f"{self.place} are asked for single originals; try one with --key"
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
        """Ask the source what it tells without a key.

        Raises SourceUnavailable, with a line for the operator, when no original can come from here.
        """


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a store, without its bytes.

    `etag` is the version that `get` gives and that `put` compares. `metadata` is what `put` was given;
    a listing leaves it empty, and on S3 its versions are those of the bytes (see `object_metadata`).
    """

    key: str
    size: int  # bytes
    etag: str
    last_modified: float  # Unix seconds
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectSettings:
    """What is stored beside the bytes of an object. A folder keeps `metadata` alone.

    Names in `metadata` are lower case, names and values are ASCII; all of it is 2 kB at most (S3).
    """

    content_type: str | None = None
    cache_control: str | None = None
    acl: str | None = None  # one of S3's canned ACLs
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """A short text that a store keeps for us."""

    name: str
    text: str


class PreconditionFailed(Exception):
    """The object is not what `if_match` or `if_none_match` asks for. Nothing was stored or removed."""


class StoreFull(SourceUnavailable):
    """The store has no space left. Nothing was stored."""


class Store(Source, Protocol):
    """A source that can be written to. At every moment an object is whole or absent."""

    async def put(
        self,
        key: str,
        body: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        settings: ObjectSettings | None = None,
    ) -> str:
        """Store the bytes under the key, and return their version.

        With `if_match`, only in place of that version; with `if_none_match`, only where nothing is (RFC
        9110 sections 13.1.1 and 13.1.2). When it returns, the object outlives a power cut.

        Raises PreconditionFailed, BadRequest (a key that this store cannot hold), StoreFull,
        SourceUnavailable, SourceTimeout. After a SourceTimeout the object may be the old one or the new.
        """

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove the object. It is no error when there is none.

        With `if_match`, only that version. S3 compares the bytes alone, and a server that does not know the
        condition in DELETE removes any version.

        Raises PreconditionFailed, SourceUnavailable, SourceTimeout.
        """

    async def head(self, key: str) -> StoredObject:
        """The object without its bytes. Raises as `get` does."""

    def objects(self, prefix: str = "", start_after: str = "") -> AsyncIterator[StoredObject]:
        """All objects whose key begins with `prefix` and comes after `start_after`.

        In an order that stays the same, so that a walk can be resumed: that of the keys as UTF-8, but for
        servers with an order of their own (SeaweedFS). What changes during the walk may or may not be
        seen. Objects that `get` cannot be asked for are left out.

        Raises SourceUnavailable, SourceTimeout (of one step of the walk).
        """

    async def put_note(self, name: str, text: str) -> None:
        """Keep a short text of our own, which is no object: no key leads to it, and it is not listed.

        `name` is made of letters and digits. When it returns, the note outlives a power cut.

        Raises StoreFull, SourceUnavailable, SourceTimeout.
        """

    async def notes(self) -> list[Note]:
        """All that are kept. A store that lost the text of one gives an empty text.

        Raises SourceUnavailable, SourceTimeout.
        """

    async def delete_note(self, name: str) -> None:
        """It is no error when there is none. Raises SourceUnavailable, SourceTimeout."""


class SourceSettings(Protocol):
    """The keys of one type of source as a frozen dataclass; see `origin.sources.settings`.

    Its `__post_init__` raises ValueError, with what is expected and no secret, for keys that contradict
    each other. Making one opens and imports nothing.
    """

    def describe(self) -> str:
        """Where the originals are, in one word: `s3://photos/originals/`."""

    def locate(self, key: str) -> str:
        """Where the original of this key is: `s3://photos/originals/2024/cat.jpg`."""

    def place(self) -> str:
        """What stands before a key in the place of an original: equal however the settings spell it."""

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
    parts = key.split("/")
    if "\0" in key or not is_utf8(key) or not _NO_NAMES.isdisjoint(parts):
        raise NotFound(f"{key!r} is not the key of an original")
    return parts


def stored_segments(key: str) -> list[str]:
    """The `segments` of a key of a bucket or folder, where we keep files of our own. Raises NotFound."""
    parts = segments(key)
    if OWN_FOLDER in parts:
        raise NotFound(f"{key!r}: nothing below {OWN_FOLDER} is an original")
    return parts


def is_key(key: str) -> bool:
    """Whether `get` of a bucket or folder can be asked for it."""
    parts = key.split("/")
    return "\0" not in key and is_utf8(key) and _NO_NAMES.isdisjoint(parts) and OWN_FOLDER not in parts


def is_prefix(prefix: str) -> bool:
    """Whether a key may start with it."""
    return "\0" not in prefix and is_utf8(prefix) and _NO_NAMES.isdisjoint(prefix.split("/")[:-1])


def is_utf8(text: str) -> bool:
    """Whether it came from UTF-8: the name of a file need not be."""
    return text.isascii() or text.encode(errors="ignore").decode() == text
