"""What one connection may cost: uvicorn's HTTP protocol with deadlines and bounds around it.

A request arrives whole within its time and size, or is refused; whoever stops reading an answer is cut
off; what could be read in two ways (RFC 9112 section 11.2) is read in none. None of it costs a request
that behaves more than a few comparisons: timers run only while something is late.
"""

from __future__ import annotations

import asyncio
import http
import logging
from dataclasses import dataclass
from typing import Any

import httptools
import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from .answer import plain
from .reader import Reader

log = logging.getLogger("origin.guard")

MAX_URL = 8192  # bytes; beyond it a head that is too large is a URL that is too long
_SLICE = 8192  # bytes parsed at once: how far a head can outgrow its bound before somebody looks
_BODILESS = (b"GET", b"HEAD")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a connection may cost; times in seconds."""

    head: int = 16_384  # bytes of request line and header fields
    body: int = 65_536  # bytes; only a purge has one
    arrival: float = 5.0  # from the connection or a request's first byte to the request's last
    stall: float = 20.0  # without reading a noticeable part of an answer
    linger: float = 2.0  # for a client to read a refusal while it still sends
    pipeline: int = 128  # requests sent ahead of their answers
    connections: int = 100_000  # beyond them an idle one makes room


class Connections(ServerState):
    """The connections of all listeners of one origin, and what they share."""

    draining = False  # every answer is the last of its connection

    def drain(self) -> None:
        self.draining = True
        for connection in self._guarded():
            connection.drain()

    def cut(self) -> None:
        """Close all at once, whatever is under way."""
        for connection in self._guarded():
            connection.cut()

    def _guarded(self) -> list[Guard]:
        return [connection for connection in self.connections if isinstance(connection, Guard)]


class _Refused(Exception):
    """A request that never reaches the app."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard(HttpToolsProtocol):
    """One connection."""

    server_state: Connections

    def __init__(self, config: uvicorn.Config, connections: Connections, bounds: Bounds) -> None:
        super().__init__(config, connections, {}, asyncio.get_running_loop())
        self._bounds = bounds
        self._arriving = False  # from the first byte of a request to its last
        self._in_head = False
        self._size = 0  # bytes of a request that has not ended
        self._deaf = False  # whatever still comes in is thrown away
        self._running: RequestResponseCycle | None = None  # `self.cycle` is the newest, perhaps in the queue
        self._late: asyncio.TimerHandle | None = None
        self._reader: Reader

    @property
    def answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def drain(self) -> None:
        """Let the answer under way be the connection's last."""
        if self.answering:
            self.cycle.keep_alive = False

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        self.transport.abort()

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._reader = Reader(transport, self._bounds.stall)
        if len(self.connections) > self._bounds.connections:
            self._make_room()
        self._late = self.loop.call_later(self._bounds.arrival, self._overdue)

    def _make_room(self) -> None:
        """Close a connection on which nothing is being answered; this one when there is none."""
        for other in self.connections:
            if isinstance(other, Guard) and other is not self and not other.answering:
                self.connections.discard(other)
                other.cut()
                return
        self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._reader.stop()
        self._unset_keepalive_if_required()  # uvicorn forgets it after a reset
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        if len(data) <= _SLICE:
            self._feed(data)
        else:
            for start in range(0, len(data), _SLICE):
                self._feed(data[start : start + _SLICE])
        if self._late is None and not self._deaf and (self._arriving or not self.answering):
            self._late = self.loop.call_later(self._bounds.arrival, self._overdue)

    def _feed(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is answered as if it had asked for nothing else, and no parser reads what follows.
            self._hang_up_after(self.cycle)
        except httptools.HttpParserCallbackError as exc:
            cause = exc.__context__
            self._refuse(cause if isinstance(cause, _Refused) else _Refused(400, "the URL makes no sense"))
        except httptools.HttpParserError as exc:
            self._refuse(_Refused(400, str(exc)))
        else:
            if self._arriving:
                self._measure(len(data))

    def _measure(self, size: int) -> None:
        self._size += size
        if self._in_head:
            if self._size > self._bounds.head + _SLICE:  # what came before the head counts as well
                self._refuse(self._too_large())
        elif self._size > self._bounds.head + self._bounds.body:
            self._deaf = True  # more than the app can want; its answer, or `_overdue`, is the end

    # The request

    def on_message_begin(self) -> None:
        self._arriving = self._in_head = True
        self._size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._check_head()
        self._in_head = False
        super().on_headers_complete()
        if self.server_state.draining:
            self.cycle.keep_alive = False
        if self.parser.get_method() not in _BODILESS:
            # Whether anybody reads its body or not, nothing after it can be taken for a request.
            self.cycle.keep_alive = False
            self.cycle.transport = _LingeringTransport(self)

    def on_message_complete(self) -> None:
        self._arriving = False
        if self._late is not None:
            self._in_time()
        super().on_message_complete()

    def _check_head(self) -> None:
        """Raises _Refused."""
        if self._size > self._bounds.head - _SLICE and self._head_size() > self._bounds.head:
            raise self._too_large()
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if hosts != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            raise _Refused(400, f"{hosts} Host fields")  # RFC 9112 section 3.2
        if b"transfer-encoding" in names or b"content-length" in names:
            self._check_framing(dict(self.headers))
        if len(self.pipeline) >= self._bounds.pipeline:
            raise _Refused(400, "too many requests ahead of their answers")

    def _check_framing(self, fields: dict[bytes, bytes]) -> None:
        coded = b"transfer-encoding" in fields
        if coded and self.parser.get_http_version() == "1.0":  # RFC 9112 section 6.1
            raise _Refused(400, "Transfer-Encoding in HTTP/1.0")
        if self.parser.get_method() in _BODILESS and (coded or int(fields[b"content-length"])):
            raise _Refused(400, "a GET or HEAD with a body")

    def _head_size(self) -> int:
        """Bytes of the head, as it is written without needless space."""
        line = len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n\r\n")
        return line + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _too_large(self) -> _Refused:
        if len(self.url) > MAX_URL:
            return _Refused(414, "URI too long")
        return _Refused(431, "request header fields too large")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # The end of a connection

    def _overdue(self) -> None:
        self._late = None
        if self._in_head and self.answering:  # perhaps it is we who have stopped reading
            self._late = self.loop.call_later(self._bounds.arrival, self._overdue)
        elif self._in_head:
            self._refuse(_Refused(408, "the request did not arrive in time"))
        else:  # silent from the start, or in the middle of a body
            self.cut()

    def _refuse(self, refused: _Refused) -> None:
        """Answer in the place of the app, after whatever was asked before, and hang up."""
        log.info("refused a request of %s: %d, %s", self.client and self.client[0], refused.status, refused)
        if not self.answering:
            self._send(refused.status)
        elif self._in_head or not self._arriving:
            self._hang_up_after(self.cycle)
        elif self.cycle is self._running and not self.cycle.response_started:
            self.cycle.disconnected = True  # its body is broken, and the app was already asked
            self.cycle.message_event.set()
            self._send(refused.status)
        else:
            self.cut()

    def _send(self, status: int) -> None:
        phrase = http.HTTPStatus(status).phrase
        answer = plain(status, phrase, (b"connection", b"close"))
        head = [b"HTTP/1.1 %d %s" % (status, phrase.encode())]
        head += [b"%s: %s" % field for field in (*self.server_state.default_headers, *answer.headers)]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + answer.body)
        self.linger()

    def _hang_up_after(self, cycle: RequestResponseCycle) -> None:
        self._stop_listening()
        cycle.keep_alive = False
        cycle.transport = _LingeringTransport(self)

    def _stop_listening(self) -> None:
        self._deaf = True
        self._in_time()

    def linger(self) -> None:
        """Close once the client had time to read: closing while it sends would throw away what we said
        (RFC 9112 section 9.6)."""
        self._stop_listening()
        self.pipeline.clear()
        if not self.transport.can_write_eof():  # TLS has no half of a close
            self.transport.close()
            self._reader.watch()
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self._late = self.loop.call_later(self._bounds.linger, self._end_linger)

    def _end_linger(self) -> None:
        self._late = None
        if self._reader.pending():
            self._reader.watch()
            self._late = self.loop.call_later(self._bounds.linger, self._end_linger)
        else:
            self.cut()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # The answer

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or self.scheme == "https":  # TLS has buffers that say nothing
            self._reader.watch()

    def timeout_keep_alive_handler(self) -> None:
        if self._reader.pending():
            self._reader.cut_off()
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader.watch()


class _LingeringTransport(asyncio.Transport):
    """The transport as an answer after which nothing is read sees it: its close lingers."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._guard.transport.write(data)

    def is_closing(self) -> bool:
        return self._guard.transport.is_closing()

    def close(self) -> None:
        self._guard.linger()
