"""A port of this machine that leads to another one, until it is closed or made to hang."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from tests.support.running import PATIENCE
from tests.support.stream_server import stream_server

State = Literal["open", "closed", "hanging"]


class TcpGate:
    """`closed` drops every connection, `hanging` takes them and moves no byte."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._state: State = "open"
        self._moving = asyncio.Event()
        self._moving.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listening = contextlib.AsyncExitStack()

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE)

    def set(self, state: State) -> None:
        asyncio.run_coroutine_threadsafe(self._set(state), self._loop).result(PATIENCE)

    def stop(self) -> None:
        self.set("closed")
        asyncio.run_coroutine_threadsafe(self._listening.aclose(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _listen(self) -> None:
        server = await self._listening.enter_async_context(stream_server(self._serve))
        self.port = server.port

    async def _set(self, state: State) -> None:
        self._state = state
        if state == "open":
            self._moving.set()
        else:
            self._moving.clear()
        if state == "closed":
            for writer in self._writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state == "closed":
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
            both = {writer, there_writer}
            self._writers |= both
            try:
                await asyncio.gather(self._move(reader, there_writer), self._move(there_reader, writer))
            finally:
                self._writers -= both
                for each in both:
                    each.transport.abort()

    async def _move(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._moving.wait()
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@contextmanager
def tcp_gate(to: int) -> Iterator[TcpGate]:
    gate = TcpGate(to)
    gate.start()
    try:
        yield gate
    finally:
        gate.stop()
