"""What a folder keeps beside the bytes of an object: one small file for a name and a version.

It lies in `.origin/metadata` of the very folder of the object, so that every handler sees it, wherever its
own root is. It is named after the object's name, time and size, which stay the same where a folder is copied
by `rsync -a`, mounted anew or restored. It is written before that version is put in its place, so that bytes
and metadata belong together at every moment. What a crash leaves belongs to no version: it is never read,
and `remove_strays` removes it.

Every function here raises OSError.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from origin.sources.base import OWN_FOLDER
from origin.sources.local_files import folders_below
from origin.sources.local_files import locked
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_file
from origin.sources.local_files import open_folder
from origin.sources.local_files import status_of
from origin.sources.local_files import unfinished_file

_TOP = (OWN_FOLDER, "metadata")
_NAME, _METADATA = "name", "metadata"  # what is in such a file


def write_metadata(
    root: int, folder: int, name: str, status: os.stat_result, metadata: Mapping[str, str]
) -> None:
    """`folder` is that of the object, locked; `root` where unfinished files are."""
    text = json.dumps({_NAME: name, _METADATA: dict(metadata)})
    above, own_name = _place(name, status)
    with ExitStack() as stack, unfinished_file(root, text.encode()) as file:
        own = make_folder([*_TOP, above], stack, folder, 0o700)
        file.move(own_name, own)
        os.fsync(own)


def read_metadata(folder: int, name: str, status: os.stat_result) -> dict[str, str]:
    """Empty where none was given, where `.origin` is no folder of ours, and where they are those of a user
    who keeps them to himself."""
    with ExitStack() as stack:
        try:
            top = open_folder(_TOP, stack, folder)  # where there is none, nothing has to be hashed
            above, own_name = _place(name, status)
            file = open_file(own_name, stack, open_folder([above], stack, top))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return {}
        metadata: dict[str, str] = _read(file)[_METADATA]
        return metadata


def remove_metadata(folder: int, name: str, status: os.stat_result) -> None:
    above, own_name = _place(name, status)
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        os.unlink(own_name, dir_fd=open_folder([*_TOP, above], stack, folder))


def remove_strays(root: int) -> Iterator[None]:
    """Remove what belongs to no version, below an open folder. Yields after each step, for a rest or the end.

    A write puts metadata and object in their places while it has their folder locked: what has no object
    under that lock belongs to none.
    """
    for folder in folders_below(root):
        yield
        with ExitStack() as stack, contextlib.suppress(OSError):  # most have none, and some are others'
            top = open_folder(_TOP, stack, folder)
            for above in os.listdir(top):
                with ExitStack() as inner:
                    own = open_folder([above], inner, top)
                    for name in os.listdir(own):
                        _remove_if_stray(folder, own, above + name)
                        yield


def _remove_if_stray(folder: int, own: int, digest: str) -> None:
    with ExitStack() as stack, contextlib.suppress(OSError):  # it is gone, or nobody can tell whose it is
        name = _read(open_file(digest[2:], stack, own))[_NAME]
        if not _has(folder, name, digest):
            with locked(folder):
                if not _has(folder, name, digest):
                    os.unlink(digest[2:], dir_fd=own)


def _has(folder: int, name: str, digest: str) -> bool:
    """Whether there is an object of that name in that version."""
    status = status_of(name, folder)
    return status is not None and "".join(_place(name, status)) == digest


def _read(file: int) -> dict[str, Any]:
    with open(file, encoding="utf-8", closefd=False) as text:
        try:
            content: dict[str, Any] = json.load(text)
            texts = (content[_NAME], *content[_METADATA].values())
            if len(content) != 2 or not all(isinstance(each, str) for each in texts):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise OSError(errno.EIO, "the metadata beside it are damaged") from error
    return content


def belong_to_both(name: str, one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two versions share their metadata: the clock of the file system is too coarse to tell them."""
    return _place(name, one) == _place(name, other)


def _place(name: str, status: os.stat_result) -> tuple[str, str]:
    """The folder and the name of the file."""
    version = f"{status.st_mtime_ns:x}-{status.st_size:x}"
    digest = hashlib.sha256(f"{name}\0{version}".encode()).hexdigest()
    return digest[:2], digest[2:]
