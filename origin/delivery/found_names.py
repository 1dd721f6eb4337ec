"""What the names of files with presets turned out to mean, so that a hit does not ask the source again."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from origin.cache.memory import Lru
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.errors import NotFound
from origin.errors import SourceUnavailable

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
        self.forget()

    def forget(self) -> None:
        """After a purge. What is being looked for now is not kept: it goes into the old table."""
        self._found: Lru[str, _Found] = Lru(MAX_NAMES, lambda _: 1)

    def fresh(self, key: str) -> int | None:
        """The number of the choice; None where the source has to be asked."""
        found = self._found.get(key)
        return found.number if found is not None and self._clock() < found.until else None

    async def first(
        self, image: ImageRequest, get: Callable[[ImageRequest], Awaitable[Outcome]]
    ) -> tuple[Outcome, ImageRequest]:
        """The result of the first of its choices that the source has, and that choice.

        While the source is down, of the one that it had last. Raises what `get` raises; NotFound where it has
        none of them.
        """
        table, found = self._found, self.fresh(image.key)
        if found is not None:
            with suppress(NotFound):
                return await get(image.choices[found]), image.choices[found]
        missing = NotFound("no original of that name")
        for number, choice in enumerate(image.choices):
            try:
                outcome = await get(choice)
            except NotFound as error:
                missing = error
                continue
            except SourceUnavailable:
                last = table.get(image.key)
                if last is None or last.number == number:
                    raise
                return await get(image.choices[last.number]), image.choices[last.number]
            table.put(image.key, _Found(number, self._clock() + self._seconds))
            return outcome, choice
        raise missing
