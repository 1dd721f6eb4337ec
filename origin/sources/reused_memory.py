"""Memory for the bodies of originals, used again once nothing refers to it.

New memory for each original of 1.2 MB is 300 pages that the system has to find, clear and take back: as much
time as receiving them. To switch it off, return `memoryview(bytearray(size))` from `take`.
"""

from __future__ import annotations

import mmap
import sys

BLOCK = 2 << 20  # bytes; a larger original has memory of its own
SMALL = 1 << 16  # bytes up to which new memory costs less than a block
MAX_BLOCKS = 16  # kept; where all are in use, an original has memory of its own


class ReusedMemory:
    """At most `MAX_BLOCKS` blocks. All methods are called in the event loop.

    There are no weak references to memory, so the reference counts say whether a block is in use: each view
    of it, and each slice of a view, counts as one reference at least.
    """

    def __init__(self) -> None:
        self._blocks: list[mmap.mmap] = []

    def take(self, size: int) -> memoryview:
        """Memory of `size` bytes, with anything in it."""
        if not SMALL < size <= BLOCK:
            return memoryview(bytearray(size))
        for index in range(len(self._blocks)):
            if _references(self._blocks, index) == _UNUSED:
                return memoryview(self._blocks[index])[:size]
        if len(self._blocks) == MAX_BLOCKS:
            return memoryview(bytearray(size))
        block = mmap.mmap(-1, BLOCK)
        self._blocks.append(block)
        return memoryview(block)[:size]


def _references(blocks: list[mmap.mmap], index: int) -> int:
    return sys.getrefcount(blocks[index])


_UNUSED = _references([mmap.mmap(-1, mmap.PAGESIZE)], 0)
