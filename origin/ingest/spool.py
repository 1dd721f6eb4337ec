"""Bytes of one upload as they arrive: in memory up to a megabyte, then in a file without a name.

The file is gone with the process, however that ends.
"""

from __future__ import annotations

import asyncio
import tempfile
from types import TracebackType
from typing import IO

IN_MEMORY = 1_000_000  # bytes; what is larger waits in a file


class Spool:
    """A body that grows. Use it as a context manager: at the end its bytes are gone."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] | None = None
        self._pieces: list[bytes] = []

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
        """Raises OSError where there is no space for the file."""
        self.size += len(piece)
        if self._file is None:
            self._pieces.append(piece)
            if self.size <= IN_MEMORY:
                return
            self._file = tempfile.TemporaryFile(prefix="image-origin-")  # noqa: SIM115 - `clear` closes it
            piece, self._pieces = b"".join(self._pieces), []
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
        self._pieces, self.size = [], 0
        if self._file is not None:
            self._file.close()
            self._file = None
