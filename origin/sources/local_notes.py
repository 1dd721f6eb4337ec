"""Short texts that a store keeps in its folder for itself: one file each, below `.origin/notes`.

Every function here raises OSError.
"""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack

from origin.sources.base import OWN_FOLDER
from origin.sources.base import Note
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_file
from origin.sources.local_files import open_folder
from origin.sources.local_files import unfinished_file

NOTES = (OWN_FOLDER, "notes")


def write_note(root: int, name: str, text: str) -> None:
    with ExitStack() as stack, unfinished_file(root, text.encode()) as file:
        folder = make_folder(NOTES, stack, root, 0o700)
        file.move(name, folder)
        os.fsync(folder)


def read_notes(root: int) -> list[Note]:
    notes = []
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        folder = open_folder(NOTES, stack, root)
        for name in os.listdir(folder):
            with ExitStack() as opened, contextlib.suppress(FileNotFoundError):
                file = open_file(name, opened, folder)
                text = opened.enter_context(open(file, encoding="utf-8", errors="replace", closefd=False))
                notes.append(Note(name, text.read()))
    return notes


def delete_note(root: int, name: str) -> None:
    with ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        folder = open_folder(NOTES, stack, root)
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
