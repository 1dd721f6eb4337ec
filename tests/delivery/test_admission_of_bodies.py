"""Bodies on their way to clients: each counts once, and past the bound new ones are refused."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from origin.delivery.admission import BodyAdmission
from origin.http.message import LARGE_BODY
from tests.support import pictures
from tests.support.running import PATIENCE
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

BIG, OTHER, SMALL = bytes(1_000_000), bytes(1_000_001), bytes(LARGE_BODY - 1)


def test_a_body_that_several_clients_take_counts_once() -> None:
    bodies = BodyAdmission(1_500_000)
    with bodies.sending(BIG), bodies.sending(BIG):
        assert bodies.bytes == len(BIG)
        assert bodies.admits(BIG)
        assert not bodies.admits(OTHER)
        assert bodies.admits(SMALL)
    assert bodies.bytes == 0
    assert bodies.admits(OTHER)


def test_small_bodies_do_not_count() -> None:
    bodies = BodyAdmission(0)
    with bodies.sending(SMALL):
        assert bodies.bytes == 0


def test_one_that_is_larger_than_the_bound_goes_alone() -> None:
    bodies = BodyAdmission(10)
    assert bodies.admits(BIG)
    with bodies.sending(BIG):
        assert not bodies.admits(OTHER)


def test_a_failure_while_it_is_sent_lets_it_go() -> None:
    bodies = BodyAdmission()
    try:
        with bodies.sending(BIG):
            raise ConnectionResetError
    except ConnectionResetError:
        assert bodies.bytes == 0


def slow_reader(origin: Running, target: str) -> socket.socket:
    """A client that asks and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE)
    client.connect(("127.0.0.1", origin.port))
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


@pytest.mark.slow
def test_slow_readers_of_large_pictures_are_bounded(tmp_path: Path) -> None:
    noise = {
        f"{name}.png": pictures.encoded(pictures.noise(1400, 1400, seed), "PNG")
        for seed, name in enumerate("abc")
    }
    plain = settings(tmp_path, tmp_path / "cache", error_status="exact")
    with Running(
        {**plain, "cache": {"path": str(tmp_path / "cache"), "memory": 0}}, source=Shelf(**noise)
    ) as origin:
        bodies = origin.origin.bodies
        first = origin.get("/h/a.png").body
        assert len(first) > 4_000_000
        origin.settle()
        bodies.max_bytes = 2 * len(first)
        clients = [slow_reader(origin, "/h/a.png") for _ in range(6)]
        wait_until(lambda: bodies.bytes >= len(first), "the first is on its way")
        wait_until(lambda: origin.origin.metrics.in_flight == 6, "all are being answered")
        assert bodies.bytes < 1.5 * len(first)  # they share it
        clients.append(slow_reader(origin, "/h/b.png"))
        wait_until(lambda: bodies.bytes > 1.5 * len(first), "the second is on its way")
        refused = origin.get("/h/c.png")
        assert (refused.status, refused.kind) == (503, "overloaded")
        assert origin.get("/h/c.png", "HEAD").status == 200
        for client in clients:
            client.close()
        wait_until(lambda: bodies.bytes == 0, "all is let go")
        assert origin.get("/h/c.png").status == 200
