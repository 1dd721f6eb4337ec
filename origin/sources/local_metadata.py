"""What a folder keeps beside the bytes of an object: one small file for a name and a version.

It lies in `.origin/metadata` of the very folder of the object, so that every handler sees it, wherever its own
root is. It is named after name and version, and written before that version is put in its place, so that
bytes and metadata belong together at every moment. What a crash leaves belongs to no version: it is never
read, and `remove_strays` removes it.

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

from origin.sources.base import RESERVED
from origin.sources.local_files import folders_below
from origin.sources.local_files import locked
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_file
from origin.sources.local_files import open_folder
from origin.sources.local_files import status_of
from origin.sources.local_files import unfinished_file
from origin.sources.local_files import version as version_of

_TOP = (RESERVED, "metadata")
_NAME, _METADATA = "name", "metadata"  # what is in such a file


def write_metadata(root: int, folder: int, name: str, version: str, metadata: Mapping[str, str]) -> None:
    """`folder` is that of the object, locked; `root` where unfinished files are."""
    text = json.dumps({_NAME: name, _METADATA: dict(metadata)})
    above, own_name = _place(name, version)
    with ExitStack() as stack, unfinished_file(root, text.encode()) as file:
        own = make_folder([*_TOP, above], stack, folder, 0o700)
        file.move(own_name, own)
        os.fsync(own)


def read_metadata(folder: int, name: str, version: str) -> dict[str, str]:
    """Empty where none was given, and where they are those of a user who keeps them to himself."""
    with ExitStack() as stack:
        try:
            top = open_folder(_TOP, stack, folder)  # where there is none, nothing has to be hashed
            above, own_name = _place(name, version)
            file = open_file(own_name, stack, open_folder([above], stack, top))
        except (FileNotFoundError, PermissionError):
            return {}
        metadata: dict[str, str] = _read(file)[_METADATA]
        return metadata


def remove_metadata(folder: int, name: str, version: str) -> None:
    above, own_name = _place(name, version)
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        os.unlink(own_name, dir_fd=open_folder([*_TOP, above], stack, folder))


def remove_strays(root: int) -> Iterator[bool]:
    """Remove what belongs to no version, below an open folder; whether it was such, of each that is there.

    A write puts metadata and object in their places while it has the folder locked, so what has no object
    under that lock belongs to none.
    """
    for stack, folder in folders_below(root):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            top = open_folder(_TOP, stack, folder)
            for above in os.listdir(top):
                with ExitStack() as inner:
                    own = open_folder([above], inner, top)
                    for own_name in os.listdir(own):
                        yield _remove_if_stray(folder, own, above + own_name)


def _remove_if_stray(folder: int, own: int, digest: str) -> bool:
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        try:
            name = _read(open_file(digest[2:], stack, own))[_NAME]
        except ValueError:  # no object has it
            name = ""
        if _has(folder, name, digest):
            return False
        with locked(folder):
            if _has(folder, name, digest):
                return False
            os.unlink(digest[2:], dir_fd=own)
            return True
    return False


def _has(folder: int, name: str, digest: str) -> bool:
    """Whether there is an object of that name in that version."""
    status = status_of(name, folder) if name else None
    return status is not None and "".join(_place(name, version_of(status))) == digest


def _read(file: int) -> dict[str, Any]:
    with open(file, encoding="utf-8", closefd=False) as text:
        try:
            content = json.load(text)
            if content.keys() != {_NAME, _METADATA}:
                raise ValueError
        except (ValueError, AttributeError) as error:
            raise OSError(errno.EIO, "the metadata beside it are damaged") from error
    return content


def _place(name: str, version: str) -> tuple[str, str]:
    digest = hashlib.sha256(f"{name}\0{version}".encode()).hexdigest()
    return digest[:2], digest[2:]
