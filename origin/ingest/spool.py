"""Bytes of one upload as they arrive: in memory up to a megabyte, then in a file without a name.

Clients that send slowly may be many, so what all of them have in memory is bounded too: past that a body goes
into its file at once. What all of them have in files is bounded as well, since the folder for temporary files
may be memory itself. The file is gone with the process, however that ends.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from types import TracebackType
from typing import IO

from origin.errors import Overloaded

IN_MEMORY = 1_000_000  # bytes; what is larger waits in a file
TOGETHER = 64_000_000  # bytes that all bodies of this process may have in memory while they arrive
ON_DISK = 2_000_000_000  # bytes that they may have in files


class Space:
    """What is left of so many bytes, for every origin in this process."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there was so much."""
        with self._lock:
            if size > self._free:
                return False
            self._free -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._free += size


_memory = Space(TOGETHER)
_files = Space(ON_DISK)


class Spool:
    """A body that grows. Use it as a context manager: at the end its bytes are gone."""

    def __init__(self, files: Space = _files) -> None:
        self.size = 0
        self._files = files
        self._file: IO[bytes] | None = None
        self._pieces: list[bytes] = []
        self._taken = 0  # bytes of `_memory`
        self._taken_of_files = 0  # bytes of `files`

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
            self._file = tempfile.TemporaryFile(prefix="image-origin-")  # noqa: SIM115 - `clear` closes it
            piece = b"".join([*self._pieces, piece])
            self._leave_memory()
        if not self._files.take(len(piece)):
            raise Overloaded(f"bodies that arrive have {ON_DISK} bytes in files already")
        self._taken_of_files += len(piece)
        self._file.write(piece)

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
            self._files.give_back(self._taken_of_files)
            self._taken_of_files = 0

    def _leave_memory(self) -> None:
        _memory.give_back(self._taken)
        self._pieces, self._taken = [], 0
