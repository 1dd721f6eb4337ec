"""A registry of URLs that holds nobody up: bounds on its time, and a pause after each failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextlib import nullcontext
from typing import Protocol
from typing import TypeVar

from origin.errors import Forbidden
from origin.errors import RegistryDown
from origin.sources.url_registry import RegistryAction
from origin.sources.url_registry import UrlRegistry
from origin.sources.url_registry import UrlState

log = logging.getLogger(__name__)

CACHED_SECONDS = 0.1  # that a picture in the cache waits for the registry
FETCH_SECONDS = 2.0  # that a fetch waits for it
PAUSE_SECONDS = 1.0  # after a failure, in which nobody asks

T = TypeVar("T")


class Turn(Protocol):
    """A fetch's place among those of other origins for the same URL."""

    is_first: bool  # whether no other origin was at it

    async def may_note(self) -> bool:
        """Whether the server's answer may be written to the registry.

        Not where another origin writes one, or where the URL has been added anew since this turn began.
        """


class Turns(Protocol):
    """Who of a fleet goes first to a server (see `origin.cache.locks`)."""

    def turn(self, name: str) -> AbstractAsyncContextManager[Turn]: ...

    async def end_turn(self, name: str) -> None: ...


class _OnlyTurn:
    """The turn of an origin that knows of no other."""

    is_first = True

    async def may_note(self) -> bool:
        return True


class WatchedRegistry:
    """The registry of one source. It says once that it is down or slow, and once that it is well again.

    `fetch_seconds` is how long a fetch waits for it, `cached_seconds` a picture in the cache. `clock` gives
    seconds that never go back.
    """

    def __init__(
        self,
        registry: UrlRegistry,
        clock: Callable[[], float] = time.monotonic,
        fetch_seconds: float = FETCH_SECONDS,
        cached_seconds: float = CACHED_SECONDS,
    ) -> None:
        self.registry = registry
        self.failures = 0  # since the start
        self.cached_seconds = cached_seconds
        self.fetch_seconds = fetch_seconds
        self.turns: Turns | None = None  # of the fleet
        self._clock = clock
        self._down_until = 0.0  # when nobody asks
        self._slow_until = 0.0  # when nobody asks about what is cached
        self._is_down = False
        self._is_slow = False
        self._asking: set[asyncio.Task[UrlState]] = set()

    async def close(self) -> None:
        asking = tuple(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self.registry.close()

    async def check_cached(self, url: str) -> None:
        """Raises Forbidden for a URL that may not be served, though it be cached.

        Returns where the registry does not answer in time: what is cached is served.
        """
        if self._clock() < max(self._slow_until, self._down_until):
            return
        # It goes on when the time is over: a connection that takes longer to be made is there the next time.
        asking = asyncio.ensure_future(self._ask(lambda: self.registry.state(url)))
        self._asking.add(asking)
        asking.add_done_callback(self._asked)
        await asyncio.wait({asking}, timeout=self.cached_seconds)
        if not asking.done():
            self._was_slow()
            return
        try:
            state = asking.result()
        except RegistryDown:
            return
        if self._is_slow:
            self._is_slow = False
            log.warning("the registry of URLs answers in time again")
        _admit(state)

    async def check_fetch(self, url: str) -> UrlState:
        """What the registry knows of a URL that may be fetched. Raises Forbidden and RegistryDown."""
        state = await self._ask(lambda: self.registry.state(url))
        _admit(state)
        return state

    def turn(self, url: str) -> AbstractAsyncContextManager[Turn]:
        """The turn of a fetch that `check_fetch` has admitted. One that was not the first is checked anew."""
        if self.turns is None:
            return nullcontext(_OnlyTurn())
        return self.turns.turn(url)

    async def moderate(self, action: RegistryAction, url: str) -> None:
        """Add, block or unblock a URL. Raises RegistryDown.

        A fetch of an added URL that is under way writes nothing down: an earlier refusal may be why the URL
        is added again.
        """
        if action == "add" and self.turns is not None:
            await self.turns.end_turn(url)
        await getattr(self.registry, action)(url)

    async def note(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Write something down; whether that was possible."""
        try:
            await self._ask(work)
        except RegistryDown:
            return False
        return True

    async def _ask(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._clock() < self._down_until:
            raise RegistryDown("the registry failed a moment ago and is not asked again yet")
        try:
            async with asyncio.timeout(self.fetch_seconds):
                result = await work()
        except TimeoutError:
            error = RegistryDown(f"the registry does not answer within {self.fetch_seconds:g} s")
            self._failed(error)
            raise error from None
        except RegistryDown as error:
            self._failed(error)
            raise
        if self._is_down:
            self._is_down = False
            log.warning("the registry of URLs answers again")
        return result

    def _asked(self, task: asyncio.Task[UrlState]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # it is told already, and nobody may be left who waits for it

    def _was_slow(self) -> None:
        """Fetches, which have more time, go on asking."""
        self.failures += 1
        self._slow_until = self._clock() + PAUSE_SECONDS
        if not self._is_slow:
            self._is_slow = True
            log.error(
                "the registry of URLs does not answer within %g s; pictures in the cache are served, blocked"
                " ones too",
                self.cached_seconds,
            )

    def _failed(self, error: RegistryDown) -> None:
        self.failures += 1
        self._down_until = self._clock() + PAUSE_SECONDS
        if not self._is_down:
            self._is_down = True
            log.error("%s; pictures in the cache are served, nothing new is fetched", error)


def _admit(state: UrlState) -> None:
    if state.is_blocked:
        raise Forbidden("the registry blocks this URL")
    if not state.is_registered:
        raise Forbidden("the registry does not know this URL")
