"""diskcache without its trust: nothing is unpickled, no file name leaves the folder, no lock is waited
for without end, and nothing stays behind when a write fails."""

from __future__ import annotations

import io
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

LOCK_TIMEOUT = 2.0  # seconds to wait for SQLite's write lock
# Bytes from which a value has a file. In SQLite it is a chain of pages, for which the system reads ahead:
# 44 pages from the disk for a value of 7. With smaller files a disk could run out of inodes before space.
IN_A_FILE = 16_384
_BLOCK = 4096  # bytes that file systems give out at once
# What diskcache and we name files: ours lie in one of 256 folders, diskcache's in one of 65,536.
_NAME = re.compile(r"[0-9a-f]{2}/(?:[0-9a-f]{2}/)?[0-9a-f]{28,30}\.val")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a planted FIFO does not hold us up
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SELECT = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
_TEXT = partial(str, encoding="utf-8", errors="replace")


class SafeCache(diskcache.Cache):  # type: ignore[misc]  # diskcache is not typed
    @property
    def _sql_retry(self) -> Any:
        """What opening runs its statements with; diskcache's tries each of them for a minute."""
        sql = self._sql
        sql(f"PRAGMA busy_timeout = {LOCK_TIMEOUT * 1000:.0f}")
        return sql

    @property
    def _con(self) -> Any:
        connection = super()._con
        # Or one text that is not UTF-8 makes every query that meets it fail.
        connection.text_factory = _TEXT
        return connection

    @contextmanager
    def _transact(self, retry: bool = False, filename: str | None = None) -> Iterator[Any]:
        """As diskcache's, but what it could not commit does not stay open and stop all that follow."""
        try:
            with super()._transact(retry, filename) as transaction:
                yield transaction
        except BaseException:
            with suppress(sqlite3.Error):
                if self._con.in_transaction:
                    self._sql("ROLLBACK")
            raise

    def get(self, key: str) -> bytes | None:
        """As diskcache's, in a third of the time: no value of ours expires, and none is counted."""
        rows = self._con.execute(_SELECT, (key,)).fetchall()
        if not rows:
            return None
        try:
            value: bytes = self._disk.fetch(*rows[0], False)
        except FileNotFoundError:
            return None  # deleted since
        return value

    def set(self, key: str, value: bytes) -> None:
        """As diskcache's, but no file stays behind that no row knows of."""
        try:
            super().set(key, value)
        except BaseException:
            self._disk.take_back()
            raise


class SafeDisk(diskcache.Disk):  # type: ignore[misc]
    """Text keys and bytes values only; never unpickles, never leaves the folder.

    diskcache 5.6.3 unpickles what it finds and follows any file name in its table
    (CVE-2025-69872); its own JSONDisk does so too.
    """

    _last: str | None = None  # the file of the write that is under way

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"a key is text, not {type(key)}")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise ValueError("a key in the store is not text")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> Any:
        """The size is what the value takes on the disk: whole blocks and, for a file, a folder."""
        if type(value) is not bytes:
            raise TypeError(f"a value is bytes, not {type(value)}")
        self._last = None
        size, mode, filename, column = super().store(value, False, key=key)
        self._last = filename
        blocks = 0 if filename is None else -(-size // _BLOCK) + 1
        return blocks * _BLOCK, mode, filename, column

    def filename(self, key: Any = None, value: Any = None) -> tuple[str, str]:
        """A new name, and its path. diskcache's 65,536 folders took more reads than the files in them."""
        name = os.urandom(16).hex()
        name = f"{name[:2]}/{name[2:]}.val"
        return name, os.path.join(self._directory, name)

    def take_back(self) -> None:
        if self._last is not None:
            self.remove(self._last)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        """Raises OSError where the file is not there, ValueError for what `store` has not written."""
        if mode == diskcache.core.MODE_RAW and type(value) is bytes:
            return value
        if mode != diskcache.core.MODE_BINARY or type(filename) is not str:
            raise ValueError("a value in the store is not bytes")
        file = os.open(self._inside(filename), _READ)
        try:
            size = os.fstat(file).st_size
            return os.read(file, size)  # what is cut has another digest
        finally:
            os.close(file)

    def remove(self, file_path: Any) -> None:
        # Where it is not ours, the row that names it goes all the same.
        with suppress(ValueError, TypeError, OSError):
            self._inside(file_path)
            super().remove(file_path)

    def _write(self, full_path: str, iterator: io.BytesIO, mode: str, encoding: Any = None) -> int:
        try:
            return self._write_at_once(full_path, iterator.getvalue())
        except OSError:  # a full disk leaves half a file otherwise
            with suppress(OSError):
                os.remove(full_path)
            with suppress(OSError):
                os.removedirs(os.path.dirname(full_path))
            raise

    def _write_at_once(self, path: str, value: bytes) -> int:
        """diskcache goes through a value line by line: 2,000 writes for a JPEG of 500 kB."""
        try:
            file = os.open(path, _NEW, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = os.open(path, _NEW, 0o666)
        with os.fdopen(file, "wb") as writer:
            return writer.write(value)

    def _inside(self, filename: str) -> str:
        """The path of a value's file. Raises ValueError where that is not in the store, OSError where it is
        nowhere."""
        if _NAME.fullmatch(filename) is None:
            raise ValueError("a file name in the store is none of ours")
        path = self._directory
        *folders, name = filename.split("/")
        for folder in folders:
            path = os.path.join(path, folder)
            if stat.S_ISLNK(os.lstat(path).st_mode):
                raise ValueError("a folder in the store leads out of it")
        return os.path.join(path, name)
