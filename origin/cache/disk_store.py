"""Bytes by name in one folder, under a limit, and repaired where they are damaged.

A value comes back whole and under the name it was stored by, or not at all. Where the disk fails, a read is a
miss and a write is not kept; neither is an error for the caller.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from origin.cache import stray_files
from origin.cache.bloom import BloomFilter
from origin.cache.culler import Culler
from origin.cache.culler import Values
from origin.cache.diskcache_safe import DATABASE
from origin.cache.diskcache_safe import ERRORS
from origin.cache.engine import Engine
from origin.cache.engine import is_damage
from origin.cache.folder_lock import FolderLock
from origin.cache.health import Health
from origin.cache.health import Operation
from origin.cache.records import Pieces
from origin.cache.records import seal
from origin.cache.records import unseal
from origin.errors import ConfigError

log = logging.getLogger(__name__)

T = TypeVar("T")
MAX_PENDING_DELETES = 1_000
_OURS = re.compile(rf"{re.escape(DATABASE)}(-wal|-shm|-journal)?|[0-9a-f]{{2}}")  # what the engine makes
_DAMAGED = "damaged-"  # folders of what was moved aside


class DiskStore:
    """Values in one folder, at most `max_size` bytes in all.

    Reads may come from any thread at any time, writes from one thread at a time. No method but `open` raises
    because of the disk.
    """

    def __init__(
        self, path: Path, max_size: int, clock: Callable[[], float] = time.monotonic, *, shared: bool = False
    ) -> None:
        """`shared`: other processes use the folder at the same time, and say so as well."""
        self.path = path
        self.max_size = max_size
        self.shared = shared
        self.heard: int | None = None  # the number of the last delete of another process that took effect
        self._culler = Culler(max_size)
        self.touch = self._culler.touch
        self._process = os.urandom(8).hex() if shared else None
        self._lock = FolderLock(path, shared)
        self._database = os.path.join(path, DATABASE)
        self._health = Health(path, clock)
        self._pending_deletes: tuple[str, ...] = ()  # prefixes that the disk has refused to delete so far
        self._open: tuple[Engine, tuple[int, int]] | None = None  # and its `_inodes`
        self._opening = threading.Lock()
        # None until the names of all values have been read, and where another process writes to the folder.
        self.stored_names: BloomFilter | None = None
        self._learning: BloomFilter | None = None  # becomes `stored_names`

    @property
    def failures(self) -> int:
        """Reads and writes that failed."""
        return self._health.failures

    @property
    def deletes_wait(self) -> bool:
        """Whether the disk has refused a delete until now."""
        return bool(self._pending_deletes)

    def open(self) -> None:
        """Claim the folder for this process. Raises ConfigError where it cannot be used, or another process
        uses it."""
        self._lock.acquire()
        self.heard = self._attempt("read", lambda engine: engine.last_delete() if self.shared else None, None)

    def get(self, name: str) -> memoryview | None:
        return self._attempt("read", lambda engine: self._read(engine, name), None)

    def get_following(self, name: str, follow: Callable[[memoryview], str | None]) -> memoryview | None:
        """The value of the name that the value of this one leads to, by `follow`.

        In one go: to look whether the folder is still the same takes as long as a tenth of both.
        """

        def read(engine: Engine) -> memoryview | None:
            first = self._read(engine, name)
            second = None if first is None else follow(first)
            return None if second is None else self._read(engine, second)

        return self._attempt("read", read, None)

    def _read(self, engine: Engine, name: str) -> memoryview | None:
        """Raises one of ERRORS, and ValueError for a damaged value."""
        if self._pending_deletes and name.startswith(self._pending_deletes):
            return None
        sealed = engine.get(name)
        if sealed is None:
            return None
        value = unseal(name, sealed)
        self.touch(name)
        return value

    def put(self, name: str, value: bytes, heard: int | None = None) -> None:
        """Keep a value, unless it alone would take a twentieth of the folder.

        `heard` is `self.heard` of the moment in which the value was still valid.
        """
        self._put(name, (value,), heard)

    def _put(self, name: str, value: Pieces, heard: int | None) -> None:
        if self._culler.is_too_large(value):
            return
        if self._pending_deletes:
            self._attempt("write", self._delete_pending, None)
        if self._pending_deletes:
            return  # or a delete that comes late would take it
        self._attempt("write", partial(self._put_all, values=[(name, value)], heard=heard), None)

    def put_all(self, values: Values, heard: int | None = None) -> None:
        """Keep values as `put` does, in few transactions: those are most of the cost of a write."""
        for portion in self._culler.portions(values):
            write = partial(self._put_all, values=portion, heard=heard)
            if len(portion) > 1 and not self._pending_deletes and self._attempt("write", write, False):
                continue
            for name, value in portion:  # one of them may be what failed
                self._put(name, value, heard)

    def delete(self, name: str) -> bool:
        """Remove one value; whether it was there."""
        if not _is_text(name):
            return False
        deleted = self._attempt("write", lambda engine: engine.delete(names=[name]), None)
        if deleted is None:
            self._delete_later(name)  # as a prefix: more may go, never less
        return bool(deleted)

    def delete_prefix(self, prefix: str) -> set[str]:
        """Remove all values whose names start with `prefix`; the names that were there.

        Where the disk refuses, none of them is returned from now on, and the next write deletes them.
        """
        if not _is_text(prefix):
            return set()  # no name starts so, and SQLite would refuse to look
        self._delete_later(prefix)
        return self._attempt("write", self._delete_pending, set())

    def deletes_of_others(self) -> tuple[int, list[str]] | None:
        """The number of the last delete, and the prefixes that other processes have deleted since `heard`.

        None where the disk cannot be read. The empty prefix, which stands for everything, where some of the
        deletes are no longer written down.
        """
        heard = self.heard
        if heard is None:  # the folder could not be read when it was opened
            return self._attempt("read", lambda engine: (engine.last_delete(), [""]), None)
        deletes = self._attempt("read", lambda engine: engine.deletes_of_others(heard), None)
        if deletes is None:
            return None
        return deletes.last, deletes.prefixes if deletes.complete else [""]

    def size(self) -> int:
        """Bytes that the folder takes."""
        return self._attempt("read", self._culler.size, 0)

    def count(self, prefix: str = "") -> int:
        """How many values there are, or how many whose name starts with `prefix`."""
        return self._attempt("read", lambda engine: engine.count(prefix), 0)

    def names(self, prefix: str) -> set[str]:
        """The names that start with `prefix`."""
        return self._attempt("read", lambda engine: engine.names(prefix), set())

    def close(self) -> None:
        if self._pending_deletes:
            self._attempt("write", self._delete_pending, None)
        self.stored_names = self._learning = None
        if self._open is not None:
            self._open[0].close()
            self._open = None
        self._lock.release()

    # Failures

    def _attempt(self, operation: Operation, action: Callable[[Engine], T], otherwise: T) -> T:
        if self._health.failing and not self._health.may_try(operation):
            return otherwise
        engine = None
        try:
            engine = self._opened()
            result = action(engine)
        except ERRORS as exc:
            self._health.failed(operation, exc, one_value=isinstance(exc, ValueError))
            if is_damage(exc, while_opening=engine is None):
                self._set_aside(engine)
            return otherwise
        if self._health.failing:
            self._health.succeeded(operation)
        return result

    def _set_aside(self, engine: Engine | None) -> None:
        """Move a damaged database out of the way, unless another thread has done so."""
        with self._opening:
            if self._open is None or self._open[0] is engine or self._open[1] != self._inodes():
                self._move_aside()

    def _move_aside(self) -> None:
        """Move what the engine made out of the way. Nothing else in the folder is touched."""
        self._open = None
        try:
            damaged = tempfile.mkdtemp(prefix=_DAMAGED, dir=self.path)
            for name in filter(_OURS.fullmatch, os.listdir(self.path)):
                os.rename(self.path / name, os.path.join(damaged, name))
        except OSError as exc:
            log.error("the damaged cache in %s cannot be moved aside: %s", self.path, exc)
            return
        self._health.retry_now()
        log.error("the cache in %s was damaged; a new one is started", self.path)

    # Opening

    def _opened(self) -> Engine:
        """The open engine; opened anew where its folder was removed or replaced."""
        opened = self._open
        if opened is not None and opened[1] == self._inodes():
            return opened[0]
        with self._opening:
            opened, inodes = self._open, self._inodes()
            if opened is not None and opened[1] == inodes:
                return opened[0]
            if opened is not None and opened[1][0] == inodes[0]:
                # SQLite does not see that its log was removed: each connection would go on with its own.
                self._move_aside()
            self._make_folder()
            if self.path.stat().st_mode & 0o022:
                log.warning("others may write to the cache in %s, and choose what is served", self.path)
            self._delete_damaged()
            engine = Engine(self.path, self._process)
            self._open = (engine, self._inodes())
            self._culler.stray_bytes = 0
            self.stored_names, self._learning = None, BloomFilter()
            threading.Thread(target=self._learn, args=(engine, self._learning), daemon=True).start()
            return engine

    def _make_folder(self) -> None:
        if self._lock.was_acquired and not self._lock.is_held:
            try:
                self._lock.acquire()
            except ConfigError as error:  # the folder was removed, and another process was faster
                log.error("%s", error)
        # Not 0755, as diskcache makes it: a user who can write here chooses what is served.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _inodes(self) -> tuple[int, int]:
        """Of the database and of its log, 0 where there is none."""
        return _inode(self._database), _inode(self._database + "-wal")

    def _delete_damaged(self) -> None:
        """Delete in the background what was moved aside; it may be much."""
        for path in self.path.glob(_DAMAGED + "*"):
            threading.Thread(target=shutil.rmtree, args=(path, True), daemon=True).start()

    def _learn(self, engine: Engine, names: BloomFilter) -> None:
        """Read all rows in the background, in portions, so that no request waits."""
        opened_at = time.time()
        files = stray_files.FilesWithRows()
        try:
            last = -1
            while self._learning is names and (rows := engine.rows(last, 1000)):
                for row in rows:
                    names.add(str(row.name))
                    files.add(row.filename)
                last = rows[-1].rowid
                time.sleep(0.001)
        except ERRORS:
            return  # any name may be there; the next read or write says what is wrong
        finally:
            engine.close()
        with self._opening:
            if self._learning is not names:
                return  # the folder is another one by now
            if not self.shared:
                self.stored_names = names
        strays = stray_files.find(self.path, files, before=opened_at - stray_files.MIN_AGE)
        if strays:
            log.info("the cache in %s has %d files without a row; they are deleted", self.path, len(strays))
        self._culler.stray_bytes = sum(size for _, size in strays)
        for path, size in strays:
            if stray_files.delete(path):
                self._culler.stray_bytes -= size

    # Writing

    def _put_all(self, engine: Engine, values: Values, heard: int | None) -> bool:
        fitting = [(name, value) for name, value in values if not self._culler.is_too_large(value)]
        self._culler.make_space(engine, fitting)
        if self._learning is not None:
            for name, _ in fitting:
                self._learning.add(name)
        engine.put_all(((name, seal(name, value)) for name, value in fitting), heard)
        return True

    def _delete_later(self, prefix: str) -> None:
        self._pending_deletes = (*self._pending_deletes, prefix)
        if len(self._pending_deletes) > MAX_PENDING_DELETES:
            self._pending_deletes = ("",)  # everything

    def _delete_pending(self, engine: Engine) -> set[str]:
        deleted = engine.delete(prefixes=self._pending_deletes)
        self._pending_deletes = ()
        return deleted


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _is_text(prefix: str) -> bool:
    """Whether it has no half of a surrogate pair, as `"\\ud800"` in JSON has."""
    return prefix.encode(errors="replace").decode() == prefix
