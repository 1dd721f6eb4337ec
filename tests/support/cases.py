"""Many small cases in one test, which tells of each that failed.

A test of its own costs three milliseconds in four processes, however little it looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import TypeVar

import pytest

T = TypeVar("T")


def check_each(cases: Mapping[str, T], check: Callable[[T], None]) -> None:
    """Check every case. What goes wrong is raised at the end, together, each under the name of its case."""
    assert cases
    failures: list[BaseException] = []
    for name, case in cases.items():
        try:
            check(case)
        except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001 (raised below)
            failure.add_note(f"the case: {name}")
            failures.append(failure)
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} of {len(cases)} cases failed", failures)
