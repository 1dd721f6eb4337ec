"""Memory for the bodies of originals, used again once nothing refers to it.

New memory for each original of 1.2 MB is 300 pages that the system has to find, clear and take back: as much
time as receiving them. To switch it off, return `memoryview(bytearray(size))` from `take`.
"""

from __future__ import annotations

import contextlib
import mmap
import sys

BLOCK = 2 << 20  # bytes, those of a huge page: each piece of memory that is kept has a multiple of them
SMALL = 1 << 16  # bytes up to which new memory costs less than looking for some
LARGE = 16 << 20  # bytes; a larger original has memory of its own
MOST_BYTES = 32 << 20  # kept; where all of it is in use, an original has memory of its own


class ReusedMemory:
    """At most `MOST_BYTES`. All methods are called in the event loop.

    There are no weak references to memory, so the reference counts say whether a piece of it is in use: each
    view of it, and each slice of a view, counts as one reference at least.
    """

    def __init__(self) -> None:
        self._kept: list[mmap.mmap] = []

    def take(self, size: int) -> memoryview:
        """Memory of `size` bytes, with anything in it."""
        if not SMALL < size <= LARGE:
            return memoryview(bytearray(size))
        wanted = -(-size // BLOCK) * BLOCK
        unused = [index for index in range(len(self._kept)) if _references(self._kept, index) == _UNUSED]
        fitting = [index for index in unused if len(self._kept[index]) >= wanted]
        if fitting:
            return memoryview(self._kept[min(fitting, key=lambda index: len(self._kept[index]))])[:size]
        spare = MOST_BYTES - wanted - sum(map(len, self._kept))
        for index in reversed(unused):  # all of which are too small
            if spare < 0:
                spare += len(self._kept.pop(index))
        if spare < 0:
            return memoryview(bytearray(size))
        self._kept.append(_new(wanted))
        return memoryview(self._kept[-1])[:size]


MEMORY = ReusedMemory()
"""For all sources."""


def _new(size: int) -> mmap.mmap:
    """Given out by the system a block at a time, where it does that."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size > BLOCK and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # by a kernel that is built without
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _references(kept: list[mmap.mmap], index: int) -> int:
    return sys.getrefcount(kept[index])


_UNUSED = _references([mmap.mmap(-1, mmap.PAGESIZE)], 0)
