"""Large results that are being sent: another request for one of them gets the same bytes, not a copy.

The memory tier refuses results over an eighth of its size. Without this file, each slow client of such a
picture holds a copy of its own: 60 clients of a PNG of 21.6 MB took 1.4 GB, and take 22 MB now.
"""

from __future__ import annotations

import asyncio
import sys

from origin.cache.records import Result
from origin.formats import Format

MIN_BYTES = 65_536  # of a body; copies of smaller ones cost little
SWEEP_SECONDS = 1.0  # between two looks at what is still in use


class ResultsInUse:
    """Results by name, each for as long as something else refers to it or to its body.

    There are no weak references to `bytes`, so the reference counts say whether a result is in use.
    """

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}
        self._bytes = 0
        self._sweep_at = 0  # bytes
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._results)

    def get(self, name: str) -> Result | None:
        return self._results.get(name)

    def share(self, name: str, result: Result) -> Result:
        """The result of this name that is in use already; the given one where there is none."""
        if len(result.body) < MIN_BYTES:
            return result
        shared = self._results.get(name)
        if shared is not None:
            return shared
        self._results[name] = result
        self._bytes += len(result.body)
        if self._bytes > self._sweep_at:
            self.sweep()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_again)
        return result

    def sweep(self) -> None:
        """Let go of all results that are no longer used."""
        for name in [name for name in self._results if _references(self._results, name) == _UNUSED]:
            self._remove(name)
        self._sweep_at = 2 * self._bytes  # sweeps cost little, however many results there are

    def delete(self, prefix: str) -> None:
        for name in [name for name in self._results if name.startswith(prefix)]:
            self._remove(name)
        self._sweep_at = 2 * self._bytes

    def close(self) -> None:
        self.delete("")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _remove(self, name: str) -> None:
        self._bytes -= len(self._results.pop(name).body)

    def _sweep_again(self) -> None:
        self._timer = None
        self.sweep()
        if self._results:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_again)


def _references(results: dict[str, Result], name: str) -> tuple[int, int]:
    """How many references there are to a result and to its body."""
    return sys.getrefcount(results[name]), sys.getrefcount(results[name].body)


def _references_when_unused() -> tuple[int, int]:
    return _references({"": Result(bytes(MIN_BYTES), Format.PNG, b"", None)}, "")


_UNUSED = _references_when_unused()
