"""Originals that ended renderers, left alone for a while."""

from __future__ import annotations

from collections import OrderedDict

from origin.errors import Unprocessable

MAX_CRASHES = 2  # renders that crashed or overran their time, with no success in between
TTL_SECONDS = 600.0
_MAX_NAMES = 10_000  # originals remembered


class Quarantine:
    """Counts crashes by name of an original's version. All times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self._crashes: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, remembered until

    def check(self, name: str, now: float) -> None:
        """Raises Unprocessable for an original that is not to be tried."""
        crashes, until = self._crashes.get(name, (0, 0.0))
        if now >= until:
            self._crashes.pop(name, None)
        elif crashes >= MAX_CRASHES:
            raise Unprocessable(f"it ended {crashes} renderers; not tried again for {until - now:.0f} s")

    def record_crash(self, name: str, now: float) -> None:
        crashes, _ = self._crashes.pop(name, (0, 0.0))
        self._crashes[name] = (crashes + 1, now + TTL_SECONDS)
        if len(self._crashes) > _MAX_NAMES:
            self._crashes.popitem(last=False)

    def clear(self, name: str) -> None:
        self._crashes.pop(name, None)
