"""Connections that nobody should have to serve: slow, silent, oversized, ambiguous, too many.

Named after the attacks. What is expected comes from RFC 9110, RFC 9112 and RFC 6585.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import resource
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import BinaryIO

import pytest
import uvloop

from origin.http.message import PIECE
from origin.http.message import Response
from origin.server import listener
from origin.server.bounds import Bounds
from origin.server.bounds import default_body_limit
from origin.server.tls import Certificate
from tests.support.origin_process import certificate
from tests.support.origin_process import on_loopback
from tests.support.origin_process import process
from tests.support.pictures import small
from tests.support.running import PATIENCE
from tests.support.running import Running
from tests.support.running import settings
from tests.support.running import wait_until

ONE_LINE = b"GET /status HTTP/1.1\r\nHost: x\r\n"
STATUS = ONE_LINE + b"\r\n"
BIG = 8_000_000  # bytes, more than the kernel keeps for a connection
HASTY = Bounds(arrival=0.4, stall=0.5, linger=0.4)
PATIENT = Bounds(arrival=PATIENCE)


class Raw:
    """A connection that says exactly what it is told to."""

    def __init__(
        self, port: int, *, window: int | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.connect(("127.0.0.1", port))
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="pictures.example")
        self._file: BinaryIO = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> Raw:
        self.socket.sendall(data)
        return self

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: its status, its fields by lower-case name, its body."""
        line = self._file.readline()
        fields = {}
        while (field := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        body = self._file.read(int(fields.get("content-length", 0)))
        return int(line.split()[1]) if line else 0, fields, body

    def refused(self) -> int:
        """The status of an answer that nothing keeps and nothing follows."""
        status, fields, body = self.answer()
        assert fields["cache-control"] == "no-store"
        assert fields["connection"] == "close"
        assert len(body) == int(fields["content-length"])
        assert self.is_closed()
        return status

    def is_closed(self) -> bool:
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def is_quiet(self, seconds: float) -> bool:
        """Whether the other end says nothing and stays for that long."""
        return not select.select([self.socket], [], [], seconds)[0]


class Door:
    """An app behind the listener of the origin: `/big` is big, `/host` tells the host, `/held` waits for
    `opened`, `/sent` is as big and sent as pictures are."""

    def __init__(self) -> None:
        self.port = 0
        self.limited: list[bytes] = []  # targets of which the body's limit was asked
        self.opened = asyncio.Event()
        self.held = threading.Event()
        self.gone = threading.Event()
        self.listener: Any = None
        self.loop: asyncio.AbstractEventLoop

    def body_limit(self, method: str, target: bytes) -> tuple[int, float]:
        """In a fifth of the usual time."""
        self.limited.append(target)
        size, seconds = default_body_limit(method, target)
        return size, seconds / 5

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/sent":
            answer = Response(200, [(b"content-length", b"%d" % BIG)], b"x" * BIG)
            await answer.send(send, "GET", in_pieces=scope["scheme"] == "https")
            return
        body = b"x" * BIG if scope["path"] == "/big" else scope["path"].encode()
        if scope["path"] == "/host":
            body = b" ".join(value for name, value in scope["headers"] if name == b"host")
        if scope["path"] == "/held":
            self.held.set()
            waiting = asyncio.create_task(self.opened.wait())
            leaving = asyncio.create_task(self._leave(receive))
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            waiting.cancel()
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    async def _leave(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    def open(self) -> None:
        self.loop.call_soon_threadsafe(self.opened.set)

    @property
    def connections(self) -> int:
        return len(self.listener.server_state.connections)

    async def serve(self, pair: tuple[Path, Path] | None) -> None:
        self.loop = asyncio.get_running_loop()
        with listener.bind("127.0.0.1", 0) as sock:
            self.port = sock.getsockname()[1]
            self.listener = listener.make_listener(self, self.port, Certificate(*pair) if pair else None)
            await self.listener.serve([sock])


@contextmanager
def door(bounds: Bounds, pair: tuple[Path, Path] | None = None) -> Iterator[Door]:
    app = Door()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(app.serve(pair))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener, "BOUNDS", bounds)
        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: app.listener and app.listener.started, "the listener listens")
        try:
            yield app
        finally:
            app.open()
            app.listener.should_exit = True
            thread.join(PATIENCE)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole origin with its usual bounds."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "a.jpg").write_bytes(small())
    config = settings(root, tmp_path_factory.mktemp("cache"))
    with Running(config | {"admin": {"token": "a-token-of-32-characters-or-more"}}) as running:
        yield running


@pytest.fixture(scope="module")
def hasty() -> Iterator[Door]:
    """A listener whose patience lasts fractions of a second."""
    with door(HASTY) as opened:
        yield opened


@pytest.fixture(scope="module")
def patient() -> Iterator[Door]:
    """One for requests that have as long as a busy machine takes to send them."""
    with door(PATIENT) as opened:
        yield opened


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    return Path(cert), Path(key)


@pytest.fixture(scope="module")
def secure(pair: tuple[Path, Path]) -> Iterator[tuple[Door, ssl.SSLContext]]:
    """A listener with TLS that has no patience with slow readers, and what a client needs to trust it."""
    with door(dataclasses.replace(HASTY, arrival=PATIENCE), pair) as opened:
        yield opened, ssl.create_default_context(cafile=pair[0])


# Heads


@pytest.mark.parametrize(("size", "status"), [(16_000, 200), (17_000, 431), (70_000, 431), (5_000_000, 431)])
def test_header_flood(origin: Running, size: int, status: int) -> None:
    with Raw(origin.port) as raw:
        head = ONE_LINE + b"X-Flood: "
        raw.send(head + b"a" * (size - len(head) - 4) + b"\r\n\r\n")
        assert status == (raw.answer()[0] if status == 200 else raw.refused())


def test_header_flood_of_many_small_fields(origin: Running) -> None:
    with Raw(origin.port) as raw:
        assert raw.send(ONE_LINE + b"a:b\r\n" * 1_000_000 + b"\r\n").refused() == 431


def test_header_flood_that_comes_in_drops(origin: Running) -> None:
    with Raw(origin.port) as raw:
        raw.send(ONE_LINE)
        for _ in range(30):
            raw.send(b"X-Flood: " + b"a" * 1000 + b"\r\n")
        assert raw.refused() == 431


@pytest.mark.parametrize("size", [8_193 - len("/h/a.jpg?x="), 8_200, 16_000, 20_000, 70_000, 1_000_000])
def test_a_url_over_8_kb_is_414(origin: Running, size: int) -> None:
    with Raw(origin.port) as raw:
        raw.send(b"GET /h/a.jpg?x=" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        status, fields, _ = raw.answer()
        assert status == 414
        assert fields["cache-control"] == "no-store"


def test_a_url_under_8_kb_is_served(origin: Running) -> None:
    with Raw(origin.port) as raw:
        raw.send(b"GET /h/a.jpg?x=" + b"a" * (8_192 - len("/h/a.jpg?x=")) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.answer()[0] == 200


@pytest.mark.parametrize(
    ("request_text", "why"),
    [
        (b"GET /status HTTP/1.1\r\n\r\n", "no Host: RFC 9112 section 3.2"),
        (b"GET /status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "two hosts: the same"),
        (b"GET /status\r\n\r\n", "HTTP/0.9"),
        (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", "a raw byte"),
        (b"GET status HTTP/1.1\r\nHost: x\r\n\r\n", "no path"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "a proxy is meant"),
        (ONE_LINE + b"X: a\r\n b\r\n\r\n", "a folded field: RFC 9112 section 5.2"),
        (ONE_LINE + b"X : a\r\n\r\n", "space before the colon: RFC 9112 section 5.1"),
        (b"G{T /status HTTP/1.1\r\nHost: x\r\n\r\n", "no token: RFC 9110 section 9.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS on the plain port"),
    ],
)
def test_cpdos_by_a_head_that_makes_no_sense_is_not_cacheable(
    origin: Running, request_text: bytes, why: str
) -> None:
    with Raw(origin.port) as raw:
        assert raw.send(request_text).refused() == 400, why


@pytest.mark.parametrize("method", [b"UNKNOWN", b"get", b"X-PURGE", b"GETX"])
def test_a_method_that_nobody_knows_is_not_implemented(origin: Running, method: bytes) -> None:
    with Raw(origin.port) as raw:
        assert raw.send(method + b" /h/a.jpg HTTP/1.1\r\nHost: x\r\n\r\n").refused() == 501


def test_http_1_0_needs_no_host(origin: Running) -> None:
    with Raw(origin.port) as raw:
        status, _, body = raw.send(b"GET /status HTTP/1.0\r\n\r\n").answer()
        assert (status, body) == (200, b"OK")
        assert raw.is_closed()


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/host", b"told.example"),
        (b"http://whole.example/host", b"whole.example"),
        (b"https://whole.example:8443/host?w=3", b"whole.example:8443"),
        (b"http://user@whole.example/host", b"whole.example"),
        (b"HTTP://whole.example/host", b"whole.example"),
    ],
)
def test_the_host_of_a_whole_url_counts(patient: Door, target: bytes, host: bytes) -> None:
    """RFC 9112 section 3.2.2."""
    with Raw(patient.port) as raw:
        raw.send(b"GET " + target + b" HTTP/1.1\r\nHost: told.example\r\n\r\n")
        assert raw.answer()[2] == host


def test_a_body_for_a_whole_url_has_the_limit_of_its_path(patient: Door) -> None:
    with Raw(patient.port) as raw:
        raw.send(b"POST http://whole.example/there?w=3 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        assert raw.answer()[2] == b"/there"
    assert patient.limited[-1] == b"/there?w=3"


def test_a_wish_for_http_2_is_answered_in_http_1(origin: Running) -> None:
    """`curl --http2` on a plain port."""
    with Raw(origin.port) as raw:
        raw.send(
            ONE_LINE + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
        )
        status, fields, body = raw.answer()
        assert (status, body, fields["connection"]) == (200, b"OK", "close")
        assert raw.is_closed()


# Bodies


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"Content-Length: +5\r\n\r\nhello",
        b"Content-Length: 5, 6\r\n\r\nhello",
        b"Transfer-Encoding: gzip\r\n\r\nhello",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_request_smuggling(origin: Running, method: bytes, fields: bytes) -> None:
    smuggled = b"GET /status HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    with Raw(origin.port) as raw:
        raw.send(method + b" /h/a.jpg HTTP/1.1\r\nHost: x\r\n" + fields + smuggled)
        assert raw.refused() == 400


def test_request_smuggling_by_chunks_in_http_1_0(origin: Running) -> None:
    with Raw(origin.port) as raw:
        raw.send(b"POST /h/a.jpg HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + STATUS)
        assert raw.refused() == 400


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize(
    "body", [b"Content-Length: 2\r\n\r\nhi", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
)
def test_fat_get(origin: Running, method: bytes, body: bytes) -> None:
    with Raw(origin.port) as raw:
        assert raw.send(method + b" /h/a.jpg HTTP/1.1\r\nHost: x\r\n" + body + STATUS).refused() == 400


def test_a_get_that_says_it_has_no_body_is_served(origin: Running) -> None:
    with Raw(origin.port) as raw:
        assert raw.send(ONE_LINE + b"Content-Length: 0\r\n\r\n").answer()[0] == 200
        assert raw.send(STATUS).answer()[0] == 200


@pytest.mark.parametrize("size", [0, 10, 50_000_000])
def test_an_upload_is_405_and_not_read(origin: Running, size: int) -> None:
    with Raw(origin.port) as raw:
        raw.send(b"POST /h/a.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        raw.send(b"x" * min(size, 1_000_000))
        assert raw.refused() == 405


def test_what_follows_an_upload_is_no_request(origin: Running) -> None:
    with Raw(origin.port) as raw:
        raw.send(b"POST /h/a.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + STATUS)
        assert raw.refused() == 405


PURGE = (
    b"POST /-/purge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a-token-of-32-characters-or-more\r\n"
    b"Content-Length: %d\r\n\r\n"
)


def test_a_purge_is_read(origin: Running) -> None:
    with Raw(origin.port) as raw:
        status, _, body = raw.send(PURGE % 15 + b'{"handler":"h"}').answer()
        assert status == 200, body


def test_a_purge_has_an_end(origin: Running) -> None:
    with Raw(origin.port) as raw:
        assert raw.send(PURGE % 5_000_000 + b" " * 2_000_000).refused() == 413


@pytest.mark.slow
@pytest.mark.parametrize("end", [b"1\r\na\r\n" * 1_000_000, b"0\r\n" + b"X-Trailer: flood\r\n" * 500_000])
def test_chunk_and_trailer_floods_are_not_kept(end: bytes) -> None:
    chunked = b"POST /held HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with door(HASTY) as app, Raw(app.port) as raw:
        raw.send(chunked)
        assert app.held.wait(PATIENCE)
        (connection,) = app.listener.server_state.connections
        with contextlib.suppress(OSError):
            raw.send(end)
        wait_until(lambda: app.connections == 0, "it is cut off")
        kept = len(connection.cycle.body) + sum(map(len, itertools.chain(*connection.headers)))
        assert kept < HASTY.head + 65_536


def test_a_purge_that_breaks_off_is_no_accident(origin: Running, caplog: pytest.LogCaptureFixture) -> None:
    with Raw(origin.port) as raw:
        raw.send(PURGE % 15 + b'{"han')
        wait_until(lambda: origin._listener.server_state.tasks, "it is being read")
    wait_until(lambda: not origin._listener.server_state.tasks, "it is over")
    assert [record for record in caplog.records if record.exc_info] == []


def test_an_upload_over_tls_gets_its_answer(secure: tuple[Door, ssl.SSLContext]) -> None:
    app, context = secure
    with Raw(app.port, context=context) as raw:
        raw.send(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 1_000_000)
        status, fields, _ = raw.answer()
        assert (status, fields["connection"]) == (200, "close")


# Slow-loris


@pytest.mark.slow
@pytest.mark.parametrize("beginning", [b"", b"\r\n", b"GET /status HTTP/1.1\r\nHost: x\r\nX-A"])
def test_slow_loris_that_stops(hasty: Door, beginning: bytes) -> None:
    with Raw(hasty.port) as raw:
        raw.send(beginning)
        if beginning.strip():
            assert raw.refused() == 408
        else:
            assert raw.is_closed()


@pytest.mark.slow
def test_slow_loris_that_drips(hasty: Door) -> None:
    """A byte now and then wins no time."""
    with Raw(hasty.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\nX: ")

        def refused_after_a_byte() -> bool:
            raw.send(b"a")
            return not raw.is_quiet(0.05)

        wait_until(refused_after_a_byte, "it is refused")
        assert raw.answer()[0] == 408


@pytest.mark.slow
@pytest.mark.parametrize("beginning", [b"\r\n", b"GET /st"])
def test_slow_loris_in_its_second_request(hasty: Door, beginning: bytes) -> None:
    with Raw(hasty.port) as raw:
        assert raw.send(STATUS).answer()[0] == 200
        raw.send(beginning)
        raw.answer()
        assert raw.is_closed()


@pytest.mark.slow
def test_slow_body(hasty: Door) -> None:
    with Raw(hasty.port) as raw:
        raw.send(b"POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        assert raw.is_closed()
        assert hasty.gone.wait(PATIENCE)


@pytest.mark.slow
def test_an_idle_connection_is_kept(hasty: Door) -> None:
    with Raw(hasty.port) as raw:
        assert raw.send(STATUS).answer()[0] == 200
        assert raw.is_quiet(3 * HASTY.arrival)
        assert raw.send(STATUS).answer()[0] == 200


@pytest.mark.slow
def test_a_slow_answer_is_waited_for() -> None:
    with door(HASTY) as app, Raw(app.port) as raw:
        raw.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET /half")
        assert raw.is_quiet(3 * HASTY.arrival)
        app.open()
        assert raw.answer()[0] == 200
        assert raw.refused() == 408


@pytest.mark.slow
def test_slow_loris_that_never_shakes_hands(pair: tuple[Path, Path]) -> None:
    with door(HASTY, pair) as app, Raw(app.port) as raw:
        assert raw.send(b"\x16\x03\x01").is_closed()


def test_silent_clients_leave_handshakes_to_others(pair: tuple[Path, Path]) -> None:
    with door(Bounds(handshakes=5, arrival=600), pair) as app, ExitStack() as stack:
        silent = [stack.enter_context(Raw(app.port)) for _ in range(12)]
        assert all(raw.is_closed() for raw in silent[:7])
        client = ssl.create_default_context(cafile=pair[0])
        with Raw(app.port, context=client) as raw:
            assert raw.send(STATUS).answer()[0] == 200
        assert silent[7].is_closed()
        assert silent[-1].is_quiet(0)


# Slow readers


@pytest.mark.slow
def test_slow_reader_that_stops(hasty: Door) -> None:
    with Raw(hasty.port, window=4096) as raw:
        raw.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not raw.is_quiet(PATIENCE)
        wait_until(lambda: hasty.connections == 0, "it is cut off")


@pytest.mark.slow
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
def test_slow_reader_over_tls(secure: tuple[Door, ssl.SSLContext], last: bytes) -> None:
    app, context = secure
    with Raw(app.port, window=4096, context=context) as raw:
        raw.send(b"GET /big HTTP/1.1\r\nHost: x\r\n" + last + b"\r\n")
        assert not raw.is_quiet(PATIENCE)
        wait_until(lambda: app.connections == 0, "it is cut off")


@pytest.mark.slow
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
def test_slow_reader_that_crawls(hasty: Door, last: bytes) -> None:
    with Raw(hasty.port, window=4096) as raw:
        raw.send(b"GET /big HTTP/1.1\r\nHost: x\r\n" + last + b"\r\n")

        def cut_off_after_a_bite() -> bool:
            raw.socket.recv(10)
            return hasty.connections == 0

        wait_until(cut_off_after_a_bite, "it is cut off")


def take_slowly(raw: Raw, last: bytes) -> int:
    """Take the big answer in several times the patience for one that does not read; its bytes."""
    raw.send(b"GET /big HTTP/1.1\r\nHost: x\r\n" + last + b"\r\n")
    received, start = 0, time.monotonic()
    while received < BIG:
        data = raw.socket.recv(200_000)
        if not data:
            break
        received += len(data)
        if time.monotonic() - start < 3 * HASTY.stall:
            time.sleep(0.02)
    return received


@pytest.mark.slow
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
def test_a_reader_that_takes_its_time_gets_everything(hasty: Door, last: bytes) -> None:
    with Raw(hasty.port, window=65_536) as raw:
        assert take_slowly(raw, last) >= BIG


@pytest.mark.slow
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
def test_a_reader_over_tls_that_takes_its_time_gets_everything(
    secure: tuple[Door, ssl.SSLContext], last: bytes
) -> None:
    app, context = secure
    with Raw(app.port, window=65_536, context=context) as raw:
        assert take_slowly(raw, last) >= BIG


@pytest.mark.slow
def test_a_slow_reader_over_tls_has_no_copy_of_a_large_body(pair: tuple[Path, Path]) -> None:
    client = ssl.create_default_context(cafile=pair[0])
    with door(Bounds(), pair) as app, Raw(app.port, window=4096, context=client) as raw:
        raw.send(b"GET /sent HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: app.connections == 1, "the handshake is done")
        (connection,) = app.listener.server_state.connections
        wait_until(lambda: connection.flow.write_paused, "the client does not take all of it")
        assert connection.transport.get_write_buffer_size() < 4 * PIECE
        status, _, body = raw.answer()
        assert (status, len(body)) == (200, BIG)


def test_a_client_that_leaves_is_noticed(patient: Door) -> None:
    patient.gone.clear()
    patient.held.clear()
    with Raw(patient.port) as raw:
        raw.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        assert patient.held.wait(PATIENCE)
    assert patient.gone.wait(PATIENCE)


# Pipelines


def test_pipelined_requests_are_answered_in_order(patient: Door) -> None:
    paths = [f"/{number}" for number in range(100)]
    with Raw(patient.port) as raw:
        raw.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
        assert [raw.answer()[2].decode() for _ in paths] == paths


def test_pipeline_flood_is_answered_as_far_as_it_is_read(patient: Door) -> None:
    with Raw(patient.port) as raw:
        raw.send(STATUS * 5000)
        answers = 0
        while raw.answer()[0] == 200:
            answers += 1
        assert PATIENT.pipeline <= answers < 5000


def test_a_pipeline_of_requests_with_many_fields_is_bounded() -> None:
    """What waits behind an answer is bytes, not parsed fields, and no more of them than the bound."""
    wide = b"GET /x HTTP/1.1\r\nHost: x\r\n" + b"abc: def\r\n" * 150 + b"\r\n"
    with door(PATIENT) as app, Raw(app.port) as raw:
        raw.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        assert app.held.wait(PATIENCE)
        (connection,) = app.listener.server_state.connections
        with contextlib.suppress(OSError):
            raw.send(wide * 120)
        wait_until(lambda: connection._ignoring_input, "more is refused")
        queued = [cycle.scope["headers"] for cycle, _ in connection.pipeline]
        assert sum(map(len, queued)) <= Bounds().queued_fields + 151
        assert len(connection._backlog) == 0
        app.open()
        assert raw.answer()[0] == 200
        while raw.answer()[0] == 200:
            pass
        assert raw.is_closed()


def test_a_long_pipeline_within_the_bound_is_answered_whole() -> None:
    request = b"GET /%d HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"p" * 400 + b"\r\n\r\n"
    with door(PATIENT) as app, Raw(app.port) as raw:
        raw.send(b"".join(request % number for number in range(60)))  # 27 kB
        assert [raw.answer()[2] for _ in range(60)] == [b"/%d" % number for number in range(60)]
        raw.send(STATUS)
        assert raw.answer()[0] == 200


def test_what_came_before_nonsense_is_answered(patient: Door) -> None:
    with Raw(patient.port) as raw:
        raw.send(STATUS + b"nonsense\r\n\r\n")
        assert raw.answer()[0] == 200
        assert raw.is_closed()


# Many connections


@pytest.mark.slow
def test_ten_thousand_idle_connections_do_not_stop_a_hit(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(small())
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, files - 1000)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    try:
        with process(tmp_path, on_loopback(tmp_path, tmp_path / "cache")) as running, ExitStack() as idle:
            for _ in range(0, count, 100):  # one at a time each waits for its turn
                hundred = [
                    idle.enter_context(socket.create_connection(("127.0.0.1", running.port), PATIENCE))
                    for _ in range(100)
                ]
                for raw in hundred:
                    raw.sendall(b"GET /h/a.jpg?w=16 HTTP/1.1\r\nHost: x\r\n\r\n")
                for raw in hundred:
                    assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
            start = time.monotonic()
            for _ in range(2):
                assert running.get("/h/a.jpg?w=32").status == 200
            assert time.monotonic() - start < 5
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
def test_an_idle_connection_makes_room_for_a_new_one() -> None:
    with door(Bounds(connections=20)) as app, ExitStack() as stack:
        for _ in range(50):
            assert stack.enter_context(Raw(app.port)).send(STATUS).answer()[0] == 200
            assert app.connections <= 20


@pytest.mark.slow
def test_a_busy_connection_makes_no_room() -> None:
    with door(Bounds(connections=2)) as app, ExitStack() as stack:
        busy = [stack.enter_context(Raw(app.port)) for _ in range(2)]
        for raw in busy:
            raw.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: all(c.answering for c in app.listener.server_state.connections), "both are busy")
        with Raw(app.port) as third:
            assert third.is_closed()
        app.open()
        assert [raw.answer()[0] for raw in busy] == [200, 200]


# The end of the listener


def test_a_connection_over_tls_that_is_just_being_lost_stops_no_end(pair: tuple[Path, Path]) -> None:
    """Its transport has no socket any more, and it has not been told yet."""
    client = ssl.create_default_context(cafile=pair[0])
    with door(Bounds(), pair) as app, Raw(app.port, context=client) as raw:
        assert raw.send(STATUS).answer()[0] == 200
        (connection,) = app.listener.server_state.connections

        async def lose_and_end() -> None:
            connection.cut()
            while connection.transport.get_extra_info("socket") is not None:  # noqa: ASYNC110 - sets no event
                await asyncio.sleep(0)
            assert app.connections == 1
            connection.shutdown()

        asyncio.run_coroutine_threadsafe(lose_and_end(), app.loop).result(PATIENCE)
