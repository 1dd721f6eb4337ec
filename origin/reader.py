"""Whether the client of a connection takes what it is sent, and the end of one that does not.

An answer waits in memory for as long as its reader likes, unless somebody looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import struct
import sys
import termios

log = logging.getLogger("origin.reader")

_CRAWL = 20_000  # bytes; who takes less between two looks does not read
_DROP = struct.pack("ii", 1, 0)  # SO_LINGER: forget what is unsent instead of offering it for minutes


class Reader:
    """The client's end of one connection. It is watched only while it is late."""

    def __init__(self, transport: asyncio.Transport, patience: float) -> None:
        self._transport = transport
        self._patience = patience  # seconds between two looks
        self._unsent = 0  # bytes at the last look
        self._next_look: asyncio.TimerHandle | None = None

    def unsent(self) -> int:
        """Bytes that the client's machine has not acknowledged, the kernel's among them."""
        queue = bytearray(4)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queue)
        return self._transport.get_write_buffer_size() + int.from_bytes(queue, sys.byteorder)

    def watch(self) -> None:
        """Look from time to time until `trust`, and cut it off when it takes next to nothing."""
        if self._next_look is None:
            self._unsent = self.unsent()
            self._next_look = asyncio.get_running_loop().call_later(self._patience, self._look)

    def trust(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def cut_off(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
        self._transport.abort()

    def _look(self) -> None:
        before = self._unsent
        self._next_look = None
        self.watch()
        if self._unsent > before - _CRAWL:
            log.info("cut off %s: it does not read", self._transport.get_extra_info("peername"))
            self.cut_off()
