"""One execution per key, any number of waiters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic
from typing import TypeVar

T = TypeVar("T")


class WaiterGone(Exception):
    """A waiter left before there was a result."""


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    """Work under way, and how many wait for its result."""

    task: asyncio.Task[T]
    waiters: int = 0


class SingleFlight(Generic[T]):
    """Runs the work for a key once for all who ask while it runs.

    The work is a task of its own: one waiter that leaves does not end it, and it is cancelled when the last
    one has left. An error reaches every waiter.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(
        self, key: str, work: Callable[[], Awaitable[T]], waiter_gone: asyncio.Future[None] | None = None
    ) -> T:
        """The result of the work under way for `key`, which is `work()` where there is none.

        Raises WaiterGone where `waiter_gone` is done first: this waiter wants no result any more.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, work)
        task = flight.task
        flight.waiters += 1
        try:
            if waiter_gone is None:
                return await asyncio.shield(task)
            await asyncio.wait((task, waiter_gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise WaiterGone
            return task.result()
        finally:
            flight.waiters -= 1
            if not flight.waiters and not task.done():
                self._landed(key, task)  # a waiter that comes now starts anew, and joins no cancelled one
                task.cancel()

    @property
    def waiters(self) -> int:
        """How many wait for a result."""
        return sum(flight.waiters for flight in self._flights.values())

    def flying(self, key: str) -> bool:
        return key in self._flights

    def forget(self, prefix: str) -> None:
        """Let waiters that come from now on start anew; the flights under way go on for theirs."""
        for key in [key for key in self._flights if key.startswith(prefix)]:
            del self._flights[key]

    def _start(self, key: str, work: Callable[[], Awaitable[T]]) -> _Flight[T]:
        task = asyncio.ensure_future(work())
        task.add_done_callback(lambda _: self._landed(key, task))
        flight = self._flights[key] = _Flight(task)
        return flight

    def _landed(self, key: str, task: asyncio.Task[T]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if task.done() and not task.cancelled():
            task.exception()  # read, or asyncio logs it where every waiter has left
