"""Originals in a folder of this machine: the keys of the configuration, and reading."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated
from typing import NoReturn
from typing import TypeVar

from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginalUnavailable
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources.base import EXPECTED_BYTES
from origin.sources.base import MAX_BYTES
from origin.sources.base import TIMEOUT
from origin.sources.base import Access
from origin.sources.base import CheckResult
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import no_limit
from origin.sources.base import reserve
from origin.sources.base import stored_segments
from origin.sources.local_files import names_below
from origin.sources.local_files import open_at
from origin.sources.local_files import open_file
from origin.sources.local_files import open_folder
from origin.sources.local_files import read_all
from origin.sources.local_files import read_into
from origin.sources.local_files import status_of
from origin.sources.local_files import version
from origin.sources.local_metadata import read_metadata
from origin.sources.object_metadata import object_version
from origin.sources.reused_memory import MEMORY
from origin.sources.settings import Setting
from origin.sources.settings import identity_digest

_THREADS = 4
_TRIES = 10  # to read a file that others change meanwhile
_CHANGING_SECONDS = 1.0  # after these, until it is tried again
_CHECKED_NAMES = 10_000  # at most so many are looked at in search of one original
_PERMISSION_ERRORS = frozenset({errno.EACCES, errno.EPERM})
# What can be wrong with the name of a file. Anything else (EIO, ESTALE, EMFILE) is the disk's or ours.
_NO_SUCH_FILE = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENXIO,
        errno.EISDIR,
        errno.EINVAL,
        errno.EILSEQ,
        errno.ENODEV,
    }
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """`"type": "local"`"""

    root: Annotated[Path, Setting("path of the folder; symbolic links in it are not followed")]

    def describe(self) -> str:
        return f"{self.root}/"

    def locate(self, key: str) -> str:
        return f"{self.root}/{key}"

    def place(self) -> str:
        return os.path.join(os.path.realpath(self.root), "")

    def identity(self) -> str:
        return identity_digest(str(self.root))  # without the type: caches have been named so from the start


class _Changed(Exception):
    """The file was written to while it was read, or another one has taken its place."""


class LocalSource:
    """Originals in a folder. Only regular files below `root`; no symbolic link below it is followed."""

    def __init__(
        self, settings: LocalSettings, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT
    ) -> None:
        self._settings = settings
        self._root = settings.root
        self._max_bytes = max_bytes
        self._timeout = timeout
        # Of its own: a network file system that hangs takes these threads and no others.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="local-source")

    async def open(self) -> None:
        await self._run("open", self._try_root)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> CheckResult:
        return await self._run("check", self._check)

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        path = key_path(key)
        loop, memory = asyncio.get_running_loop(), None
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                while True:
                    result = await loop.run_in_executor(
                        self._threads, self._read, path, if_none_match, memory
                    )
                    if not isinstance(result, int):
                        return result
                    await reserve(reserve_memory, result, deadline)
                    memory = MEMORY.take(result)
        except TimeoutError as error:
            raise self._too_late(f"get {key!r}") from error

    async def _run(self, name: str, operation: Callable[[], T]) -> T:
        """Run a blocking operation in a thread of our own, within the deadline."""
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.get_running_loop().run_in_executor(self._threads, operation)
        except TimeoutError as error:
            raise self._too_late(name) from error

    def _too_late(self, operation: str) -> SourceTimeout:
        return SourceTimeout(
            f"{self._root}: {operation}: not done within {self._timeout} s (limits.source_timeout)"
        )

    def _try_root(self) -> None:
        with ExitStack() as stack:
            self._open_root(stack)

    def _read(
        self, path: list[str], if_none_match: str | None, memory: memoryview | None
    ) -> Original | int | None:
        """The original, in this memory where there is some; its size where it is larger than that, or than
        what is expected."""
        try:
            for _ in range(_TRIES):
                with ExitStack() as stack, contextlib.suppress(_Changed):
                    folder, file = self._open(path, stack)
                    return self._read_file(path[-1], folder, file, if_none_match, memory)
            raise OriginalUnavailable(
                f"{self._root}: {'/'.join(path)!r}: changes while it is read; write elsewhere, then move",
                remember_for=_CHANGING_SECONDS,
            )
        except OSError as error:
            self._raise_read_error(path, error)

    def _raise_read_error(self, path: list[str], error: OSError) -> NoReturn:
        reason = f"{self._root}: {'/'.join(path)!r}: {error.strerror}"
        if error.errno in _PERMISSION_ERRORS:
            raise KeyRefused(reason) from error
        kind = NotFound if error.errno in _NO_SUCH_FILE else SourceUnavailable
        raise kind(reason) from error

    def _open(self, path: list[str], stack: ExitStack) -> tuple[int, int]:
        """The folder of a file, and the file."""
        folder = open_folder(path[:-1], stack, self._open_root(stack))
        return folder, open_file(path[-1], stack, folder)

    def _open_root(self, stack: ExitStack) -> int:
        try:
            return open_at(self._root, os.O_DIRECTORY, stack)
        except OSError as error:
            raise SourceUnavailable(
                f"{self._root}: {error.strerror}; check that root is a folder this user may read"
            ) from error

    def _read_file(
        self, name: str, folder: int, file: int, if_none_match: str | None, memory: memoryview | None
    ) -> Original | int | None:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise NotFound("not a regular file")
        metadata = read_metadata(folder, name, status)
        if not metadata and not _is_same(status, status_of(name, folder)):
            raise _Changed  # and its metadata went with it
        etag = object_version(version(status), metadata)
        if etag == if_none_match:
            return None
        if status.st_size > self._max_bytes:
            raise Unprocessable(
                f"an original of {status.st_size} bytes; limits.max_original_bytes is {self._max_bytes}"
            )
        if status.st_size > (EXPECTED_BYTES if memory is None else len(memory)):
            return status.st_size
        body = _body(file, status.st_size, memory)
        if len(body) != status.st_size or version(os.fstat(file)) != version(status):
            raise _Changed
        return Original(body, etag, status.st_mtime, is_local=True)

    def _check(self) -> CheckResult:
        """Look for one original and try to open it."""
        place = self._settings.describe()
        with ExitStack() as stack:
            names = names_below(self._open_root(stack))
            try:
                for key, is_file in islice(names, _CHECKED_NAMES):
                    if is_file:
                        return CheckResult(self._access(key), place, key)
                return CheckResult(Access.EMPTY if next(names, None) is None else Access.UNKNOWN, place)
            except OSError:  # a folder that may be entered and not listed still gives originals
                return CheckResult(Access.UNKNOWN, place)

    def _access(self, key: str) -> Access:
        try:
            with ExitStack() as stack:
                self._open(key.split("/"), stack)
        except OSError:
            return Access.REFUSED
        return Access.READABLE


def _body(file: int, size: int, memory: memoryview | None) -> bytes | memoryview:
    if memory is None:
        return read_all(file, size)
    return memory[: read_into(file, memory[:size])].toreadonly()


def _is_same(one: os.stat_result, other: os.stat_result | None) -> bool:
    return other is not None and os.path.samestat(one, other)


def key_path(key: str) -> list[str]:
    """The components of a key's path. Raises NotFound for a key that no original can have."""
    return stored_segments(key)
