"""Our end of the socket to a render process, as an asyncio protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any
from typing import cast

from origin.imaging.protocol import MAX_RESULT
from origin.imaging.protocol import PREFIX_SIZE
from origin.imaging.protocol import unpack_head
from origin.imaging.protocol import unpack_prefix

PROTOCOL_ERRORS = (ValueError, KeyError, TypeError, OverflowError)
"""What reading an answer raises that no renderer of ours gives."""

Message = tuple[dict[str, Any], bytes]  # head and body


class RendererConnection(asyncio.Protocol):
    """Sends whole messages, and reads one answer to each."""

    def __init__(self) -> None:
        self.on_unasked: Callable[[], None] = self.close  # called where a renderer speaks first
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Message] | None = None
        self._pieces: list[bytes] = []
        self._length = 0  # bytes of the pieces
        self._needed = PREFIX_SIZE  # bytes, until the lengths are read
        self._head_length = 0

    @classmethod
    async def over(cls, ours: socket.socket) -> RendererConnection:
        _, connection = await asyncio.get_running_loop().create_unix_connection(cls, sock=ours)
        return connection

    def request(self, *message: bytes | memoryview) -> asyncio.Future[Message]:
        """Send a message; return its answer. That fails with OSError, EOFError or one of `PROTOCOL_ERRORS`.

        Without a message, wait for what the renderer says first.
        """
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._answer.set_exception(EOFError("the renderer is gone"))
            return self._answer
        for part in message:
            self._transport.write(part)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            _fail(self._answer, exc or EOFError("the renderer closed its end"))

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or answer.done():
            self.on_unasked()
            return
        self._pieces.append(data)
        self._length += len(data)
        if self._length < self._needed:
            return
        try:
            message = self._take_message()
        except PROTOCOL_ERRORS as exc:
            _fail(answer, exc)
            return
        if message is not None:
            answer.set_result(message)

    def _take_message(self) -> Message | None:
        """The message, once all of it is there. Raises one of `PROTOCOL_ERRORS`."""
        data = b"".join(self._pieces)
        if not self._head_length:
            self._head_length, body_length = unpack_prefix(data[:PREFIX_SIZE], MAX_RESULT)
            self._needed = PREFIX_SIZE + self._head_length + body_length
        self._pieces = [data]
        if self._length < self._needed:
            return None
        if self._length > self._needed:
            raise ValueError(f"{self._length - self._needed} bytes behind the answer")
        end = PREFIX_SIZE + self._head_length
        self._pieces, self._length, self._needed, self._head_length = [], 0, PREFIX_SIZE, 0
        return unpack_head(data[PREFIX_SIZE:end]), data[end:]


def _fail(answer: asyncio.Future[Message], exc: Exception) -> None:
    """Fail an answer without a complaint from asyncio where nobody waits for it any more."""
    answer.set_exception(exc)
    answer.exception()
