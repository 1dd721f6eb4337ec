"""The disk under the cache: diskcache, made safe against what stands in its folder and what befalls it.

A value comes back whole and for the key it was stored under, or not at all. The folder stays under
its limit. Whatever fails is a miss, told once in the log, and mended where it can be.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from typing import TypeVar

import diskcache

log = logging.getLogger("origin.store")

T = TypeVar("T")
FAILURES = (sqlite3.Error, OSError, diskcache.Timeout, ValueError, TypeError, OverflowError)
BACK_OFF = 1.0  # seconds without another try after a failure
LOCK_TIMEOUT = 2.0  # seconds to wait for SQLite's write lock
MAX_TOUCHED = 100_000
_DIGEST = 32  # bytes of SHA-256 before every value


class RawDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache is not typed
    """Text keys and bytes values only; never unpickles, never leaves the folder.

    diskcache 5.6.3 unpickles what it finds and follows any file name in its table
    (CVE-2025-69872); its own JSONDisk does so too.
    """

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"a key is text, not {type(key)}")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise ValueError("a key in the store is not text")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> Any:
        if type(value) is not bytes:
            raise TypeError(f"a value is bytes, not {type(value)}")
        return super().store(value, False, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode == diskcache.core.MODE_RAW and type(value) is bytes:
            return value
        if mode != diskcache.core.MODE_BINARY or filename is None:
            raise ValueError("a value in the store is not bytes")
        self._confine(filename)
        fetched: bytes = super().fetch(mode, filename, value, False)
        return fetched

    def remove(self, file_path: str) -> None:
        try:
            self._confine(file_path)
        except ValueError:
            return  # the row that named it goes; what it named is not ours
        super().remove(file_path)

    def _write(self, full_path: str, iterator: Iterable[bytes], mode: str, encoding: Any = None) -> int:
        try:
            size: int = super()._write(full_path, iterator, mode, encoding)
            return size
        except OSError:
            Path(full_path).unlink(missing_ok=True)  # a full disk leaves half a file otherwise
            raise

    def _confine(self, filename: str) -> None:
        root = os.path.realpath(self._directory) + os.sep
        if not os.path.realpath(root + filename).startswith(root):
            raise ValueError("a file name in the store leads out of it")


class DiskStore:
    """Bytes by key in one folder, at most `max_size` bytes in all; the oldest unread go first.

    Every method may be called from any thread; those that write, from one at a time. None raises for
    what the disk does.
    """

    def __init__(self, path: Path, max_size: int) -> None:
        self.path = path
        self.max_size = max_size
        self.failures = 0
        self.ill = False
        self._retry_at = 0.0
        self._touched: set[int] = set()  # hashes of keys read since the culler last looked at them
        self._cache: Any = None
        self._inode: int | None = None

    def get(self, key: str) -> bytes | None:
        """The value stored under `key`, if all of it is there."""
        value = self._attempt(lambda cache: cache.get(key), None)
        if value is None:
            return None
        if hashlib.sha256(key.encode() + value[_DIGEST:]).digest() != value[:_DIGEST]:
            self._fail(ValueError("a value in the store was cut or changed"))
            return None
        if len(self._touched) < MAX_TOUCHED:
            self._touched.add(hash(key))
        return bytes(value[_DIGEST:])

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`, unless it alone would take a twentieth of the folder."""
        if len(value) > self.max_size // 20:
            return
        digest = hashlib.sha256(key.encode() + value).digest()
        self._attempt(lambda cache: cache.set(key, digest + value), None)
        self._attempt(self._cull, None)

    def delete(self, prefix: str) -> set[str]:
        """Remove everything whose key starts with `prefix`; the keys that were there."""
        return self._attempt(lambda cache: self._delete(cache, _range(prefix)), set())

    def volume(self) -> int:
        """Bytes the folder takes, as far as SQLite knows them."""
        return self._attempt(self._volume, 0)

    def count(self, prefix: str = "") -> int:
        """How many entries there are, or how many whose key starts with `prefix`."""
        if not prefix:
            return self._attempt(len, 0)
        sql = "SELECT count(*) FROM Cache WHERE key >= ? AND key < ?"
        return self._attempt(lambda cache: int(cache._sql(sql, _range(prefix)).fetchone()[0]), 0)

    def close(self) -> None:
        if self._cache is not None:
            self._cache.close()  # the connection of the calling thread; the others end with theirs
            self._cache = None

    def _attempt(self, action: Callable[[Any], T], otherwise: T) -> T:
        if self.ill and time.monotonic() < self._retry_at:
            return otherwise
        try:
            result = action(self._opened())
        except FAILURES as exc:
            self._fail(exc)
            return otherwise
        if self.ill:
            self.ill = False
            log.warning("the cache in %s works again", self.path)
        return result

    def _fail(self, exc: Exception) -> None:
        """Count a failure; say it when it is the first; start a new folder when SQLite's file is broken."""
        self.failures += 1
        if not self.ill:
            log.error(
                "the cache in %s fails, going on without it: %s: %s", self.path, type(exc).__name__, exc
            )
        if isinstance(exc, ValueError):
            return  # one bad value, not a bad store
        self.ill = True
        self._retry_at = time.monotonic() + BACK_OFF
        if isinstance(exc, sqlite3.DatabaseError) and not isinstance(exc, sqlite3.OperationalError):
            self._set_aside()

    def _set_aside(self) -> None:
        """Move a damaged folder out of the way, over the one set aside before it."""
        damaged = self.path.with_name(self.path.name + ".damaged")
        self._cache = None
        try:
            shutil.rmtree(damaged, ignore_errors=True)
            self.path.rename(damaged)
        except OSError as exc:
            log.error("the damaged cache in %s cannot be moved aside: %s", self.path, exc)
            return
        self._retry_at = 0.0
        log.error("the damaged cache was moved to %s; a new one is started", damaged)

    def _opened(self) -> Any:
        """The open cache; opened anew where its folder was removed or replaced under it."""
        cache = self._cache
        if cache is not None:
            try:
                if os.stat(self.path / diskcache.core.DBNAME).st_ino == self._inode:
                    return cache
            except FileNotFoundError:
                pass
        # diskcache would make it 0755, and whoever writes here chooses what we serve.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache = diskcache.Cache(
            str(self.path),
            timeout=LOCK_TIMEOUT,
            disk=RawDisk,
            eviction_policy="least-recently-stored",
            cull_limit=0,  # its own culling overshoots without bound for mixed sizes
            size_limit=2**60,
            sqlite_wal_autocheckpoint=256,  # pages: keeps the log, which counts as well, near 1 MB
        )
        self._inode = os.stat(self.path / diskcache.core.DBNAME).st_ino
        self._cache = cache
        return cache

    def _volume(self, cache: Any) -> int:
        log_file = self.path / (diskcache.core.DBNAME + "-wal")
        written_ahead = log_file.stat().st_size if log_file.exists() else 0
        return int(cache.volume()) + written_ahead

    def _cull(self, cache: Any) -> None:
        """Delete from the oldest until the folder is under its limit; what was read gets another round."""
        spared = 0
        while self._volume(cache) > self.max_size:
            rows = cache._sql("SELECT rowid, key FROM Cache ORDER BY store_time LIMIT 10").fetchall()
            if not rows:
                cache._sql("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            for rowid, key in rows:
                if hash(key) in self._touched and spared < 1000:
                    self._touched.discard(hash(key))
                    spared += 1
                    cache._sql("UPDATE Cache SET store_time = ? WHERE rowid = ?", (time.time(), rowid))
                elif not cache.delete(key):
                    cache._sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                if self._volume(cache) <= self.max_size:
                    return

    def _delete(self, cache: Any, bounds: tuple[str, str]) -> set[str]:
        with cache._transact() as (sql, cleanup):
            rows = sql("SELECT key, filename FROM Cache WHERE key >= ? AND key < ?", bounds).fetchall()
            sql("DELETE FROM Cache WHERE key >= ? AND key < ?", bounds)
            for _, filename in rows:
                cleanup(filename)
        return {key for key, _ in rows}


def _range(prefix: str) -> tuple[str, str]:
    """The bounds, in SQLite's order of text, of all that starts with `prefix`, which is not empty."""
    last = ord(prefix[-1])
    following = 0xE000 if last == 0xD7FF else last + 1  # no text holds a surrogate
    if following > 0x10FFFF:
        raise ValueError("a prefix cannot end in U+10FFFF")
    return prefix, prefix[:-1] + chr(following)
