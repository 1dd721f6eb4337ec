"""The queue before the renderers: bounded, and fair between handlers.

Handlers take turns, whatever each of them has waiting. When the queue is full, a handler with less than its
share of it still gets a place: the newest job of the handler with the most goes instead.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections import deque
from typing import Generic
from typing import TypeVar

from origin.errors import Overloaded

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Turns of handlers, at most `limit` of them. A turn is a future of what the job waits for."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._turns: OrderedDict[str, deque[asyncio.Future[T]]] = OrderedDict()  # by handler, next one first

    def __len__(self) -> int:
        return sum(map(len, self._turns.values()))

    def admits(self, handler: str, announced: int = 0) -> bool:
        """Whether a job of this handler would get a place, behind others that it has announced."""
        if len(self) + announced < self.limit:
            return True
        share = self.limit // len({handler, *self._turns})
        return len(self._turns.get(handler, ())) + announced < share

    def join(self, handler: str) -> asyncio.Future[T]:
        """A turn for this handler. Raises Overloaded, with which the turn may fail later as well."""
        if not self.admits(handler):
            raise Overloaded(f"{len(self)} renders are waiting (limits.queue)")
        if len(self) >= self.limit:
            self._turn_away()
        turn: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._turns.setdefault(handler, deque()).append(turn)
        return turn

    def leave(self, turn: asyncio.Future[T]) -> bool:
        """Give up a turn; whether it was still waiting."""
        for handler, turns in self._turns.items():
            if turn in turns:
                turns.remove(turn)
                self._forget_if_empty(handler)
                return True
        return False

    def serve(self, what: T) -> bool:
        """Give this to the next handler's first job. False where none waits."""
        while self._turns:
            handler, turns = next(iter(self._turns.items()))
            turn = turns.popleft()
            self._turns.move_to_end(handler)
            self._forget_if_empty(handler)
            if not turn.done():
                turn.set_result(what)
                return True
        return False

    def cancel(self) -> None:
        """End every turn."""
        for turns in self._turns.values():
            for turn in turns:
                turn.cancel()

    def _turn_away(self) -> None:
        """End the newest turn of the handler that has the most."""
        handler = max(self._turns, key=lambda name: len(self._turns[name]))
        turn = self._turns[handler].pop()
        self._forget_if_empty(handler)
        if not turn.done():
            turn.set_exception(
                Overloaded("the queue is full, and another handler has less than its share of it")
            )

    def _forget_if_empty(self, handler: str) -> None:
        if not self._turns[handler]:
            del self._turns[handler]
