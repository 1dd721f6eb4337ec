"""The folder of a disk cache and the engine that is open in it.

The engine is opened anew where the folder was removed or replaced. A damaged database is moved aside, and a
new one started. Behind each opening all rows are read once, to know the names of all values, and to find and
delete the files that no row names.
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
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from origin.cache import stray_files
from origin.cache.bloom import BloomFilter
from origin.cache.diskcache_safe import DATABASE
from origin.cache.diskcache_safe import ERRORS
from origin.cache.engine import Engine
from origin.cache.folder_lock import FolderLock
from origin.errors import ConfigError

log = logging.getLogger(__name__)

_OURS = re.compile(rf"{re.escape(DATABASE)}(-wal|-shm|-journal)?|[0-9a-f]{{2}}")  # what the engine makes
_DAMAGED = "damaged-"  # folders of what was moved aside
_REFUSED = "delete-refused"  # a file that is there while the disk refuses to delete something


class OpenFolder:
    """One folder. Any thread may call.

    `on_new` is called when a new database is to take the place of a damaged one.
    `shared`: other processes use the folder at the same time, and say so as well.
    """

    def __init__(self, path: Path, on_new: Callable[[], None], *, shared: bool) -> None:
        self.path = path
        self.shared = shared
        self.stray_bytes = 0  # of files that the engine does not know
        # None until the names of all values have been read, and where another process writes to the folder.
        self.stored_names: BloomFilter | None = None
        self._learning: BloomFilter | None = None  # becomes `stored_names`
        self._has_read = threading.Event()  # all rows, or as many as were wanted
        self._has_read.set()
        self._on_new = on_new
        self._process = os.urandom(8).hex() if shared else None
        self._lock = FolderLock(path, shared)
        self._database = os.path.join(path, DATABASE)
        self._open: tuple[Engine, tuple[int, int]] | None = None  # and its `_inodes`
        self._opening = threading.Lock()
        self._is_noted = False  # whether `note_refusal` was called

    def claim(self) -> None:
        """Lock the folder for this process. Raises ConfigError where it cannot be used, or another process
        uses it."""
        self._lock.acquire()
        self._empty_after_refusal()

    def close(self) -> None:
        """Close the connection of this thread and that of `_learn`. Those of other threads end with them."""
        self.stored_names = self._learning = None
        self._has_read.wait()  # or another process would find the database in use
        if self._open is not None:
            self._open[0].close()
            self._open = None
        self._lock.release()

    def note_refusal(self) -> None:
        """The disk refuses a delete. Where this process ends before it is made up for, the next one empties
        the folder, unless others use it too.
        """
        if not self.shared:
            self._is_noted = True
            with suppress(OSError):  # a file without bytes can be made on most full disks
                (self.path / _REFUSED).touch()

    def forget_refusal(self) -> None:
        if self._is_noted:
            self._is_noted = False
            with suppress(OSError):
                os.remove(self.path / _REFUSED)

    def _empty_after_refusal(self) -> None:
        """The files that are left are deleted behind the next opening."""
        if not (self.path / _REFUSED).exists():
            return
        try:
            for end in ("-wal", "-shm", ""):
                Path(self._database + end).unlink(missing_ok=True)
            os.remove(self.path / _REFUSED)
        except OSError as error:
            raise ConfigError(f"{self.path} keeps what was purged, and cannot be emptied: {error}") from None
        log.error("the cache in %s is emptied: the disk has refused to delete what was purged", self.path)

    def engine(self) -> Engine:
        """The open engine; opened anew where its folder was removed or replaced. Raises one of ERRORS."""
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
            return self._open_engine()

    def note(self, names: Iterable[str]) -> None:
        """Count names as stored, before their values are."""
        if self._learning is not None:
            for name in names:
                self._learning.add(name)

    def set_aside(self, engine: Engine | None) -> None:
        """Move a damaged database out of the way, unless another thread has done so.

        `engine` is the one that met the damage; None where it could not be opened.
        """
        with self._opening:
            if self._open is None or self._open[0] is engine or self._open[1] != self._inodes():
                self._move_aside()

    def _open_engine(self) -> Engine:
        self._make_folder()
        if self.path.stat().st_mode & 0o022:
            log.warning("others may write to the cache in %s, and choose what is served", self.path)
        self._delete_damaged()
        engine = Engine(self.path, self._process)
        self._open = (engine, self._inodes())
        self.stray_bytes = 0
        self.stored_names, self._learning = None, BloomFilter()
        has_read = threading.Event()
        threading.Thread(target=self._learn, args=(engine, self._learning, has_read), daemon=True).start()
        self._has_read = has_read
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

    # Damage

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
        self._on_new()
        log.error("the cache in %s was damaged; a new one is started", self.path)

    def _delete_damaged(self) -> None:
        """Delete in the background what was moved aside; it may be much."""
        for path in self.path.glob(_DAMAGED + "*"):
            threading.Thread(target=shutil.rmtree, args=(path, True), daemon=True).start()

    # Names and strays

    def _learn(self, engine: Engine, names: BloomFilter, has_read: threading.Event) -> None:
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
            has_read.set()
        with self._opening:
            if self._learning is not names:
                return  # the folder is another one by now
            if not self.shared:
                self.stored_names = names
        self._delete_strays(files, before=opened_at - stray_files.MIN_AGE)

    def _delete_strays(self, files: stray_files.FilesWithRows, before: float) -> None:
        strays = stray_files.find(self.path, files, before)
        if strays:
            log.info("the cache in %s has %d files without a row; they are deleted", self.path, len(strays))
        self.stray_bytes = sum(size for _, size in strays)
        for path, size in strays:
            if stray_files.delete(path):
                self.stray_bytes -= size


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0
