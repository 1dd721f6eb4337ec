"""One at a time writes a picture: of this origin, and with a fleet of all origins."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

HoldName = Callable[[str], AbstractAsyncContextManager[None]]
"""A lock among origins, by name. Raises Overloaded and SourceUnavailable (see `origin.cache.locks`)."""


class Locks:
    """A lock for each key, which is there while somebody wants it.

    `place` tells the keys of one store from those of another, in the locks of a fleet.
    """

    def __init__(self, place: str = "", of_fleet: HoldName | None = None) -> None:
        self._place = place
        self._of_fleet = of_fleet
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}  # with how many want it

    @contextlib.asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[None]:
        """Raises Overloaded and SourceUnavailable, with a fleet."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock, self._among_origins(key):
                yield
        finally:
            lock, users = self._locks[key]
            self._locks[key] = lock, users - 1
            if users == 1:
                del self._locks[key]

    def _among_origins(self, key: str) -> AbstractAsyncContextManager[None]:
        if self._of_fleet is None:
            return contextlib.nullcontext()
        return self._of_fleet(f"{self._place}\0{key}")
