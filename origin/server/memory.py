"""How the server's process keeps its memory small and its garbage collector quiet."""

from __future__ import annotations

import contextlib
import ctypes
import gc

GC_THRESHOLD = 10_000  # more objects between two rounds of the collector: Python's 700 are 50 requests

_LARGE = 1 << 20  # bytes
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def tune_malloc() -> None:
    """Tell glibc, where there is one, to give back the memory of a picture (mallopt(3)).

    It would make an arena for each thread, and after the first large original that was freed it would place
    large ones in the arenas, between small ones that stay. What is smaller than `_LARGE` is placed there: a
    body comes in pieces of 256 kB, and pages that are new for each of them cost more than all that is done
    with it.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_M_TRIM_THRESHOLD, 4 * _LARGE)


def pause_gc() -> None:
    """Switch the collector off until `freeze_gc`: while modules are imported it takes a tenth of the CPU, and
    finds next to nothing."""
    gc.disable()


def freeze_gc() -> None:
    """Take what exists now, modules and classes above all, out of the collector's rounds."""
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()
