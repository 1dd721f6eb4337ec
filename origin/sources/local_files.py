"""Files below an open folder. No name is ever looked up through a symbolic link.

Every function here raises OSError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from origin.sources.base import is_utf8

RESERVED = ".origin"  # the name at the top of a folder below which a store keeps its own files

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW


def open_at(name: str | Path, flags: int, stack: ExitStack, folder: int | None = None) -> int:
    """Open for reading until the end of the stack, `name` being relative to an open folder."""
    opened = os.open(name, os.O_RDONLY | flags, dir_fd=folder)
    stack.callback(os.close, opened)
    return opened


def open_folder(names: tuple[str, ...] | list[str], stack: ExitStack, folder: int) -> int:
    """Open one component after the other, so that no link swapped in meanwhile leads outside."""
    for name in names:
        folder = open_at(name, _FOLDER, stack, folder)
    return folder


def open_file(name: str, stack: ExitStack, folder: int) -> int:
    # Without O_NONBLOCK, opening a FIFO waits for a writer that never comes.
    return open_at(name, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, stack, folder)


def version(status: os.stat_result) -> str:
    """The ETag of a file. It changes whenever the file is replaced or written to."""
    return f'"{status.st_dev:x}-{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'


def read_all(file: int, size: int) -> bytes:
    """The file, or one byte more than `size` of it. By one call as a rule: each lets another thread in."""
    body = os.read(file, size + 1)
    while len(body) < size and (more := os.read(file, size + 1 - len(body))):
        body += more
    return body


def names_below(folder: int, here: str = "") -> Iterator[tuple[str, bool]]:
    """Names below an open folder as they come, with whether each is a regular file.

    For a look at a folder of any size: nothing is sorted, and nothing is read ahead.
    """
    with ExitStack() as stack, os.scandir(folder) as entries:
        for entry in entries:
            key = here + entry.name
            if key == RESERVED or not is_utf8(entry.name):
                continue
            yield key, entry.is_file(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield from names_below(open_folder([entry.name], stack, folder), f"{key}/")
