"""Bodies on their way to clients: each counts once, and past the bound new ones are refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from origin.delivery.body_admission import PATIENCE as TO_TAKE
from origin.delivery.body_admission import BodyAdmission
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


# Clients that take too long


class Crowd:
    """Clients at a bound of two megabytes, each with a body of its own of one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.bodies = BodyAdmission(2_000_000, clock=lambda: self.now)
        self.cut: list[str] = []
        self.taking = ExitStack()

    def take(self, name: str, address: str, body: bytes | None = None, can_be_cut: bool = True) -> bool:
        """Whether this client gets a body."""
        body = bytes(1_000_000) if body is None else body
        if not self.bodies.admits(body, address):
            return False
        cut = (lambda: self.cut.append(name)) if can_be_cut else None
        self.taking.enter_context(self.bodies.sending(body, address, cut))
        return True


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    with crowd.taking:
        yield crowd
    assert crowd.bodies.bytes == 0


def test_the_address_that_holds_the_most_makes_room_with_what_it_takes_too_slowly(crowd: Crowd) -> None:
    assert crowd.take("first", "a")
    crowd.now += TO_TAKE
    assert crowd.take("second", "a")
    assert not crowd.take("too soon", "b")
    crowd.now += 1
    assert crowd.take("another", "b")
    assert crowd.cut == ["first"]
    assert crowd.bodies.bytes == 2_000_000
    crowd.now += 2 * TO_TAKE
    assert not crowd.take("greedy", "b")  # now both hold as much


def test_no_client_makes_room_for_another_one_of_its_address(crowd: Crowd) -> None:
    """Behind a proxy all clients have one address."""
    assert crowd.take("first", "proxy")
    assert crowd.take("second", "proxy")
    crowd.now += 10 * TO_TAKE
    assert not crowd.take("third", "proxy")
    assert crowd.cut == []


def test_a_body_that_others_take_as_well_is_left_to_them(crowd: Crowd) -> None:
    shared = bytes(1_000_000)
    assert crowd.take("first", "a", shared)
    assert crowd.take("second", "a")
    crowd.now += 2 * TO_TAKE
    assert crowd.take("a friend", "b", shared)
    assert crowd.take("another", "c")
    assert crowd.cut == ["second"]


def test_where_the_server_cannot_cut_nobody_makes_room(crowd: Crowd) -> None:
    assert crowd.take("first", "a", can_be_cut=False)
    assert crowd.take("second", "a", can_be_cut=False)
    crowd.now += 2 * TO_TAKE
    assert not crowd.take("another", "b")


def slow_reader(origin: Running, target: str) -> socket.socket:
    """A client that asks and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE)
    client.connect(("127.0.0.1", origin.port))
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def is_cut_off(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        while client.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


@pytest.mark.slow
def test_slow_readers_of_large_pictures_are_bounded(tmp_path: Path) -> None:
    noise = {f"{name}.png": pictures.noise_png(1400, 1400, seed) for seed, name in enumerate("abc")}
    plain = settings(tmp_path, tmp_path / "cache", error_status="exact")
    with Running(
        {**plain, "cache": {"path": str(tmp_path / "cache"), "memory": 0}}, source=Shelf(**noise)
    ) as origin:
        now = 0.0
        bodies = origin.origin.bodies
        bodies._clock = lambda: now
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
        # Another address gets room, once the slow ones had their time.
        elsewhere = "127.0.0.2"
        assert origin.get("/h/c.png", source=elsewhere).status == 503
        now = 2 * TO_TAKE
        assert origin.get("/h/c.png", source=elsewhere).status == 200
        wait_until(lambda: any(is_cut_off(client) for client in clients), "a slow one is cut off")
        for client in clients:
            client.close()
        wait_until(lambda: bodies.bytes == 0, "all is let go")
        assert origin.get("/h/c.png").status == 200
