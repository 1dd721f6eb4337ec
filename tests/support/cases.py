"""Many small cases in one test, which tells of each that failed.

A test of its own costs three milliseconds in four processes, however little it looks at.
"""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TypeVar

import pytest

T = TypeVar("T")


def check_each(cases: Mapping[str, T], check: Callable[[T], None]) -> None:
    """Check every case. What goes wrong is raised at the end, together, each under the name of its case."""
    failures: list[BaseException] = []
    for name, case in cases.items():
        with _kept(failures, name):
            check(case)
    _raise_all(failures, len(cases))


async def await_each(cases: Mapping[str, T], check: Callable[[T], Awaitable[None]]) -> None:
    """As `check_each`, one case after the other."""
    failures: list[BaseException] = []
    for name, case in cases.items():
        with _kept(failures, name):
            await check(case)
    _raise_all(failures, len(cases))


@contextmanager
def _kept(failures: list[BaseException], name: str) -> Iterator[None]:
    try:
        yield
    except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001 (raised in the end)
        failure.add_note(f"the case: {name}")
        failures.append(failure)


def _raise_all(failures: list[BaseException], count: int) -> None:
    assert count
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} of {count} cases failed", failures)
