"""Originals in a folder of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from origin.errors import NotFound
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources.base import EXPECTED_BYTES
from origin.sources.base import MAX_BYTES
from origin.sources.base import PROBE
from origin.sources.base import TIMEOUT
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import no_limit
from origin.sources.base import reserve
from origin.sources.base import segments

_READERS = 4  # threads
# What the name of a file can be wrong with. Anything else (EIO, ESTALE, EMFILE) is the disk's or ours.
_NO_SUCH_FILE = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EACCES,
        errno.EPERM,
        errno.ENXIO,
        errno.EISDIR,
        errno.EINVAL,
        errno.EILSEQ,
        errno.ENODEV,
    }
)


class LocalSource:
    """Originals in a folder. Only regular files below `root`; no symbolic link below it is followed."""

    def __init__(self, root: Path, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._timeout = timeout
        # Of its own: a network file system that hangs takes these threads and no others.
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="local-source")

    async def open(self) -> None:
        await self.check()

    async def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> None:
        with contextlib.suppress(NotFound):
            await self.get(PROBE)

    async def get(
        self, key: str, if_none_match: str | None = None, room: ReserveMemory = no_limit
    ) -> Original | None:
        path = segments(key)
        loop, most = asyncio.get_running_loop(), EXPECTED_BYTES
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                while True:
                    found = await loop.run_in_executor(self._readers, self._read, path, if_none_match, most)
                    if not isinstance(found, int):
                        return found
                    most = found
                    await reserve(room, most, deadline)
        except TimeoutError as error:
            raise SourceTimeout(f"{self._root}: {key!r} not read in time") from error

    def _read(self, path: list[str], if_none_match: str | None, most: int) -> Original | int | None:
        """The original; its size where that is more than `most`."""
        try:
            with contextlib.ExitStack() as stack:
                file = self._open_below_root(path, stack)
                return self._read_file(file, if_none_match, most)
        except OSError as error:
            reason = f"{self._root}: {'/'.join(path)!r}: {error.strerror}"
            kind = NotFound if error.errno in _NO_SUCH_FILE else SourceUnavailable
            raise kind(reason) from error

    def _open_below_root(self, path: list[str], stack: contextlib.ExitStack) -> int:
        """Open one component after the other, so that no link swapped in meanwhile leads outside."""
        folder = self._open_root(stack)
        for name in path[:-1]:
            folder = _open(name, os.O_DIRECTORY | os.O_NOFOLLOW, stack, folder)
        # Without O_NONBLOCK, opening a FIFO waits for a writer that never comes.
        return _open(path[-1], os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, stack, folder)

    def _open_root(self, stack: contextlib.ExitStack) -> int:
        try:
            return _open(self._root, os.O_DIRECTORY, stack)
        except OSError as error:
            raise SourceUnavailable(
                f"{self._root}: {error.strerror}; check that root is a folder this user may read"
            ) from error

    def _read_file(self, file: int, if_none_match: str | None, most: int) -> Original | int | None:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound("not a regular file")
        etag = _version(found)
        if etag == if_none_match:
            return None
        if found.st_size > self._max_bytes:
            raise Unprocessable(f"an original of {found.st_size} bytes; {self._max_bytes} are allowed")
        if found.st_size > most:
            return found.st_size
        body = _read_all(file, found.st_size)
        if len(body) != found.st_size or _version(os.fstat(file)) != etag:
            raise SourceUnavailable("the file changed while it was read")
        return Original(body, etag, found.st_mtime, is_local=True)


def _open(name: str | Path, flags: int, stack: contextlib.ExitStack, folder: int | None = None) -> int:
    opened = os.open(name, os.O_RDONLY | flags, dir_fd=folder)
    stack.callback(os.close, opened)
    return opened


def _read_all(file: int, size: int) -> bytes:
    """The file, or one byte more than `size` of it. By one call as a rule: each lets another thread in."""
    body = os.read(file, size + 1)
    while len(body) < size and (more := os.read(file, size + 1 - len(body))):
        body += more
    return body


def _version(found: os.stat_result) -> str:
    return f'"{found.st_dev:x}-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'
