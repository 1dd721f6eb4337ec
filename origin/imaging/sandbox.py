"""What a render process may still do when a picture has taken it over: compute, and answer.

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
_THREADS = 1000  # more than run on the machine now; see `_limit_threads`
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITIES_V3 = 0x20080522  # linux/capability.h: two sets of three 32-bit words


class FilesUnprotected(RuntimeError):
    """Nothing here limits which files could be read. The message is one line for people."""


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
    `readable`: what may be read there. Raises FilesUnprotected where something has to be and Linux has no
    Landlock to keep the rest shut: with them, seccomp has to let files be opened.
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
        linux.call(
            "prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0
        )  # a render does not outlive the origin
    statm = _open_statm()
    attempt("rlimits", _limit_files)
    attempt("rlimits", _limit_threads)
    attempt("no_new_privs", _drop_privileges)
    attempt("landlock", lambda: landlock.restrict(readable))
    if readable and "landlock" in missing:
        raise FilesUnprotected(
            f"svg reads fonts from files, and Landlock is missing, which would keep other files shut: "
            f"{missing['landlock']}; take svg out of allowed_formats"
        )
    attempt("seccomp", lambda: seccomp.restrict(reads=bool(readable)))
    warm_up()
    attempt("rlimits", lambda: _limit_memory(statm, memory))
    return Locks(missing)


def allow_cpu(seconds: int) -> None:
    """End this process when it computes for that long from now on, should the origin not do it first."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, hard))


def _drop_privileges() -> None:
    linux.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    linux.call("capset", struct.pack("=Ii", _CAPABILITIES_V3, 0), bytes(24))


def _limit_files() -> None:
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)


def _limit_threads() -> None:
    """Linux counts the threads of a user, over every process of theirs; in containers of one host that have
    the same user, over all of those. So the bound is what runs on the machine now, and some more. It does not
    hold for root.
    """
    with open("/proc/loadavg", "rb") as loadavg:
        running = int(loadavg.read().split()[3].partition(b"/")[2])
    _lower(resource.RLIMIT_NPROC, running + _THREADS)


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
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
