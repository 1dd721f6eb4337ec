"""A registry of URLs that holds nobody up: bounds on its time, and a pause after each failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import TypeVar

from origin.errors import Forbidden
from origin.errors import RegistryDown
from origin.sources.url_registry import UrlRegistry
from origin.sources.url_registry import UrlState

log = logging.getLogger(__name__)

CACHED_SECONDS = 0.1  # that a picture in the cache waits for the registry
FETCH_SECONDS = 2.0  # that a fetch waits for it
PAUSE_SECONDS = 1.0  # after a failure, in which nobody asks

T = TypeVar("T")


class WatchedRegistry:
    """The registry of one source. It says once that it is down, and once that it is back.

    `clock` gives seconds that never go back.
    """

    def __init__(self, registry: UrlRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = registry
        self.failures = 0  # since the start
        self._clock = clock
        self._silent_until = 0.0
        self._is_down = False

    async def close(self) -> None:
        await self.registry.close()

    async def check_cached(self, url: str) -> None:
        """Raises Forbidden for a URL that may not be served, though it be cached.

        Returns where the registry does not answer in time: what is cached is served.
        """
        try:
            state = await self._ask(lambda: self.registry.state(url), CACHED_SECONDS)
        except RegistryDown:
            return
        _admit(state)

    async def check_fetch(self, url: str) -> UrlState:
        """What the registry knows of a URL that may be fetched. Raises Forbidden and RegistryDown."""
        state = await self._ask(lambda: self.registry.state(url), FETCH_SECONDS)
        _admit(state)
        return state

    async def note(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Write something down; whether that was possible."""
        try:
            await self._ask(work, FETCH_SECONDS)
        except RegistryDown:
            return False
        return True

    async def _ask(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        if self._clock() < self._silent_until:
            raise RegistryDown("the registry has just failed")
        try:
            async with asyncio.timeout(seconds):
                result = await work()
        except TimeoutError:
            error = RegistryDown(f"the registry does not answer within {seconds:g} s")
            self._failed(error)
            raise error from None
        except RegistryDown as error:
            self._failed(error)
            raise
        if self._is_down:
            self._is_down = False
            log.warning("the registry of URLs answers again")
        return result

    def _failed(self, error: RegistryDown) -> None:
        self.failures += 1
        self._silent_until = self._clock() + PAUSE_SECONDS
        if not self._is_down:
            self._is_down = True
            log.error("%s; pictures in the cache are served, nothing new is fetched", error)


def _admit(state: UrlState) -> None:
    if state.is_blocked:
        raise Forbidden("the registry blocks this URL")
    if not state.is_registered:
        raise Forbidden("the registry does not know this URL")
