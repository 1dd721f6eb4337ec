"""A TCP server on a port of this machine that closes each connection it was given before it ends.

What is left open is found as garbage in whichever test runs then. asyncio's own servers leave connections
that have just come, and clients that shake no hands or do not read.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import asynccontextmanager
from contextlib import suppress

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_GONE = (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError)  # the client went away


class StreamServer:
    """`conversations` holds those under way, until their connections are closed; `connections` counts all."""

    def __init__(self, converse: Converse, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        self.port: int = listener.getsockname()[1]
        self.connections = 0
        self.conversations: set[asyncio.Task[None]] = set()
        self._converse = converse
        self._listener = listener
        self._tls = tls
        self._failures: list[BaseException] = []

    def begin(self) -> None:
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the client has gone before it was its turn
        sock.setblocking(False)
        self.connections += 1
        task = asyncio.ensure_future(self._serve(sock))
        self.conversations.add(task)
        task.add_done_callback(functools.partial(self._ended, sock))

    async def _serve(self, sock: socket.socket) -> None:
        reader = asyncio.StreamReader()
        made: list[asyncio.StreamWriter] = []  # before the connection is handed over, which may never be
        protocol = asyncio.StreamReaderProtocol(reader, lambda _, writer: made.append(writer))
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self._tls)
            (writer,) = made
            await self._converse(reader, writer)
            writer.close()
            await writer.wait_closed()
        except _GONE:
            pass
        finally:
            for writer in made:
                writer.transport.abort()  # with what the client would still have to take
                with suppress(*_GONE):
                    await writer.wait_closed()

    def _ended(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self.conversations.discard(task)
        sock.close()  # of a task that never began
        if not task.cancelled() and (failure := task.exception()):
            self._failures.append(failure)

    async def end(self) -> None:
        """Take leave of those who still talk. Raises what a conversation failed with."""
        asyncio.get_running_loop().remove_reader(self._listener)
        while self.conversations:
            for task in self.conversations:
                task.cancel()
            await asyncio.wait(self.conversations)
        for failure in self._failures:
            raise failure


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The shortest conversation."""


@asynccontextmanager
async def stream_server(
    converse: Converse, *, tls: ssl.SSLContext | None = None, listener: socket.socket | None = None
) -> AsyncIterator[StreamServer]:
    """Have this conversation on each connection, which is closed after it, until the block ends."""
    with listener or socket.create_server(("127.0.0.1", 0)) as listening:
        server = StreamServer(converse, listening, tls)
        server.begin()
        try:
            yield server
        finally:
            await server.end()
