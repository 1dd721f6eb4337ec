"""Calls of Linux that Python has no function for, through libc. Other systems have other numbers."""

from __future__ import annotations

import ctypes
import os
from errno import ENOSYS


def call(function: str, *arguments: int | bytes | None) -> int:
    """The result of a function of libc that tells failure by -1 and errno.

    Raises OSError where it fails, and where libc does not have it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        entry = getattr(libc, function)
    except AttributeError:
        raise OSError(ENOSYS, f"libc has no {function}") from None
    result = int(entry(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
