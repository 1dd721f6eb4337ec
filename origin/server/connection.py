"""What one connection may cost: uvicorn's HTTP protocol with deadlines and bounds around it.

A request arrives whole within its time and size, or is refused. A client that does not read its answer is
cut off. A request that two parsers could read in two ways (RFC 9112 section 11.2) is refused. A request
that behaves pays a few comparisons for this: timers run only while something is late.

uvicorn's private parts are used here and in `fast_path`, so its version is pinned.
"""

from __future__ import annotations

import asyncio
import logging
import select
from typing import cast

import httptools
import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from origin.http.message import CUT
from origin.http.message import PIECE
from origin.http.message import RawHeaders
from origin.server.bounds import Bounds
from origin.server.bounds import Connections
from origin.server.bounds import FindBodyLimit
from origin.server.bounds import default_body_limit
from origin.server.fast_path import FastPath
from origin.server.fast_path import TryCached
from origin.server.last_answer import Linger
from origin.server.last_answer import LingeringTransport
from origin.server.refusals import WITHOUT_BODY
from origin.server.refusals import Refusal
from origin.server.refusals import check_fields
from origin.server.refusals import has_unknown_method
from origin.server.refusals import head_size
from origin.server.refusals import serialize_refusal
from origin.server.refusals import split_whole_url
from origin.server.refusals import too_large
from origin.server.refusals import with_host
from origin.server.slow_client import SlowClientWatch

log = logging.getLogger(__name__)

_IDLE_CHECK_SECONDS = 1.0  # at least, until an idle connection is looked at again
_PARSE_BYTES = 8192  # parsed at once: how far a head can outgrow its bound before its size is checked
_BODY_SLACK = 49_152  # bytes past an app's own limit, so that the app sees the excess and answers 413


class HttpConnection(HttpToolsProtocol):
    """One connection."""

    server_state: Connections

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        bounds: Bounds,
        try_cached: TryCached | None = None,
        body_limit: FindBodyLimit | None = None,
    ) -> None:
        super().__init__(config, connections, {}, asyncio.get_running_loop())
        self._bounds = bounds
        self._fast_path = FastPath(try_cached)
        self._body_limit = body_limit or default_body_limit
        self._max_body = 0  # bytes of the request that arrives
        self._answered = False  # whether the fast path has answered the last request
        self._idle_since = 0.0  # loop's time of the last answer
        self._arriving = False  # from the first byte of a request to its last
        self._in_head = False
        self._size = 0  # bytes of a request that has not ended
        self._ignoring_input = False
        self._backlog = b""  # what came behind requests that wait for their answers, unparsed
        self._running: RequestResponseCycle | None = None  # `self.cycle` is the newest, perhaps in the queue
        self._late: asyncio.TimerHandle | None = None
        self._linger: Linger | None = None
        self._client: SlowClientWatch

    @property
    def answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def drain(self) -> None:
        """Let the answer under way be the connection's last."""
        if self.answering:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close, once what is under way and what is on its way has its answer.

        Closing a connection that holds a request which nobody has read yet resets it, and its client loses
        the request: so does one whose first request is still on its way.
        """
        self.server_state.draining = True
        if self.answering:
            self.cycle.keep_alive = False
        elif self._arriving or self._has_unread():
            return  # it is answered, and that is the last answer
        elif not self._idle_since:
            self._stop_timer()
            self._late = self.loop.call_later(self._bounds.last_call, self._on_late)
        else:
            self.transport.close()

    def _has_unread(self) -> bool:
        """Whether the system holds bytes for this connection, or its end."""
        sock = self.transport.get_extra_info("socket")
        if sock is None:  # of TLS, which knows of the end a moment before this connection does
            return True
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        self.transport.abort()

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._client = SlowClientWatch(transport, self._bounds.stall)
        if self.scheme == "https":  # or it would wait with half a megabyte, encrypted, for each client
            transport.set_write_buffer_limits(high=PIECE)
        if len(self.connections) > self._bounds.connections:
            self._close_an_idle_one()
        self._late = self.loop.call_later(self._bounds.arrival, self._on_late)

    def _close_an_idle_one(self) -> None:
        """Close a connection on which nothing is being answered; this one where there is none."""
        for other in self.connections:
            if isinstance(other, HttpConnection) and other is not self and not other.answering:
                self.connections.discard(other)
                other.cut()
                return
        self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._linger is not None:
            self._linger.stop()
        self._client.stop()
        self._unset_keepalive_if_required()  # uvicorn forgets it after a reset
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ignoring_input:
            return
        self._fast_path.start_turn()
        if self._backlog or self.pipeline or len(data) > _PARSE_BYTES:
            self._parse_all(self._backlog + data)
        else:
            self._parse(data)
        # Bytes that led to no answer, such as empty lines, must not keep the connection open for ever.
        in_vain = not self._fast_path.has_answered and not self.answering
        if self._late is None and not self._ignoring_input and (self._arriving or in_vain):
            self._late = self.loop.call_later(self._bounds.arrival, self._on_late)

    def _parse_all(self, data: bytes) -> None:
        """Parse in portions, up to a request that has to wait for its answer."""
        self._backlog = b""
        for start in range(0, len(data), _PARSE_BYTES):
            if self.pipeline:
                self._keep_for_later(data[start:])
                return
            self._parse(data[start : start + _PARSE_BYTES])

    def _keep_for_later(self, data: bytes) -> None:
        if self._ignoring_input:
            return
        if len(data) > self._bounds.backlog:
            self._refuse(Refusal(400, "too much is sent ahead of its answers"))
        else:
            self._backlog = data

    def _parse(self, data: bytes) -> None:
        if self._ignoring_input:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is answered as if it had asked for nothing else, and no parser reads what follows.
            self._hang_up_after(self.cycle)
        except httptools.HttpParserCallbackError as exc:
            cause = exc.__context__
            self._refuse(cause if isinstance(cause, Refusal) else Refusal(400, "the URL cannot be parsed"))
        except httptools.HttpParserError as exc:
            self._refuse(Refusal(501 if has_unknown_method(data) else 400, str(exc)))
        else:
            if self._arriving:
                self._count(len(data))

    def _count(self, size: int) -> None:
        self._size += size
        if self._in_head:
            if self._size > self._bounds.head + _PARSE_BYTES:  # the end of an earlier request counts as well
                self._refuse(too_large(self.url))
        elif self._size > self._bounds.head + self._max_body + _BODY_SLACK:
            self._ignoring_input = True  # the app answers 413, or `_on_late` closes the connection

    # The request

    def on_message_begin(self) -> None:
        self._arriving = self._in_head = True
        self._answered = False
        self._size = self._max_body = 0
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        self._check_head()
        self._in_head = False
        if not self.answering and self._fast_path.answer(self, self.server_state):
            self._after_fast_answer()
            return
        self._make_scope()
        super().on_headers_complete()
        if self.server_state.draining:
            self.cycle.keep_alive = False
        if self.parser.get_method() not in WITHOUT_BODY:
            self._expect_body()

    def _expect_body(self) -> None:
        """Bound the body. Whether the app reads it or not, nothing after it can be taken for a request."""
        self.cycle.keep_alive = False
        self.cycle.transport = LingeringTransport(self)
        self._max_body, seconds = self._body_limit(self.parser.get_method().decode(), self.url)
        if seconds > self._bounds.arrival:
            begun = self._late.when() - self._bounds.arrival if self._late else self.loop.time()
            self._stop_timer()
            self._late = self.loop.call_at(begun + seconds, self._on_late)

    def on_message_complete(self) -> None:
        self._arriving = False
        if self._late is not None:
            self._stop_timer()
        if not self._answered:
            super().on_message_complete()

    def _make_scope(self) -> None:
        """What uvicorn does when a request begins."""
        self._unset_keepalive_if_required()
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers  # this list is in the scope
        self.scope["extensions"] = {CUT: {"cut": self.cut}}

    def _after_fast_answer(self) -> None:
        self._answered = True
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:  # one timer that looks again is cheaper than one an answer
            self._stay_alive(self.timeout_keep_alive)
        if self.scheme == "https":  # TLS has buffers whose size nothing tells
            self._client.watch()

    def _stay_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _check_head(self) -> None:
        """Raises Refusal."""
        limit = self._bounds.head
        if self._size > limit - _PARSE_BYTES and head_size(self.parser, self.url, self.headers) > limit:
            raise too_large(self.url)
        check_fields(self.parser, self.headers)
        if not self.url.startswith(b"/"):
            self._take_host_of_target()
        if self.pipeline:
            queued = sum(len(cast(RawHeaders, cycle.scope["headers"])) for cycle, _ in self.pipeline)
            if len(self.pipeline) >= self._bounds.pipeline or queued > self._bounds.queued_fields:
                raise Refusal(400, "too many requests ahead of their answers")

    def _take_host_of_target(self) -> None:
        """Go on as if a whole URL had come as path and Host."""
        whole = split_whole_url(self.url)
        if whole is not None:
            httptools.parse_url(self.url)  # refuses hosts that are none
            host, self.url = whole
            self.headers[:] = with_host(host, self.headers)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # The end of a connection

    def _on_late(self) -> None:
        self._late = None
        if self._in_head and self.answering:  # perhaps it is this side that has stopped reading
            self._late = self.loop.call_later(self._bounds.arrival, self._on_late)
        elif self._in_head:
            self._refuse(Refusal(408, "the request did not arrive in time"))
        else:  # silent from the start, or in the middle of a body
            self.cut()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in the place of the app, after the answers under way, and hang up."""
        log.info("refused a request of %s: %d, %s", self.client and self.client[0], refusal.status, refusal)
        if not self.answering:
            self._send(refusal.status)
        elif self._in_head or not self._arriving:
            self._hang_up_after(self.cycle)
        elif self.cycle is self._running and not self.cycle.response_started:
            self.cycle.disconnected = True  # its body is broken, and the app has the request already
            self.cycle.message_event.set()
            self._send(refusal.status)
        else:
            self.cut()

    def _send(self, status: int) -> None:
        self.transport.write(serialize_refusal(status, self.server_state.default_headers))
        self.linger()

    def _hang_up_after(self, cycle: RequestResponseCycle) -> None:
        self._stop_listening()
        cycle.keep_alive = False
        cycle.transport = LingeringTransport(self)

    def _stop_listening(self) -> None:
        self._ignoring_input = True
        self._backlog = b""
        self._stop_timer()
        self._unset_keepalive_if_required()

    def linger(self) -> None:
        """Close once the client had time to read."""
        self._stop_listening()
        self.pipeline.clear()
        if self.transport.can_write_eof():
            self.flow.resume_reading()
        if self._linger is not None:
            self._linger.stop()
        self._linger = Linger(self.transport, self._client, self._bounds.linger, self.cut)
        self._linger.start()

    def _stop_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # The answer

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()
        if self._backlog and not self.pipeline:
            self._parse_all(self._backlog)
        if self.transport.is_closing() or self.scheme == "https":  # TLS has buffers whose size nothing tells
            self._client.watch()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._arriving or left > 0:
            self._stay_alive(max(left, _IDLE_CHECK_SECONDS))
        elif self._client.pending():  # perhaps it reads slowly; the watch cuts it off where it does not read
            self._client.watch()
            self._stay_alive(self.timeout_keep_alive)
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._client.watch()
