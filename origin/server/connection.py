"""What one connection may cost: uvicorn's HTTP protocol with deadlines and bounds around it.

A request arrives whole within its time and size, or is refused; whoever stops reading an answer is cut
off; what could be read in two ways (RFC 9112 section 11.2) is read in none. None of it costs a request
that behaves more than a few comparisons: timers run only while something is late.

An app that has an answer ready (`answer.AtOnce`) is not called as an ASGI app: task, scope and messages
cost more than the rest of a hit.
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
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from origin.http.message import RawHeaders
from origin.http.message import TryCached
from origin.http.message import serialize_headers
from origin.http.message import text_response
from origin.server.slow_client import SlowClientWatch

log = logging.getLogger(__name__)

MAX_URL = 8192  # bytes; beyond it a head that is too large is a URL that is too long
_CACHED_ANSWERS_IN_A_ROW = 16  # answers in a row before other connections have their turn
_IDLE_CHECK_SECONDS = 1.0  # seconds until an idle connection is looked at again, at least
_PARSE_BYTES = 8192  # bytes parsed at once: how far a head can outgrow its bound before somebody looks
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
    _lines: tuple[RawHeaders, bytes] = ([], b"")

    def lines(self) -> bytes:
        """The headers that every answer has, which uvicorn makes anew each second."""
        if self._lines[0] is not self.default_headers:
            self._lines = (self.default_headers, serialize_headers(self.default_headers))
        return self._lines[1]

    def drain(self) -> None:
        self.draining = True
        for connection in self._guarded():
            connection.drain()

    def cut(self) -> None:
        """Close all at once, whatever is under way."""
        for connection in self._guarded():
            connection.cut()

    def _guarded(self) -> list[HttpConnection]:
        return [connection for connection in self.connections if isinstance(connection, HttpConnection)]


class _Refused(Exception):
    """A request that never reaches the app."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class HttpConnection(HttpToolsProtocol):
    """One connection."""

    server_state: Connections

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        bounds: Bounds,
        try_cached: TryCached | None = None,
    ) -> None:
        super().__init__(config, connections, {}, asyncio.get_running_loop())
        self._bounds = bounds
        self._try_cached = try_cached
        self._ready = 0  # answers that may still be given at once to what was received
        self._answered = False  # whether the last request has been, at once
        self._idle_since = 0.0  # loop's time of the last answer
        self._arriving = False  # from the first byte of a request to its last
        self._in_head = False
        self._size = 0  # bytes of a request that has not ended
        self._ignoring_input = False  # whatever still comes in is thrown away
        self._running: RequestResponseCycle | None = None  # `self.cycle` is the newest, perhaps in the queue
        self._late: asyncio.TimerHandle | None = None
        self._watch: SlowClientWatch

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
        self._watch = SlowClientWatch(transport, self._bounds.stall)
        if len(self.connections) > self._bounds.connections:
            self._make_room()
        self._late = self.loop.call_later(self._bounds.arrival, self._overdue)

    def _make_room(self) -> None:
        """Close a connection on which nothing is being answered; this one when there is none."""
        for other in self.connections:
            if isinstance(other, HttpConnection) and other is not self and not other.answering:
                self.connections.discard(other)
                other.cut()
                return
        self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._watch.stop()
        self._unset_keepalive_if_required()  # uvicorn forgets it after a reset
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ignoring_input:
            return
        self._ready = _CACHED_ANSWERS_IN_A_ROW
        if len(data) <= _PARSE_BYTES:
            self._feed(data)
        else:
            for start in range(0, len(data), _PARSE_BYTES):
                self._feed(data[start : start + _PARSE_BYTES])
        nothing = self._ready == _CACHED_ANSWERS_IN_A_ROW and not self.answering  # has come of it
        if self._late is None and not self._ignoring_input and (self._arriving or nothing):
            self._late = self.loop.call_later(self._bounds.arrival, self._overdue)

    def _feed(self, data: bytes) -> None:
        if self._ignoring_input:
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
            if self._size > self._bounds.head + _PARSE_BYTES:  # what came before the head counts as well
                self._refuse(self._too_large())
        elif self._size > self._bounds.head + self._bounds.body:
            self._ignoring_input = True  # more than the app can want; its answer, or `_overdue`, is the end

    # The request

    def on_message_begin(self) -> None:
        self._arriving = self._in_head = True
        self._answered = False
        self._size = 0
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        self._check_head()
        self._in_head = False
        if self._may_answer_from_cache() and self._answer_from_cache():
            self._answered = True
            return
        self._make_scope()
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
        if not self._answered:
            super().on_message_complete()

    def _make_scope(self) -> None:
        """What uvicorn does when a request begins."""
        self._unset_keepalive_if_required()
        url, fields, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += fields  # this list is in the scope

    def _may_answer_from_cache(self) -> bool:
        """Not between other answers, nor to a client that does not read, nor where it is the last one."""
        return (
            self._try_cached is not None
            and self._ready > 0
            and not self.answering
            and not self.pipeline
            and not self.flow.write_paused
            and not self.expect_100_continue
            and not self.server_state.draining
            and not self.transport.is_closing()
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _answer_from_cache(self) -> bool:
        """Whether the app had the answer ready; then it is on its way."""
        assert self._try_cached is not None
        assert self.scheme is not None
        method = self.parser.get_method().decode()
        answer = self._try_cached(method, self.scheme, self.url, self.headers)
        if answer is None:
            return False
        self._ready -= 1
        head = b"%s%s%s\r\n" % (STATUS_LINE[answer.status], self.server_state.lines(), answer.lines)
        self.transport.writelines([head] if method == "HEAD" else [head, answer.body])  # no copy of the body
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:  # a timer that looks again is cheaper than one each
            self._stay_alive(self.timeout_keep_alive)
        if self.scheme == "https":  # TLS has buffers that say nothing
            self._watch.watch()
        return True

    def _stay_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _check_head(self) -> None:
        """Raises _Refused."""
        if self._size > self._bounds.head - _PARSE_BYTES and self._head_size() > self._bounds.head:
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
        answer = text_response(status, phrase, (b"connection", b"close"))
        head = [b"HTTP/1.1 %d %s" % (status, phrase.encode())]
        head += [b"%s: %s" % field for field in (*self.server_state.default_headers, *answer.headers)]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + answer.body)
        self.linger()

    def _hang_up_after(self, cycle: RequestResponseCycle) -> None:
        self._stop_listening()
        cycle.keep_alive = False
        cycle.transport = _LingeringTransport(self)

    def _stop_listening(self) -> None:
        self._ignoring_input = True
        self._in_time()
        self._unset_keepalive_if_required()

    def linger(self) -> None:
        """Close once the client had time to read: closing while it sends would throw away what we said
        (RFC 9112 section 9.6)."""
        self._stop_listening()
        self.pipeline.clear()
        if not self.transport.can_write_eof():  # TLS has no half of a close
            self.transport.close()
            self._watch.watch()
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self._late = self.loop.call_later(self._bounds.linger, self._end_linger)

    def _end_linger(self) -> None:
        self._late = None
        if self._watch.pending():
            self._watch.watch()
            self._late = self.loop.call_later(self._bounds.linger, self._end_linger)
        else:
            self.cut()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # The answer

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()
        if self.transport.is_closing() or self.scheme == "https":  # TLS has buffers that say nothing
            self._watch.watch()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._arriving or left > 0:
            self._stay_alive(max(left, _IDLE_CHECK_SECONDS))
        elif self._watch.pending():  # slowly taken, perhaps; who does not read at all is cut off there
            self._watch.watch()
            self._stay_alive(self.timeout_keep_alive)
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch.watch()


class _LingeringTransport(asyncio.Transport):
    """The transport as an answer after which nothing is read sees it: its close lingers."""

    def __init__(self, guard: HttpConnection) -> None:
        super().__init__()
        self._guard = guard

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._guard.transport.write(data)

    def is_closing(self) -> bool:
        return self._guard.transport.is_closing()

    def close(self) -> None:
        self._guard.linger()
