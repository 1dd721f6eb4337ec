"""The store: values by name, kept over restarts, deleted by prefix, found missing without a read."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import resource
import shutil
import stat
import sys
import threading
from pathlib import Path

import pytest

from origin.cache.disk_store import DiskStore
from origin.cache.diskcache_safe import SafeDisk
from tests.support.disk_stores import BIG
from tests.support.disk_stores import MB
from tests.support.disk_stores import SMALL
from tests.support.disk_stores import get
from tests.support.disk_stores import may_hold
from tests.support.disk_stores import table
from tests.support.disk_stores import until
from tests.support.disk_stores import value_files

# What it is for


@pytest.mark.parametrize("value", [b"", b"x", SMALL, BIG, b"\0" * 40_000])
def test_a_value_comes_back_as_it_was_put(store: DiskStore, value: bytes) -> None:
    store.put("key", value)
    assert get(store, "key") == value


def test_a_value_is_written_in_one_piece(store: DiskStore) -> None:
    called: list[str] = []
    value = b"\n" * len(BIG)
    sys.setprofile(lambda frame, event, what: called.append(what.__name__) if event == "c_call" else None)
    try:
        store.put("key", value)
    finally:
        sys.setprofile(None)
    assert called.count("writev") == 1
    assert get(store, "key") == value


def test_values_that_are_put_together_come_back_each(store: DiskStore) -> None:
    store.put("b", SMALL)
    store.put_all(
        [
            ("a", (BIG,)),
            ("b", (BIG,)),
            ("c", (b"", SMALL[:1], SMALL[1:])),
            ("huge", (bytes(3 * MB),)),
            ("a", (SMALL,)),
        ]
    )
    assert [get(store, key) for key in ("a", "b", "c", "huge")] == [SMALL, BIG, SMALL, None]
    assert len(value_files(store)) == 1  # what was replaced is gone
    store.put_all([])
    store.put_all([("alone", (BIG[:5], BIG[5:], b""))])
    assert get(store, "alone") == BIG
    assert store.failures == 0


def test_one_value_that_cannot_be_put_does_not_keep_the_others_out(store: DiskStore) -> None:
    store.put_all([("a", (BIG,)), ("\ud800", (SMALL,)), ("c", (SMALL,))])
    assert [get(store, key) for key in ("a", "c")] == [BIG, SMALL]
    assert len(value_files(store)) == 1  # none stays from the first try


def test_what_was_never_put_is_known_from_memory(store: DiskStore, tmp_path: Path) -> None:
    assert may_hold(store, "a")  # nothing is known yet
    store.put("a", SMALL)
    store.put_all([("b", (BIG,)), ("c", (SMALL,))])
    until(lambda: not may_hold(store, "x"))
    assert all(may_hold(store, key) for key in "abc")
    assert not may_hold(store, "d")
    store.close()
    again = DiskStore(tmp_path / "cache", 50 * MB)
    assert get(again, "a") == SMALL
    until(lambda: not may_hold(again, "x"))
    assert all(may_hold(again, key) for key in "abc")
    assert not may_hold(again, "d")
    again.close()


def test_another_folder_is_learned_anew(store: DiskStore, tmp_path: Path) -> None:
    other = DiskStore(tmp_path / "other", store.max_size)
    other.put("theirs", b"other")
    other.close()
    store.put("ours", b"first")
    until(lambda: not may_hold(store, "theirs"))
    shutil.move(store.path, tmp_path / "away")
    shutil.move(tmp_path / "other", store.path)
    store.put("new", SMALL)
    assert may_hold(store, "theirs")
    until(lambda: not may_hold(store, "ours"))
    assert may_hold(store, "theirs")
    assert may_hold(store, "new")


def test_a_closed_store_has_no_connection_left(tmp_path: Path) -> None:
    """SQLite removes its log with the last one, which may be that of the thread that learns the names."""
    store = DiskStore(tmp_path, 100 * MB)
    store.put_all([(str(number), (SMALL,)) for number in range(5000)])
    store.close()
    assert not (tmp_path / "cache.db-wal").exists()
    again = DiskStore(tmp_path, 100 * MB)
    assert get(again, "4999") == SMALL
    again.close()
    assert not (tmp_path / "cache.db-wal").exists()


def test_thousands_of_keys_are_learned_and_few_strange_ones_taken_for_known(tmp_path: Path) -> None:
    store = DiskStore(tmp_path, 50 * MB)
    for portion in range(25):
        store.put_all([(f"{portion} {n}", (SMALL,)) for n in range(100)])
    store.close()
    assert get(store, "0 0") == SMALL
    until(lambda: not all(may_hold(store, f"x{n}") for n in range(3)))
    assert all(may_hold(store, f"{portion} {n}") for portion in range(25) for n in range(100))
    assert sum(may_hold(store, f"strange {n}") for n in range(10_000)) < 20
    store.close()


def test_a_value_is_there_after_a_restart(store: DiskStore) -> None:
    store.put("key", BIG)
    store.close()
    again = DiskStore(store.path, store.max_size)
    assert get(again, "key") == BIG
    again.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc of Linux")
def test_reading_everything_takes_little_memory(store: DiskStore) -> None:
    for number in range(600):
        store.put(f"key {number}", bytes(16_000))  # 9.6 MB, all in SQLite's file
    assert value_files(store) == []
    before = resident()
    for number in range(600):
        assert get(store, f"key {number}") == bytes(16_000)
    assert resident() - before < 4 * MB
    assert str(store.path / "cache.db\n") not in Path("/proc/self/maps").read_text()


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_value_of_some_pages_has_a_file_in_one_of_256_folders(store: DiskStore) -> None:
    store.put("key", bytes(16_384))
    [path] = value_files(store)
    assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{30}\.val", str(path.relative_to(store.path)))
    assert path.stat().st_size == 16_384 + 32  # the digest
    store.put("key", SMALL)
    assert value_files(store) == []


def test_what_earlier_releases_have_kept_is_still_read(store: DiskStore) -> None:
    """Their files lay two folders deep, and their values in SQLite were up to twice as large."""
    store.put("deep", BIG)
    store.put("row", BIG[:30_000])
    deep, row = sorted(value_files(store), key=lambda path: -path.stat().st_size)
    body = row.read_bytes()
    name = "ab/cd/" + deep.stem[:28] + ".val"
    (store.path / "ab" / "cd").mkdir(parents=True)
    deep.rename(store.path / name)
    with table(store) as db:
        db.execute("UPDATE Cache SET filename = ? WHERE key = 'deep'", (name,))
        db.execute("UPDATE Cache SET filename = NULL, mode = 1, value = ? WHERE key = 'row'", (body,))
    assert get(store, "deep") == BIG
    assert get(store, "row") == BIG[:30_000]
    store.put("deep", SMALL)
    assert not (store.path / name).exists()


def test_what_was_never_put_is_a_miss(store: DiskStore) -> None:
    assert get(store, "key") is None
    assert store.failures == 0


def test_the_folder_is_for_its_owner_alone(store: DiskStore) -> None:
    store.put("key", SMALL)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o700


def test_a_value_over_a_twentieth_of_the_folder_is_not_kept(tmp_path: Path) -> None:
    store = DiskStore(tmp_path, 2 * MB)
    store.put("key", b"x" * 100_001)
    assert get(store, "key") is None
    store.put("key", b"x" * 100_000)
    assert get(store, "key") is not None
    store.close()


@pytest.mark.parametrize(
    ("prefix", "gone"),
    [
        ("a\0b\0", {"a\0b\0V", "a\0b\0R1"}),
        ("a\0b", {"a\0b\0V", "a\0b\0R1", "a\0b-c\0V", "a\0b\U0010ffff\0V"}),
        ("a\0b\U0010ffff", {"a\0b\U0010ffff\0V"}),
        ("a\0\ud7ff", {"a\0\ud7ff\0V"}),
        ("c", set()),
    ],
)
def test_delete_takes_exactly_what_starts_with_the_prefix(
    store: DiskStore, prefix: str, gone: set[str]
) -> None:
    keys = {"a\0b\0V", "a\0b\0R1", "a\0b-c\0V", "a\0b\U0010ffff\0V", "a\0\ud7ff\0V", "a\0\ue000\0V", "b"}
    for key in keys:
        store.put(key, BIG if key.endswith("V") else SMALL)
    assert store.count(prefix) == len(gone)
    assert store.delete_prefix(prefix) == gone
    assert {key for key in keys if get(store, key) is not None} == keys - gone
    assert len(value_files(store)) == sum(key.endswith("V") for key in keys - gone)


def test_a_delete_of_what_is_no_text_does_not_stop_the_store(store: DiskStore) -> None:
    assert store.delete_prefix("photos\ud800") == set()
    store.put("key", SMALL)
    assert get(store, "key") == SMALL
    assert store.failures == 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc of Linux")
def test_the_connections_of_threads_that_have_ended_are_closed(store: DiskStore) -> None:
    """From Python 3.12 on one that another thread may not close stays open for ever."""
    store.put("key", SMALL)
    before = connections(store)
    for _ in range(5):  # while the thread that learns the names may end as well
        reader = threading.Thread(target=store.get, args=("key",))
        reader.start()
        reader.join()
    gc.collect()
    assert connections(store) < before + 5


def connections(store: DiskStore) -> int:
    """How many this process has: each has opened SQLite's log. The database itself SQLite closes later."""
    names = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return names.count(f"{store.path}/cache.db-wal")


# What diskcache is never asked to do


def test_only_text_and_bytes_go_in(tmp_path: Path) -> None:
    disk = SafeDisk(str(tmp_path), min_file_size=32768, pickle_protocol=5)
    for key in (b"x", 1, ("a",), None):
        with pytest.raises(TypeError):
            disk.put(key)
    for value in ("x", 1, None, bytearray(b"x"), type("B", (bytes,), {})(b"x")):
        with pytest.raises(TypeError):
            disk.store(value, False, key="key")
    with pytest.raises(ValueError, match="not text"):
        disk.get(b"\x80\x04N.", False)


def test_failures_of_the_store_are_logged_as_errors(
    store: DiskStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.path.write_bytes(b"in the way")
    get(store, "key")
    assert caplog.records[0].levelno == logging.ERROR
