"""Sockets that systemd has opened and hands over (sd_listen_fds(3)).

It keeps them open while the origin restarts, so that connections wait for the next process and none is
refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

_FIRST = 3  # SD_LISTEN_FDS_START


class InheritedSockets:
    """Listening sockets by address and port, each given away once."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets

    def take(self, port: int) -> socket.socket | None:
        """The socket that listens on that port, whatever its address."""
        for sock in self._sockets:
            if sock.getsockname()[1] == port:
                self._sockets.remove(sock)
                sock.setblocking(False)
                return sock
        return None

    def close(self) -> list[int]:
        """Close what nobody took; its ports."""
        ports = [int(sock.getsockname()[1]) for sock in self._sockets]
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        return ports


def inherited_sockets(environment: MutableMapping[str, str]) -> InheritedSockets:
    """Those that were handed to this process; none where LISTEN_PID names another one.

    The variables are removed, so that the render processes do not take themselves for the listener.
    """
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return InheritedSockets([])
    sockets = []
    for descriptor in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
        is_stream = sock.type == socket.SOCK_STREAM and sock.family in (socket.AF_INET, socket.AF_INET6)
        if is_stream:
            sockets.append(sock)
        else:
            sock.close()
    return InheritedSockets(sockets)
