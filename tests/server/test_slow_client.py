"""The watch on clients that do not read, on systems that do not tell what a client took.

What it does where they do tell is in `test_connection`.
"""

from __future__ import annotations

import asyncio
import socket
import termios
from collections.abc import Iterator
from typing import Any

import pytest

from origin.server import slow_client
from origin.server.slow_client import SlowClientWatch


class Transport(asyncio.Transport):
    """Over a socket whose client reads nothing; it holds 1000 bytes itself."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock, "peername": sock.getpeername()})
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return 1000

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def transport() -> Iterator[Transport]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as sock,
        listener.accept()[0],
    ):
        yield Transport(sock)


async def looks(transport: Transport) -> bool:
    """Whether the watch cuts the client off when it has taken nothing."""
    watch = SlowClientWatch(transport, patience=0)
    watch.watch()
    for _ in range(3):
        await asyncio.sleep(0)
    watch.stop()
    return transport.aborted


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system does not tell")
async def test_a_client_that_takes_nothing_is_cut_off(transport: Transport) -> None:
    assert await looks(transport)


def without_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_INFO", raising=False)


def with_an_old_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends before the number."""
    monkeypatch.setattr(slow_client, "_BYTES_ACKED", 4096)


@pytest.mark.parametrize("change", [without_name, with_an_old_struct])
async def test_nobody_is_cut_off_where_the_system_does_not_tell(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    change(monkeypatch)
    assert not await looks(transport)


def test_without_a_number_for_what_the_system_holds_ours_counts(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(termios, "TIOCOUTQ", raising=False)
    assert SlowClientWatch(transport, patience=1).pending() == 1000


async def test_one_that_has_gone_is_cut_off_without_a_complaint(transport: Transport) -> None:
    """Over TLS a transport may have lost its socket, and the connection not know yet."""
    watch = SlowClientWatch(transport, patience=1)
    transport._extra["socket"] = None  # type: ignore[attr-defined]
    watch.watch()
    watch.cut_off()
    assert transport.aborted
