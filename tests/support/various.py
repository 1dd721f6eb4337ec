"""Cases at random of which each is unlike the others: few of them have as much in them as many at random."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import combinations
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

_AMONG = 5


def various(cases: Iterator[T], values: Callable[[T], Iterable[Hashable]], count: int) -> Iterator[T]:
    """Of every five cases the one with most combinations of three values that none before it had.

    `values` gives those of a case, always in the same order.
    """
    numbers: dict[Hashable, int] = {}  # of values: to compare three of those takes a fraction of the time
    had: set[tuple[int, ...]] = set()

    def threes_of(case: T) -> set[tuple[int, ...]]:
        return set(combinations([numbers.setdefault(value, len(numbers)) for value in values(case)], 3))

    for _ in range(count):
        few = [(case, threes_of(case)) for case in islice(cases, _AMONG)]
        chosen, threes = max(few, key=lambda each: len(each[1] - had))
        had |= threes
        yield chosen
