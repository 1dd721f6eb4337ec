"""A small HTTP/1.1 load generator: closed loop as wrk has it, and open loop at a given rate.

In an open loop requests start when they are due, whether or not earlier ones were answered, and
latency counts from that moment: a server that stalls cannot hide it by slowing its clients down.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import cast

import httptools

PATIENCE = 30.0  # seconds for one answer
MAX_CONNECTIONS = 1024


@dataclass(slots=True)
class Reply:
    """What came back; status 0 where nothing did."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Connection(asyncio.Protocol):
    """One keep-alive connection, with one request on it at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, head: bytes) -> asyncio.Future[Reply]:
        """Status 0 where the connection ends before the answer does."""
        self._parser = httptools.HttpResponseParser(self)
        self._reply = Reply()
        self._pieces: list[bytes] = []
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport is None:
            self._finish(Reply())
        else:
            self._transport.write(head)
        return self._waiter

    async def ask_or_close(self, head: bytes) -> Reply:
        """The same. Who does not wait for the answer leaves nobody else to read it."""
        try:
            return await self.ask(head)
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish(Reply())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()
        self._reply.body = b"".join(self._pieces)
        if not self._parser.should_keep_alive():
            self.close()
        self._finish(self._reply)

    def _finish(self, reply: Reply) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(reply)


class Client:
    """Connections to one port of this machine, as many as are needed at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)

    async def get(self, target: str, headers: str = "") -> Reply:
        """`headers` are whole lines, each with its line end. Never raises for what the server does."""
        return await self.send("GET", target, headers)

    async def send(self, method: str, target: str, headers: str = "", body: bytes = b"") -> Reply:
        """The same with another method, and a body."""
        length = f"Content-Length: {len(body)}\r\n" if method != "GET" else ""
        lines = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{length}{headers}\r\n"
        async with self._places:
            try:
                async with asyncio.timeout(PATIENCE):
                    connection = await self._connected()
                    reply = await connection.ask_or_close(lines.encode("latin-1") + body)
            except (OSError, TimeoutError):
                return Reply()
        if connection.is_open:
            self._idle.append(connection)
        return reply

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _connected(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return connection


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that is more than the GET of a target."""

    method: str
    target: str
    headers: str = ""  # whole lines, each with its line end
    body: bytes = b""


Accept = Callable[[str, Reply], bool]
"""Whether a reply to that target is right."""


@dataclass
class Load:
    """What a run of requests saw. Latencies in milliseconds, in no order."""

    seconds: float = 0.0
    received: int = 0  # bytes of bodies
    errors: int = 0
    rate: float = 0.0  # answers a second, where the whole time says too little of it
    latencies: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)  # when each answer came, in order

    def note(self, since: float, right: bool, reply: Reply) -> None:
        self.ended.append(time.perf_counter())
        self.latencies.append((self.ended[-1] - since) * 1000)
        self.received += len(reply.body)
        self.errors += not right

    def steady(self, connections: int, until: float) -> float:
        """Answers a second while every client waited for one: from when each had its first, to `until`.

        Where they take long, a short run is mostly its beginning and its end, in which cores are idle that
        nothing is asked of. 0 where that leaves less than half of the time.
        """
        counted = [moment for moment in self.ended if moment <= until][connections - 1 :]
        lasted = counted[-1] - counted[0] if counted else 0.0
        return (len(counted) - 1) / lasted if lasted > self.seconds / 2 else 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def closed_loop(
    port: int,
    targets: Iterator[str | Sending],
    accept: Accept,
    connections: int,
    seconds: float,
    headers: str = "",
) -> Load:
    """`connections` clients, each asking for the next target once it has been answered. What was asked for
    in time is waited for, so that no server goes on with it in another's turn. `headers` are those of a GET.
    """
    client, load = Client(port), Load()
    start = time.perf_counter()

    async def ask() -> None:
        while (since := time.perf_counter()) < start + seconds:
            asked = next(targets)
            if isinstance(asked, str):
                asked = Sending("GET", asked, headers)
            reply = await client.send(asked.method, asked.target, asked.headers, asked.body)
            load.note(since, accept(asked.target, reply), reply)

    await asyncio.gather(*(ask() for _ in range(connections)))
    load.seconds = time.perf_counter() - start
    load.rate = load.steady(connections, start + seconds)
    client.close()
    return load


async def open_loop(port: int, timetable: Iterable[tuple[float, str]], accept: Accept) -> Load:
    """Ask for each target at its second, counted from now."""
    client, load = Client(port), Load()
    running: set[asyncio.Task[None]] = set()
    start = time.perf_counter() + 0.05

    async def ask(due: float, target: str) -> None:
        reply = await client.get(target)
        load.note(due, accept(target, reply), reply)

    for second, target in timetable:
        pause = start + second - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        task = asyncio.ensure_future(ask(start + second, target))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    load.seconds = time.perf_counter() - start
    client.close()
    return load


def try_cached(port: int, targets: Iterable[str], accept: Accept) -> Awaitable[Load]:
    """Ask for all of them in one moment."""
    return open_loop(port, [(0.0, target) for target in targets], accept)
