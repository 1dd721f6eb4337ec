"""Takes from this Python what Python lacks on systems other than Linux, before anything else is imported.

A `sitecustomize` on the path calls `hide` in every process of a test, renderers included.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import fcntl
import io
import os
import resource
import select
import signal
import socket
import sys
import sysconfig
import termios
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

# What the documentation of each module gives "Availability: Linux" or leaves to the system.
_LINUX_ONLY: dict[ModuleType, tuple[str, ...]] = {
    os: (
        *(
            "sched_getaffinity",
            "sched_setaffinity",
            "sched_setscheduler",
            "sched_getscheduler",
            "sched_getparam",
        ),
        *("memfd_create", "pidfd_open", "eventfd", "getrandom", "splice", "copy_file_range", "posix_fadvise"),
        *("setxattr", "getxattr", "listxattr", "removexattr", "unshare", "setns", "posix_fallocate", "pipe2"),
        *("O_PATH", "O_TMPFILE", "O_NOATIME", "O_DIRECT", "O_LARGEFILE", "RWF_NOWAIT", "preadv2"),
    ),
    socket: (
        *("TCP_INFO", "TCP_CORK", "TCP_QUICKACK", "TCP_DEFER_ACCEPT", "TCP_USER_TIMEOUT", "SO_BINDTODEVICE"),
        *("SO_DOMAIN", "SO_PROTOCOL", "SO_PEERCRED", "SO_INCOMING_CPU", "AF_NETLINK", "SOCK_CLOEXEC"),
    ),
    termios: ("TIOCOUTQ", "TIOCINQ"),
    fcntl: ("F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_ADD_SEALS", "F_GET_SEALS", "F_SETLEASE", "F_NOTIFY"),
    resource: ("prlimit", "RLIMIT_OFILE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_SIGPENDING"),
    select: ("epoll",),
    signal: ("pidfd_send_signal", "SIGRTMIN", "SIGPWR", "SIGSTKFLT"),
}
_LIBC_ONLY_ON_LINUX = frozenset({"prctl", "syscall", "capset", "mallopt", "malloc_trim", "gettid"})
_SOCKET_BUFFER = 256 << 10  # bytes; more is an error


def install(folder: Path, platform: str) -> str:
    """Write a `sitecustomize` into a folder; the PYTHONPATH for processes that are to see such a system."""
    code = f"from tests.support.other_systems import hide\nhide({platform!r})\n"
    (folder / "sitecustomize.py").write_text(code)
    return os.pathsep.join([str(folder), str(Path(__file__).parents[2])])


def hide(platform: str) -> None:
    """`platform` is what `sys.platform` says from now on: "darwin", or "linux" for one that has nothing."""
    sysconfig.get_config_vars()  # once: how this Python was built stays what it is
    sys.platform = platform
    for module, names in _LINUX_ONLY.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on; without affinity it counts all of them
        os.process_cpu_count = os.cpu_count
    _hide_proc()
    _hide_libc()
    _refuse_limits()
    sys.meta_path.insert(0, _NoSeccomp())
    # Of a Mac alone: urllib asks it for proxies.
    proxies: Any = ModuleType("_scproxy")
    proxies._get_proxies, proxies._get_proxy_settings = dict, dict
    sys.modules["_scproxy"] = proxies


def _hide_proc() -> None:
    for module, name in ((builtins, "open"), (io, "open"), (os, "open"), (os, "listdir"), (os, "scandir")):
        setattr(module, name, _without_proc(getattr(module, name)))


def _without_proc(function: Any) -> Any:
    def guarded(path: Any = ".", *arguments: Any, **options: Any) -> Any:
        if isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(("/proc", "/sys")):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return function(path, *arguments, **options)

    return guarded


def _hide_libc() -> None:
    class Library(ctypes.CDLL):
        def __getattr__(self, name: str) -> Any:
            if self._name is None and name in _LIBC_ONLY_ON_LINUX:
                raise AttributeError(name)
            return super().__getattr__(name)

    setattr(ctypes, "CDLL", Library)  # noqa: B010 - a type is not assigned to


def _refuse_limits() -> None:
    set_limit, set_option = resource.setrlimit, socket.socket.setsockopt

    def setrlimit(kind: int, limits: tuple[int, int]) -> None:
        if kind == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")
        set_limit(kind, limits)

    def setsockopt(self: socket.socket, level: int, option: int, *value: Any) -> None:
        large = isinstance(value[0], int) and value[0] > _SOCKET_BUFFER
        if (level, large) == (socket.SOL_SOCKET, True) and option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            raise OSError(errno.ENOBUFS, "No buffer space available")
        set_option(self, level, option, *value)

    resource.setrlimit = setrlimit
    setattr(socket.socket, "setsockopt", setsockopt)  # noqa: B010


class _NoSeccomp(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name.partition(".")[0] == "pyseccomp":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
