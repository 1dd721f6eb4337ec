"""Cores by the files of a system, as containers and services see them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from origin.render import cores
from origin.render.pool import RenderPool

MOUNT2 = "31 23 0:28 {root} /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate"
MOUNT1 = "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,relatime master:11 - cgroup cgroup rw,cpu,cpuacct"
OTHERS = """22 27 0:21 / /proc rw,relatime - proc proc rw
33 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
"""


def count(tree: Path, files: Mapping[str, str], have: int = 64) -> int:
    """What is counted on a machine of `have` cores with these files."""
    for name, text in files.items():
        path = tree / name.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cores.within_quota(have, lambda path: (tree / path.removeprefix("/")).read_text())


def version2(path: str, root: str = "/", **quotas: str) -> dict[str, str]:
    """Files of a system with version 2; `quotas` by the last part of the folder, `top` for the mount."""
    folders = {"top": "", "pod": "/pod", "web": "/pod/web"}
    return {
        "/proc/self/cgroup": f"0::{path}\n",
        "/proc/self/mountinfo": f"{OTHERS}{MOUNT2.format(root=root)}\n",
        **{f"/sys/fs/cgroup{folders[name]}/cpu.max": f"{quota}\n" for name, quota in quotas.items()},
    }


def version1(path: str, root: str = "/", **quotas: tuple[int, int]) -> dict[str, str]:
    folders = {"top": "", "docker": "/docker/1f"}
    files = {
        "/proc/self/cgroup": f"4:memory:/elsewhere\n3:cpuset:/x\n2:cpu,cpuacct:{path}\n0::/\n",
        "/proc/self/mountinfo": f"{OTHERS}{MOUNT1.format(root=root)}\n",
    }
    for name, (quota, period) in quotas.items():
        folder = f"/sys/fs/cgroup/cpu,cpuacct{folders[name]}"
        files |= {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}
    return files


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 64),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("100001 100000", 2),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("30000 10000", 3),
        ("12800000 100000", 64),
        ("", 64),
        ("nonsense 100000", 64),
        ("100000 0", 64),
    ],
)
def test_a_container_of_version_2(tmp_path: Path, quota: str, expected: int) -> None:
    """A container sees its own cgroup as the top."""
    assert count(tmp_path, version2("/", top=quota)) == expected


def test_the_cgroup_above_may_leave_less(tmp_path: Path) -> None:
    files = version2("/pod/web", web="400000 100000", pod="250000 100000", top="max 100000")
    assert count(tmp_path, files) == 3


def test_the_cgroup_itself_may_leave_less(tmp_path: Path) -> None:
    assert count(tmp_path, version2("/pod/web", web="100000 100000", pod="250000 100000")) == 1


def test_a_quota_above_the_cores_that_it_may_run_on_changes_nothing(tmp_path: Path) -> None:
    assert count(tmp_path, version2("/", top="800000 100000"), have=2) == 2


@pytest.mark.parametrize("path", ["/kubepods/pod7/1f", "/../other", "/kubepods/../pod"])
def test_a_path_of_the_host_that_the_container_cannot_see(tmp_path: Path, path: str) -> None:
    files = version2(path, top="200000 100000", pod="100000 100000")
    assert count(tmp_path, files | {"/sys/fs/cgroup/kubepods/cpu.max": "nothing"}) == 2


def test_a_mount_of_a_part_of_the_hierarchy(tmp_path: Path) -> None:
    assert count(tmp_path, version2("/kube/pod/web", root="/kube", web="max 1", pod="300000 100000")) == 3
    assert (
        count(tmp_path, version2("/kuber/pod", root="/kube", pod="300000 100000", top="500000 100000")) == 5
    )


@pytest.mark.parametrize(
    ("quota", "expected"),
    [((-1, 100000), 64), ((200000, 100000), 2), ((150000, 100000), 2), ((5000, 10000), 1), ((5000, 0), 64)],
)
def test_a_service_of_version_1(tmp_path: Path, quota: tuple[int, int], expected: int) -> None:
    assert count(tmp_path, version1("/docker/1f", docker=quota, top=(-1, 100000))) == expected


def test_a_container_of_version_1_sees_the_path_of_the_host(tmp_path: Path) -> None:
    files = version1("/docker/1f", root="/docker/1f", top=(200000, 100000))
    assert count(tmp_path, files) == 2


def test_both_versions_at_once(tmp_path: Path) -> None:
    files = version1("/docker/1f", docker=(300000, 100000))
    files["/proc/self/mountinfo"] += MOUNT2.format(root="/") + "\n"
    assert count(tmp_path, files) == 3
    assert count(tmp_path, {**files, "/sys/fs/cgroup/cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"/proc/self/cgroup": "0::/\n"},
        {"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": OTHERS},
        {"/proc/self/cgroup": "", "/proc/self/mountinfo": MOUNT2.format(root="/")},
        {"/proc/self/cgroup": "0\n\n::\n", "/proc/self/mountinfo": "\n - \n1 2 3 - cgroup2\n - cgroup\n"},
        version2("/"),
    ],
)
def test_without_a_quota_it_is_the_cores(tmp_path: Path, files: dict[str, str]) -> None:
    assert count(tmp_path, files, have=7) == 7


def test_there_is_always_one(tmp_path: Path) -> None:
    assert count(tmp_path, {}, have=0) == 1


def test_the_cores_that_this_process_may_run_on_count() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot bind a process to cores")
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from origin.render.cores import count_cores; print(count_cores())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout == "1\n"


def test_where_there_is_no_affinity_the_machine_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert cores.count_cores() == 1


def test_a_pool_has_one_renderer_more() -> None:
    assert RenderPool(0).size == cores.count_cores() + 1
    assert RenderPool(5).size == 5
