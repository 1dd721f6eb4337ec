"""The sandbox of a render process: when a picture has taken it over, it can still compute and answer.

Four locks, each of which the kernel keeps for a process without privileges, and none of which can be taken
off again:

* rlimits: no core dump, no byte written to a file, few open files, bounds on threads and on memory;
* no_new_privs: no capability is left, and no program run could bring one back;
* landlock: no file is opened, but fonts where they are asked for (`origin.imaging.landlock`);
* seccomp: a short list of system calls (`origin.imaging.seccomp`).

Landlock and seccomp bind the thread that asks and the threads it starts later, so they come before libvips
starts its first one. Where the system lacks a lock, the rest holds. Outside Linux there is none of them.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from origin.imaging import landlock
from origin.imaging import linux
from origin.imaging import seccomp

LOCKS = ("rlimits", "no_new_privs", "landlock", "seccomp")

_OPEN_FILES = 32
_MORE_THREADS = 1000  # see `_limit_threads`
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITIES_V3 = 0x20080522  # linux/capability.h: two sets of three 32-bit words


class FilesUnprotected(RuntimeError):
    """Nothing here would limit which files a picture can have read. The message is one line for people."""


@dataclass(frozen=True, slots=True)
class Locks:
    missing: dict[str, str]
    """The locks that do not hold, and why."""

    @property
    def states(self) -> dict[str, bool]:
        """Each lock, and whether it holds."""
        return {name: name not in self.missing for name in LOCKS}


def lock(memory: int, warm_up: Callable[[], None], readable: Iterable[Path] = ()) -> Locks:
    """Lock this process down, for good; it has to have a single thread.

    `memory`: bytes it may map beyond those mapped once `warm_up` has run, inside the sandbox already.
    `readable`: folders that may be read; nothing else can be opened. They cost a lock, since seccomp has to
    let files be opened for them. Raises FilesUnprotected where Linux has no Landlock to be that lock.
    """
    if sys.platform != "linux":
        warm_up()
        return Locks(dict.fromkeys(LOCKS, "only Linux has it"))
    readable = tuple(readable)
    missing: dict[str, str] = {}

    def attempt(name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except (OSError, ValueError) as exc:
            missing.setdefault(name, str(exc))

    with contextlib.suppress(OSError):
        _die_with_parent()
    statm = _open_statm()
    attempt("rlimits", _limit_files)
    attempt("rlimits", _limit_threads)
    attempt("no_new_privs", _gain_no_privileges)
    attempt("no_new_privs", _drop_capabilities)
    attempt("landlock", lambda: landlock.restrict(readable))
    if readable and "landlock" in missing:
        raise FilesUnprotected(
            "svg reads fonts from files, and Landlock is missing, which would keep other files shut: "
            f"{missing['landlock']}; take svg out of allowed_formats"
        )
    attempt("seccomp", lambda: seccomp.restrict(reads=bool(readable)))
    warm_up()
    attempt("rlimits", lambda: _limit_memory(statm, memory))
    return Locks(missing)


def allow_cpu(seconds: int) -> None:
    """End this process when it computes for that long from now on, unless the origin does so first."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = _within(hard, int(used.ru_utime + used.ru_stime) + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _die_with_parent() -> None:
    """Also in the middle of a render; otherwise the end of the input ends this process."""
    linux.call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _gain_no_privileges() -> None:
    linux.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _drop_capabilities() -> None:
    """Those of root would lift limits again. The sets are empty: effective, permitted, inheritable."""
    linux.call("capset", struct.pack("=Ii", _CAPABILITIES_V3, 0), bytes(24))


def _limit_files() -> None:
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)


def _limit_threads() -> None:
    """Allow this user as many threads as run on the machine now, and some more.

    Linux counts them over all processes of the user, those in other containers of the host among them, so the
    bound of one process has to leave room for all the others. It does not hold for root.
    """
    with open("/proc/loadavg", "rb") as loadavg:
        running = int(loadavg.read().split()[3].partition(b"/")[2])
    _lower(resource.RLIMIT_NPROC, running + _MORE_THREADS)


def _open_statm() -> int | None:
    """The file that says how much is mapped, opened while files can be; None where there is none."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _limit_memory(statm: int | None, more: int) -> None:
    if statm is None:
        raise OSError("/proc is not there to tell how much memory is mapped")
    mapped = int(os.read(statm, 100).split()[0]) * resource.getpagesize()
    os.close(statm)
    _lower(resource.RLIMIT_AS, mapped + more)


def _lower(kind: int, most: int) -> None:
    """Lower a limit to `most`, for good; one that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (_within(hard, most), _within(hard, most)))


def _within(hard: int, most: int) -> int:
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
