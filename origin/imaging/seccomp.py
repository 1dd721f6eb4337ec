"""The system calls that a renderer may make; the kernel refuses every other one with EPERM (seccomp(2)).

The list is what rendering was seen to call: every format in and out, large and broken pictures, animations,
SVG with text, encoders with threads, memory that grows and runs out, an abort, the end of the interpreter.
A few more are for other versions of libc, and for machines whose clocks the vDSO cannot read. A call that
could change something outside this process is missing, or allowed only with arguments that keep it inside.

The list does not count on Landlock, which keeps signals inside only from version 6 on.
"""

from __future__ import annotations

import os
import resource
from errno import ENOSYS
from errno import EPERM
from typing import Any

from origin.imaging import linux

try:
    import pyseccomp
except (ImportError, OSError, RuntimeError):  # RuntimeError is how it says that libseccomp is missing
    pyseccomp = None

_MACHINES = ("x86_64", "aarch64")  # elsewhere numbers and the order of arguments differ

_MEMORY = "brk munmap mremap madvise"
_THREADS = "futex set_robust_list gettid getpid sched_yield exit exit_group"
_SIGNALS = "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall"
_OPEN_FILES = "read readv write writev close"
_CLOCKS = "clock_gettime clock_nanosleep nanosleep gettimeofday getrusage"
_NEEDED = f"{_MEMORY} {_THREADS} {_SIGNALS} {_OPEN_FILES} {_CLOCKS} getrandom"
_OPTIONAL = "rseq time"  # glibc can do without the first, and ARM has no second
# Finding and reading fonts. These tell that a file exists, its size and its times, whatever Landlock forbids.
_FONTS = "access faccessat stat newfstatat fstat getdents64 lseek pread64"

_CLONE3 = 435  # on every architecture
_NO_CALL = 4095  # a number that no call has
_INT, _LONG = (1 << 32) - 1, (1 << 64) - 1  # all bits of an argument
_PROT_EXEC = 4
_CLONE_THREAD = 0x00010000
# All that libcs ask for: VM FS FILES SIGHAND THREAD SYSVSEM SETTLS PARENT_SETTID CHILD_CLEARTID, DETACHED.
_CLONE_FLAGS = 0x007D0F00
_LARGEFILE = 0o500000  # with NOFOLLOW: the two trade places between x86 and ARM
_READING = os.O_CLOEXEC | os.O_DIRECTORY | os.O_NONBLOCK | os.O_NOCTTY | _LARGEFILE

Rule = tuple[Any, ...]  # the name or number of a call, then what its arguments have to be


def restrict(*, reads: bool) -> None:
    """Allow this thread and those it starts later what is on the list; with `reads`, reading fonts too.

    Raises OSError, with the reason as its text, where the filter cannot be relied on.
    """
    if pyseccomp is None:
        raise OSError("pyseccomp or libseccomp is not installed")
    machine = os.uname().machine
    if machine not in _MACHINES:
        raise OSError(f"the list of system calls is not for {machine}")
    filter = pyseccomp.SyscallFilter(pyseccomp.ERRNO(EPERM))
    needed = [(name,) for name in _NEEDED.split()] + _bounded()
    unknown = {str(rule[0]) for rule in needed if not _add(filter, pyseccomp.ALLOW, rule)}
    # glibc falls back from clone3, whose flags a filter cannot see, to clone.
    if not _add(filter, pyseccomp.ERRNO(ENOSYS), (_CLONE3,)):
        unknown.add("clone3")
    if unknown:  # nothing would render; a name that is not needed is simply not allowed
        raise OSError(f"libseccomp does not know {', '.join(sorted(unknown))}")
    for rule in [(name,) for name in _OPTIONAL.split()] + (_for_fonts() if reads else []):
        _add(filter, pyseccomp.ALLOW, rule)
    filter.load()
    _verify()


def _bounded() -> list[Rule]:
    """Calls that are needed, and would reach too far with other arguments."""
    ourselves = _bits(0, _INT, 0)
    return [
        ("clone", _bits(0, _LONG & ~_CLONE_FLAGS | _CLONE_THREAD, _CLONE_THREAD)),  # threads, no processes
        ("mmap", _bits(2, _PROT_EXEC, 0)),
        ("mprotect", _bits(2, _PROT_EXEC, 0)),
        ("tgkill", _bits(0, _INT, os.getpid())),  # how abort(3) ends us
        ("prlimit64", ourselves, _bits(2, _LONG, 0)),  # reading
        ("prlimit64", ourselves, _bits(1, _INT, resource.RLIMIT_CPU)),
        ("prlimit64", ourselves, _bits(1, _INT, resource.RLIMIT_AS)),
    ]


def _for_fonts() -> list[Rule]:
    """Everything may be opened that Landlock lets through, for reading alone."""
    only_reading = _INT & ~_READING
    opening = [("open", _bits(1, only_reading, 0)), ("openat", _bits(2, only_reading, 0))]
    return [(name,) for name in _FONTS.split()] + opening


def _bits(argument: int, mask: int, value: int) -> Any:
    """That the argument, of which only the bits of `mask` count, is `value`."""
    return pyseccomp.Arg(argument, pyseccomp.MASKED_EQ, mask, value)


def _add(filter: Any, action: int, rule: Rule) -> bool:
    """Whether this libseccomp knows the call, on this architecture."""
    try:
        filter.add_rule_exactly(action, *rule)
    except (OSError, ValueError):
        return False
    return True


def _verify() -> None:
    """Try what has to be refused: a kernel that is emulated may take a filter and not apply it."""
    for call in (("syscall", _NO_CALL), ("kill", os.getpid(), 0)):
        try:
            linux.call(*call)
        except OSError as exc:
            if exc.errno == EPERM:
                continue
        raise OSError("the kernel takes the filter and does not apply it")
