"""Many who want the same at once cost the source and the renderers what one would.

The source waits until all requests are in, so that nothing here depends on timing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from collections.abc import Sequence

import pytest

from origin.errors import SourceUnavailable
from tests.support import pictures
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Exchange
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(shelf: Shelf, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With a handler `h` that keeps results and originals and a handler `n` that keeps nothing."""
    top = tmp_path_factory.mktemp("coalescing")
    config = settings(top, top / "cache", error_max_age=0)
    config["handlers"].append(config["handlers"][0] | {"name": "n", "cache_enabled": False})
    with Running(config, source=shelf, clock=clock) as running:
        yield running


@pytest.fixture
def origin(running: Running, shelf: Shelf, clock: Clock) -> Iterator[Running]:
    """With a `cat.jpg` that no other test has asked for, behind a source that waits for `release`."""
    shelf.failure = None
    clock.now += 3600  # what was remembered of a failure is over
    for handler in running.origin.handlers.values():
        running.call(handler.purge(None, None))
    shelf.originals = {"cat.jpg": pictures.land()}
    shelf.gets.clear()
    shelf.cancelled = 0
    shelf.hold()
    yield running
    shelf.release()
    wait_until(lambda: running.origin.metrics.in_flight == 0, "all requests have ended")


def waiting_in(origin: Running) -> int:
    """How many requests wait for a picture; later than they are in flight, for the cache is asked first."""
    return sum(handler.renditions.waiting for handler in origin.origin.handlers.values())


def send(origin: Running, targets: Sequence[str]) -> list[Exchange]:
    """Send them all, and return when all wait for the source."""
    before = waiting_in(origin)
    exchanges = [origin.send(target) for target in targets]
    wait_until(lambda: waiting_in(origin) == before + len(targets), "all are waiting")
    return exchanges


def renders(origin: Running) -> int:
    """How many jobs the renderers have had."""
    return sum(renderer.jobs for renderer in origin.origin.pool._renderers)


def outcome(answers: Sequence[Answer]) -> set[tuple[int, str | None]]:
    return {(answer.status, answer.kind) for answer in answers}


@pytest.mark.slow
@pytest.mark.parametrize("handler", ["h", "n"])
def test_a_hundred_first_requests_make_one_get_and_one_render(
    origin: Running, shelf: Shelf, handler: str
) -> None:
    before = renders(origin)
    waiting = send(origin, [f"/{handler}/cat.jpg?w=300"] * 100)
    shelf.release()
    answers = [exchange.answer() for exchange in waiting]

    assert outcome(answers) == {(200, None)}
    assert len({answer.body for answer in answers}) == 1
    assert (len(shelf.gets), renders(origin) - before) == (1, 1)
    collapsed = [answer for answer in answers if "; collapsed" in answer.headers["Cache-Status"]]
    assert len(collapsed) == 99


def test_requests_that_mean_the_same_share_one_render(origin: Running, shelf: Shelf) -> None:
    before = renders(origin)
    queries = ["w=20&f=jpg", "f=jpeg&w=20", "width=20&format=JPG", "w=19.5&f=jpg&utm_source=mail"]
    queries += ["w=10&dpr=2&f=jpg", "w=20&h=&f=jpg", "w=20&h=0&f=jpg&c=true"]
    waiting = send(origin, [f"/h/cat.jpg?{query}" for query in queries])
    shelf.release()

    assert len({exchange.answer().body for exchange in waiting}) == 1
    assert (len(shelf.gets), renders(origin) - before) == (1, 1)


@pytest.mark.parametrize("handler", ["h", "n"])
def test_ten_sizes_at_once_fetch_the_original_once(origin: Running, shelf: Shelf, handler: str) -> None:
    before = renders(origin)
    waiting = send(origin, [f"/{handler}/cat.jpg?w={width}" for width in range(100, 200, 10)])
    shelf.release()

    widths = [pictures.opened(exchange.answer().body).width for exchange in waiting]
    assert widths == list(range(100, 200, 10))
    assert (len(shelf.gets), renders(origin) - before) == (1, 10)


def test_ten_sizes_one_after_the_other_fetch_the_original_once(origin: Running, shelf: Shelf) -> None:
    shelf.release()
    assert outcome([origin.get(f"/h/cat.jpg?w={width}") for width in range(10, 20)]) == {(200, None)}
    assert len(shelf.gets) == 1


def test_a_client_that_leaves_does_not_stop_the_others(origin: Running, shelf: Shelf) -> None:
    first, *others = send(origin, ["/h/cat.jpg?w=50"] * 3)
    first.leave()
    wait_until(lambda: waiting_in(origin) == 2, "the origin has noticed")
    shelf.release()

    assert outcome([exchange.answer() for exchange in others]) == {(200, None)}
    assert (len(shelf.gets), shelf.cancelled) == (1, 0)


def test_another_size_keeps_a_fetch_alive(origin: Running, shelf: Shelf) -> None:
    leaving, staying = send(origin, ["/h/cat.jpg?w=50", "/h/cat.jpg?w=60"])
    leaving.leave()
    wait_until(lambda: waiting_in(origin) == 1, "the origin has noticed")
    shelf.release()

    assert staying.answer().status == 200
    assert (len(shelf.gets), shelf.cancelled) == (1, 0)


def test_the_last_client_that_leaves_ends_the_work(origin: Running, shelf: Shelf) -> None:
    before = renders(origin)
    waiting = send(origin, ["/h/cat.jpg?w=50", "/h/cat.jpg?w=50", "/h/cat.jpg?w=60"])
    for exchange in waiting:
        exchange.leave()
    wait_until(lambda: shelf.cancelled == 1, "the fetch is given up")
    assert renders(origin) == before

    shelf.release()
    assert origin.get("/h/cat.jpg?w=50").status == 200
    assert len(shelf.gets) == 2


@pytest.mark.slow
def test_the_last_client_that_leaves_ends_the_render(origin: Running, shelf: Shelf) -> None:
    """By the end of the renderer, which cannot be stopped otherwise; the next one serves the next."""
    shelf.release()
    pool = origin.origin.pool
    restarts, stopped = pool.restarts, pool.processes
    for renderer in stopped:  # so that the render is never done before it is given up
        os.kill(renderer, signal.SIGSTOP)
    try:
        exchange = origin.send("/h/cat.jpg?w=60")
        wait_until(lambda: pool.busy == 1, "it is being rendered")
        exchange.leave()
        wait_until(lambda: pool.restarts == restarts + 1, "the renderer is replaced")
    finally:
        for renderer in set(stopped) & set(pool.processes):
            os.kill(renderer, signal.SIGCONT)

    assert origin.get("/h/cat.jpg?w=50").status == 200


@pytest.mark.parametrize("handler", ["h", "n"])
def test_one_failure_of_the_source_answers_all_who_wait(origin: Running, shelf: Shelf, handler: str) -> None:
    shelf.failure = SourceUnavailable("down")
    waiting = send(origin, [f"/{handler}/cat.jpg?w=20"] * 20)
    shelf.release()

    assert outcome([exchange.answer() for exchange in waiting]) == {(404, "source-unavailable")}
    assert len(shelf.gets) == 1


def test_a_flood_for_a_missing_key_asks_the_source_once(origin: Running, shelf: Shelf) -> None:
    """Even where CDNs are told to keep no failure, as here."""
    waiting = send(origin, ["/h/missing.jpg?w=20"] * 50)
    shelf.release()
    answers = [exchange.answer() for exchange in waiting] + [origin.get("/h/missing.jpg?w=30")]

    assert outcome(answers) == {(404, "not-found")}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert len(shelf.gets) == 1


def test_a_slow_source_holds_no_renderer(origin: Running, shelf: Shelf) -> None:
    shelf.release()
    assert origin.get("/h/cat.jpg?w=20").status == 200
    shelf.hold()
    waiting = send(origin, [f"/h/slow-{n}.jpg" for n in range(10)])

    assert origin.get("/h/cat.jpg?w=30").status == 200  # the original is at hand, and a renderer is free
    shelf.release()
    assert outcome([exchange.answer() for exchange in waiting]) == {(404, "not-found")}
