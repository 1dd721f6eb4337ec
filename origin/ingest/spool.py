"""Bytes of one upload as they arrive: in memory up to a megabyte, then in a file without a name.

Clients that send slowly may be many, so what all of them have in memory is bounded too: past that a body goes
into its file at once. What all of them have in files is bounded as well, since the folder for temporary files
may be memory itself, and so is the number of files, or connections would have no descriptors left.

The file is gone with the process, however that ends.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import threading
from collections.abc import Callable
from types import TracebackType
from typing import IO

from origin.errors import Overloaded

IN_MEMORY = 1_000_000  # bytes; what is larger waits in a file
TOGETHER = 64_000_000  # bytes that all bodies of this process may have in memory while they arrive
ON_DISK = 2_000_000_000  # bytes that they may have in files
_SHARE_OF_DESCRIPTORS = 16  # one in so many that this process may have is for such a file


def most_files() -> int:
    """Files that all bodies of this process may have at once."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return descriptors // _SHARE_OF_DESCRIPTORS


class Space:
    """What may be taken in all, by every origin in this process."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there was so much."""
        with self._lock:
            if self._taken + size > self._most():
                return False
            self._taken += size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._taken -= size


_memory = Space(lambda: TOGETHER)
_disk = Space(lambda: ON_DISK)
_files = Space(most_files)


class Spool:
    """A body that grows. Use it as a context manager: at the end its bytes are gone."""

    def __init__(self, disk: Space = _disk, files: Space = _files) -> None:
        self.size = 0
        self._disk = disk  # bytes of all files
        self._files = files  # how many there are
        self._file: IO[bytes] | None = None
        self._pieces: list[bytes] = []
        self._taken = 0  # bytes of `_memory`
        self._taken_on_disk = 0  # bytes of `disk`

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    @property
    def is_on_disk(self) -> bool:
        return self._file is not None

    def write(self, piece: bytes) -> None:
        """Raises Overloaded where others have all space for files, and OSError where the disk is full."""
        self.size += len(piece)
        if self._file is None:
            if self.size <= IN_MEMORY and _memory.take(len(piece)):
                self._taken += len(piece)
                self._pieces.append(piece)
                return
            self._file = self._open()
            piece = b"".join([*self._pieces, piece])
            self._leave_memory()
        if not self._disk.take(len(piece)):
            raise Overloaded(f"bodies that arrive have {ON_DISK} bytes in files already")
        self._taken_on_disk += len(piece)
        self._file.write(piece)

    def _open(self) -> IO[bytes]:
        """A file without a name. Raises Overloaded and OSError."""
        if not self._files.take(1):
            raise Overloaded(f"bodies that arrive have {most_files()} files already")
        try:
            return tempfile.TemporaryFile(prefix="image-origin-")
        except OSError:
            self._files.give_back(1)
            raise

    async def read(self) -> bytes:
        """All of it. Raises OSError."""
        if self._file is None:
            return b"".join(self._pieces)
        file = self._file

        def read() -> bytes:
            file.seek(0)
            return file.read()

        return await asyncio.to_thread(read)

    def clear(self) -> None:
        self.size = 0
        self._leave_memory()
        if self._file is not None:
            self._file.close()
            self._file = None
            self._files.give_back(1)
            self._disk.give_back(self._taken_on_disk)
            self._taken_on_disk = 0

    def _leave_memory(self) -> None:
        _memory.give_back(self._taken)
        self._pieces, self._taken = [], 0
