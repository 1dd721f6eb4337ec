"""A TCP server that plays scripted misbehaviour: one script for each request it reads.

    async with hostile.listening(hostile.answer(500), hostile.answer(200, b"ok")) as server:
        ...

The last script plays for all requests after it. `plays` sets new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable

from tests.support.stream_server import StreamServer
from tests.support.stream_server import stream_server

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Hostile:
    """`heads` holds what was asked, `connections` how many were made, `open` how many still are."""

    def __init__(self, server: StreamServer, scheme: str) -> None:
        self.heads: list[bytes] = []
        self.port = server.port
        self.url = f"{scheme}://127.0.0.1:{server.port}"
        self._server = server

    def plays(self, *scripts: Script) -> None:
        self._scripts = itertools.chain(scripts[:-1], itertools.repeat(scripts[-1]))

    @property
    def connections(self) -> int:
        return self._server.connections

    @property
    def open(self) -> int:
        return len(self._server.conversations)

    async def all_closed(self) -> None:
        """Returns when the clients have closed every connection."""
        while self._server.conversations:
            await asyncio.wait(self._server.conversations)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closing = False
        while not closing:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            closing = await _play(next(self._scripts), reader, writer)


async def _play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Play until the script ends or the client goes away. Whether the connection is done with."""
    playing = asyncio.ensure_future(script(writer))
    leaving = asyncio.ensure_future(_left(reader))
    try:
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
        return not playing.done() or writer.is_closing()
    finally:
        playing.cancel()
        leaving.cancel()
        await asyncio.gather(playing, leaving, return_exceptions=True)


async def _left(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed. A StreamReader tells in no other way without reading."""
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def listening(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hostile.converse(reader, writer)

    async with stream_server(converse, tls=tls) as server:
        hostile = Hostile(server, "http" if tls is None else "https")
        hostile.plays(*scripts)
        yield hostile


# --- scripts ----------------------------------------------------------------------------------------


def says(text: bytes, then_close: bool = False) -> Script:
    """These bytes, whatever they are."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        if then_close:
            writer.close()

    return script


def answer(status: int = 200, body: bytes = b"", then_close: bool = False, **headers: str) -> Script:
    """A whole answer. An underscore in a header's name stands for a dash."""
    return says(head(status, Content_Length=str(len(body)), **headers) + body, then_close)


def head(status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def stalls(text: bytes) -> Script:
    """These bytes, then nothing."""

    async def script(writer: asyncio.StreamWriter) -> None:
        await says(text)(writer)
        await silence(writer)

    return script


def drips(beginning: bytes, endless: bytes = b"x", pause: float = 0.02) -> Script:
    """The beginning, then `endless` once more after each pause (seconds)."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(endless)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


def resets(text: bytes = b"") -> Script:
    """These bytes, then a TCP reset."""

    async def script(writer: asyncio.StreamWriter) -> None:
        await says(text)(writer)
        linger_not_at_all = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
        writer.close()

    return script
