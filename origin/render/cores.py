"""How many cores this process may use: those it may run on, or the quota of its cgroup where that is less.

A container that is given two cores of a machine with 64 may run on all of them, for two cores' worth of time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePosixPath

ReadFile = Callable[[str], str]
"""The content of a file by its path. Raises OSError."""


def count_cores() -> int:
    """Whole cores, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # macOS does not have it
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return within_quota(cores, lambda path: Path(path).read_text())


def within_quota(cores: int, read: ReadFile) -> int:
    """`cores`, or what the quotas of our cgroup and those above it leave of them: 1.5 cores are 2."""
    return max(1, min([cores, *_quotas(read)]))


def _quotas(read: ReadFile) -> Iterator[int]:
    """The quota of each cgroup that we are in, in whole cores; none where it has no quota."""
    try:
        groups, mounts = read("/proc/self/cgroup"), read("/proc/self/mountinfo")
    except OSError:
        return  # not Linux, or no /proc
    paths = dict(_paths(groups))
    for version, root, point in _mounts(mounts):
        if version in paths:
            for folder in _upwards(point, _below(root, paths[version])):
                yield from _quota(version, folder, read)


def _paths(text: str) -> Iterator[tuple[int, str]]:
    """Our cgroup in each version's hierarchy, from the lines `number:controllers:path` (cgroups(7))."""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            yield 2, path
        elif "cpu" in controllers.split(","):
            yield 1, path


def _mounts(text: str) -> Iterator[tuple[int, str, str]]:
    """Version, root and mount point of each hierarchy that may hold quotas (proc_pid_mountinfo(5))."""
    for line in text.splitlines():
        mount, _, system = line.partition(" - ")
        match mount.split(), system.split():
            case [_, _, _, root, point, *_], ["cgroup2", *_]:
                yield 2, root, point
            case [_, _, _, root, point, *_], ["cgroup", _, options] if "cpu" in options.split(","):
                yield 1, root, point


def _below(root: str, path: str) -> str:
    """`path` from `root` on. Empty where it is not below: a container may see the host's path, or none."""
    inside = PurePosixPath(path).is_relative_to(root) and ".." not in path.split("/")
    return str(PurePosixPath(path).relative_to(root)) if inside else ""


def _upwards(point: str, path: str) -> Iterator[PurePosixPath]:
    folder = PurePosixPath(point, path)
    yield folder
    while folder != PurePosixPath(point):
        folder = folder.parent
        yield folder


def _quota(version: int, folder: PurePosixPath, read: ReadFile) -> Iterator[int]:
    """Nothing for a cgroup without a quota, which version 2 calls `max` and version 1 -1."""
    try:
        if version == 2:
            quota, period = read(f"{folder}/cpu.max").split()
        else:
            quota, period = read(f"{folder}/cpu.cfs_quota_us"), read(f"{folder}/cpu.cfs_period_us")
        if quota != "max" and int(quota) > 0:
            yield -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return
