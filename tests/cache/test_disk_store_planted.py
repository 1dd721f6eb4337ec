"""What an attacker plants in the folder of the store: a miss, never an error, and nothing outside changes."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from origin.cache.disk_store import DiskStore
from tests.support.disk_stores import BIG
from tests.support.disk_stores import MB
from tests.support.disk_stores import SMALL
from tests.support.disk_stores import Clock
from tests.support.disk_stores import du
from tests.support.disk_stores import get
from tests.support.disk_stores import recover
from tests.support.disk_stores import table
from tests.support.disk_stores import value_files


class Planted:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("in_file", [True, False])
def test_a_planted_pickle_is_not_loaded(store: DiskStore, tmp_path: Path, in_file: bool) -> None:
    store.put("key", BIG)
    trap = tmp_path / "sprung"
    pickled = pickle.dumps(Planted(trap))
    value_files(store)[0].write_bytes(pickled)
    with table(store) as db:
        if in_file:
            db.execute("UPDATE Cache SET mode = 4")
        else:
            db.execute("UPDATE Cache SET mode = 4, filename = NULL, value = ?", (pickled,))
    assert get(store, "key") is None
    assert not trap.exists()
    store.put("key", BIG)
    assert get(store, "key") == BIG


def test_a_planted_pickle_for_a_key_is_not_loaded(store: DiskStore, tmp_path: Path) -> None:
    store.put("key", BIG)
    trap = tmp_path / "sprung"
    with table(store) as db:
        db.execute("UPDATE Cache SET raw = 0, key = ?", (pickle.dumps(Planted(trap)),))
    assert get(store, "key") is None
    store.delete_prefix("")
    store.put("key", SMALL)
    assert get(store, "key") == SMALL
    assert not trap.exists()


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("through", ["get", "replace", "delete", "cull"])
def test_a_planted_file_name_never_leads_out(
    tmp_path: Path, clock: Clock, through: str, absolute: bool
) -> None:
    store = DiskStore(tmp_path / "cache", 3 * MB, clock)
    outside = tmp_path / "outside" / "secret"
    outside.parent.mkdir()
    outside.write_bytes(b"secret")
    store.put("key", BIG)
    name = str(outside) if absolute else "../outside/secret"
    with table(store) as db:
        db.execute("UPDATE Cache SET filename = ?", (name,))
    if through == "get":
        assert get(store, "key") is None
    elif through == "replace":
        store.put("key", BIG)
        assert get(store, "key") == BIG
    elif through == "delete":
        assert store.delete_prefix("key") == {"key"}
    else:
        for i in range(40):
            store.put(f"other{i}", BIG)
        assert store.count("key") == 0
    assert outside.read_bytes() == b"secret"
    store.close()


def test_a_planted_link_is_not_followed(store: DiskStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    store.put("key", BIG)
    file = value_files(store)[0]
    file.unlink()
    file.symlink_to(secret)
    assert get(store, "key") is None
    store.delete_prefix("key")
    assert secret.read_bytes() == b"secret"


def test_a_planted_fifo_does_not_block(store: DiskStore) -> None:
    store.put("key", BIG)
    file = value_files(store)[0]
    file.unlink()
    os.mkfifo(file)
    assert get(store, "key") is None


@pytest.mark.parametrize("through", ["get", "delete"])
def test_a_planted_folder_is_not_followed(store: DiskStore, tmp_path: Path, through: str) -> None:
    store.put("key", BIG)
    file = value_files(store)[0]
    outside = tmp_path / "outside"
    file.parent.rename(outside)
    file.parent.symlink_to(outside)
    if through == "get":
        assert get(store, "key") is None
    else:
        store.delete_prefix("key")
    assert (outside / file.name).exists()


def plant_link(file: Path) -> int:
    """Plants something in place of values; how many those were."""
    file.unlink()
    file.symlink_to("/dev/null")
    return 1


def plant_folder(file: Path) -> int:
    file.unlink()
    file.mkdir()
    return 1


def plant_file_for_folder(file: Path) -> int:
    values = len(list(file.parent.iterdir()))
    shutil.rmtree(file.parent)
    file.parent.write_bytes(b"")
    return values


@pytest.mark.parametrize("plant", [plant_link, plant_folder, plant_file_for_folder])
def test_one_planted_file_stops_no_other_read(store: DiskStore, plant: Callable[[Path], int]) -> None:
    for i in range(20):
        store.put(f"key{i}", BIG)
    lost = plant(value_files(store)[0])
    found = [get(store, f"key{i}") for i in range(20)]
    assert found.count(BIG) == 20 - lost
    assert store.failures == lost


def test_one_file_that_the_disk_cannot_read_stops_no_other_read(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("bad", BIG)
    [bad] = value_files(store)
    inode = bad.stat().st_ino
    store.put("good", BIG)
    read = os.read

    def broken(file: int, size: int) -> bytes:
        if os.fstat(file).st_ino == inode:
            raise OSError(errno.EIO, "a bad block")
        return read(file, size)

    monkeypatch.setattr(os, "read", broken)
    assert get(store, "bad") is None
    assert get(store, "good") == BIG
    assert store.failures == 1


def test_too_few_descriptors_stop_reads_for_a_moment(store: DiskStore, clock: Clock) -> None:
    """Not one value is at fault then, and trying again would not help."""
    store.put("one", BIG)
    store.put("two", BIG)
    assert get(store, "one") == BIG
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert get(store, "one") is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert get(store, "two") is None
    recover(store, clock)
    assert get(store, "two") == BIG
    assert store.failures == 1


def test_a_planted_link_among_the_folders_is_not_written_through(store: DiskStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    store.put("key", SMALL)
    for number in range(256):
        (store.path / f"{number:02x}").symlink_to(outside)
    store.put("big", BIG)
    assert list(outside.iterdir()) == []
    assert get(store, "big") is None
    store.put("small", SMALL)  # and other writes go on
    assert get(store, "small") == SMALL


def test_a_row_that_names_the_database_does_not_take_it_along(store: DiskStore) -> None:
    store.put("key", BIG)
    store.put("other", SMALL)
    with table(store) as db:
        db.execute("UPDATE Cache SET filename = 'cache.db' WHERE key = 'key'")
    assert store.delete_prefix("key") == {"key"}
    assert (store.path / "cache.db").exists()
    assert get(store, "other") == SMALL


@pytest.mark.parametrize(
    "columns",
    [
        "filename = 7, value = NULL",
        "filename = x'ff00', value = NULL",
        "filename = NULL, value = NULL",
        "filename = CAST(x'ff' AS TEXT)",
        "filename = 'a' || char(0) || 'b'",
        "filename = 'cache.db'",
        "filename = ''",
        "mode = 1, filename = NULL, value = 'text'",
        "mode = 1, filename = NULL, value = 3",
        "mode = 'x'",
        "tag = CAST(x'ff' AS TEXT)",
        "size = 'x'",
        "size = -1",
    ],
)
def test_a_row_with_nonsense_is_a_miss_and_can_be_replaced(
    store: DiskStore, clock: Clock, columns: str
) -> None:
    store.put("key", BIG)
    with table(store) as db:
        db.execute(f"UPDATE Cache SET {columns}")
    assert get(store, "key") in (None, BIG)  # where the nonsense is nowhere it matters
    recover(store, clock)
    store.put("key", SMALL)
    recover(store, clock)
    store.put("key", SMALL)
    assert get(store, "key") == SMALL


@pytest.mark.slow
@pytest.mark.parametrize("key", ["x'00ff'", "7", "1.5", "NULL", "CAST(x'ff' AS TEXT)"])
def test_a_key_that_is_not_text_does_not_stop_the_culler(tmp_path: Path, key: str) -> None:
    store = DiskStore(tmp_path / "cache", 3 * MB)
    store.put("key", BIG)
    with table(store) as db:
        db.execute(f"UPDATE Cache SET key = {key}")
    for i in range(100):
        store.put(f"key{i}", BIG)
    assert store.failures == 0
    assert du(store.path) <= 3 * MB
    store.close()


@pytest.mark.parametrize(
    "setting",
    [
        ("_directory", "/nowhere"),
        ("directory", "/nowhere"),
        ("disk_nonsense", 1),
        ("eviction_policy", "none"),
        ("size_limit", "x"),
        ("count", "x"),
        ("size", None),
    ],
)
def test_a_planted_setting_raises_nothing(store: DiskStore, setting: tuple[str, object]) -> None:
    store.put("key", BIG)
    store.close()
    with table(store) as db:
        db.execute("INSERT OR REPLACE INTO Settings VALUES (?, ?)", setting)
    again = DiskStore(store.path, store.max_size)
    again.put("other", BIG)
    assert get(again, "key") in (None, BIG)
    again.size()
    again.count()
    again.delete_prefix("")
    again.close()
    assert not Path("/nowhere").exists()
