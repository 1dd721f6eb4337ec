"""Hits in memory, answered before a request becomes an ASGI task.

A task, a scope and the messages of ASGI cost more than the rest of a hit. The app is asked first whether it
has the answer ready (`try_cached`); head and body then go to the transport in one call, and the body is not
copied. To switch it off, give the listener an app without `try_cached`.
"""

from __future__ import annotations

from typing import Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from origin.http.message import RawHeaders
from origin.http.message import Response
from origin.server.bounds import Connections

ANSWERS_IN_A_ROW = 16  # of one connection, before other connections have their turn


class TryCached(Protocol):
    """Asks the app for an answer that needs no waiting: method, scheme, target and headers of a request, and
    the address of the client."""

    def __call__(
        self, method: str, scheme: str, target: bytes, headers: RawHeaders, client: str
    ) -> Response | None: ...


class FastPath:
    """The answers of one connection that need no ASGI task."""

    def __init__(self, try_cached: TryCached | None) -> None:
        self._try_cached = try_cached
        self._left = 0  # answers that may still be given to what was received

    def start_turn(self) -> None:
        """More was received."""
        self._left = ANSWERS_IN_A_ROW

    @property
    def has_answered(self) -> bool:
        """Whether an answer was given since the turn began."""
        return self._left < ANSWERS_IN_A_ROW

    def answer(self, connection: HttpToolsProtocol, connections: Connections) -> bool:
        """Answer the request whose head the parser has just read. False where the app has to be called."""
        if self._try_cached is None or not self._left or not _is_plain(connection, connections):
            return False
        assert connection.scheme is not None
        method = connection.parser.get_method().decode()
        client = connection.client[0] if connection.client else ""
        response = self._try_cached(method, connection.scheme, connection.url, connection.headers, client)
        if response is None:
            return False
        self._left -= 1
        status, headers = STATUS_LINE[response.status], connections.serialized_headers()
        head = b"%s%s%s\r\n" % (status, headers, response.serialized)
        connection.transport.writelines([head] if method == "HEAD" else [head, response.body])
        connections.total_requests += 1
        return True


def _is_plain(connection: HttpToolsProtocol, connections: Connections) -> bool:
    """Whether the request may be answered out of the usual way: nothing stands before it in the queue, the
    client reads what it is sent, and the connection goes on."""
    parser = connection.parser
    return (
        not connection.pipeline
        and not connection.flow.write_paused
        and not connection.expect_100_continue
        and not connections.draining
        and not connection.transport.is_closing()
        and parser.get_http_version() == "1.1"
        and parser.should_keep_alive()
        and not parser.should_upgrade()
    )
