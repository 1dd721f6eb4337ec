"""The store and everything that can happen to its folder: always a miss, never an error."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import random
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.cache import stray_files
from origin.cache.disk import DiskTier
from origin.cache.disk_store import MAX_PENDING_DELETES
from origin.cache.disk_store import DiskStore
from origin.cache.diskcache_safe import SafeDisk
from origin.cache.health import BACK_OFF_SECONDS
from origin.cache.health import RECOVERY_SECONDS
from tests.support.running import wait_until

LOGGERS = ("origin.cache.disk_store", "origin.cache.health")
MB = 1_000_000
BIG = bytes(range(256)) * 400  # 102,400 bytes: in a file of its own
SMALL = b"small" * 10  # in SQLite's row


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[DiskStore]:
    store = DiskStore(tmp_path / "cache", 50 * MB, clock)
    yield store
    store.close()


def get(store: DiskStore, name: str) -> bytes | None:
    value = store.get(name)
    return None if value is None else bytes(value)


def recover(store: DiskStore, clock: Clock) -> None:
    """Let the time pass after which a store that failed tries again."""
    clock.now += BACK_OFF_SECONDS


def value_files(store: DiskStore) -> list[Path]:
    return sorted(store.path.rglob("*.val"))


@contextmanager
def table(store: DiskStore) -> Iterator[sqlite3.Connection]:
    """The store's database as an attacker or another program writes it."""
    with closing(sqlite3.connect(store.path / "cache.db", isolation_level=None)) as connection:
        yield connection


def du(path: Path) -> int:
    """Bytes that a folder takes on the disk, folders and SQLite's log counted."""
    entries = [path, *path.rglob("*")]
    return sum(entry.lstat().st_blocks * 512 for entry in entries)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name in LOGGERS]


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
    assert called.count("write") == 1
    assert get(store, "key") == value


def test_values_that_are_put_together_come_back_each(store: DiskStore) -> None:
    store.put("b", SMALL)
    store.put_all([("a", BIG), ("b", BIG), ("c", SMALL), ("huge", bytes(3 * MB)), ("a", SMALL)])
    assert [get(store, key) for key in ("a", "b", "c", "huge")] == [SMALL, BIG, SMALL, None]
    assert len(value_files(store)) == 1  # what was replaced is gone
    store.put_all([])
    store.put_all([("alone", BIG)])
    assert get(store, "alone") == BIG
    assert store.failures == 0


def test_one_value_that_cannot_be_put_does_not_keep_the_others_out(store: DiskStore) -> None:
    store.put_all([("a", BIG), ("\ud800", SMALL), ("c", SMALL)])
    assert [get(store, key) for key in ("a", "c")] == [BIG, SMALL]
    assert len(value_files(store)) == 1  # none stays from the first try


def may_hold(store: DiskStore, name: str) -> bool:
    """Whether the tier over the store looks on the disk."""
    return DiskTier(store).may_hold(name)


def test_what_was_never_put_is_known_from_memory(store: DiskStore, tmp_path: Path) -> None:
    assert may_hold(store, "a")  # nothing is known yet
    store.put("a", SMALL)
    store.put_all([("b", BIG), ("c", SMALL)])
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


def test_thousands_of_keys_are_learned_and_few_strange_ones_taken_for_known(tmp_path: Path) -> None:
    store = DiskStore(tmp_path, 50 * MB)
    for portion in range(25):
        store.put_all([(f"{portion} {n}", SMALL) for n in range(100)])
    store.close()
    assert get(store, "0 0") == SMALL
    until(lambda: not all(may_hold(store, f"x{n}") for n in range(3)))
    assert all(may_hold(store, f"{portion} {n}") for portion in range(25) for n in range(100))
    assert sum(may_hold(store, f"strange {n}") for n in range(10_000)) < 20
    store.close()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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


# What an attacker plants


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


# Damage to a value


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"),
        lambda path: path.unlink(),
        lambda path: shutil.rmtree(path.parent),
    ],
    ids=["cut", "emptied", "longer", "changed", "deleted", "folder deleted"],
)
def test_a_value_file_that_was_harmed_is_a_miss(store: DiskStore, harm: Callable[[Path], None]) -> None:
    store.put("key", BIG)
    harm(value_files(store)[0])
    assert get(store, "key") is None
    store.put("key", BIG)
    assert get(store, "key") == BIG


def test_values_that_were_swapped_are_misses(store: DiskStore) -> None:
    store.put("one", BIG)
    store.put("two", BIG[::-1])
    first, second = value_files(store)
    one = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(one)
    assert get(store, "one") is None
    assert get(store, "two") is None


def test_many_harmed_values_are_told_once(store: DiskStore, caplog: pytest.LogCaptureFixture) -> None:
    for i in range(20):
        store.put(f"key{i}", BIG)
    for path in value_files(store):
        path.write_bytes(b"harmed")
    assert [get(store, f"key{i}") for i in range(20)] == [None] * 20
    assert len(said(caplog)) == 1
    assert store.failures == 20


# Damage to the folder


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("where", ["header", "middle", "all", "foreign tables", "other program"])
def test_a_damaged_database_is_replaced(
    store: DiskStore, clock: Clock, caplog: pytest.LogCaptureFixture, where: str, is_open: bool
) -> None:
    for i in range(300):
        store.put(f"key{i}", SMALL * 20)
    store.put("big", BIG)
    store.close()
    if is_open:
        assert get(store, "key0") is not None
    harm_database(store.path / "cache.db", where)
    for i in range(300):
        get(store, f"key{i}")
    recover(store, clock)
    store.put("key", BIG)
    assert get(store, "key") == BIG
    # That it fails, and that a new one is started; unless SQLite had the damaged page in memory still.
    assert len(said(caplog)) == 2 * (store.failures > 0)
    assert store.failures > 0 or (where, is_open) == ("header", True)


def harm_database(path: Path, where: str) -> None:
    if where in ("foreign tables", "other program"):
        path.unlink()
        for log in path.parent.glob("cache.db-*"):
            log.unlink()
        name = "Cache" if where == "foreign tables" else "Settings"
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"CREATE TABLE {name} (foreign_thing)")
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start, end = {"header": (0, 100), "middle": (4096, size), "all": (0, size)}[where]
        file.seek(start)
        file.write(random.Random(1).randbytes(end - start))


def test_what_stands_beside_the_cache_in_its_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "picture.jpg").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    store = DiskStore(tmp_path, 50 * MB)
    store.put("key", BIG)
    store.close()
    harm_database(tmp_path / "cache.db", "header")
    store.put("key", BIG)
    store.put("key", BIG)
    assert get(store, "key") == BIG
    assert (tmp_path / "mine" / "picture.jpg").read_bytes() == b"mine"
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"
    store.close()


@pytest.mark.slow
def test_what_was_set_aside_is_deleted(store: DiskStore) -> None:
    for i in range(10):
        store.put(f"key{i}", BIG)
    store.close()
    harm_database(store.path / "cache.db", "header")
    assert get(store, "key0") is None
    store.put("key", BIG)
    wait_until(lambda: not list(store.path.glob("damaged-*")), "what was set aside is deleted")
    assert len(value_files(store)) == 1


def test_a_removed_folder_is_made_again(store: DiskStore, caplog: pytest.LogCaptureFixture) -> None:
    store.put("key", BIG)
    shutil.rmtree(store.path)
    assert get(store, "key") is None
    store.put("key", BIG)
    assert get(store, "key") == BIG
    assert (store.path / "cache.db").exists()
    assert said(caplog) == []


def test_a_log_that_was_removed_under_the_database_ends_it(
    store: DiskStore, caplog: pytest.LogCaptureFixture
) -> None:
    """As when a folder is removed file by file while it is written to: the threads' connections would each
    go on with a log of their own."""
    store.put("key", BIG)
    for name in ("cache.db-wal", "cache.db-shm"):
        (store.path / name).unlink()
    store.put("other", BIG)
    with ThreadPoolExecutor(1) as another:
        assert another.submit(get, store, "other").result() == BIG
    assert said(caplog) == [f"the cache in {store.path} was damaged; a new one is started"]
    store.close()
    assert get(DiskStore(store.path, store.max_size), "other") == BIG


def test_a_folder_swapped_for_another_is_used(store: DiskStore, tmp_path: Path) -> None:
    other = DiskStore(tmp_path / "other", store.max_size)
    other.put("key", b"other")
    other.close()
    store.put("key", b"first")
    shutil.move(store.path, tmp_path / "away")
    shutil.move(tmp_path / "other", store.path)
    assert get(store, "key") == b"other"


def test_a_file_in_place_of_the_folder_fails_once_and_heals(
    store: DiskStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store.path.write_bytes(b"in the way")  # refuses everyone, even root, as a read-only folder does users
    for _ in range(5):
        store.put("key", BIG)
        assert get(store, "key") is None
        assert store.delete_prefix("key") == set()
        recover(store, clock)
    assert len(said(caplog)) == 1
    assert "fails" in said(caplog)[0]
    store.path.unlink()
    clock.now += 2 * RECOVERY_SECONDS
    store.put("key", BIG)
    assert get(store, "key") == BIG
    assert len(said(caplog)) == 2
    assert "works again" in said(caplog)[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the file in its place stands in")
def test_a_read_only_folder_is_survived(store: DiskStore, clock: Clock) -> None:
    store.put("key", BIG)
    store.close()
    store.path.chmod(0o500)
    try:
        store.put("other", BIG)
        assert get(store, "other") is None
    finally:
        store.path.chmod(0o700)
    recover(store, clock)
    store.put("other", BIG)
    assert get(store, "other") == BIG


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """A disk that is full, as far as a process can be told so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1, 5_000, 60_000, 110_000])
def test_a_full_disk_is_survived(
    store: DiskStore, clock: Clock, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    store.put("before", BIG)
    with no_file_over(size):
        for i in range(40):
            store.put(f"big{i}", BIG)
            store.put(f"small{i}", SMALL * 100)
            assert get(store, "before") == BIG  # what is there can still be read, at once
            recover(store, clock)
            clock.now += i
    assert store.failures > 0
    assert len([text for text in said(caplog) if "fails" in text]) <= 3  # of 80 writes, over minutes
    recover(store, clock)
    store.put("after", BIG)
    assert get(store, "after") == BIG
    assert get(store, "before") == BIG
    with table(store) as db:
        rows = db.execute("SELECT count(*) FROM Cache WHERE filename IS NOT NULL").fetchone()
    assert len(value_files(store)) == rows[0]  # no file is left that nothing knows of


@pytest.mark.slow
def test_a_purge_that_the_disk_refuses_holds_all_the_same(store: DiskStore, clock: Clock) -> None:
    store.put("old", SMALL)
    store.put("other", SMALL)
    with locked(store):
        store.delete_prefix("old")
        assert get(store, "old") is None
        assert get(store, "other") == SMALL
        store.put("old", SMALL)  # the new one, which cannot be written now
        assert get(store, "old") is None
    recover(store, clock)
    assert get(store, "old") is None
    store.put("new", SMALL)
    assert store.count("old") == 0
    store.put("old", BIG)
    assert get(store, "old") == BIG


@pytest.mark.slow
def test_thousands_of_refused_deletes_are_bounded(store: DiskStore, clock: Clock) -> None:
    store.put("key", SMALL)
    with locked(store):
        for i in range(2 * MAX_PENDING_DELETES):
            store.delete_prefix(f"old{i}")
        assert len(store._pending_deletes) <= MAX_PENDING_DELETES
        assert get(store, "old1999") is None
    recover(store, clock)
    store.put("new", SMALL)
    assert get(store, "new") == SMALL


@contextmanager
def locked(store: DiskStore) -> Iterator[None]:
    """Another process holds SQLite's write lock."""
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE')\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    arguments = [sys.executable, "-c", code, str(store.path / "cache.db")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(10)


@pytest.mark.slow
def test_a_lock_held_by_another_process_costs_no_read(store: DiskStore, clock: Clock) -> None:
    store.put("key", BIG)
    with locked(store):
        start = time.monotonic()
        store.put("other", BIG)
        assert time.monotonic() - start < 10
        start = time.monotonic()
        assert get(store, "key") == BIG
        assert time.monotonic() - start < 1
    recover(store, clock)
    store.put("other", BIG)
    assert get(store, "other") == BIG
    assert len(value_files(store)) == 2


@pytest.mark.slow
def test_a_commit_that_fails_does_not_stop_later_writes(store: DiskStore, clock: Clock) -> None:
    """Without a log (some file systems allow none), a reader keeps SQLite from committing."""
    store.put("key", SMALL)
    until(lambda: not may_hold(store, "strange"))  # the thread that learns the names has ended
    store.close()
    with table(store) as db:
        db.execute("PRAGMA journal_mode = delete")
        db.execute("UPDATE Settings SET value = 'delete' WHERE key = 'sqlite_journal_mode'")
    assert get(store, "key") == SMALL
    until(lambda: not may_hold(store, "strange"))
    with table(store) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM Cache").fetchone()
        store.put("other", SMALL)
    assert store.failures > 0
    recover(store, clock)
    store.put("other", BIG)
    assert get(store, "other") == BIG
    assert len(value_files(store)) == 1


@pytest.mark.slow
def test_opening_under_a_lock_gives_up_in_seconds(store: DiskStore, clock: Clock) -> None:
    store.put("key", BIG)
    store.close()
    with locked(store):
        start = time.monotonic()
        assert get(store, "key") is None
        assert time.monotonic() - start < 20  # diskcache alone takes a minute
    recover(store, clock)
    assert get(store, "key") == BIG


def test_threads_that_meet_a_damaged_database_start_one_new_one(
    store: DiskStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("key", BIG)
    store.close()
    harm_database(store.path / "cache.db", "header")
    threads = [threading.Thread(target=store.get, args=("key",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.put("key", BIG)
    assert get(store, "key") == BIG
    assert sum("fails" in text for text in said(caplog)) == 1


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
    (store.path / "cd").unlink(missing_ok=True)
    if not (store.path / "cd").exists():
        (store.path / "cd").symlink_to(outside.parent)
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
        store.put_all([(f"key{i} {n}", value) for n, value in enumerate(found)])
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
