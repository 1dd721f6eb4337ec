"""Ports for servers that are told where to listen.

A port that the system gives, and that is closed again for the server to take, may be given to somebody else
before it does. So each process has ports of its own, below those that the system gives.
"""

from __future__ import annotations

import functools
import itertools
import random
import socket
from collections.abc import Iterator

_FIRST, _END, _BLOCK = 12_000, 22_000, 100
ABOVE = 10_000  # what a port and this number add up to belongs to the same process


def closed_port(*, above: bool = False) -> int:
    """A port of this machine nobody listens on, and that no other process is given as long as this one runs;
    `above`: nor on the one 10000 above it, where SeaweedFS speaks gRPC."""
    ports = itertools.islice(_own_ports(), _BLOCK)
    return next(port for port in ports if _is_free(port) and (not above or _is_free(port + ABOVE)))


@functools.cache
def _own_ports() -> Iterator[int]:
    """Those of a block whose first port this process holds, over and over."""
    firsts = range(_FIRST, _END, _BLOCK)
    for first in random.sample(firsts, len(firsts)):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", first))
        except OSError:
            holder.close()
        else:
            return _repeated(holder, range(first + 1, first + _BLOCK))
    raise RuntimeError("every block of ports has its process")


def _repeated(holder: socket.socket, ports: range) -> Iterator[int]:
    with holder:
        yield from itertools.cycle(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
