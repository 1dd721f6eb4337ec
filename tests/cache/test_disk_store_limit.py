"""The limit of the store, and the files without a row that count in it."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

from origin.cache import culler
from origin.cache import stray_files
from origin.cache.disk_store import DiskStore
from tests.support.disk_stores import BIG
from tests.support.disk_stores import MB
from tests.support.disk_stores import du
from tests.support.disk_stores import get
from tests.support.disk_stores import may_hold
from tests.support.disk_stores import table
from tests.support.disk_stores import until
from tests.support.disk_stores import value_files

# What a killed process leaves


def leave_strays(store: DiskStore, count: int, age: float = 3600.0) -> list[Path]:
    """Files of values without a row, as a process leaves that is killed between the two."""
    for number in range(count):
        store.put(f"stray{number}", BIG)
    strays = value_files(store)
    with table(store) as db:
        db.execute("DELETE FROM Cache WHERE key GLOB 'stray*'")
    for path in strays:
        os.utime(path, (time.time() - age,) * 2)
    return strays


@pytest.mark.slow
def test_files_without_a_row_are_deleted_behind_the_opening(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 50 * MB)
    strays = leave_strays(store, 30)
    store.put("key", BIG)
    deep = store.path / "ab" / "cd" / ("0" * 28 + ".val")  # as earlier releases named them
    deep.parent.mkdir(parents=True, exist_ok=True)
    deep.write_bytes(b"stray")
    os.utime(deep, (0, 0))
    store.close()
    again = DiskStore(store.path, store.max_size)
    assert get(again, "key") == BIG
    until(lambda: not any(path.exists() for path in (*strays, deep)))
    assert len(value_files(again)) == 1
    assert get(again, "key") == BIG
    again.close()


@pytest.mark.slow
def test_files_that_are_being_written_are_left_alone(tmp_path: Path) -> None:
    """Their row may come yet, from this process or from another one that shares the folder."""
    store = DiskStore(tmp_path / "cache", 50 * MB)
    [young] = leave_strays(store, 1, age=5.0)
    [old] = {*leave_strays(store, 1)} - {young}
    os.utime(young)
    store.close()
    again = DiskStore(store.path, store.max_size)
    assert get(again, "key") is None
    until(lambda: not old.exists())
    assert young.exists()
    again.close()


@pytest.mark.slow
def test_nothing_else_in_the_folder_is_swept(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 50 * MB)
    strays = leave_strays(store, 5)
    others = [
        store.path / "ab.val",
        store.path / "mine" / "0000.val",
        store.path / "ab" / "notes.txt",
        store.path / "ab" / "short.val",
        store.path / "ab" / "ef" / "gh" / ("0" * 28 + ".val"),
    ]
    outside = tmp_path / "outside" / ("0" * 30 + ".val")
    for path in (*others, outside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        os.utime(path, (0, 0))
    unused = next(path for path in (store.path / f"{n:02x}" for n in range(256)) if not path.exists())
    unused.symlink_to(outside.parent)
    store.close()
    again = DiskStore(store.path, store.max_size)
    assert get(again, "key") is None
    until(lambda: not any(path.exists() for path in strays))
    until(lambda: not may_hold(again, "strange"))
    assert all(path.exists() for path in (*others, outside))
    again.close()


@pytest.mark.slow
def test_strays_count_in_the_limit_until_they_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskStore(tmp_path / "cache", 4 * MB)
    leave_strays(store, 20)  # 2 MB
    store.close()
    again = DiskStore(store.path, store.max_size)
    monkeypatch.setattr(stray_files, "delete", lambda path: False)  # a disk that refuses
    assert get(again, "key") is None
    until(lambda: again.size() > 2 * MB)
    for number in range(60):
        again.put(f"key{number}", BIG)
        assert du(again.path) <= 4 * MB
    again.close()


# The limit


def sizes(seed: int, count: int, largest: int) -> list[int]:
    """From a hundred bytes to `largest`, small ones more often."""
    dice = random.Random(seed)
    return [int(100 * (largest / 100) ** dice.random()) for _ in range(count)]


@pytest.mark.slow
def test_the_folder_never_passes_its_limit_with_mixed_sizes(tmp_path: Path) -> None:
    limit = 8 * MB
    store = DiskStore(tmp_path / "cache", limit)
    highest = 0
    for i, size in enumerate(sizes(1, 600, limit // 20)):
        store.put(f"key{i}", random.Random(i).randbytes(size))
        highest = max(highest, du(store.path)) if i % 3 == 0 else highest
    assert store.failures == 0
    assert highest <= limit
    assert du(store.path) > limit * 0.8  # it holds what it may
    store.close()


@pytest.mark.slow
def test_the_folder_never_passes_its_limit_with_values_put_together(tmp_path: Path) -> None:
    limit = 8 * MB
    store = DiskStore(tmp_path / "cache", limit)
    kept = []
    for i in range(20):
        found = [random.Random(i).randbytes(size) for size in sizes(i, 32, limit // 20)]
        store.put_all([(f"key{i} {n}", (value,)) for n, value in enumerate(found)])
        assert du(store.path) <= limit
        assert get(store, f"key{i} 31") == found[31]
        kept.append(du(store.path))
    assert store.failures == 0
    assert min(kept[10:]) > limit * 0.7  # making room for many at once does not empty it
    store.close()


@pytest.mark.slow
def test_giants_after_many_dwarfs_do_not_pass_the_limit(tmp_path: Path) -> None:
    # diskcache alone took 52 MB of 10 this way.
    limit = 4 * MB
    store = DiskStore(tmp_path / "cache", limit)
    for i in range(1200):
        store.put(f"dwarf{i}", bytes(2000))
    for i in range(12):
        store.put(f"giant{i}", bytes(limit // 20))
        assert du(store.path) <= limit
    assert get(store, "giant11") is not None
    assert store.count("dwarf") > 100
    store.close()


def test_the_oldest_go_first_and_what_was_read_gets_another_round(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 4 * MB)
    for i in range(20):
        store.put(f"key{i}", BIG)
    assert get(store, "key3") == BIG
    assert get(store, "key4") == BIG
    for i in range(20, 40):
        store.put(f"key{i}", BIG)
    kept = [i for i in range(40) if store.count(f"key{i}\0") or get(store, f"key{i}") is not None]
    assert 3 in kept
    assert 4 in kept
    newest = [i for i in kept if i not in (3, 4)]
    assert newest == list(range(newest[0], 40))
    assert newest[0] > 4
    store.close()


def test_what_was_read_once_and_never_again_goes_in_the_end(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 2 * MB)
    store.put("read", BIG[:90_000])
    assert get(store, "read") is not None
    for i in range(80):
        store.put(f"key{i}", BIG[:90_000])
    assert get(store, "read") is None
    store.close()


def test_a_folder_where_all_was_read_is_culled_all_the_same(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 2 * MB)
    for i in range(60):
        store.put(f"key{i}", BIG[:90_000])
        assert get(store, f"key{i}") is not None
    assert du(store.path) <= 2 * MB
    store.close()


@pytest.mark.slow
def test_the_limit_counts_what_the_disk_gives_out(tmp_path: Path) -> None:
    # A file of 33 kB takes nine blocks and, the first of its folder, that as well.
    store = DiskStore(tmp_path / "cache", 4 * MB)
    for i in range(150):
        store.put(f"key{i}", bytes(33_000))
    assert du(store.path) <= 4 * MB
    store.close()


def test_a_store_told_of_less_room_shrinks_with_the_next_write(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 8 * MB)
    for i in range(60):
        store.put(f"key{i}", BIG)
    store.close()
    smaller = DiskStore(tmp_path / "cache", 2 * MB)
    smaller.put("key", BIG[:90_000])
    assert get(smaller, "key") is not None
    assert du(smaller.path) <= 2 * MB
    smaller.close()


@pytest.mark.slow
def test_a_log_that_cannot_end_does_not_empty_the_cache(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "cache", 8 * MB)
    for i in range(300):
        store.put(f"key{i}", bytes(2000))
    with table(store) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM Cache").fetchone()  # while it looks, SQLite's log only grows
        for i in range(300):
            store.put(f"key{i}", bytes(20_000))
    assert store.count() > 150
    for i in range(30):
        store.put(f"new{i}", bytes(2000))
    assert store.count() > 150
    assert du(store.path) <= 8 * MB  # it has become short again
    store.close()


def test_names_that_were_read_are_counted_in_little_memory() -> None:
    """Each of them is spared once; of others one in ten may be, where as many were read as are counted."""
    counting = culler.Culler(10**9, lambda: 0)
    touched = counting._touched
    for number in range(120_000):
        counting.touch(f"read {number}")
    assert sum(touched.discard(f"other {number}") for number in range(1000)) < 200
    assert touched.discard("read 7")
    assert not touched.discard("read 7")
    assert sys.getsizeof(touched._bits) < 200_000
    late = [f"late {number}" for number in range(5000)]
    counting.touch(*late)
    assert 0 < sum(map(touched.discard, late)) < 2000, "there was room for as many as were discarded"
