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

log = logging.getLogger(__name__)

_MIN_BYTES_PER_LOOK = 20_000  # that a client takes between two looks, if as many wait, or it does not read
_LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER: forget what is unsent instead of offering it for minutes
_BYTES_ACKED = 120  # offset of tcpi_bytes_acked in struct tcp_info of linux/tcp.h, since Linux 4.2


class SlowClientWatch:
    """The client's end of one connection. It is watched only while it has something to take."""

    def __init__(self, transport: asyncio.Transport, patience: float) -> None:
        self._transport = transport
        self._patience = patience  # seconds between two looks
        self._pending = 0  # bytes at the last look
        self._taken = 0  # the same
        self._next_look: asyncio.TimerHandle | None = None

    def pending(self) -> int:
        """Bytes not yet acknowledged, the kernel's among them; of TLS the kernel's alone."""
        queue = bytearray(4)
        with contextlib.suppress(OSError, AttributeError):  # not every system has it, nor for sockets
            fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queue)
        return self._transport.get_write_buffer_size() + int.from_bytes(queue, sys.byteorder)

    def watch(self) -> None:
        """Look from time to time, until everything is taken or the client is cut off. Where the system does
        not tell what it took, it is never cut off."""
        if self._next_look is None and (taken := self._acknowledged()) is not None:
            self._pending, self._taken = self.pending(), taken
            self._next_look = asyncio.get_running_loop().call_later(self._patience, self._look)

    def stop(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def cut_off(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # closed a moment ago
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO
            )
        self._transport.abort()

    def _look(self) -> None:
        self._next_look = None
        if not self.pending():
            return
        due = self._taken + min(self._pending, _MIN_BYTES_PER_LOOK)
        self.watch()
        if self._taken < due:
            log.info("cut off %s: it does not read", self._transport.get_extra_info("peername"))
            self.cut_off()

    def _acknowledged(self) -> int | None:
        """Bytes that the client's machine has taken since the connection began."""
        if sys.platform != "linux":
            return None  # other systems lay their struct out in other ways, or have none
        sock = self._transport.get_extra_info("socket")
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
        except (OSError, AttributeError):  # closed a moment ago, or an emulation of Linux
            return None
        return int(struct.unpack_from("Q", info, _BYTES_ACKED)[0]) if len(info) == _BYTES_ACKED + 8 else None
