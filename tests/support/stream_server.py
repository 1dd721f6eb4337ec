"""A TCP server on a port of this machine that closes each connection it was given before it ends.

What asyncio leaves open, a task that never began among it, is found as garbage in whichever test runs then.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import asynccontextmanager
from socket import socket

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class StreamServer:
    """`conversations` holds those under way, `connections` counts all."""

    def __init__(self, converse: Converse) -> None:
        self.port = 0
        self.connections = 0
        self.conversations: set[asyncio.Task[None]] = set()
        self._converse = converse
        self._failures: list[BaseException] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._answer(reader, writer))
        self.conversations.add(task)
        task.add_done_callback(lambda done: self._ended(done, writer))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away

    def _ended(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self.conversations.discard(task)
        writer.close()
        if not task.cancelled() and (failure := task.exception()):
            self._failures.append(failure)

    async def end(self) -> None:
        """Take leave of those who still talk. Raises what a conversation failed with."""
        for _ in range(3):  # in so many turns asyncio hands over what the kernel had taken already
            await asyncio.sleep(0)
        while self.conversations:
            for task in self.conversations:
                task.cancel()
            await asyncio.wait(self.conversations)
        await asyncio.sleep(0)  # in which what was closed last goes
        for failure in self._failures:
            raise failure


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The shortest conversation."""


@asynccontextmanager
async def stream_server(
    converse: Converse, *, tls: ssl.SSLContext | None = None, listener: socket | None = None
) -> AsyncIterator[StreamServer]:
    """Have this conversation on each connection, which is closed after it, until the block ends."""
    streams = StreamServer(converse)
    if listener is None:
        server = await asyncio.start_server(streams.accept, "127.0.0.1", 0, ssl=tls)
    else:
        server = await asyncio.start_server(streams.accept, sock=listener, ssl=tls)
    streams.port = server.sockets[0].getsockname()[1]
    try:
        yield streams
    finally:
        server.close()
        await streams.end()
