"""Which processes may use a cache folder: one, or several that all say they share it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.cache.folder_lock import LOCK_FILE
from origin.cache.folder_lock import FolderLock
from origin.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def lock(folder: Path) -> Iterator[FolderLock]:
    lock = FolderLock(folder, shared=False)
    lock.acquire()
    yield lock
    lock.release()


def refusal(folder: Path, *, shared: bool = False) -> str:
    with pytest.raises(ConfigError) as refused:
        FolderLock(folder, shared).acquire()
    return str(refused.value)


def test_a_folder_is_made_and_locked(lock: FolderLock, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert lock.is_held


@pytest.mark.parametrize("shared", [True, False])
def test_a_second_one_is_told_who_uses_the_folder_and_what_to_do(
    lock: FolderLock, folder: Path, shared: bool
) -> None:
    text = refusal(folder, shared=shared)
    assert text.isprintable()
    assert text == (
        f"cache.path: {folder} is in use by process {os.getpid()}; give each origin a folder of its own, "
        'or set "shared": true under "cache" for all that use this one'
    )


def test_a_released_folder_is_free(lock: FolderLock, folder: Path) -> None:
    lock.release()
    assert not lock.is_held
    again = FolderLock(folder, shared=False)
    again.acquire()
    assert again.is_held
    again.release()


def test_those_that_share_a_folder_do_not_exclude_each_other(folder: Path) -> None:
    locks = [FolderLock(folder, shared=True) for _ in range(3)]
    for lock in locks:
        lock.acquire()
    assert "is in use by another process" in refusal(folder)
    for lock in locks:
        lock.release()
    alone = FolderLock(folder, shared=False)
    alone.acquire()
    alone.release()


def test_a_lock_in_a_removed_folder_is_not_held(lock: FolderLock, folder: Path) -> None:
    shutil.rmtree(folder)
    assert not lock.is_held
    lock.acquire()
    assert lock.is_held
    assert "is in use" in refusal(folder)


@pytest.mark.parametrize(
    ("plant", "text"),
    [
        (lambda path: path.write_bytes(b""), "is a file; choose a folder"),
        (lambda path: path.symlink_to("/dev/null"), "is a file; choose a folder"),
        (lambda path: path.symlink_to("/proc/nowhere"), "cannot be made"),
        (lambda path: path.symlink_to("/proc"), "cannot be written to"),
        (lambda path: (path.mkdir(), (path / LOCK_FILE).symlink_to("/tmp/x")), "cannot be written to"),
    ],
)
def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, plant: object, text: str) -> None:
    path = tmp_path / "cache"
    assert callable(plant)
    plant(path)
    assert refusal(path).startswith(f"cache.path: {path} {text}")


def test_a_folder_that_cannot_be_made_is_said() -> None:
    assert refusal(Path("/proc/cache")).startswith("cache.path: /proc/cache cannot be made: ")


def test_without_such_locks_a_warning_stands_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(file: int, operation: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(fcntl, "flock", missing)
    lock = FolderLock(folder, shared=False)
    lock.acquire()
    assert [record.getMessage() for record in caplog.records] == [
        f"the cache in {folder} cannot be locked, take care that no other process uses it"
    ]
    lock.release()
