"""Files of values without a row: what a process leaves that is killed between writing the two."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from origin.cache.bloom import BloomFilter
from origin.cache.diskcache_safe import FILE_NAME

MIN_AGE = 60.0  # seconds; a younger file may be one whose row is being written
_FOLDER = re.compile("[0-9a-f]{2}")  # of values' files


class FilesWithRows:
    """The names of the files that have a row: 2 MB, however many there are.

    A few other names look as if they were among them, one in ten where there are two million. A stray with
    such a name stays until a later start, since each process hashes names in another way.
    """

    def __init__(self) -> None:
        self._names = BloomFilter()

    def __contains__(self, filename: str) -> bool:
        return filename in self._names

    def add(self, filename: object) -> None:
        """Anything that is not the name of a value's file is ignored."""
        if isinstance(filename, str) and FILE_NAME.fullmatch(filename):
            self._names.add(filename)


def find(path: Path, with_rows: FilesWithRows, before: float) -> list[tuple[str, int]]:
    """The paths of the strays that were last written before that Unix second, and what each takes on the
    disk, in bytes."""
    strays = []
    for folder in _folders(path):
        for file in _value_files(path, folder):
            if file not in with_rows:
                with suppress(OSError):
                    state = os.lstat(path / file)
                    if stat.S_ISREG(state.st_mode) and state.st_mtime < before:
                        strays.append((os.path.join(path, file), state.st_blocks * 512))
        time.sleep(0.001)  # this runs beside requests
    return strays


def delete(path: str) -> bool:
    """Delete a file, and its folder where that is empty now; whether the file is gone."""
    try:
        os.remove(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    with suppress(OSError):
        os.rmdir(os.path.dirname(path))
    return True


def _folders(path: Path) -> list[str]:
    """The names of those there are; a new cache has none."""
    with suppress(OSError), os.scandir(path) as entries:
        return [entry.name for entry in entries if _FOLDER.fullmatch(entry.name)]
    return []


def _value_files(path: Path, folder: str) -> Iterator[str]:
    """The names, relative to `path`, of all values' files in one of its folders. Links are not followed."""
    for entry in _entries(path, folder):
        name = f"{folder}/{entry.name}"
        if len(entry.name) == 2 and entry.is_dir(follow_symlinks=False):
            names = (f"{name}/{inner.name}" for inner in _entries(path, name))
            yield from filter(FILE_NAME.fullmatch, names)
        elif FILE_NAME.fullmatch(name):
            yield name


def _entries(path: Path, folder: str) -> list[os.DirEntry[str]]:
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path / folder).st_mode):
            with os.scandir(path / folder) as entries:
                return list(entries)
    return []
