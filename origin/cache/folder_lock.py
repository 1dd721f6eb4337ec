"""One process for each cache folder, or several where all of them say that they share it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from origin.cache.diskcache_safe import DATABASE
from origin.errors import ConfigError

log = logging.getLogger(__name__)

LOCK_FILE = DATABASE + ".lock"
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
# What flock says where the file system knows no such locks.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class FolderLock:
    """An advisory lock (flock) on a file in the folder, which the system lifts when the process ends."""

    def __init__(self, path: Path, shared: bool) -> None:
        self._path = path
        self._shared = shared
        self._file: int | None = None
        self.was_acquired = False

    @property
    def is_held(self) -> bool:
        """Whether the lock is held on the file that is in the folder now."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self._path / LOCK_FILE))
        except OSError:
            return False

    def acquire(self) -> None:
        """Make the folder where it is missing, and lock it.

        Raises ConfigError where the folder cannot be used, or another process uses it.
        """
        self.release()
        try:
            # Not 0755, as diskcache makes it: a user who can write here chooses what is served.
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path / LOCK_FILE, _OPEN, 0o600)
        except OSError as exc:
            raise ConfigError(self._unusable(exc)) from exc
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            text = self._in_use(file)
            os.close(file)
            raise ConfigError(text) from None
        except OSError as exc:
            if exc.errno not in _UNSUPPORTED:
                os.close(file)
                raise ConfigError(self._unusable(exc)) from exc
            log.warning(
                "the cache in %s cannot be locked, take care that no other process uses it", self._path
            )
        self._file = file
        self.was_acquired = True
        with suppress(OSError):  # a full disk; the number is a help for people alone
            os.ftruncate(file, 0)
            os.pwrite(file, b"" if self._shared else b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        self.was_acquired = False
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _unusable(self, error: OSError) -> str:
        if self._path.exists() and not self._path.is_dir():
            return f"cache.path: {self._path} is a file; choose a folder"
        if self._path.is_dir():
            return f"cache.path: {self._path} cannot be written to: {error.strerror}"
        return f"cache.path: {self._path} cannot be made: {error.strerror}"

    def _in_use(self, file: int) -> str:
        number = os.pread(file, 20, 0).decode(errors="replace").strip()
        user = f"process {number}" if number.isdigit() else "another process"
        return (
            f"cache.path: {self._path} is in use by {user}; give each origin a folder of its own, "
            'or set "shared": true under "cache" for all that use this one'
        )
