"""Originals that ended renderers, left alone for a while."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from origin.errors import EncodingFailed
from origin.errors import RenderFailed
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.errors import Unprocessable
from origin.urls.options import Options

MAX_CRASHES = 2  # renders that crashed or overran their time, with no success in between
TTL_SECONDS = 600.0
_MAX_NAMES = 10_000  # remembered


class Suspects(NamedTuple):
    """The names of what is blamed: where a renderer dies, and where it is killed for taking too long."""

    of_crash: str
    of_overrun: str


@dataclass(frozen=True, slots=True)
class _Record:
    count: int
    until: float  # seconds of the clock
    from_size: float  # px: smaller renders may be tried


class Quarantine:
    """Counts the renderers that something ended. All times are those of one `clock`, in seconds.

    A name stands for a version of an original, or for one in one output format. `size` is that of
    `asked_size`: a picture that took too long may still do well at half the size, and a bomb runs out of
    halves.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def check(self, suspects: Suspects, size: float) -> None:
        """Raises Unprocessable for what is not to be tried."""
        for name in suspects:
            self._check(name, size)

    @contextmanager
    def watching(self, suspects: Callable[[], Suspects], size: float) -> Iterator[None]:
        """Blame them where the renderer ends within the block, and clear them where it does not.

        `suspects` is called only where it matters: their names may take time to make.
        """
        try:
            yield
        except (EncodingFailed, RenderStarved):
            raise  # the renderer is well, or any other picture would have fared as this one
        except RenderTimeout:  # nothing over half of that size is tried again
            self._record(suspects().of_overrun, size / 2)
            raise
        except RenderFailed:  # no size is tried again
            self._record(suspects().of_crash, 0.0)
            raise
        if self._records:
            for name in suspects():
                self._records.pop(name, None)

    def _check(self, name: str, size: float) -> None:
        record = self._records.get(name)
        if record is None:
            return
        left = record.until - self._clock()
        if left <= 0:
            del self._records[name]
        elif record.count >= MAX_CRASHES and size >= record.from_size:
            raise Unprocessable(
                f"it ended {record.count} renderers; it is not rendered again for {left:.0f} s"
            )

    def _record(self, name: str, from_size: float) -> None:
        old = self._records.pop(name, None)
        if old is not None:
            from_size = min(from_size, old.from_size)
        until = self._clock() + TTL_SECONDS
        self._records[name] = _Record(1 if old is None else old.count + 1, until, from_size)
        if len(self._records) > _MAX_NAMES:
            self._records.popitem(last=False)


def asked_size(options: Options) -> float:
    """The longer side that is asked for, in pixels; infinite for the original's own size."""
    return max(options.width or 0, options.height or 0) or math.inf
