"""The TLS listener's socket: connections are taken here, so that those still in their handshake are bounded.

asyncio and uvloop tell of a connection when its handshake is done. Until then it holds a descriptor, and
memory for TLS, for as long as a handshake may take: a few thousand clients that say nothing would leave none
for originals, renderers and the cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable

log = logging.getLogger(__name__)

_TAKEN_AT_ONCE = 64  # connections, before others have their turn
_PAUSE = 0.5  # seconds until the next try, where no descriptor or no memory is left for a connection


class TlsSocket:
    """A bound socket whose connections are given to `make_protocol` once their handshake is done.

    Handshakes end within `seconds`. Of more than `most` under way the oldest is given up: that of an honest
    client takes two of its round trips. It is closed as a server of asyncio is.
    """

    def __init__(
        self,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
        *,
        seconds: float,
        most: int,
        backlog: int,
    ) -> None:
        self._sock = sock
        self._make_protocol = make_protocol
        self._context = context
        self._seconds = seconds
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[asyncio.Task[None], socket.socket] = {}  # the oldest first
        self._pausing: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        sock.listen(backlog)
        self._listen()

    def close(self) -> None:
        """Take no connections any more. Handshakes under way go on."""
        if self._pausing is not None:
            self._pausing.cancel()
        self._loop.remove_reader(self._sock)

    async def wait_closed(self) -> None:
        """End the handshakes that are under way still."""
        late = list(self._under_way)
        for task in late:
            self._give_up(task)
        await asyncio.gather(*late, return_exceptions=True)

    def _listen(self) -> None:
        self._pausing = None
        self._loop.add_reader(self._sock, self._take)

    def _take(self) -> None:
        """Take the connections that wait."""
        for _ in range(_TAKEN_AT_ONCE):
            try:
                client, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("no connection can be taken, next try in %s s: %s", _PAUSE, error.strerror)
                self._loop.remove_reader(self._sock)
                self._pausing = self._loop.call_later(_PAUSE, self._listen)
                return
            task = self._loop.create_task(self._shake_hands(client))
            self._under_way[task] = client
            task.add_done_callback(self._forget)
            if len(self._under_way) > self._most:
                self._give_up(next(iter(self._under_way)))

    def _give_up(self, task: asyncio.Task[None]) -> None:
        client = self._under_way.pop(task)
        if task.cancel():  # perhaps before it has begun
            task.add_done_callback(lambda _: client.close())

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)

    async def _shake_hands(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one that fails is the client's, and so is one that is late
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._make_protocol, client, ssl=self._context, ssl_handshake_timeout=self._seconds
            )
            return
        client.close()
