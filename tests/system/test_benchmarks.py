"""The benchmarks measure what they say; whether the figures are good is theirs to tell."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import client
from benchmarks import machine
from benchmarks import pictures
from benchmarks import ports
from benchmarks import publish
from benchmarks import replay
from benchmarks import report
from benchmarks import run as runner
from benchmarks import servers
from benchmarks import stores
from benchmarks.bench import FULL
from benchmarks.bench import QUICK
from benchmarks.bench import TINY
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Form
from benchmarks.bench import Outcome
from benchmarks.drive import Targets
from benchmarks.drive import drive
from benchmarks.publish import Cases
from benchmarks.rounds import Drive
from benchmarks.rounds import Round
from benchmarks.rounds import Row
from origin.cache.disk_store import DiskStore
from tests.support.documents import miss
from tests.support.running import PATIENCE
from tests.support.stream_server import stream_server

REPOSITORY = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of 2 megapixels, as a run makes it where it is not there yet: it takes half a second."""
    return pictures.original(tmp_path_factory.mktemp("original"), "2MP")


def with_original(original: Path, folder: Path) -> Path:
    """A folder for a run to work in."""
    (folder / "work" / "originals").mkdir(parents=True)
    os.link(original, folder / "work" / "originals" / original.name)
    return folder / "work"


@pytest.mark.xdist_group("benchmarks")
@pytest.mark.timeout(240)
def test_the_tiny_form_measures_and_finds_no_wrong_answer(original: Path, tmp_path: Path) -> None:
    cases = ("replay", "miss-2MP", "uploads")
    command = [sys.executable, "-m", "benchmarks.run", "--tiny"]
    command += [part for case in cases for part in ("--only", case)]
    command += ["--work", str(with_original(original, tmp_path)), "--results", str(tmp_path)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=200)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads((tmp_path / "tiny.json").read_text())["cases"]
    assert found.keys() == set(cases)  # each is written when it is done
    rows = {(row["case"], row["server"]): row["rounds"][0] for case in found.values() for row in case["rows"]}
    assert {case for case, _ in rows} == {
        "2MP to jpg",
        "2MP, posted",
        "replay, 50 million a day",
        "replay, 100 million a day",
    }
    assert all(one["drive"]["requests"] > 0 and one["drive"]["errors"] == 0 for one in rows.values())
    miss = rows["2MP to jpg", "origin"]
    assert miss["cpu"] > miss["first"] > 0
    assert miss["cpu"] > 1  # milliseconds: nobody renders 2 megapixels in less
    assert "| 2MP to jpg | origin |" in run.stdout
    assert "| replay: errors | <= 0 | 0 |  | met |" in run.stdout
    assert run.stderr.count("filling a store with 300 large entries:") == 1
    assert ("as S3 gives them out" in run.stderr) == bool(NGINX)


@pytest.mark.parametrize("form", [QUICK, FULL])
def test_a_form_touches_every_case(form: Form) -> None:
    assert runner._chosen([], form) == list(runner.CASES)
    assert all(form.formats_of(size) for size in pictures.MEGAPIXELS)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@asynccontextmanager
async def slow_server(pause: float) -> AsyncIterator[int]:
    """Answers one request after the other, each after a pause: its port."""
    one_at_a_time = asyncio.Lock()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        async with one_at_a_time:
            await asyncio.sleep(pause)
        writer.write(ANSWER)
        await writer.drain()

    async with stream_server(answer) as server:
        yield server.port


async def test_an_open_loop_counts_the_wait_from_when_a_request_was_due() -> None:
    async with slow_server(0.05) as port:
        load = await client.open_loop(port, [(0.0, "/")] * 10, lambda _, reply: reply.body == b"ok")
    # The last of ten waits for nine others; a closed loop would have seen 50 ms for each.
    assert len(load.latencies) == 10
    assert max(load.latencies) >= 10 * 50
    assert load.errors == 0


async def test_a_closed_loop_waits_for_what_it_asked() -> None:
    async with slow_server(0.05) as port:
        endless = iter(lambda: "/", None)
        load = await client.closed_loop(port, endless, lambda _, reply: reply.status == 200, 2, 0.12)
    assert load.errors == 0
    assert load.seconds >= len(load.latencies) * 0.05


@pytest.mark.parametrize(("kind", "are_right"), [("text/plain", True), ("image/jpeg", False)])
async def test_wrk_counts_answers_and_those_that_are_wrong(kind: str, are_right: bool) -> None:
    if shutil.which("wrk") is None:
        miss("wrk is not installed (Debian: wrk)")
    async with slow_server(0.02) as port:
        server = servers.running_already("slow", f"http://127.0.0.1:{port}/{{key}}?w={{width}}&f={{format}}")
        targets = Targets("/%o.jpg?w=4%v", 30, kind)
        found = await asyncio.to_thread(drive, server, targets, 2, 1.0)
    assert 1 < found.requests <= 50 * found.seconds + 2  # one after the other, after a pause each
    assert found.errors == (0 if are_right else found.requests)
    assert found.p50 >= 20


async def test_a_server_that_is_not_there_is_an_error_for_each_request() -> None:
    load = await client.open_loop(ports.closed_port(), [(0.0, "/")] * 3, lambda _, reply: reply.status == 200)
    assert load.errors == 3


@pytest.mark.parametrize("wrong", [(501, "jpg"), (500, "webp")])
def test_a_picture_of_another_size_or_format_is_refused(tmp_path: Path, wrong: tuple[int, str]) -> None:
    Image.new("RGB", (500, 10)).save(tmp_path / "picture", "JPEG")
    body = (tmp_path / "picture").read_bytes()
    pictures.check(body, 500, "jpg")
    with pytest.raises(pictures.WrongPicture):
        pictures.check(body, *wrong)
    with pytest.raises(pictures.WrongPicture):
        pictures.check(body[:-100], 500, "jpg")


def test_a_marked_picture_still_decodes_and_tells_whose_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (500, 10)).save(tmp_path / "picture", "JPEG")
    body = stores.marked((tmp_path / "picture").read_bytes(), 123)
    pictures.check(body, 500, "jpg")
    assert stores.is_marked(body, 123)
    assert not stores.is_marked(body, 124)


def test_a_copied_store_takes_writes_that_the_filled_one_does_not_see(tmp_path: Path) -> None:
    filled = DiskStore(tmp_path / "filled", 10**8)
    large = bytes(50_000)  # in a file of its own
    filled.put_all([("large", (large,)), ("small", (b"s",))])
    filled.close()
    stores.copied(tmp_path / "filled", tmp_path / "copy")
    copy = DiskStore(tmp_path / "copy", 10**8)
    copy.put("new", b"n")
    assert copy.delete("large")
    assert bytes(copy.get("small") or b"") == b"s"
    copy.close()
    again = DiskStore(tmp_path / "filled", 10**8)
    assert bytes(again.get("large") or b"") == large
    assert again.get("new") is None
    again.close()


def test_a_case_is_named_whole_or_by_how_its_name_begins() -> None:
    assert runner._chosen(["disk"], FULL) == ["disk"]
    assert runner._chosen(["hot", "crowd"], FULL) == ["hot-20kB", "hot-80kB", "crowd"]


def test_the_stand_in_of_s3_has_its_port_again_unless_another_run_has_it(tmp_path: Path) -> None:
    bench = Bench(TINY, tmp_path, frozenset())
    port = runner._usual_port(bench)
    with socket.create_server(("127.0.0.1", port)):
        assert runner._usual_port(bench) != port
    assert runner._usual_port(bench) == port


def test_a_trace_has_the_rate_of_its_name_and_one_new_url_in_twenty() -> None:
    found = replay.traces(20_000, seconds=4)
    for name, rate in (("50 million a day", 578.7), ("100 million a day", 1157.4)):
        trace = found[name]
        assert len(trace.numbers) == pytest.approx(4 * rate, abs=1)
        assert trace.seconds[-1] == pytest.approx(4, rel=0.15)
        assert len(trace.new) == pytest.approx(len(trace.numbers) / 20, abs=1)
        assert {number for number in trace.numbers if number >= 20_000} == trace.new  # not in the store
        times = Counter(number for one in found.values() for number in one.numbers)
        assert all(times[number] == 1 for number in trace.new)


def test_the_beginning_and_the_end_of_a_run_do_not_count() -> None:
    # Four clients, two cores, half a second each: two answers come each half second.
    load = client.Load(seconds=5.0, ended=[0.5 * (1 + n // 2) for n in range(20)])
    assert load.steady(4, until=4.4) == 4.0
    assert load.steady(4, until=2.0) == 0.0  # too short to say


def row(server: str, *rates: float, cpu: float = 1.0) -> Row:
    drives = [Drive(int(rate), 1.0, 1.0, 2.0, 0, 1000) for rate in rates]
    return Row("case", server, [Round(drive, cpu, 1, 1, 0.0) for drive in drives])


def test_servers_are_compared_within_each_round() -> None:
    # The machine is three times as slow in the last round, for both.
    assert row("origin", 300, 330, 100).times(row("nginx", 600, 600, 200)) == 0.5
    first, second = row("origin", 300), row("nginx", 600)
    first.rounds[0] = dataclasses.replace(
        first.rounds[0], drive=dataclasses.replace(first.rounds[0].drive, steady=400.0)
    )
    assert first.times(second) == 400 / 600
    assert row("origin", 1, cpu=2.0).times_by_cpu(row("nginx", 1, cpu=1.0)) == 0.5


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        (Bar("speed", 0.9, 0.9), "met"),
        (Bar("speed", 0.9, 0.89), "**not met**"),
        (Bar("p99", 250, 249, "ms", at_most=True), "met"),
        (Bar("p99", 250, 251, "ms", at_most=True), "**not met**"),
    ],
)
def test_a_bar_says_whether_it_is_met(bar: Bar, verdict: str) -> None:
    assert report.bars([bar]).endswith(f"| {verdict} |")


def test_runs_of_several_cases_add_up_in_one_file(tmp_path: Path) -> None:
    def write(name: str, *tables: str, machine_of: str = "") -> Cases:
        about = dataclasses.replace(machine.about(), cpu=machine_of or machine.about().cpu)
        written = report.Written(tmp_path, "full", about)
        written.add(name, report.Found(Outcome(tables=list(tables)), 1.0, "v1"))
        cases: Cases = json.loads(written.path.read_text())["cases"]
        return cases

    assert write("quality", "| quality |")["quality"]["tables"] == ["| quality |"]
    assert write("crowd", "| old |").keys() == {"quality", "crowd"}
    assert write("crowd", "| new |")["crowd"]["tables"] == ["| new |"]
    assert write("crowd", "| elsewhere |", machine_of="another").keys() == {"crowd"}  # no mixture of machines


def test_what_is_published_is_what_was_measured(tmp_path: Path) -> None:
    ours = row("origin", 300, 330, 100)
    bar = Bar.beside("a bar", 0.6, ours, row("nginx", 600, 600, 200, cpu=0.5))
    assert bar.by_cpu == 0.5
    written = report.Written(tmp_path, "full", machine.about())
    written.add("hot-20kB", report.Found(Outcome([ours], [bar]), 1.0, "v1"))
    whole = json.loads(written.path.read_text())
    blocks = publish.results(whole["machine"], whole["cases"])
    assert blocks["bars"] == report.bars([bar])
    assert blocks["hot-20kB"] == report.table([ours])
    assert "| `hot-20kB` |" in blocks["run"]


def test_every_case_has_its_place_in_the_results() -> None:
    assert publish.blocks_in(publish.RESULTS).keys() >= {"bars", "run", *runner.CASES}


def test_the_clock_of_a_process_counts_what_it_has_used() -> None:
    before = machine.process_seconds(os.getpid())
    used = time.process_time()
    while time.process_time() < used + 0.05:
        pass
    assert machine.process_seconds(os.getpid()) - before >= 0.05
    assert machine.process_seconds(None) == 0


FORKING = """
import http.server, os, pathlib, sys, time
child = os.fork()
if child == 0:
    time.sleep(600)
pathlib.Path(sys.argv[2]).write_text(str(child))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc of Linux")
def test_an_ended_server_leaves_none_of_its_processes(tmp_path: Path) -> None:
    port = ports.closed_port()
    command = [sys.executable, "-c", FORKING, str(port), str(tmp_path / "child")]
    with servers.running("forking", command, (0,), tmp_path, port) as root:
        child = int((tmp_path / "child").read_text())
        assert child in machine.tree(root)
    deadline = time.monotonic() + 10
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_running_server_is_named_by_the_template_of_its_urls() -> None:
    server = servers.running_already("mine", "http://127.0.0.1:9000/r/{width}x/{key}?f={format}&q={quality}")
    assert (server.host, server.port, server.pid) == ("127.0.0.1", 9000, None)
    assert server.target("a/b.jpg", 500, "webp") == "/r/500x/a/b.jpg?f=webp&q=80"
    with pytest.raises(ValueError, match="expected http://HOST:PORT"):
        servers.running_already("mine", "http://127.0.0.1:9000/no-key")


def test_a_ratio_tells_the_least_and_the_greatest_of_its_rounds() -> None:
    ratio = row("origin", 300, 330, 100).times(row("nginx", 600, 600, 200))
    assert (ratio.least, ratio.greatest, ratio.spread) == (0.5, 0.55, "0.50 to 0.55")
    assert row("origin", 1, 1).times(row("nginx", 2, 2)).spread == ""
    table = report.bars([Bar("a bar", 0.6, ratio)])
    assert "| 0.5 (0.50 to 0.55) |  | **not met** |" in table


def test_what_stands_in_brackets_is_for_formats_with_a_quality() -> None:
    peer = servers.running_already("imgproxy", "http://127.0.0.1:1/w:{width}[/q:{quality}]/{key}@{format}")
    assert peer.target("a.jpg", 500, "webp") == "/w:500/q:80/a.jpg@webp"
    assert peer.target("a.jpg", 500, "png") == "/w:500/a.jpg@png"


async def test_the_process_of_a_running_server_is_found_by_its_port() -> None:
    async with slow_server(0) as port:
        assert machine.listener(port) == os.getpid()
        assert servers.running_already("peer", f"http://127.0.0.1:{port}/{{key}}").pid == os.getpid()
    assert machine.listener(ports.closed_port()) is None


@pytest.mark.slow
def test_a_run_that_is_told_to_stop_leaves_no_server(original: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.run", "--tiny", "--only", "miss-2MP"]
    command += ["--work", str(with_original(original, tmp_path)), "--results", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        deadline = time.monotonic() + PATIENCE
        while not list((tmp_path / "work").glob("misses/cache/cache.db")):
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started = machine.tree(run.pid)
        assert len(started) > 2
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE) == 128 + signal.SIGTERM
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
