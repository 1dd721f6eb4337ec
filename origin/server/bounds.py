"""What a connection may cost, and what the connections of one origin share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from typing import cast

from uvicorn.server import ServerState

from origin.http.message import RawHeaders
from origin.http.message import serialize_headers


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a connection may cost; times in seconds."""

    head: int = 16_384  # bytes of request line and header fields
    arrival: float = 5.0  # from the connection or a request's first byte to the end of its head
    stall: float = 20.0  # without reading a noticeable part of an answer
    linger: float = 2.0  # for a client to read a refusal while it still sends
    pipeline: int = 128  # requests sent ahead of their answers
    queued_fields: int = 500  # header fields of those requests
    backlog: int = 32_768  # bytes sent behind them, not parsed until they are answered
    last_call: float = 1.0  # for the first request of a connection that was made just before the end
    connections: int = 100_000  # past them an idle one is closed
    handshakes: int = 1_000  # of TLS under way; past them the oldest is given up


FindBodyLimit = Callable[[str, bytes], tuple[int, float]]
"""Bytes that the body of a request may have, and seconds for all of the request, from where `Bounds.arrival`
counts; by its method and target."""


def default_body_limit(method: str, target: bytes) -> tuple[int, float]:
    return 16_384, 5.0


class Closable(Protocol):
    """A connection as the end of the server sees it."""

    def drain(self) -> None: ...

    def cut(self) -> None: ...


class Connections(ServerState):
    """The connections of all listeners of one origin, and what they share."""

    draining = False  # every answer is the last of its connection
    _serialized: tuple[RawHeaders, bytes] = ([], b"")

    def serialized_headers(self) -> bytes:
        """The headers of every answer, which uvicorn renews each second, as HTTP/1.1 writes them."""
        if self._serialized[0] is not self.default_headers:
            self._serialized = (self.default_headers, serialize_headers(self.default_headers))
        return self._serialized[1]

    def drain(self) -> None:
        self.draining = True
        for connection in self._all():
            connection.drain()

    def cut(self) -> None:
        """Close all at once, whatever is under way."""
        for connection in self._all():
            connection.cut()

    def _all(self) -> list[Closable]:
        return cast("list[Closable]", list(self.connections))
