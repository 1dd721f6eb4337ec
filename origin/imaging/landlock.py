"""Landlock: from here on, this process opens no file beyond those named (landlock(7)).

It binds the thread that asks and the threads it starts later. No thread can take it off.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from errno import ENOSYS
from errno import EOPNOTSUPP
from errno import EPERM
from pathlib import Path

from origin.imaging import linux

# The same numbers on every architecture (Linux, scripts/syscall.tbl).
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_O_PATH = getattr(os, "O_PATH", 0)  # Linux's
_READ = 1 << 2 | 1 << 3  # files, directories
# Rights to files that each version of the interface knows (linux/landlock.h).
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_NEWEST_FILE_RIGHTS = (1 << 16) - 1
_TCP = 0b11  # bind, connect; from version 4
_SCOPES = 0b11  # abstract sockets, signals; from version 6
_REASONS = {
    ENOSYS: "the kernel does not have it (Linux 5.13 does)",
    EOPNOTSUPP: "it is switched off in the kernel's lsm= list",
    EPERM: "the container's own seccomp profile refuses it",
}


def restrict(readable: Iterable[Path]) -> None:
    """Let this thread read what is below `readable`, where it exists, and open nothing else.

    Raises OSError, with the reason as its text, where the kernel does not do it.
    """
    try:
        _restrict(readable, version())
    except OSError as exc:
        raise OSError(_REASONS.get(exc.errno or 0, str(exc))) from exc


def version() -> int:
    """The version of the kernel's interface. Raises OSError where it has none."""
    return linux.call("syscall", _CREATE_RULESET, None, 0, _ASK_VERSION)


def _restrict(readable: Iterable[Path], version: int) -> None:
    fields = [_FILE_RIGHTS.get(version, _NEWEST_FILE_RIGHTS)]
    fields += [_TCP] if version >= 4 else []
    fields += [_SCOPES] if version >= 6 else []
    handled = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = linux.call("syscall", _CREATE_RULESET, handled, len(handled), 0)
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        linux.call("syscall", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: Path) -> None:
    try:
        opened = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # nothing there to read
    try:
        rule = struct.pack("=Qi", _READ, opened)
        linux.call("syscall", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)
