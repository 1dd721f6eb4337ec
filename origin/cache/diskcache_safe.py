"""diskcache 5.6.3 with its faults mended.

`SafeCache` and `SafeDisk` are diskcache's own classes, and each method that is overridden here names the
fault that it mends. What diskcache does well is left to it: its tables, its triggers that count entries and
bytes, its transactions, its connection for each thread.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from typing import Any

import diskcache

DATABASE = diskcache.core.DBNAME  # the name of SQLite's file in the folder
LOCK_TIMEOUT = 2.0  # seconds to wait for SQLite's write lock
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
# What a read of one value's file may fail with although the file is well.
_SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_BLOCK = 4096  # bytes that file systems give out at once
# Files of values: in one of 256 folders here, in one of 65,536 in earlier releases.
FILE_NAME = re.compile(r"[0-9a-f]{2}/(?:[0-9a-f]{30}|[0-9a-f]{2}/[0-9a-f]{28})\.val")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a planted FIFO does not block
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SELECT = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
_TEXT = partial(str, encoding="utf-8", errors="replace")


class DamagedValue(ValueError):
    """One value cannot be read or written. The others can."""


class ValueIsLarge(Exception):
    """It was not read. Nothing is wrong with it."""


class _Connection(sqlite3.Connection):
    """Closes itself when nobody uses it any more, as when its thread has ended. From Python 3.13 on a
    connection warns of that instead."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # its file could not be opened
            self.close()


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
        """Faults: one text that is not UTF-8 makes every query that meets it fail; and the connection of each
        thread but one is never closed."""
        local = self._local
        if getattr(local, "con", None) is None or local.pid != os.getpid():
            local.con = sqlite3.connect(
                os.path.join(self._directory, DATABASE),
                timeout=self._timeout,
                isolation_level=None,
                check_same_thread=False,  # it may be found as garbage, and closed, in another one
                factory=_Connection,
            )
            local.con.text_factory = _TEXT
            local.pid = os.getpid()
            self._set_pragmas()
        return local.con

    def _set_pragmas(self) -> None:
        """Those of this connection: as diskcache does it."""
        try:
            settings = self._sql("SELECT key, value FROM Settings").fetchall()
        except sqlite3.OperationalError:
            return  # the table is not there yet
        for name, value in settings:
            if name.startswith("sqlite_"):
                self.reset(name, value, update=False)

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

    def get(self, key: str, most: int | None = None) -> bytes | None:
        """Faults: every error of a value's file counts as a miss, so that a failing disk goes unnoticed; and
        a value is read however large it is.

        Raises ValueIsLarge for a file of more than `most` bytes.
        """
        rows = self._con.execute(_SELECT, (key,)).fetchall()
        if not rows:
            return None
        try:
            value: bytes = self._disk.fetch(*rows[0], False, most)
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
        """Faults: it pickles; it counts bytes, where the disk gives out whole blocks, and one more for a
        folder; and it takes a value in one piece, and writes that line by line, a JPEG of 500 kB in 2,000
        writes.

        A value is a tuple of bytes here, and is read as one.
        """
        if type(value) is not tuple:
            raise TypeError(f"a value is a tuple of bytes, not {type(value)}")
        size = sum(map(len, value))
        if size < self.min_file_size:
            return super().store(b"".join(value), False, key=key)
        filename, path = self.filename()
        self._write_pieces(path, value)
        self.new_files.append(filename)
        return (-(-size // _BLOCK) + 1) * _BLOCK, diskcache.core.MODE_BINARY, filename, None

    def filename(self, key: Any = None, value: Any = None) -> tuple[str, str]:
        """Fault: 65,536 folders, so that nearly every value takes a folder as well: a block of the disk, an
        inode, and more reads than the value itself."""
        name = os.urandom(16).hex()
        name = f"{name[:2]}/{name[2:]}.val"
        with suppress(FileNotFoundError):  # the folder is made with its first file
            self._path_inside(name)
        return name, os.path.join(self._directory, name)

    def fetch(
        self, mode: int, filename: str | None, value: Any, read: bool, most: int | None = None
    ) -> bytes:
        """Fault: it unpickles, and opens any path.

        Raises FileNotFoundError where the file is not there, DamagedValue where it cannot be read, ValueError
        for what `store` has not written, and ValueIsLarge for a file of more than `most` bytes.
        """
        if mode == diskcache.core.MODE_RAW and type(value) is bytes:
            return value
        if mode != diskcache.core.MODE_BINARY or type(filename) is not str:
            raise ValueError("a value in the store is not bytes")
        try:
            file = os.open(self._path_inside(filename), _READ)
            try:
                size = os.fstat(file).st_size
                if most is not None and size > most:
                    raise ValueIsLarge
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

    def _write_pieces(self, path: str, pieces: tuple[bytes | memoryview, ...]) -> None:
        """Fault: a full disk leaves half a file."""
        try:
            try:
                file = os.open(path, _CREATE, 0o666)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                file = os.open(path, _CREATE, 0o666)
            try:
                _write_all(file, pieces)
            finally:
                os.close(file)
        except (NotADirectoryError, FileExistsError) as exc:
            raise DamagedValue(str(exc)) from exc
        except OSError:
            with suppress(OSError):
                os.remove(path)
            with suppress(OSError):
                os.removedirs(os.path.dirname(path))
            raise

    def _path_inside(self, filename: str) -> str:
        """The path of a value's file. Raises ValueError where it is not in the folder, OSError where a part
        of it does not exist."""
        if FILE_NAME.fullmatch(filename) is None:
            raise ValueError("a file name in the store is not one of ours")
        path = self._directory
        *folders, name = filename.split("/")
        for folder in folders:
            path = f"{path}/{folder}"
            if stat.S_ISLNK(os.lstat(path).st_mode):
                raise ValueError("a folder in the store leads out of it")
        return f"{path}/{name}"


def _write_all(file: int, pieces: tuple[bytes | memoryview, ...]) -> None:
    rest = [memoryview(piece) for piece in pieces]
    while rest:
        written = os.writev(file, rest)
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if rest:
            rest[0] = rest[0][written:]
