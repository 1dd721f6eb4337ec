"""How long a request with a body may take: from its first byte on, however slowly its head came."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from origin.server.bounds import Bounds
from origin.server.bounds import Connections
from origin.server.connection import HttpConnection
from tests.support.loop_clock import LoopClock

LINE = b"POST /x HTTP/1.1\r\n"
REST = b"Host: x\r\nContent-Length: 1000\r\n\r\n"


class Connection:
    """Both ends of a connection to an app that waits for the whole body, of 1000 bytes in 20 seconds."""

    def __init__(self, ours: HttpConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.ours = ours
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes, until: str) -> None:
        """Send it, and wait until the other end is there."""
        self._writer.write(data)
        while not getattr(self.ours, until):  # noqa: ASYNC110 - a flag, which tells of nothing
            await asyncio.sleep(0)

    async def is_cut_off(self) -> bool:
        """Whether what is due by now has closed it."""
        for _ in range(20):
            await asyncio.sleep(0)
        return self.ours.transport.is_closing()


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    config.load()
    connections = Connections()
    protocol = functools.partial(
        HttpConnection, config, connections, Bounds(arrival=5), body_limit=lambda method, target: (1000, 20.0)
    )
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    while not connections.connections:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0)
    (ours,) = connections.connections
    assert isinstance(ours, HttpConnection)
    try:
        yield Connection(ours, reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        server.close()
        await asyncio.gather(*connections.tasks)


@pytest.mark.parametrize("head_seconds", [0, 3, 4.5])
async def test_the_time_of_a_body_counts_from_the_first_byte(
    monkeypatch: pytest.MonkeyPatch, head_seconds: float
) -> None:
    clock = LoopClock(monkeypatch, frozen=True)
    async with connected() as connection:
        await connection.send(LINE, "_in_head")
        clock.advance(head_seconds)
        await connection.send(REST, "answering")
        clock.advance(19.9 - head_seconds)
        assert not await connection.is_cut_off()
        clock.advance(0.2)
        assert await connection.is_cut_off()
