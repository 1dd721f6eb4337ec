"""What a folder keeps beside the bytes of an object: one small file for a key and a version.

It is named after both and written before that version is put in its place, so that bytes and metadata
belong together at every moment. What a crash leaves belongs to no version, and is never read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack

from origin.sources.local_files import RESERVED
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_file
from origin.sources.local_files import open_folder
from origin.sources.local_files import unfinished_file


def write_metadata(root: int, key: str, version: str, metadata: Mapping[str, str]) -> None:
    folder_names, name = _place(key, version)
    with ExitStack() as stack, unfinished_file(root, json.dumps(dict(metadata)).encode()) as file:
        folder = make_folder(folder_names, stack, root, 0o700)
        file.move(name, folder)
        os.fsync(folder)


def read_metadata(root: int, key: str, version: str) -> dict[str, str]:
    """Empty where none was given."""
    folder_names, name = _place(key, version)
    with ExitStack() as stack:
        try:
            file = open_file(name, stack, open_folder(folder_names, stack, root))
        except FileNotFoundError:
            return {}
        with open(file, encoding="utf-8", closefd=False) as text:
            metadata: dict[str, str] = json.load(text)
        return metadata


def remove_metadata(root: int, key: str, version: str) -> None:
    folder_names, name = _place(key, version)
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=open_folder(folder_names, stack, root))


def _place(key: str, version: str) -> tuple[list[str], str]:
    digest = hashlib.sha256(f"{key}\0{version}".encode()).hexdigest()
    return [RESERVED, "metadata", digest[:2]], digest[2:]
