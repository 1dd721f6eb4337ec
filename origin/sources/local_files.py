"""Files below an open folder. No name is ever looked up through a symbolic link.

Every function here raises OSError.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from origin.sources.base import OWN_FOLDER
from origin.sources.base import is_utf8

UNFINISHED = (OWN_FOLDER, "tmp")  # the folder of files that are being written

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW


def open_at(name: str | Path, flags: int, stack: ExitStack, folder: int | None = None) -> int:
    """Open for reading until the end of the stack, `name` being relative to an open folder."""
    opened = os.open(name, os.O_RDONLY | flags, dir_fd=folder)
    stack.callback(os.close, opened)
    return opened


def open_folder(names: Sequence[str], stack: ExitStack, folder: int) -> int:
    """Open one component after the other, so that no link swapped in meanwhile leads outside.

    Only the last one stays open: a key may have five hundred.
    """
    return _descend(names, stack, folder, _open_inner)


def open_file(name: str, stack: ExitStack, folder: int) -> int:
    # Without O_NONBLOCK, opening a FIFO waits for a writer that never comes.
    return open_at(name, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, stack, folder)


def make_folder(names: Sequence[str], stack: ExitStack, folder: int, mode: int = 0o777) -> int:
    """Open a folder as `open_folder` does, and make what is missing of it."""

    def open_or_make(name: str, folder: int) -> int:
        try:
            return _open_inner(name, folder)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=folder)
                os.fsync(folder)
            return _open_inner(name, folder)

    return _descend(names, stack, folder, open_or_make)


def _open_inner(name: str, folder: int) -> int:
    return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=folder)


def _descend(names: Sequence[str], stack: ExitStack, folder: int, step: Callable[[str, int], int]) -> int:
    with ExitStack() as last:
        for name in names:
            inner = step(name, folder)
            last.close()
            last.callback(os.close, inner)
            folder = inner
        stack.push(last.pop_all())
    return folder


def status_of(name: str, folder: int) -> os.stat_result | None:
    """None when there is no such name."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def version(status: os.stat_result) -> str:
    """The ETag of a file. It changes whenever the file is replaced or written to."""
    return f'"{status.st_dev:x}-{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'


def read_all(file: int, size: int) -> bytes:
    """The file, or one byte more than `size` of it. By one call as a rule: each lets another thread in."""
    body = os.read(file, size + 1)
    while len(body) < size and (more := os.read(file, size + 1 - len(body))):
        body += more
    return body


def read_into(file: int, memory: memoryview) -> int:
    """How many bytes of the file were there, of as many as the memory has."""
    size = 0
    while size < len(memory) and (more := os.readv(file, [memory[size:]])):
        size += more
    return size


@contextlib.contextmanager
def locked(folder: int) -> Iterator[None]:
    """Keep other origins from replacing a file of this folder; held for a look and a rename alone."""
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)


@dataclass(frozen=True)
class UnfinishedFile:
    """A file with its bytes on the disk for good, under a name that is not its own yet."""

    name: str
    folder: int
    status: os.stat_result

    @property
    def version(self) -> str:
        return version(self.status)

    def move(self, name: str, folder: int) -> None:
        """Put it in its place, and what was there is gone."""
        os.rename(self.name, name, src_dir_fd=self.folder, dst_dir_fd=folder)


@contextlib.contextmanager
def unfinished_file(root: int, body: bytes) -> Iterator[UnfinishedFile]:
    """A new file below `.origin/tmp`. It is gone at the end, unless it was moved away.

    It is locked for as long as its process writes it. What a crash leaves there has no lock any more.
    """
    with ExitStack() as stack:
        folder = make_folder(UNFINISHED, stack, root, 0o700)
        name, file = _new_locked_file(folder)
        stack.callback(os.close, file)
        stack.callback(_remove, name, folder)
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(file, rest) :]
        # The kernel's own clock for files stands still for milliseconds; the version must not.
        now = time.time_ns()
        os.utime(file, ns=(now, now))
        os.fsync(file)
        yield UnfinishedFile(name, folder, os.fstat(file))


def _new_locked_file(folder: int) -> tuple[str, int]:
    """Its name, and itself. A sweep may take a file away before it is locked; then there is another."""
    while True:
        name = os.urandom(16).hex()
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return name, file
        except OSError:
            _remove(name, folder)
            os.close(file)
            raise
        os.close(file)


def _remove(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def remove_abandoned(root: int) -> None:
    """Remove unfinished files that nobody has locked: those of dead processes."""
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        folder = open_folder(UNFINISHED, stack, root)
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), ExitStack() as opened:
                file = open_file(name, opened, folder)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(name, folder)


def walk(
    folder: int, prefix: str = "", start_after: str = "", here: str = ""
) -> Iterator[tuple[str, os.stat_result]]:
    """Key and status of the regular files below an open folder, in the order of the keys as UTF-8.

    `here` is the key of the folder itself. Files whose names are not UTF-8 have no key and are left out.
    """
    with os.scandir(folder) as entries:
        names = [entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries]
    for name in sorted(filter(is_utf8, names)):
        key = here + name
        if not (key.startswith(prefix) or prefix.startswith(key)) or name == f"{OWN_FOLDER}/":
            continue
        with ExitStack() as stack, contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not name.endswith("/"):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if key > start_after and stat.S_ISREG(status.st_mode):
                    yield key, status
            elif key > start_after or start_after.startswith(key):
                inner = open_folder([name.removesuffix("/")], stack, folder)
                yield from walk(inner, prefix, start_after, key)


def names_below(folder: int, here: str = "") -> Iterator[tuple[str, bool]]:
    """Names below an open folder as they come, with whether each is a regular file.

    For a look at a folder of any size: nothing is sorted, and nothing is read ahead.
    """
    with ExitStack() as stack, os.scandir(folder) as entries:
        for entry in entries:
            key = here + entry.name
            if entry.name == OWN_FOLDER or not is_utf8(entry.name):
                continue
            yield key, entry.is_file(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield from names_below(open_folder([entry.name], stack, folder), f"{key}/")


def folders_below(folder: int) -> Iterator[int]:
    """An open folder and all below it, each open until the next one is asked for."""
    yield folder
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == OWN_FOLDER or not entry.is_dir(follow_symlinks=False):
                continue
            # What goes meanwhile, or is another user's, is not ours to look at.
            with ExitStack() as stack, contextlib.suppress(OSError):
                yield from folders_below(open_folder([entry.name], stack, folder))
