"""The bucket that many origins share, with bounds on time: a slow one must not cost more than it saves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from typing import Protocol

from origin.cache.breaker import Breaker

READ_SECONDS = 0.3  # that a request waits for one object; a render takes about as long
WRITE_SECONDS = 5.0
FAILURES_IN_A_ROW = 3  # after which nobody waits for it


class BucketFailed(Exception):
    """The bucket did not do it, or not in time."""


class Listed(NamedTuple):
    name: str
    modified: float  # Unix seconds of the bucket's clock


class Bucket(Protocol):
    """Objects by name. Every method raises BucketFailed, and may take as long as it likes."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def get(self, name: str, if_none_match: str | None = None) -> tuple[bytes, str] | None:
        """The object and its version; None where there is none, or it is still that version."""

    async def put(self, name: str, body: bytes) -> None: ...

    async def delete(self, name: str) -> None: ...

    def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Listed]:
        """All objects whose names begin with `prefix` and come after `start_after`."""


class WatchedBucket:
    """A bucket within bounds. Reads and writes fail on their own: a full bucket can still be read.

    `read_seconds` is how long a request waits for one object.
    """

    def __init__(
        self,
        bucket: Bucket,
        clock: Callable[[], float] = time.monotonic,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._bucket = bucket
        self._read_seconds = read_seconds
        self.reads = Breaker(
            "the shared bucket", "pictures are rendered that it may have", FAILURES_IN_A_ROW, clock
        )
        self.writes = Breaker(
            "writing to the shared bucket", "results are kept here alone", FAILURES_IN_A_ROW, clock
        )
        self.marks = Breaker(
            "reading purges from the shared bucket",
            "it is not used until that works",
            FAILURES_IN_A_ROW,
            clock,
        )

    async def open(self) -> None:
        """A bucket that cannot be opened now is tried again by what asks it."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._bucket.open()
        except (BucketFailed, TimeoutError) as error:
            self.marks.failed(error)

    async def close(self) -> None:
        await self._bucket.close()

    @property
    def failures(self) -> int:
        """Requests that failed, since the start."""
        return self.reads.failures + self.writes.failures + self.marks.failures

    async def get(self, name: str) -> bytes | None:
        """The object, where it comes in time. Raises BucketFailed."""
        async with _bounded(self.reads, self._read_seconds):
            found = await self._bucket.get(name)
        return None if found is None else found[0]

    async def get_changed(self, name: str, version: str | None, seconds: float) -> tuple[bytes, str] | None:
        """What tells of purges, asked also while the bucket fails: the object and its version; None where
        there is none, or it is still that version. Raises BucketFailed."""
        async with _bounded(self.marks, seconds, always=True):
            return await self._bucket.get(name, version)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Listed]:
        """Also while the bucket fails. Raises BucketFailed."""
        listing = self._bucket.list(prefix, start_after)
        while True:
            async with _bounded(self.marks, WRITE_SECONDS, always=True):
                listed = await anext(listing, None)
            if listed is None:
                return
            yield listed

    async def put(self, name: str, body: bytes, *, always: bool = False) -> None:
        """`always`: also while the bucket fails. Raises BucketFailed."""
        async with _bounded(self.writes, WRITE_SECONDS, always=always):
            await self._bucket.put(name, body)

    async def delete(self, name: str) -> None:
        """Raises BucketFailed."""
        async with _bounded(self.writes, WRITE_SECONDS):
            await self._bucket.delete(name)


@asynccontextmanager
async def _bounded(breaker: Breaker, seconds: float, *, always: bool = False) -> AsyncIterator[None]:
    if not always and not breaker.may_try():
        raise BucketFailed("the bucket failed a moment ago and is not asked again yet")
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        error = BucketFailed(f"no answer within {seconds:g} s")
        breaker.failed(error)
        raise error from None
    except BucketFailed as error:
        breaker.failed(error)
        raise
    breaker.succeeded()
