"""Originals that ended renderers, left alone for a while."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from origin.errors import Unprocessable

MAX_CRASHES = 2  # renders that crashed or overran their time, with no success in between
TTL_SECONDS = 600.0
_MAX_NAMES = 10_000  # remembered


@dataclass(frozen=True, slots=True)
class _Record:
    count: int
    until: float  # seconds of the clock
    from_size: float  # px: smaller renders may be tried


class Quarantine:
    """Counts the renderers that something ended. All times are those of one clock, in seconds.

    A name stands for a version of an original, or for one in one output format. `size` is the longer side of
    the result in pixels, infinite for the original's own size: a picture that took too long may still do well
    at half the size, and a bomb runs out of halves.
    """

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def check(self, name: str, now: float, size: float = 0.0) -> None:
        """Raises Unprocessable for what is not to be tried."""
        record = self._records.get(name)
        if record is None:
            return
        if now >= record.until:
            del self._records[name]
        elif record.count >= MAX_CRASHES and size >= record.from_size:
            seconds = record.until - now
            raise Unprocessable(f"it ended {record.count} renderers; not tried again for {seconds:.0f} s")

    def record_crash(self, name: str, now: float) -> None:
        """A renderer died: no size is tried again."""
        self._record(name, now, 0.0)

    def record_overrun(self, name: str, now: float, size: float) -> None:
        """A renderer took too long for this size: nothing over half of it is tried again."""
        self._record(name, now, size / 2)

    def clear(self, name: str) -> None:
        self._records.pop(name, None)

    def _record(self, name: str, now: float, from_size: float) -> None:
        old = self._records.pop(name, None)
        if old is not None:
            from_size = min(from_size, old.from_size)
        self._records[name] = _Record(1 if old is None else old.count + 1, now + TTL_SECONDS, from_size)
        if len(self._records) > _MAX_NAMES:
            self._records.popitem(last=False)
