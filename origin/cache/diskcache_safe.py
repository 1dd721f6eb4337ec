"""diskcache 5.6.3 with its faults mended: values by name in SQLite and in files beside it.

`Engine` is all that the disk tier sees: names, bytes, no diskcache and no SQL. Another engine could stand in
its place. `SafeCache` and `SafeDisk` are diskcache's own classes, and each method that is overridden there
names the fault that it mends. What diskcache does well is left to it: its tables, its triggers that count
entries and bytes, its transactions, its connection for each thread.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from typing import NamedTuple

import diskcache

DATABASE = diskcache.core.DBNAME  # the name of SQLite's file in the folder
LOCK_TIMEOUT = 2.0  # seconds to wait for SQLite's write lock
# Bytes from which a value has a file. In SQLite it is a chain of pages, for which the system reads ahead:
# 44 pages from the disk for a value of 7. With smaller files a disk could run out of inodes before space.
MIN_FILE_BYTES = 16_384
# What the library may raise over a folder that may hold anything.
ERRORS = (
    sqlite3.Error,
    OSError,
    diskcache.Timeout,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    MemoryError,
)
DELETES_SECONDS = 600  # for which deletes are written down for other processes
_DELETES_TABLE = (
    "CREATE TABLE IF NOT EXISTS Deletes"
    " (id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT, process TEXT, time REAL)"
)
# The numbers of a new table start at the time, so that no other table ever had them.
_FIRST_DELETE = (
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'Deletes', ?"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'Deletes')"
)
# What a read of one value's file may fail with although the file is well.
_SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_BLOCK = 4096  # bytes that file systems give out at once
# Files of values: in one of 256 folders here, in one of 65,536 in earlier releases.
FILE_NAME = re.compile(r"[0-9a-f]{2}/(?:[0-9a-f]{30}|[0-9a-f]{2}/[0-9a-f]{28})\.val")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a planted FIFO does not block
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SELECT = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
_TEXT = partial(str, encoding="utf-8", errors="replace")
_LAST = "\U0010ffff"


class DamagedValue(ValueError):
    """One value cannot be read or written. The others can."""


class Row(NamedTuple):
    """An entry as the table has it. Both names may be anything in a table that another program wrote."""

    rowid: int
    name: str
    filename: str | None


class Deletes(NamedTuple):
    """What other processes have deleted from a shared folder."""

    last: int  # the number of the last delete
    prefixes: list[str]
    complete: bool  # False where more was deleted than is still written down


class Engine:
    """Values by name in one folder. Names are text, values are bytes; diskcache calls a name a key.

    Any thread may read; one thread at a time may write. Every method raises one of ERRORS where the folder
    or the disk under it fails; a ValueError, such as DamagedValue, where one value is at fault.
    """

    def __init__(self, path: Path, process: str | None = None) -> None:
        """`process` names this process among those that share the folder. Deletes are then written down, so
        that the others can apply them. None where no other process uses the folder."""
        self._process = process
        self._cache = SafeCache(
            str(path),
            timeout=LOCK_TIMEOUT,
            disk=SafeDisk,
            disk_min_file_size=MIN_FILE_BYTES,
            eviction_policy="least-recently-stored",  # the others turn every read into a write
            # Its culling overshoots without bound where small values are followed by large ones: 52 MB in a
            # folder of 10 MB. The disk tier culls.
            cull_limit=0,
            size_limit=2**60,
            sqlite_wal_autocheckpoint=128,  # pages: keeps the log, which counts as well, near 512 kB
            sqlite_journal_size_limit=1 << 19,  # bytes to which a longer log is cut
            # Each connection took 32 MB of pages and 64 MB of mapping, and was slower than with the cache of
            # the operating system alone.
            sqlite_cache_size=256,  # pages
            sqlite_mmap_size=0,
        )
        self._log = os.path.join(path, DATABASE + "-wal")
        if process is not None:
            self._cache._sql_retry(_DELETES_TABLE)
            self._cache._sql_retry(_FIRST_DELETE, (time.time_ns() // 1000,))

    def close(self) -> None:
        """Close the connection of the calling thread. The others end with their threads."""
        self._cache.close()

    def get(self, name: str) -> bytes | None:
        return self._cache.get(name)

    def put_all(self, values: Iterable[tuple[str, bytes]], heard: int | None = None) -> None:
        """Put all of them, or none where one fails. diskcache leaves the files of rows that it could not
        write.

        Values that another process has deleted after the delete of number `heard` are left out: they may be
        older than that delete.
        """
        disk = self._cache._disk
        disk.new_files.clear()
        try:
            with self._cache._transact():
                gone = () if heard is None else self._unheard(heard)
                for name, value in values:
                    if not name.startswith(gone):
                        self._cache.set(name, value)
        except BaseException:
            for file in disk.new_files:
                disk.remove(file)
            raise

    def delete(self, names: Sequence[str] = (), prefixes: Sequence[str] = ()) -> set[str]:
        """Delete names, and all names that start with a prefix, in one transaction; those that were there."""
        deleted = set()
        with self._cache._transact() as (sql, remove_file):
            for condition, bounds in _conditions(names, prefixes):
                for name, filename in sql(f"SELECT key, filename FROM Cache WHERE {condition}", bounds):
                    deleted.add(name)
                    remove_file(filename)
                sql(f"DELETE FROM Cache WHERE {condition}", bounds)
            if self._process is not None:
                now = time.time()
                rows = [(prefix, self._process, now) for prefix in (*names, *prefixes)]
                self._cache._con.executemany(
                    "INSERT INTO Deletes (prefix, process, time) VALUES (?, ?, ?)", rows
                )
                sql("DELETE FROM Deletes WHERE time < ?", (now - DELETES_SECONDS,))
        return deleted

    def last_delete(self) -> int:
        """The number of the last delete that was written down."""
        sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'Deletes'"
        return int(self._cache._sql(sql).fetchone()[0])

    def deletes_of_others(self, after: int) -> Deletes:
        """What other processes have deleted after the delete of that number."""
        last = self.last_delete()
        sql = "SELECT prefix, process FROM Deletes WHERE id > ? AND id <= ?"
        rows = self._cache._sql(sql, (after, last)).fetchall()
        prefixes = [prefix for prefix, process in rows if process != self._process]
        return Deletes(last, prefixes, complete=len(rows) == last - after)

    def names(self, prefix: str) -> set[str]:
        sql = "SELECT key FROM Cache WHERE key >= ? AND key < ?"
        return {name for (name,) in self._cache._sql(sql, _range(prefix))}

    def count(self, prefix: str = "") -> int:
        """How many entries there are, or how many whose name starts with `prefix`."""
        if not prefix:
            return len(self._cache)
        sql = "SELECT count(*) FROM Cache WHERE key >= ? AND key < ?"
        return int(self._cache._sql(sql, _range(prefix)).fetchone()[0])

    def size(self) -> tuple[int, int]:
        """Bytes of the database with the files of values, and bytes of SQLite's log."""
        return int(self._cache.volume()), os.path.getsize(self._log) if os.path.exists(self._log) else 0

    def rows(self, after: int, count: int) -> list[Row]:
        """Entries in the order of their rowid, from the first one after the given rowid."""
        sql = "SELECT rowid, key, filename FROM Cache WHERE rowid > ? ORDER BY rowid LIMIT ?"
        return [Row(*row) for row in self._cache._sql(sql, (after, count)).fetchall()]

    def oldest(self, count: int) -> list[Row]:
        """The entries that were put or renewed first."""
        sql = "SELECT rowid, key, filename FROM Cache ORDER BY store_time LIMIT ?"
        return [Row(*row) for row in self._cache._sql(sql, (count,)).fetchall()]

    def renew(self, row: Row) -> None:
        """Make an entry the newest."""
        self._cache._sql("UPDATE Cache SET store_time = ? WHERE rowid = ?", (time.time(), row.rowid))

    def remove(self, row: Row) -> None:
        with self._cache._transact() as (sql, remove_file):
            sql("DELETE FROM Cache WHERE rowid = ?", (row.rowid,))
            remove_file(row.filename)

    def _unheard(self, heard: int) -> tuple[str, ...]:
        """The prefixes that other processes have deleted since; everything where that is not written down."""
        deletes = self.deletes_of_others(heard)
        return tuple(deletes.prefixes) if deletes.complete else ("",)


def is_damage(error: BaseException, while_opening: bool) -> bool:
    """Whether SQLite's file is at fault, and not the disk under it or another process."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    damage = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    if while_opening:
        damage.add(sqlite3.SQLITE_ERROR)  # tables that are not diskcache's
    return (code & 0xFF) in damage


class SafeCache(diskcache.Cache):  # type: ignore[misc]  # diskcache is not typed
    @property
    def _sql_retry(self) -> Any:
        """Fault: each of the thirty statements of an opening is tried for a minute while another process
        holds the lock."""
        sql = self._sql
        sql(f"PRAGMA busy_timeout = {LOCK_TIMEOUT * 1000:.0f}")
        return sql

    @property
    def _con(self) -> Any:
        """Fault: one text that is not UTF-8 makes every query that meets it fail."""
        connection = super()._con
        connection.text_factory = _TEXT
        return connection

    @contextmanager
    def _transact(self, retry: bool = False, filename: str | None = None) -> Iterator[Any]:
        """Fault: a transaction that cannot be committed stays open, and every later one fails in it. It
        happens where the file system has no shared memory for SQLite's log."""
        try:
            with super()._transact(retry, filename) as transaction:
                yield transaction
        except BaseException:
            with suppress(sqlite3.Error):
                if self._con.in_transaction:
                    self._sql("ROLLBACK")
            raise

    def get(self, key: str) -> bytes | None:
        """Fault: every error of a value's file counts as a miss, so that a failing disk goes unnoticed."""
        rows = self._con.execute(_SELECT, (key,)).fetchall()
        if not rows:
            return None
        try:
            value: bytes = self._disk.fetch(*rows[0], False)
        except FileNotFoundError:
            return None  # deleted since
        return value


class SafeDisk(diskcache.Disk):  # type: ignore[misc]
    """Fault: it unpickles what it finds, and follows any file name in its table (CVE-2025-69872); its own
    JSONDisk does so too. Here keys are text, values are bytes, and no file name leaves the folder."""

    def __init__(self, directory: str, **settings: Any) -> None:
        super().__init__(directory, **settings)
        self.new_files: list[str] = []  # of the values stored since it was last cleared

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"a key is text, not {type(key)}")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise ValueError("a key in the store is not text")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> Any:
        """Fault: it pickles; and it counts bytes, where the disk gives out whole blocks, and one more for a
        folder."""
        if type(value) is not bytes:
            raise TypeError(f"a value is bytes, not {type(value)}")
        size, mode, filename, column = super().store(value, False, key=key)
        if filename is None:
            return 0, mode, None, column
        self.new_files.append(filename)
        return (-(-size // _BLOCK) + 1) * _BLOCK, mode, filename, column

    def filename(self, key: Any = None, value: Any = None) -> tuple[str, str]:
        """Fault: 65,536 folders, so that nearly every value takes a folder as well: a block of the disk, an
        inode, and more reads than the value itself."""
        name = os.urandom(16).hex()
        name = f"{name[:2]}/{name[2:]}.val"
        with suppress(FileNotFoundError):  # the folder is made with its first file
            self._path_inside(name)
        return name, os.path.join(self._directory, name)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        """Fault: it unpickles, and opens any path.

        Raises FileNotFoundError where the file is not there, DamagedValue where it cannot be read, ValueError
        for what `store` has not written.
        """
        if mode == diskcache.core.MODE_RAW and type(value) is bytes:
            return value
        if mode != diskcache.core.MODE_BINARY or type(filename) is not str:
            raise ValueError("a value in the store is not bytes")
        try:
            file = os.open(self._path_inside(filename), _READ)
            try:
                size = os.fstat(file).st_size
                return os.read(file, size)  # a short read has another digest
            finally:
                os.close(file)
        except FileNotFoundError:
            raise
        except OSError as exc:
            if exc.errno in _SCARCE:
                raise
            raise DamagedValue(str(exc)) from exc

    def remove(self, file_path: Any) -> None:
        """Fault: it removes any path. The row that names such a path goes all the same."""
        with suppress(ValueError, TypeError, OSError):
            self._path_inside(file_path)
            super().remove(file_path)

    def _write(self, full_path: str, iterator: io.BytesIO, mode: str, encoding: Any = None) -> int:
        """Faults: a full disk leaves half a file; and a value is written line by line, a JPEG of 500 kB in
        2,000 writes."""
        try:
            return self._write_whole(full_path, iterator.getvalue())
        except (NotADirectoryError, FileExistsError) as exc:
            raise DamagedValue(str(exc)) from exc
        except OSError:
            with suppress(OSError):
                os.remove(full_path)
            with suppress(OSError):
                os.removedirs(os.path.dirname(full_path))
            raise

    def _write_whole(self, path: str, value: bytes) -> int:
        try:
            file = os.open(path, _CREATE, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = os.open(path, _CREATE, 0o666)
        with os.fdopen(file, "wb") as writer:
            return writer.write(value)

    def _path_inside(self, filename: str) -> str:
        """The path of a value's file. Raises ValueError where it is not in the folder, OSError where a part
        of it does not exist."""
        if FILE_NAME.fullmatch(filename) is None:
            raise ValueError("a file name in the store is not one of ours")
        path = self._directory
        *folders, name = filename.split("/")
        for folder in folders:
            path = os.path.join(path, folder)
            if stat.S_ISLNK(os.lstat(path).st_mode):
                raise ValueError("a folder in the store leads out of it")
        return os.path.join(path, name)


def _conditions(names: Iterable[str], prefixes: Iterable[str]) -> Iterator[tuple[str, Sequence[str]]]:
    yield from (("key = ? AND raw = 1", (name,)) for name in names)
    yield from (("key >= ? AND key < ?", _range(prefix)) for prefix in prefixes)


def _range(prefix: str) -> tuple[str, str]:
    """The bounds, in SQLite's order of text, of all names that start with `prefix`."""
    head = prefix.rstrip(_LAST)
    if not head:
        return prefix, _LAST * (len(prefix) + 1)
    last = ord(head[-1])
    following = 0xE000 if last == 0xD7FF else last + 1  # no text holds a surrogate
    return prefix, head[:-1] + chr(following)
