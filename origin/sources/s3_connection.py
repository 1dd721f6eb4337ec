"""HTTP connections to one server, for GETs whose bodies are large, and for HEADs (RFC 9110, RFC 9112).

A body is received where it is to lie, and a GET takes a third of the CPU that aiohttp takes for one. `s3_get`
uses it where botocore has said how a bucket is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

MOST_AROUND = 65_536  # bytes of an answer that are no body, and a quarter of the body beside them
KEEP_ALIVE = 12.0  # seconds for which a connection without a request is used again
_TELLING_THE_END = {"content-length", "transfer-encoding"}
_BUFFER = 16_384  # bytes read at once where it is not known how many come


class ConnectionFailed(Exception):
    """There is no connection to the server. The cause is an OSError."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place  # host and port


class AnswerBroken(Exception):
    """The connection ended before the answer did, or what came is no HTTP."""


@dataclass(slots=True)
class AnswerHead:
    """Names are in lower case; of repeated fields the first counts."""

    status: int
    headers: dict[str, str]
    length: int | None  # bytes of the body, where the server tells


class Connection(asyncio.BufferedProtocol):
    """One connection, and one request at a time on it.

    First `ask`, then `receive` where the length is known, or `pieces` to the end. Nothing is read that
    nobody waits for, but between two requests, which tells that the server has closed the connection.
    """

    def __init__(self) -> None:
        self.lost = False
        self.idle_since = 0.0  # by the loop's clock
        self._transport: asyncio.Transport
        self._is_paused = False
        self._buffer = memoryview(bytearray(_BUFFER))
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._status = 0
        self._parsed = self._body_size = 0  # bytes of an answer, and of them those of its body
        self._has_head = self._is_complete = self._has_more = self._keeps_alive = False
        self._has_body = True
        self._pieces: deque[bytes] = deque()  # of the body, until somebody takes them
        self._space: memoryview | None = None  # what is left of the memory to receive in
        self._waiter: asyncio.Future[None] | None = None  # for more of the answer
        self._failure: Exception | None = None

    @property
    def is_reusable(self) -> bool:
        """Whether an answer was read to its end, and another one may follow."""
        is_read = self._is_complete and not self._pieces
        return is_read and self._keeps_alive and not self._has_more and not self.lost

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing came in answer to the last request."""
        return not self._parsed

    def wait_for_next(self, now: float) -> None:
        """The connection is idle from now on, a time of the loop's clock, until the next `ask`."""
        self.idle_since = now
        self._resume()

    async def is_quiet(self) -> bool:
        """Whether nothing has come that nobody asked for: what the system holds of it is read before this
        returns."""
        for _ in range(2):  # turns of the loop: in the second one TLS has been unpacked too
            await asyncio.sleep(0)
        return not self.lost

    def close(self) -> None:
        self.lost = True
        self._transport.abort()

    async def ask(self, request: bytes, *, has_body: bool) -> AnswerHead:
        """Send the head of a request; the head of its answer, which may have a body. Raises AnswerBroken."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._parsed, self._body_size = {}, 0, 0
        self._has_head = self._is_complete = self._keeps_alive = False
        self._has_body = has_body
        self._transport.write(request)
        while not self._has_head:
            await self._more()
        length = self._headers.get("content-length")
        is_told = length is not None and "transfer-encoding" not in self._headers
        return AnswerHead(self._status, self._headers, int(length or 0) if is_told else None)

    async def receive(self, memory: memoryview) -> None:
        """The body, of as many bytes as the memory has. Raises AnswerBroken."""
        at = 0
        while self._pieces:
            piece = self._pieces.popleft()
            memory[at : at + len(piece)] = piece
            at += len(piece)
        if at < len(memory):
            self._space = memory[at:]
            try:
                await self._more()
            finally:
                self._space = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises AnswerBroken."""
        while self._pieces or not self._is_complete:
            if not self._pieces:
                await self._more()
            while self._pieces:
                yield self._pieces.popleft()

    async def _more(self) -> None:
        """Let the server's bytes come in until there is something to do with them."""
        if self._failure is None:
            self._waiter = asyncio.get_running_loop().create_future()
            self._resume()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            raise AnswerBroken(str(self._failure)) from self._failure

    def _resume(self) -> None:
        if self._is_paused and not self.lost:
            self._is_paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if not self._is_paused and not self.lost:
            self._is_paused = True
            self._transport.pause_reading()

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._wake()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if exc is None and self._has_head and self._headers.keys().isdisjoint(_TELLING_THE_END):
            self._is_complete = True  # the end of the connection is that of the body
            self._wake()
        else:
            self._fail(exc or EOFError("the server closed the connection"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer if self._space is None else self._space

    def buffer_updated(self, nbytes: int) -> None:
        if self._space is not None:
            self._space = self._space[nbytes:] if nbytes < len(self._space) else None
            if self._space is None:
                self._is_complete = True
                self._wake()
        elif self._waiter is None and self._is_complete:
            self.close()  # nobody has asked for that
        else:
            self._parse(bytes(self._buffer[:nbytes]))

    def _parse(self, data: bytes) -> None:
        self._parsed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._has_more = True
            if not self._is_complete:
                self._fail(exc)
        # The parser takes heads, sizes of chunks, what stands beside those, and trailers without end.
        if self._parsed - self._body_size > MOST_AROUND + self._body_size // 4:
            self._fail(ValueError(f"more than {MOST_AROUND} bytes around the body"))
        if self._has_head or self._failure is not None:
            self._wake()

    # What the parser calls

    def on_message_begin(self) -> None:
        self._has_more = self._is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete:
            self._headers.setdefault(name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        if self._is_complete:
            return
        self._status = self._parser.get_status_code()
        if self._status < 200:  # another head follows
            self._headers = {}
            return
        self._has_head = True
        self._is_complete = not self._has_body
        self._keeps_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._is_complete:
            self._has_more = True
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._is_complete = self._has_head


class ConnectionPool:
    """Connections to one server, at most `limit`. `make_tls` is None for plain HTTP."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        limit: int,
        connect_timeout: float,
        make_tls: Callable[[], Awaitable[ssl.SSLContext]] | None,
    ) -> None:
        self._host, self._port = host, port
        self._places = asyncio.Semaphore(limit)
        self._connect_timeout = connect_timeout
        self._make_tls = make_tls
        self._tls: ssl.SSLContext | None = None
        self._idle: deque[Connection] = deque()  # the one that was used last is last
        self._in_use: set[Connection] = set()

    def close(self) -> None:
        for connection in (*self._idle, *self._in_use):
            connection.close()
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def ask(self, request: bytes, *, has_body: bool) -> AsyncIterator[tuple[AnswerHead, Connection]]:
        """Ask; the head of the answer, and the connection that its body comes by.

        Raises ConnectionFailed, AnswerBroken and TimeoutError.
        """
        async with self._places:
            head, connection = await self._ask(request, has_body)
            try:
                yield head, connection
            finally:
                self._in_use.discard(connection)
                self._let_go(connection)

    async def _ask(self, request: bytes, has_body: bool) -> tuple[AnswerHead, Connection]:
        while True:
            connection = self._take_idle()
            is_new = connection is None
            if connection is None:
                connection = await self._connect()
            self._in_use.add(connection)
            try:
                # More bytes than a body was to have would else answer this request.
                if is_new or await connection.is_quiet():
                    return await connection.ask(request, has_body=has_body), connection
                self._in_use.discard(connection)
            except BaseException as exc:
                self._in_use.discard(connection)
                connection.close()
                # A server may close a connection in the moment in which it is used again.
                if is_new or not isinstance(exc, AnswerBroken) or not connection.is_unanswered:
                    raise

    def _take_idle(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE
        while self._idle and (self._idle[0].lost or self._idle[0].idle_since < oldest):
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost:
                return connection
        return None

    def _let_go(self, connection: Connection) -> None:
        if connection.is_reusable:
            connection.wait_for_next(asyncio.get_running_loop().time())
            self._idle.append(connection)
        else:
            connection.close()

    async def _connect(self) -> Connection:
        if self._make_tls is not None and self._tls is None:
            self._tls = await self._make_tls()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await loop.create_connection(
                    Connection,
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls is not None else None,
                )
        except TimeoutError:
            raise
        except OSError as exc:
            raise ConnectionFailed(f"{self._host}:{self._port}") from exc
        return connection
