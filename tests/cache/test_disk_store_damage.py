"""Everything that can happen to the folder of the store: always a miss, never an error."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import sqlite3
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

from origin.cache.disk_store import MAX_PENDING_DELETES
from origin.cache.disk_store import DiskStore
from origin.cache.diskcache_safe import LOCK_TIMEOUT
from origin.cache.health import RECOVERY_SECONDS
from origin.cache.health import Health
from tests.support.disk_stores import BIG
from tests.support.disk_stores import MB
from tests.support.disk_stores import SMALL
from tests.support.disk_stores import Clock
from tests.support.disk_stores import get
from tests.support.disk_stores import may_hold
from tests.support.disk_stores import recover
from tests.support.disk_stores import said
from tests.support.disk_stores import table
from tests.support.disk_stores import until
from tests.support.disk_stores import value_files
from tests.support.running import wait_until

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


@pytest.mark.many
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


@pytest.mark.parametrize(
    ("number", "is_full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)]
)
def test_a_full_disk_is_told_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, number: int, is_full: bool
) -> None:
    Health(tmp_path, lambda: 0.0).failed("write", OSError(number, os.strerror(number)), one_value=False)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith(f"{os.strerror(number)}{'; free some, or lower cache.max_size' * is_full}")


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


def test_a_purge_on_a_full_disk_takes_the_files_at_once(store: DiskStore, clock: Clock) -> None:
    store.put("old1", BIG)
    store.put("old2", BIG)
    store.put("other", BIG)
    with no_file_over(1):
        assert store.delete_prefix("old") == {"old1", "old2"}
    assert len(value_files(store)) == 1
    after_a_crash = DiskStore(store.path, 50 * MB, clock)
    assert [get(after_a_crash, name) for name in ("old1", "old2", "other")] == [None, None, BIG]
    after_a_crash.close()
    recover(store, clock)
    store.put("old1", BIG[::-1])
    assert get(store, "old1") == BIG[::-1]
    assert store.count("old") == 1


@pytest.mark.parametrize("is_crash", [True, False])
def test_what_was_purged_does_not_come_back_with_the_next_start(
    store: DiskStore, clock: Clock, caplog: pytest.LogCaptureFixture, is_crash: bool
) -> None:
    store.put("old", SMALL)
    store.put("other", SMALL)
    with no_file_over(1):
        store.delete_prefix("old")
        assert get(store, "other") == SMALL
        if not is_crash:
            store.close()
    again = DiskStore(store.path, 50 * MB, clock)
    again.open()
    assert "emptied" in said(caplog)[-1]
    assert get(again, "old") is None
    again.put("new", SMALL)
    again.close()
    again.open()
    assert get(again, "new") == SMALL  # that is done once
    again.close()


def test_a_purge_that_is_made_up_for_empties_nothing(store: DiskStore, clock: Clock) -> None:
    store.put("old", SMALL)
    store.put("other", SMALL)
    with no_file_over(1):
        store.delete_prefix("old")
    store.close()
    again = DiskStore(store.path, 50 * MB, clock)
    again.open()
    assert (get(again, "old"), get(again, "other")) == (None, SMALL)
    again.close()


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
            process.wait(60)


@pytest.mark.slow
def test_a_lock_held_by_another_process_costs_no_read(store: DiskStore, clock: Clock) -> None:
    store.put("key", BIG)
    with locked(store):
        start = time.monotonic()
        store.put("other", BIG)
        assert time.monotonic() - start < 10
        start = time.monotonic()
        assert get(store, "key") == BIG
        assert time.monotonic() - start < LOCK_TIMEOUT
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
