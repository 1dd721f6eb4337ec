"""The transport of a connection's last answer: its close lets the client read first."""

from __future__ import annotations

import asyncio
from typing import Any
from typing import Protocol


class Lingering(Protocol):
    """A connection that can close once the client had time to read."""

    transport: Any

    def linger(self) -> None: ...


class LingeringTransport(asyncio.Transport):
    """Writes as the transport of the connection does, and lingers where that one would close."""

    def __init__(self, connection: Lingering) -> None:
        super().__init__()
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return bool(self._connection.transport.is_closing())

    def close(self) -> None:
        self._connection.linger()
