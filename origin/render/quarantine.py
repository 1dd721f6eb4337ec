"""Originals that killed renderers, left alone for a while."""

from __future__ import annotations

from collections import OrderedDict

from origin.errors import Unprocessable

MAX_CRASHES = 2  # renders that crashed or overran their time, with none in between that went well
TTL_SECONDS = 600.0  # seconds
_MAX_NAMES = 10_000  # originals remembered


class Quarantine:
    """Counts by name of an original's version; all times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self._strikes: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, name: str, now: float) -> None:
        """Raises Unprocessable for an original that is not to be tried."""
        strikes, until = self._strikes.get(name, (0, 0.0))
        if now >= until:
            self._strikes.pop(name, None)
        elif strikes >= MAX_CRASHES:
            raise Unprocessable(f"it ended {strikes} renderers; not tried again for {until - now:.0f} s")

    def record_crash(self, name: str, now: float) -> None:
        strikes, _ = self._strikes.pop(name, (0, 0.0))
        self._strikes[name] = (strikes + 1, now + TTL_SECONDS)
        if len(self._strikes) > _MAX_NAMES:
            self._strikes.popitem(last=False)

    def clear(self, name: str) -> None:
        self._strikes.pop(name, None)
