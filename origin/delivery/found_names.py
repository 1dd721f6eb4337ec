"""What the names of files with presets turned out to mean, so that a hit does not ask the source again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from origin.cache.memory import Lru

MAX_NAMES = 20_000  # a few MB


class _Found(NamedTuple):
    number: int  # of the choice that the source had
    until: float  # Unix seconds


class FoundNames:
    """Which of its choices a key meant, for the `seconds` for which a result is served unasked.

    A restart forgets them: the first request of each name asks the source once more.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._clock = clock
        self._found: Lru[str, _Found] = Lru(MAX_NAMES, lambda _: 1)

    def fresh(self, key: str) -> int | None:
        """The number of the choice; None where the source has to be asked."""
        found = self._found.get(key)
        return found.number if found is not None and self._clock() < found.until else None

    def last(self, key: str) -> int | None:
        """The same, however long ago that was: for a source that is down."""
        found = self._found.get(key)
        return None if found is None else found.number

    def keep(self, key: str, number: int) -> None:
        self._found.put(key, _Found(number, self._clock() + self._seconds))
