"""More than can be rendered: who is turned away is told so at once, and everyone else is served.

A renderer stopped by SIGSTOP is a render that takes for ever, and goes on when the test wants.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import pictures
from tests.support.running import PATIENCE
from tests.support.running import Clock
from tests.support.running import Exchange
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

TOKEN = "a token for the purge"
KEYS = [f"k{n}.jpg" for n in range(40)]

Start = Callable[..., Running]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(**dict.fromkeys(KEYS, pictures.small()))


@pytest.fixture
def start(tmp_path: Path, shelf: Shelf) -> Iterator[Start]:
    """Starts an origin with one renderer; what is given besides the limits is for its handler."""
    running: list[Running] = []

    def start(limits: dict[str, Any], clock: Clock | None = None, **handler: Any) -> Running:
        config = settings(tmp_path, tmp_path / "cache", error_status="exact", **handler)
        config |= {"limits": limits, "admin": {"token": TOKEN}}
        running.append(Running(config, source=shelf, clock=clock).__enter__())
        return running[-1]

    yield start
    for origin in running:
        origin.__exit__(None, None, None)


def renderer(origin: Running) -> int:
    """The process of the one renderer."""
    wait_until(lambda: len(origin.origin.pool.processes) == 1, "there is a renderer")
    return origin.origin.pool.processes[0]


@contextmanager
def stopped(origin: Running) -> Iterator[int]:
    """The renderer stands still, unless it is replaced; it goes on at the end."""
    wait_until(lambda: origin.origin.pool.idle, "the renderer has nothing to do")
    process = renderer(origin)
    os.kill(process, signal.SIGSTOP)
    wait_until(lambda: state(process) == "T", "the renderer stands still")
    try:
        yield process
    finally:
        if state(process) == "T":
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def state(process: int) -> str:
    """The letter of proc_pid_stat(5); empty when the process is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # before it is opened, and before it is read
        return ""


def wait_for_renders(origin: Running, waiting: int) -> None:
    """Until one render is under way and so many wait."""
    pool = origin.origin.pool
    wait_until(lambda: (pool.busy, pool.waiting) == (1, waiting), f"one renders and {waiting} wait")


def fill(origin: Running, waiting: int) -> list[Exchange]:
    """One request that is rendered, then those that wait for it."""
    exchanges = [origin.send(f"/h/{KEYS[0]}?w=10")]
    wait_for_renders(origin, 0)
    for n in range(1, waiting + 1):
        exchanges.append(origin.send(f"/h/{KEYS[n]}?w=10"))
        wait_for_renders(origin, n)
    return exchanges


def purge(origin: Running, key: str) -> Any:
    """What POST /-/purge answers."""
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=PATIENCE)
    with closing(connection):
        body = json.dumps({"handler": "h", "key": key})
        connection.request("POST", "/-/purge", body, {"Authorization": f"Bearer {TOKEN}"})
        return json.loads(connection.getresponse().read())


def answered(origin: Running, status: int) -> int:
    """How many answers had this status."""
    text = origin.get("/-/metrics").body.decode()
    counts = re.findall(rf'^origin_requests_total{{.*status="{status}"}} (\d+)', text, re.MULTILINE)
    return sum(map(int, counts))


# --- a full queue -----------------------------------------------------------------------------------


def test_a_request_beyond_the_queue_is_turned_away_at_once(start: Start) -> None:
    origin = start({"queue": 2, "queue_timeout": 30})
    with stopped(origin):
        admitted = fill(origin, waiting=2)
        took = []
        for n in range(10, 20):
            begun = time.perf_counter()
            answer = origin.get(f"/h/{KEYS[n]}?w=10&f=webp")
            took.append(time.perf_counter() - begun)
            assert (answer.status, answer.kind) == (503, "overloaded")
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Cache-Control"] == "no-store"
            assert (pictures.opened(answer.body).format, answer.type) == ("WEBP", "image/webp")
    assert min(took) < 0.05  # the others wait for this machine, not for the origin
    assert max(took) < 2
    assert [exchange.answer().status for exchange in admitted] == [200, 200, 200]


def test_all_else_goes_on_while_the_queue_is_full(start: Start) -> None:
    origin = start({"queue": 1, "queue_timeout": 30})
    first = origin.get("/h/k30.jpg?w=10")
    origin.get("/h/k31.jpg?w=10")
    origin.get("/h/nothing.jpg")
    with stopped(origin):
        admitted = fill(origin, waiting=1)
        assert origin.get("/h/k35.jpg?w=10").status == 503
        assert origin.get("/h/k30.jpg?w=10").body == first.body
        assert origin.get("/h/k30.jpg", headers={"If-None-Match": "*"}).status == 503  # another picture
        unchanged = origin.get("/h/k30.jpg?w=10", headers={"If-None-Match": first.headers["ETag"]})
        assert unchanged.status == 304
        assert origin.get("/status").body == b"OK"
        assert origin.get("/-/ready").status == 200
        assert b"origin_render_queue 1.0" in origin.get("/-/metrics").body
        assert origin.get("/h/nothing.jpg?w=30").status == 404
        assert purge(origin, "k31.jpg") == {"purged": 2}
    assert [exchange.answer().status for exchange in admitted] == [200, 200]


def test_an_original_is_not_fetched_to_be_thrown_away(start: Start, shelf: Shelf) -> None:
    origin = start({"queue": 0})
    with stopped(origin):
        admitted = fill(origin, waiting=0)
        shelf.hold()  # however slow the source is
        assert origin.get("/h/k9.jpg?w=10").status == 503
        assert [key for key, _ in shelf.gets] == ["k0.jpg"]
        shelf.release()
    assert admitted[0].answer().status == 200


def test_a_wait_longer_than_the_queue_timeout_ends_as_overloaded(start: Start) -> None:
    origin = start({"queue": 2, "queue_timeout": 0.3})
    with stopped(origin):
        admitted = fill(origin, waiting=1)
        answer = admitted[1].answer()
        assert (answer.status, answer.kind) == (503, "overloaded")
        assert origin.origin.pool.waiting == 0
    assert admitted[0].answer().status == 200


def test_a_crowd_of_different_pictures_is_shed(start: Start) -> None:
    origin = start({"queue": 3, "queue_timeout": 30})
    with stopped(origin):
        crowd = [origin.send(f"/h/{key}?w=10") for key in KEYS]
        wait_until(lambda: answered(origin, 503) == len(KEYS) - 4, "all but four have their answer")
        assert origin.origin.admission.bytes == 4 * len(pictures.small())
    statuses = sorted(exchange.answer().status for exchange in crowd)
    assert statuses == [200] * 4 + [503] * (len(KEYS) - 4)


def test_a_slow_source_holds_no_renderer(start: Start, shelf: Shelf) -> None:
    origin = start({})
    origin.get("/h/k0.jpg?w=10")
    shelf.hold()
    slow = [origin.send(f"/h/{key}?w=10") for key in KEYS[1:11]]
    wait_until(lambda: len(shelf.gets) == 11, "the source is asked for all of them")
    assert origin.get("/h/k0.jpg?w=20").status == 200  # from the kept original
    shelf.release()
    assert {exchange.answer().status for exchange in slow} == {200}


# --- clients that go away ---------------------------------------------------------------------------


def test_a_client_that_leaves_frees_its_place_in_the_queue(start: Start) -> None:
    origin = start({"queue": 2, "queue_timeout": 30})
    with stopped(origin):
        rendered, left, waits = fill(origin, waiting=2)
        left.leave()
        wait_for_renders(origin, 1)
        newcomer = origin.send("/h/k20.jpg?w=10")
        wait_for_renders(origin, 2)
    assert [exchange.answer().status for exchange in (rendered, waits, newcomer)] == [200, 200, 200]


def test_a_client_that_leaves_ends_its_render(start: Start) -> None:
    origin = start({"queue_timeout": 30})
    with stopped(origin) as process:
        left, waits = fill(origin, waiting=1)
        left.leave()
        assert waits.answer().status == 200  # by another process, for this one still stands
        assert state(process) in ("", "Z")
    assert origin.origin.admission.bytes == 0


def test_clients_that_leave_do_not_wear_renderers_out(start: Start) -> None:
    """A render that nobody waits for any more may end, since a new process costs more than it."""
    origin = start({})
    pool = origin.origin.pool
    before = pool.processes, pool.restarts
    for width in range(100, 130):
        left = origin.send(f"/h/k0.jpg?w={width}&f=png")
        wait_until(lambda: pool.busy or origin.origin.metrics.in_flight == 0, "it is being rendered")
        left.leave()
    wait_until(lambda: origin.origin.metrics.in_flight == 0 and pool.idle, "all have ended")
    assert (pool.processes, pool.restarts) == before


def test_a_flood_on_one_handler_leaves_places_to_the_others(tmp_path: Path) -> None:
    config = settings(tmp_path, tmp_path / "cache", error_status="exact")
    config["handlers"].append({**config["handlers"][0], "name": "other"})
    config["limits"] = {"queue": 8, "queue_timeout": 30}
    shelf = Shelf(**dict.fromkeys(KEYS, pictures.small()))
    with Running(config, source=shelf) as origin:
        with stopped(origin):
            flood = [origin.send(f"/h/{key}?w=10") for key in KEYS[:9]]
            wait_until(lambda: origin.origin.pool.waiting == 8, "the queue is full")
            assert origin.get(f"/h/{KEYS[9]}?w=10").kind == "overloaded"
            others = [origin.send(f"/other/{key}?w=10") for key in KEYS[:3]]
            wait_until(lambda: sum(map(has_answer, flood)) == 3, "three of the flood have made way")
        assert [exchange.answer().status for exchange in others] == [200] * 3
        assert sorted(exchange.answer().status for exchange in flood) == [200] * 6 + [503] * 3


def has_answer(exchange: Exchange) -> bool:
    return bool(select.select([exchange.socket], [], [], 0)[0])


def waiting_for_the_same(origin: Running) -> int:
    """How many wait for the one result that is being made."""
    return origin.origin.handlers["h"].renditions.waiting


def test_a_client_that_leaves_takes_nothing_from_who_waits_for_the_same(start: Start) -> None:
    origin = start({"queue_timeout": 30})
    with stopped(origin):
        left = origin.send("/h/k0.jpg?w=10")
        wait_for_renders(origin, 0)
        stays = origin.send("/h/k0.jpg?w=10")
        wait_until(lambda: waiting_for_the_same(origin) == 2, "both wait")
        left.leave()
        wait_until(lambda: origin.origin.metrics.in_flight == 1, "one has gone")
    assert stays.answer().status == 200
    assert origin.origin.pool.restarts == 0


# --- renders that do not end ------------------------------------------------------------------------


def test_a_render_past_its_time_is_killed_and_answered_within_200_ms(start: Start) -> None:
    limit = 0.5
    origin = start({"render_timeout": limit})
    late = []
    for key in KEYS[:4]:
        with stopped(origin) as process:
            begun = time.perf_counter()
            answer = origin.get(f"/h/{key}?w=10")
            late.append(time.perf_counter() - begun - limit)
            assert (answer.status, answer.kind) == (504, "render-failed")
            assert answer.headers["Cache-Control"] == "no-store"
            wait_until(lambda process=process: state(process) == "", "the renderer is gone")  # type: ignore[misc]
    assert min(late) > -0.05
    assert min(late) < 0.2  # the others waited for this machine as well


def crash(origin: Running, target: str) -> tuple[int, str | None]:
    """Ask for a picture whose renderer meets a SIGSEGV."""
    with stopped(origin) as process:
        exchange = origin.send(target)
        wait_for_renders(origin, 0)
        os.kill(process, signal.SIGSEGV)
    answer = exchange.answer()
    return answer.status, answer.kind


def test_a_crash_costs_only_its_own_request(start: Start) -> None:
    origin = start({"queue_timeout": 30})
    with stopped(origin) as process:
        crashed, *others = fill(origin, waiting=3)
        os.kill(process, signal.SIGSEGV)
    answer = crashed.answer()
    assert (answer.status, answer.kind) == (500, "render-failed")
    assert answer.headers["Cache-Control"] == "no-store"
    assert [exchange.answer().status for exchange in others] == [200, 200, 200]


def test_a_picture_that_crashed_twice_is_left_alone_for_a_while(start: Start) -> None:
    clock = Clock()
    origin = start({}, clock)
    pool = origin.origin.pool
    assert crash(origin, "/h/k0.jpg?w=10") == (500, "render-failed")
    assert crash(origin, "/h/k0.jpg?w=11") == (500, "render-failed")
    wait_until(lambda: pool.idle, "there is a renderer again")
    with stopped(origin):  # nothing can be rendered, and nothing is tried
        answer = origin.get("/h/k0.jpg?f=webp")  # its fallback is at hand
        assert (answer.status, answer.kind) == (422, "unprocessable")
        assert pool.busy == 0
    assert origin.get("/h/k1.jpg?w=12").status == 200  # the same bytes under another key
    clock.now += 3600
    assert origin.get("/h/k0.jpg?w=12").status == 200


def test_a_picture_that_crashed_once_is_tried_again(start: Start) -> None:
    origin = start({}, Clock())
    for width in (10, 20, 30):
        assert crash(origin, f"/h/k0.jpg?w={width}") == (500, "render-failed")
        assert origin.get(f"/h/k0.jpg?w={width + 1}").status == 200


@pytest.mark.slow
def test_a_picture_that_overran_twice_is_left_alone_at_that_size_in_that_format(start: Start) -> None:
    """Odd qualities, asked for while the machine is busy, must not take the usual sizes away."""
    origin = start({"render_timeout": 3}, Clock())  # enough for those that are not stopped, anywhere
    for quality in (99, 98):
        with stopped(origin):
            assert origin.get(f"/h/k0.jpg?w=80&f=webp&q={quality}").kind == "render-failed"
        wait_until(lambda: origin.origin.pool.idle, "there is a renderer again")
    for query in ("w=80&f=webp&q=97", "w=40&f=webp", "f=webp"):
        assert origin.get(f"/h/k0.jpg?{query}").kind == "unprocessable"
    for query in ("w=80&f=gif", "w=39&f=webp"):
        assert origin.get(f"/h/k0.jpg?{query}").status == 200
    assert origin.get("/h/k0.jpg?w=80&f=webp").status == 200  # the success in between counts


# --- variants without end ---------------------------------------------------------------------------


def results(origin: Running, key: str) -> int:
    """How many results of this original there are, in every tier."""
    original = origin.origin.handlers["h"].read(key, b"").original
    (cache,) = origin.origin.caches.by_folder.values()
    return origin.call(cache.count_results(original))


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("ladder")
    shelf = Shelf(**{"k0.jpg": pictures.small()})
    with Running(settings(folder, folder / "cache", widths=[40, 20, 80]), source=shelf) as origin:
        yield origin


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("w=1", (20, 16)),
        ("w=20", (20, 16)),
        ("w=21", (40, 32)),
        ("w=9999", (80, 64)),
        ("w=30&h=15", (40, 20)),  # the box grows as one
        ("w=15&dpr=2", (40, 32)),
        ("", (100, 80)),  # the original's own size is one result more
    ],
)
def test_widths_snap_up_to_the_next_step(ladder: Running, query: str, size: tuple[int, int]) -> None:
    assert pictures.opened(ladder.get(f"/h/k0.jpg?{query}").body).size == size


def test_a_sweep_over_all_widths_makes_as_many_results_as_there_are_steps(ladder: Running) -> None:
    ladder.call(ladder.origin.handlers["h"].purge("k0.jpg", None))
    answers = [ladder.get(f"/h/k0.jpg?w={width}") for width in range(1, 120)]
    assert {pictures.opened(answer.body).width for answer in answers} == {20, 40, 80}
    assert results(ladder, "k0.jpg") == 3


def test_variants_past_the_cap_are_refused(start: Start) -> None:
    origin = start({}, variants=3)
    assert [origin.get(f"/h/k0.jpg?w={width}").status for width in (10, 20, 30)] == [200, 200, 200]
    for width in range(31, 61):
        answer = origin.get(f"/h/k0.jpg?w={width}")
        assert (answer.status, answer.kind) == (400, "bad-request")
        assert answer.headers["Cache-Control"] == "no-store"
    assert results(origin, "k0.jpg") == 3
    assert [origin.get(f"/h/k0.jpg?w={width}").status for width in (10, 20, 30)] == [200, 200, 200]
    assert origin.get("/h/k1.jpg?w=40").status == 200


def test_variants_asked_for_at_once_stay_under_the_cap(start: Start) -> None:
    origin = start({"queue_timeout": 30}, variants=3)
    with stopped(origin):
        crowd = [origin.send(f"/h/k0.jpg?w={width}") for width in range(10, 30)]
        wait_until(lambda: answered(origin, 400) == 17, "all but three have their answer")
    statuses = sorted(exchange.answer().status for exchange in crowd)
    assert statuses == [200] * 3 + [400] * 17
    assert results(origin, "k0.jpg") == 3


def test_a_source_that_hangs_takes_no_renderer_and_no_place_from_others(tmp_path: Path) -> None:
    """Requests that wait for their originals are not in the queue for renderers."""
    config = settings(tmp_path, tmp_path / "cache", error_status="exact")
    config["handlers"].append({**config["handlers"][0], "name": "hung"})
    config["limits"] = {"queue": 39}  # and one renders: as many as hang
    shelf, hung = Shelf(**dict.fromkeys(KEYS, pictures.small())), Shelf()
    with Running(config, sources={"h": shelf, "hung": hung}) as origin:
        hung.hold()
        waiting = [origin.send(f"/hung/{key}?w=10") for key in KEYS]
        expected = origin.origin.pool._reserved
        wait_until(lambda: expected["hung"] == len(KEYS), "all that it may begin has begun")
        assert origin.origin.admission.fetching == 32
        assert origin.get("/hung/one-more.jpg").kind == "overloaded"
        assert [origin.get(f"/h/{key}?w=10").status for key in KEYS[:5]] == [200] * 5
        hung.release()
        assert {exchange.answer().kind for exchange in waiting} == {"not-found"}
