"""A clock of the event loop that a test can put forward, so that a deadline passes without anybody waiting.

A test that waits a second for a deadline of one second fails where the machine is busy; one that sees
the request hang and then puts the clock forward does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest


class LoopClock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, frozen: bool = False) -> None:
        """`frozen`: no time passes but by `advance`."""
        self._ahead = 0.0
        loop = asyncio.get_running_loop()
        real = loop.time
        start = real()
        monkeypatch.setattr(loop, "time", lambda: (start if frozen else real()) + self._ahead)

    def advance(self, seconds: float) -> None:
        """Every timer that is due by then is due now."""
        self._ahead += seconds

    async def advance_when(self, condition: Callable[[], bool], seconds: float) -> None:
        """Put the clock forward once the condition holds."""
        while not condition():  # noqa: ASYNC110 - of sockets, which tell of nothing
            await asyncio.sleep(0)
        self.advance(seconds)
