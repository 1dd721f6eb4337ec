"""Memory that this process writes and one renderer reads: how an original gets there without the socket.

Through the socket, 1.2 MB are copied twice and wake both sides several times; here they are copied once. That
takes a third off the CPU of handing over. Outside Linux, and for originals over `SIZE`, the socket is used;
`make_shared_memory` that returns None switches that on for all.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import sys

SIZE = 64 << 20  # bytes of address space; a page of memory is taken when it is first written
KEPT = 8 << 20  # bytes that stay taken between jobs


class SharedMemory:
    """One piece of it, for one renderer. Write only while that renderer has no job."""

    def __init__(self, memory: mmap.mmap, theirs: int) -> None:
        self.theirs = theirs  # descriptor for the renderer, which can neither write nor resize through it
        self._memory = memory
        self._taken = 0  # bytes from the start that have been written since pages were last given back

    def write(self, original: bytes | memoryview) -> bool:
        """Whether it fits and is there."""
        size = len(original)
        if size > SIZE:
            return False
        self._memory[:size] = original
        self._taken = max(self._taken, size)
        return True

    def trim(self) -> None:
        """Give back what a large original took, once its renderer has answered."""
        if sys.platform == "linux" and self._taken > KEPT:
            self._memory.madvise(mmap.MADV_REMOVE, KEPT, self._taken - KEPT)
            self._taken = KEPT

    def close_theirs(self) -> None:
        """Once the renderer has started, with a descriptor of its own."""
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1

    def close(self) -> None:
        self.close_theirs()
        self._memory.close()


def make_shared_memory() -> SharedMemory | None:
    """None where the system has none to give."""
    if sys.platform != "linux" or not hasattr(os, "memfd_create"):
        return None
    with contextlib.suppress(OSError), contextlib.ExitStack() as undo:
        ours = os.memfd_create("original", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        undo.callback(os.close, ours)  # the mapping has a descriptor of its own
        os.ftruncate(ours, SIZE)
        # A renderer that made it smaller would end this process by SIGBUS.
        fcntl.fcntl(ours, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        memory = mmap.mmap(ours, SIZE)
        undo.callback(memory.close)
        # Opened anew, since a copy of a descriptor could write as well.
        shared = SharedMemory(memory, os.open(f"/proc/self/fd/{ours}", os.O_RDONLY | os.O_CLOEXEC))
        undo.pop_all()
        os.close(ours)
        return shared
    return None
