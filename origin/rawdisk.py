"""diskcache without its trust: nothing is unpickled, no file name leaves the folder, no lock is waited
for without end, and nothing stays behind when a write fails."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from typing import Any

import diskcache

LOCK_TIMEOUT = 2.0  # seconds to wait for SQLite's write lock
_BLOCK = 4096  # bytes that file systems give out at once
_TEXT = partial(str, encoding="utf-8", errors="replace")


class RawCache(diskcache.Cache):  # type: ignore[misc]  # diskcache is not typed
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

    def set(self, key: str, value: bytes) -> None:
        """As diskcache's, but no file stays behind that no row knows of."""
        try:
            super().set(key, value)
        except BaseException:
            self._disk.take_back()
            raise


class RawDisk(diskcache.Disk):  # type: ignore[misc]
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
        """The size is what the value takes on the disk: whole blocks and, for a file, two folders."""
        if type(value) is not bytes:
            raise TypeError(f"a value is bytes, not {type(value)}")
        self._last = None
        size, mode, filename, column = super().store(value, False, key=key)
        self._last = filename
        blocks = 0 if filename is None else -(-size // _BLOCK) + 2
        return blocks * _BLOCK, mode, filename, column

    def take_back(self) -> None:
        if self._last is not None:
            self.remove(self._last)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode == diskcache.core.MODE_RAW and type(value) is bytes:
            return value
        if mode != diskcache.core.MODE_BINARY or type(filename) is not str:
            raise ValueError("a value in the store is not bytes")
        self._confine(filename)
        fetched: bytes = super().fetch(mode, filename, value, False)
        return fetched

    def remove(self, file_path: Any) -> None:
        try:
            self._confine(file_path)
        except (ValueError, TypeError):
            return  # the row that named it goes; what it named is not ours
        super().remove(file_path)

    def _write(self, full_path: str, iterator: io.BytesIO, mode: str, encoding: Any = None) -> int:
        try:
            # diskcache goes through the value line by line: 2,000 writes for a JPEG of 500 kB.
            size: int = super()._write(full_path, [iterator.getvalue()], mode, encoding)
            return size
        except OSError:  # a full disk leaves half a file otherwise
            with suppress(OSError):
                os.remove(full_path)
            with suppress(OSError):
                os.removedirs(os.path.dirname(full_path))
            raise

    def _confine(self, filename: str) -> None:
        root = os.path.realpath(self._directory)
        # Joined as diskcache does it: an absolute name replaces the root.
        if not os.path.realpath(os.path.join(root, filename)).startswith(root + os.sep):
            raise ValueError("a file name in the store leads out of it")
