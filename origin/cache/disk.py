"""The disk under the cache: diskcache, made safe against what stands in its folder and what befalls it.

A value comes back whole and for the key it was stored under, or not at all. The folder stays under
its limit. Whatever fails is a miss, told once in the log, and mended where it can be.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import diskcache

from origin.cache.bloom import BloomFilter
from origin.cache.diskcache_safe import IN_A_FILE
from origin.cache.diskcache_safe import LOCK_TIMEOUT
from origin.cache.diskcache_safe import SafeCache
from origin.cache.diskcache_safe import SafeDisk

log = logging.getLogger(__name__)

T = TypeVar("T")
# What the library may raise over a folder in which anything may stand.
FAILURES = (
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
BACK_OFF_SECONDS = 1.0  # seconds without another try after a failure
RECOVERY_SECONDS = 10.0  # seconds without a failure after which all is well again
MAX_TOUCHED = 100_000
MAX_DOOMED = 1_000
ROOM = 65_536  # bytes that SQLite's file and log grow by with a new entry, at most
_DIGEST = 32  # bytes of SHA-256 before every value
_LAST = "\U0010ffff"
_OURS = re.compile(r"cache\.db.*|[0-9a-f]{2}")  # names of what diskcache makes in its folder
_DAMAGED = "damaged-"


class DiskTier:
    """Bytes by key in one folder, at most `max_size` bytes in all; the oldest unread go first.

    Every method may be called from any thread; those that write, from one at a time. None raises for
    what the disk does.
    """

    def __init__(self, path: Path, max_size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._database = os.path.join(path, diskcache.core.DBNAME)
        self._log_file = self._database + "-wal"
        self.max_size = max_size
        self.failures = 0
        self.failing: set[str] = (
            set()
        )  # what has failed, "read" or "write", and not gone well for long enough
        self._clock = clock
        self._failed_at = 0.0
        self._retry_at = {"read": 0.0, "write": 0.0}  # a full disk can still be read
        self._touched: set[int] = set()  # hashes of keys read since the culler last looked at them
        self._pending_deletes: tuple[str, ...] = ()  # prefixes of keys that could not be deleted yet
        self._open: tuple[SafeCache, tuple[int, int]] | None = None  # and its `_files`
        self._opening = threading.Lock()
        self._known: BloomFilter | None = None  # None until all keys have been read
        self._learning: BloomFilter | None = None  # what it becomes, and stays

    def get(self, key: str) -> bytes | None:
        """The value stored under `key`, if all of it is there."""
        if self._pending_deletes and key.startswith(self._pending_deletes):
            return None
        value = self._attempt("read", lambda cache: cache.get(key), None)
        if value is None:
            return None
        body = memoryview(value)[_DIGEST:]
        if _digest(key, body) != value[:_DIGEST]:
            self._fail("read", ValueError("a value was cut or changed"))
            return None
        self.touch(key)
        return bytes(body)

    def touch(self, *keys: str) -> None:
        """Count keys among those that were read lately, which the culler passes by once."""
        if len(self._touched) < MAX_TOUCHED:
            self._touched.update(map(hash, keys))

    def may_hold(self, key: str) -> bool:
        """Whether `get` has to look. For who else writes to the folder meanwhile, it may be wrong."""
        known = self._known
        return known is None or key in known

    def expect(self, key: str) -> None:
        """Let `may_hold` know what is going to be put."""
        if self._learning is not None:
            self._learning.add(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`, unless it alone would take a twentieth of the folder."""
        if len(value) > self.max_size // 20:
            return
        if self._pending_deletes:
            self._attempt("write", self._delete_pending, None)
        if self._pending_deletes:
            return  # or the delete that comes too late takes it away
        self._attempt("write", lambda cache: self._put(cache, key, value), None)

    def put_all(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Keep all of them as `put` does, in few transactions: those are most of what writing costs."""
        for some in self._portions(records):
            together = len(some) > 1 and not self._pending_deletes
            if together and self._attempt("write", partial(self._put_together, records=some), False):
                continue
            for key, value in some:  # one alone may have been what failed
                self.put(key, value)

    def _portions(self, records: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
        """Such that making room for one does not empty a small folder."""
        some: list[tuple[str, bytes]] = []
        left = 0
        for key, value in records:
            left -= _room(value)
            if some and left < 0:
                yield some
                some = []
            if not some:
                left = self.max_size // 10 - _room(value)
            some.append((key, value))
        if some:
            yield some

    def delete(self, prefix: str) -> set[str]:
        """Remove everything whose key starts with `prefix`; the keys that were there.

        What the disk does not let go is as good as gone, and goes with the next write.
        """
        if not _is_text(prefix):
            return set()  # no key starts like that, and SQLite would refuse to look
        self._pending_deletes = (*self._pending_deletes, prefix)
        if len(self._pending_deletes) > MAX_DOOMED:
            self._pending_deletes = ("",)  # all of it
        return self._attempt("write", self._delete_pending, set())

    def volume(self) -> int:
        """Bytes the folder takes, as far as SQLite knows them."""
        return self._attempt("read", self._volume, 0)

    def count(self, prefix: str = "") -> int:
        """How many entries there are, or how many whose key starts with `prefix`."""
        if not prefix:
            return self._attempt("read", len, 0)
        sql = "SELECT count(*) FROM Cache WHERE key >= ? AND key < ?"
        return self._attempt("read", lambda cache: int(cache._sql(sql, _range(prefix)).fetchone()[0]), 0)

    def keys(self, prefix: str) -> set[str]:
        """The keys that start with `prefix`."""
        sql = "SELECT key FROM Cache WHERE key >= ? AND key < ?"
        return self._attempt("read", lambda cache: {key for (key,) in cache._sql(sql, _range(prefix))}, set())

    def close(self) -> None:
        if self._pending_deletes:
            self._attempt("write", self._delete_pending, None)
        self._known = self._learning = None
        if self._open is not None:
            self._open[0].close()  # the connection of the calling thread; the others end with theirs
            self._open = None

    # Failures

    def _attempt(self, what: str, action: Callable[[SafeCache], T], otherwise: T) -> T:
        if self._clock() < self._retry_at[what]:
            return otherwise
        cache = None
        try:
            cache = self._opened()
            result = action(cache)
        except FAILURES as exc:
            self._fail(what, exc)
            if _is_damage(exc, cache is None):
                self._set_aside(cache)
            return otherwise
        if what in self.failing and self._clock() - self._failed_at > RECOVERY_SECONDS:
            self.failing.discard(what)
            if not self.failing:
                log.warning("the cache in %s works again", self.path)
        return result

    def _fail(self, what: str, exc: BaseException) -> None:
        """Count a failure, and say it when it is the first of its time."""
        self.failures += 1
        self._failed_at = self._clock()
        if not isinstance(exc, ValueError):  # one bad value, not a bad store
            self._retry_at[what] = self._failed_at + BACK_OFF_SECONDS
        was_well = not self.failing
        self.failing.add(what)  # first: other threads run while the log is written
        if was_well:
            text = "the cache in %s fails to %s, going on without what fails: %s: %s"
            log.error(text, self.path, what, type(exc).__name__, exc)

    def _set_aside(self, cache: SafeCache | None) -> None:
        """Move what `cache` made of the folder out of the way, unless another thread did."""
        with self._opening:
            if self._open is None or self._open[0] is cache or self._open[1] != self._files():
                self._move_aside()

    def _move_aside(self) -> None:
        """Move what is ours out of the way. Nothing else in the folder is touched."""
        self._open = None
        try:
            damaged = tempfile.mkdtemp(prefix=_DAMAGED, dir=self.path)
            for name in filter(_OURS.fullmatch, os.listdir(self.path)):
                os.rename(self.path / name, os.path.join(damaged, name))
        except OSError as exc:
            log.error("the damaged cache in %s cannot be moved aside: %s", self.path, exc)
            return
        self._retry_at = {"read": 0.0, "write": 0.0}
        log.error("the cache in %s was damaged; a new one is started", self.path)

    def _opened(self) -> SafeCache:
        """The open cache; opened anew where its folder was removed or replaced under it."""
        opened = self._open
        if opened is not None and opened[1] == self._files():
            return opened[0]
        with self._opening:
            opened, files = self._open, self._files()
            if opened is not None and opened[1] == files:
                return opened[0]
            if opened is not None and opened[1][0] == files[0]:
                # Its log was taken away, which SQLite does not see: each connection would go on with its own.
                self._move_aside()
            # diskcache would make it 0755, and whoever writes here chooses what we serve.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & 0o022:
                log.warning("others may write to the cache in %s, and choose what is served", self.path)
            self._sweep()
            cache = SafeCache(
                str(self.path),
                timeout=LOCK_TIMEOUT,
                disk=SafeDisk,
                disk_min_file_size=IN_A_FILE,
                eviction_policy="least-recently-stored",
                cull_limit=0,  # its own culling overshoots without bound for mixed sizes
                size_limit=2**60,
                sqlite_wal_autocheckpoint=128,  # pages: keeps the log, which counts as well, near 512 kB
                sqlite_journal_size_limit=1 << 19,  # bytes it is cut to where it had to grow
                # The system's own cache serves as well. Each connection took 32 MB of pages and 64 MB of
                # mapping, and was slower for it.
                sqlite_cache_size=256,  # pages
                sqlite_mmap_size=0,
            )
            self._open = (cache, self._files())
            self._known, self._learning = None, BloomFilter()
            threading.Thread(target=self._learn, args=(cache, self._learning), daemon=True).start()
            return cache

    def _learn(self, cache: SafeCache, known: BloomFilter) -> None:
        """Read all keys, behind everything else and in portions, so that nobody waits for it."""
        last = -1
        try:
            while self._learning is known:
                rows = cache._sql(
                    "SELECT rowid, key FROM Cache WHERE rowid > ? ORDER BY rowid LIMIT 1000", (last,)
                ).fetchall()
                for last, key in rows:  # noqa: B007 - the last is where the next portion begins
                    known.add(str(key))
                if not rows:
                    break
                time.sleep(0.001)
        except FAILURES:
            return  # all may be there; whoever reads or writes next tells what is wrong
        finally:
            cache.close()  # the connection of this thread
        with self._opening:
            if self._learning is known:  # and the folder still the same
                self._known = known

    def _files(self) -> tuple[int, int]:
        """The inodes of the database and of its log, 0 where there is none."""
        return _inode(self._database), _inode(self._log_file)

    def _sweep(self) -> None:
        """Delete, behind everything else, what was set aside; it may be much."""
        for path in self.path.glob(_DAMAGED + "*"):
            threading.Thread(target=shutil.rmtree, args=(path, True), daemon=True).start()

    def _put(self, cache: SafeCache, key: str, value: bytes) -> None:
        self._cull(cache, _room(value))
        self.expect(key)  # once more: the folder may be another one since
        cache.set(key, _digest(key, value) + value)

    def _put_together(self, cache: SafeCache, records: Sequence[tuple[str, bytes]]) -> bool:
        fit = [(key, value) for key, value in records if len(value) <= self.max_size // 20]
        self._cull(cache, sum(_room(value) for _, value in fit))
        files: list[str | None] = []
        try:
            with cache._transact():
                for key, value in fit:
                    self.expect(key)
                    cache.set(key, _digest(key, value) + value)
                    files.append(cache._disk._last)
        except BaseException:
            for file in filter(None, files):  # of rows that are not there
                cache._disk.remove(file)
            raise
        return True

    # The limit

    def _volume(self, cache: SafeCache) -> int:
        written_ahead = os.path.getsize(self._log_file) if os.path.exists(self._log_file) else 0
        # It grows while another program reads, and no entry that goes makes it shorter.
        return int(cache.volume()) + min(written_ahead, max(self.max_size // 10, 2_000_000))

    def _cull(self, cache: SafeCache, room: int) -> None:
        """Delete from the oldest until there is `room` under the limit; what was read gets another round."""
        if self._volume(cache) + room <= self.max_size:
            return
        goal = self.max_size - room - self.max_size // 50  # so that not every write has to cull
        spared = 0
        while self._volume(cache) > goal:
            rows = cache._sql(
                "SELECT rowid, key, filename FROM Cache ORDER BY store_time LIMIT 10"
            ).fetchall()
            if not rows:
                return
            for rowid, key, filename in rows:
                if hash(key) in self._touched and spared < 1000:
                    self._touched.discard(hash(key))
                    spared += 1
                    cache._sql("UPDATE Cache SET store_time = ? WHERE rowid = ?", (time.time(), rowid))
                    continue
                with cache._transact() as (sql, cleanup):
                    sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                    cleanup(filename)
                if self._volume(cache) <= goal:
                    return

    def _delete_pending(self, cache: SafeCache) -> set[str]:
        gone = set()
        with cache._transact() as (sql, cleanup):
            for bounds in map(_range, self._pending_deletes):
                for key, filename in sql(
                    "SELECT key, filename FROM Cache WHERE key >= ? AND key < ?", bounds
                ):
                    gone.add(key)
                    cleanup(filename)
                sql("DELETE FROM Cache WHERE key >= ? AND key < ?", bounds)
        self._pending_deletes = ()
        return gone


def _room(value: bytes) -> int:
    """Bytes that the folder grows by with a new entry, at most."""
    return 2 * len(value) + ROOM


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _is_text(prefix: str) -> bool:
    """Whether it has no half of a surrogate pair, as `"\\ud800"` in JSON has."""
    return prefix.encode(errors="replace").decode() == prefix


def _digest(key: str, value: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(f"{len(key)}:{key}".encode())
    digest.update(value)
    return digest.digest()


def _is_damage(exc: BaseException, opening: bool) -> bool:
    """Whether SQLite's file is at fault, and not the disk under it or another process."""
    code = getattr(exc, "sqlite_errorcode", None) or 0
    damage = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    if opening:
        damage.add(sqlite3.SQLITE_ERROR)  # tables that are not diskcache's
    return (code & 0xFF) in damage


def _range(prefix: str) -> tuple[str, str]:
    """The bounds, in SQLite's order of text, of all that starts with `prefix`."""
    head = prefix.rstrip(_LAST)
    if not head:
        return prefix, _LAST * (len(prefix) + 1)
    last = ord(head[-1])
    following = 0xE000 if last == 0xD7FF else last + 1  # no text holds a surrogate
    return prefix, head[:-1] + chr(following)
