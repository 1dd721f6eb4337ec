"""The sandbox of a render process: when a picture has taken it over, it can still compute and answer.

Each lock is one that the kernel gives a process without privileges, and none can be removed again.
Landlock and seccomp bind the thread that asks and the threads it starts later, so they
come before libvips starts its first one. Where the kernel or a library lacks a lock, the rest holds.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Callable
from collections.abc import Iterable
from errno import ENOSYS
from errno import EPERM
from pathlib import Path
from typing import Any

try:
    import pyseccomp
except (ImportError, RuntimeError):  # RuntimeError is how it says that libseccomp is missing
    pyseccomp = None

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

# The same numbers on every architecture (Linux, scripts/syscall.tbl).
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_VERSION = 1
_LANDLOCK_PATH_BENEATH = 1
_LANDLOCK_READ = 1 << 2 | 1 << 3  # files, directories
# Access rights to files that each version of the interface knows (linux/landlock.h).
_LANDLOCK_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_LANDLOCK_FILES_NOW = (1 << 16) - 1
_LANDLOCK_TCP = 0b11  # bind, connect; from version 4
_LANDLOCK_SCOPES = 0b11  # abstract sockets, signals; from version 6

_DENIED = """
    execve execveat fork vfork ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd kill tkill
    socket socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg
    creat truncate ftruncate rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat
    mkdir mkdirat rmdir mknod mknodat chmod fchmod fchmodat chown fchown lchown fchownat
    utime utimes utimensat futimesat setxattr lsetxattr fsetxattr chdir fchdir chroot pivot_root
    mount umount2 unshare setns bpf perf_event_open userfaultfd io_uring_setup memfd_create
    add_key request_key keyctl init_module finit_module kexec_load reboot swapon swapoff
    setuid setgid setreuid setregid setresuid setresgid setgroups personality inotify_init inotify_init1
"""
_CLONE_THREAD = 0x00010000
_WRITING = (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC)

_libc = ctypes.CDLL(None, use_errno=True)


def lock(memory: int, warm_up: Callable[[], None], readable: Iterable[Path] = ()) -> dict[str, bool]:
    """Lock this process down, for good; it has to have a single thread. Returns which locks hold.

    `memory`: bytes it may map beyond those mapped once `warm_up` has run, inside the sandbox already.
    `readable`: what may be read there; other files cannot even be opened.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a render does not outlive the origin
    readable = tuple(readable)
    with open("/proc/self/statm", "rb", buffering=0) as statm:
        locks = {
            "no_new_privs": _prctl(_PR_SET_NO_NEW_PRIVS, 1),
            "landlock": _landlock(readable),
            "seccomp": _seccomp(reads=bool(readable)),
        }
        warm_up()
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    return {"rlimits": _limit(mapped + memory), **locks}


def _limit(address_space: int) -> bool:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_AS: address_space,
    }
    try:
        for kind, most in limits.items():
            resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):
        return False
    return True


def allow_cpu(seconds: int) -> None:
    """End this process when it computes for that long from now on, unless its parent does so first."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _prctl(option: int, value: int) -> bool:
    return bool(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0)


def _landlock(readable: Iterable[Path]) -> bool:
    version = _libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return False
    fields = [_LANDLOCK_FILES.get(version, _LANDLOCK_FILES_NOW)]
    fields += [_LANDLOCK_TCP] if version >= 4 else []
    fields += [_LANDLOCK_SCOPES] if version >= 6 else []
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _landlock_read(ruleset, path)
        return bool(_libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _landlock_read(ruleset: int, path: Path) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # nothing there to read
    rule = struct.pack("=Qi", _LANDLOCK_READ, folder)
    _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0)
    os.close(folder)


def _seccomp(*, reads: bool) -> bool:
    if pyseccomp is None:
        return False
    deny = pyseccomp.ERRNO(EPERM)
    rules: list[tuple[Any, ...]] = [(deny, name) for name in _DENIED.split()]
    # glibc falls back from clone3, whose flags a filter cannot see, to clone.
    rules += [(pyseccomp.ERRNO(ENOSYS), name) for name in ("clone3", "openat2")]
    rules += [(deny, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0))]
    for name, flags in (("open", 1), ("openat", 2)):
        masks = _WRITING if reads else ()
        rules += [(deny, name, pyseccomp.Arg(flags, pyseccomp.MASKED_EQ, mask, mask)) for mask in masks]
        rules += [] if reads else [(deny, name)]
    return _load(pyseccomp.SyscallFilter(pyseccomp.ALLOW), rules)


def _load(filter: Any, rules: Iterable[tuple[Any, ...]]) -> bool:
    for rule in rules:
        try:
            filter.add_rule(*rule)
        except (OSError, ValueError):
            continue  # a call that this architecture or this libseccomp does not know
    try:
        filter.load()
    except OSError:
        return False
    return True
