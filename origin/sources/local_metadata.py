"""What a folder keeps beside the bytes of an object: one small file for a key and a version.

It is named after both and written before that version is put in its place, so that bytes and metadata
belong together at every moment. What a crash leaves belongs to no version, and is never read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack

from origin.sources.base import RESERVED
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_file
from origin.sources.local_files import open_folder
from origin.sources.local_files import unfinished_file

_TOP = (RESERVED, "metadata")


def write_metadata(root: int, key: str, version: str, metadata: Mapping[str, str]) -> None:
    folder_name, name = _names(key, version)
    with ExitStack() as stack, unfinished_file(root, json.dumps(dict(metadata)).encode()) as file:
        folder = make_folder([*_TOP, folder_name], stack, root, 0o700)
        file.move(name, folder)
        os.fsync(folder)


def read_metadata(root: int, key: str, version: str) -> dict[str, str]:
    """Empty where none was given, and where they are those of a user who keeps them to himself."""
    with ExitStack() as stack:
        try:
            top = open_folder(_TOP, stack, root)  # where there is none, nothing has to be hashed
            folder_name, name = _names(key, version)
            file = open_file(name, stack, open_folder([folder_name], stack, top))
        except (FileNotFoundError, PermissionError):
            return {}
        with open(file, encoding="utf-8", closefd=False) as text:
            try:
                metadata: dict[str, str] = json.load(text)
            except ValueError as error:
                raise OSError(errno.EIO, "the metadata beside it are damaged") from error
        return metadata


def remove_metadata(root: int, key: str, version: str) -> None:
    folder_name, name = _names(key, version)
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=open_folder([*_TOP, folder_name], stack, root))


def _names(key: str, version: str) -> tuple[str, str]:
    digest = hashlib.sha256(f"{key}\0{version}".encode()).hexdigest()
    return digest[:2], digest[2:]
