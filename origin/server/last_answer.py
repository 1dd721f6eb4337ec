"""The last answer of a connection: the client can read it before the connection is closed.

Closing a connection while its client sends would throw away the answer (RFC 9112 section 9.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from typing import Protocol

from origin.server.slow_client import SlowClientWatch


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


class Linger:
    """The time in which a client reads the last answer. `cut` closes the connection after it."""

    def __init__(
        self, transport: Any, client: SlowClientWatch, seconds: float, cut: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._client = client
        self._seconds = seconds
        self._cut = cut
        self._next_look: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if not self._transport.can_write_eof():  # TLS cannot close one direction alone
            self._transport.close()
            self._client.watch()
            return
        self._transport.write_eof()
        self._wait()

    def stop(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()

    def _wait(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def _look(self) -> None:
        if self._client.pending():
            self._client.watch()
            self._wait()
        else:
            self._cut()
