"""What commands that walk through a store show: a bar, and each failure as it comes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from origin.errors import SourceUnavailable

MAX_IN_A_ROW = 50  # objects that fail before the walk ends: a store is down, or refuses all

T = TypeVar("T")


async def show_walk(label: str, total: int, outcomes: AsyncIterator[T], add: Callable[[T], None]) -> None:
    """Add up the outcomes under a bar on stderr, where that is a terminal."""
    hidden = not sys.stderr.isatty()  # or the label alone would stand in a log
    with click.progressbar(length=total, label=label, file=sys.stderr, show_pos=True, hidden=hidden) as bar:
        async for outcome in outcomes:
            add(outcome)
            bar.update(1)


@dataclass
class Failures:
    """Counts what fails. `things` is the word for what is walked through."""

    things: str
    count: int = 0
    in_a_row: int = 0

    def end_row(self) -> None:
        self.in_a_row = 0

    def add(self, reason: str, *, of_store: bool = True) -> None:
        """`of_store`: the store may be to blame. Raises SourceUnavailable where it is no use to go on."""
        self.count += 1
        self.in_a_row += of_store
        click.echo(f"origin: {reason}", err=True)
        if self.in_a_row >= MAX_IN_A_ROW:
            raise SourceUnavailable(f"{self.in_a_row} {self.things} failed in a row")
