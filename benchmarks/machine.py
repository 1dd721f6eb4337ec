"""This machine: cores to pin to, what trees of processes use, and how busy others keep it.

Everything is read from /proc of Linux; elsewhere the figures are zero and the rest works.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import time
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # in a second
_LISTENS = "0A"  # TCP_LISTEN in /proc/net/tcp
_PARENT, _USER, _REAPED_SYSTEM = 1, 11, 14  # columns of /proc/PID/stat, counted behind the name


def cores(count: int, last: bool = False) -> tuple[int, ...]:
    """The first (or last) `count` cores this process could use when it started; all where it has fewer."""
    return _AVAILABLE[-count:] if last else _AVAILABLE[:count]


def _available() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


_AVAILABLE = _available()
CORES = os.cpu_count() or 1


def pinned(command: Sequence[str], to: Iterable[int]) -> list[str]:
    """The command, bound to these cores where `taskset` is there."""
    if shutil.which("taskset") is None:
        return list(command)
    return ["taskset", "-c", ",".join(map(str, to)), *command]


def pin_self(to: Iterable[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(to))


def tree(root: int) -> list[int]:
    """The process and all its descendants, as they are now."""
    children: dict[int, list[int]] = {}
    for pid in map(int, filter(str.isdigit, _entries(Path("/proc")))):
        fields = _stat(pid)
        if fields:
            children.setdefault(fields[_PARENT], []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def listener(port: int) -> int | None:
    """The process that listens on this port, the first of a tree that does; None where it cannot be told."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for pid in sorted(map(int, filter(str.isdigit, _entries(Path("/proc"))))):
        with contextlib.suppress(OSError):
            folder = f"/proc/{pid}/fd"
            if any(_link(f"{folder}/{name}") in wanted for name in os.listdir(folder)):
                return pid
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _link(path: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(path)
    return ""


def cpu_seconds(root: int | None) -> float:
    """CPU time that a tree has used, its ended children included."""
    if root is None:
        return 0.0
    rows = [fields for fields in map(_stat, tree(root)) if fields]
    return sum(sum(fields[_USER : _REAPED_SYSTEM + 1]) for fields in rows) / TICKS


def process_seconds(pid: int | None) -> float:
    """CPU time of one process alone, of all its threads, to the microsecond.

    Linux makes the number of a process' clock of its id (clock_getcpuclockid): all bits of it turned round,
    and 2, that of CPU time, in the three bits behind.
    """
    with contextlib.suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2) if pid is not None else 0.0
    return 0.0


def own_seconds() -> float:
    """CPU time of this process and of all that it has started."""
    return cpu_seconds(os.getpid())


def memory(root: int | None) -> tuple[int, int]:
    """Bytes of a tree: what it takes of this machine (PSS: a shared page counts once), and the sum of
    what each process has resident (RSS: a shared page counts in each)."""
    sizes = [memory_of(pid) for pid in tree(root)] if root is not None else []
    return sum(proportional for proportional, _ in sizes), sum(resident for _, resident in sizes)


def memory_of(pid: int) -> tuple[int, int]:
    """The same of one process alone."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        sizes = dict(line.split(":", 1) for line in text.splitlines()[1:])
        return int(sizes["Pss"].split()[0]) * 1024, int(sizes["Rss"].split()[0]) * 1024
    return 0, 0


def busy_seconds() -> float:
    """CPU time that everything on this machine has used, what its host took away included."""
    with contextlib.suppress(OSError):
        user, nice, system, _idle, _wait, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text().split()[1:9]
        )
        return (user + nice + system + irq + softirq + steal) / TICKS
    return 0.0


def _entries(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def _stat(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat behind the name and state; none where the process is gone."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text()
        return [0, *map(int, text.rpartition(")")[2].split()[1:])]
    return []


@dataclass(frozen=True)
class About:
    """What a table of figures has to say of where they come from."""

    cpu: str
    cores: int
    system: str
    python: str


def about() -> About:
    model = "unknown"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return About(model, len(_AVAILABLE), platform.platform(), platform.python_version())
