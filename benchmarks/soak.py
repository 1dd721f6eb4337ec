"""Minutes of mixed traffic over an origin to which everything happens.

    python -m benchmarks.soak [--minutes 10 | --quick] [--into FOLDER]

A renderer is killed every second, S3 stops twice, the disk of the cache fills up and is lost. Every
picture that comes back is looked at. Exit status 1 when one was wrong, a process was lost or memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import soak_pictures
from benchmarks import soak_report
from benchmarks.machine import memory
from benchmarks.machine import memory_of
from benchmarks.origins import Process
from benchmarks.origins import Serve
from benchmarks.origins import serve
from benchmarks.origins import wait_until_ready
from benchmarks.ports import closed_port
from benchmarks.soak_faults import ACCESS
from benchmarks.soak_faults import BUCKET
from benchmarks.soak_faults import SECRET
from benchmarks.soak_faults import Disk
from benchmarks.soak_faults import Killer
from benchmarks.soak_faults import Store
from benchmarks.soak_faults import is_renderer
from benchmarks.soak_faults import play
from benchmarks.soak_faults import renderers
from benchmarks.soak_faults import timetable
from benchmarks.soak_report import EXPECTED
from benchmarks.soak_report import FAULTS_END
from benchmarks.soak_report import JUDGED
from benchmarks.soak_report import Record
from benchmarks.soak_traffic import Traffic

RENDERERS = 2
CLIENTS = 8
FIRST = 300  # pictures at the start, so that the caches fill in the first third
FEW = 40  # of a quick one
DISK = 160  # MB
QUICK = 8.0  # seconds
STAND_STILL, QUICK_STAND_STILL = 10, 4  # of so many renderers, one is not killed but stopped
GROWTH = 2.0  # seconds until there is one picture more
TOKEN = "a token for the purges of a soak"
PATIENCE = 120.0  # seconds that an origin may take to start, and to end
NEW = 20  # pictures that have to come once nothing is broken any more
HEALED = 120.0  # seconds until they have, also where ten times as much runs beside: the mark `healed` tells


@contextlib.contextmanager
def origin(folder: Path, store: Store, disk: Disk, serve: Serve) -> Iterator[tuple[Process, int]]:
    """The process and its port."""
    port = closed_port()
    source = {"type": "s3", "bucket": BUCKET, "endpoint_url": store.url, "region": "us-east-1"}
    keys = {"access_key": ACCESS, "secret_key": SECRET, "addressing_style": "path"}
    handler = {"name": "p", "source": source | keys, "error_status": "exact", "cache_time": 30}
    config = {
        "handlers": [handler | {"stale_while_revalidate": 60, "error_max_age": 2}],
        "drain": 0,
        "http_host": "127.0.0.1",
        "http_port": port,
        "cache": {"path": str(disk.cache), "max_size": "100MB", "memory": "8MB"},
        "renderers": RENDERERS,
        "limits": {"render_timeout": 2, "source_timeout": 5},
        "admin": {"token": TOKEN},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    log = folder / "log"
    process = serve(path, log, {})
    try:
        wait_until_ready(process, port, log, PATIENCE)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _call(port: int, method: str, path: str, body: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        return response.status, response.read()


async def grow(store: Store, traffic: Traffic, first: int) -> None:
    """The first pictures as fast as they can be made, then more and more."""
    while True:
        await _put_another(store, traffic)
        if traffic.pictures >= first:
            await asyncio.sleep(GROWTH)


async def _put_another(store: Store, traffic: Traffic) -> bool:
    """Put one picture more; whether S3 took it."""
    number = traffic.pictures
    body = await asyncio.to_thread(soak_pictures.original, number)
    taken = await asyncio.to_thread(store.put, soak_pictures.key(number), body)
    traffic.pictures += taken
    return taken


async def operate(port: int, root: int, traffic: Traffic, record: Record) -> None:
    """Every second: status, memory, and a purge."""
    dice = random.Random(2)
    while True:
        await asyncio.sleep(1)
        since = time.perf_counter()
        status, body = await asyncio.to_thread(_call, port, "GET", "/status")
        record.note("status", (time.perf_counter() - since) * 1000)
        if (status, body) != (200, b"OK"):
            record.wrong.append(f"/status: {status}")
        wanted = {"handler": "p", "key": soak_pictures.key(dice.randrange(traffic.pictures))}
        status, _ = await asyncio.to_thread(_call, port, "POST", "/-/purge", json.dumps(wanted))
        record.note("purge" if status == 200 else "purge failed", (time.perf_counter() - since) * 1000)
        whole, own = await asyncio.to_thread(lambda: (memory(root), memory_of(root)))
        record.memory.append((record.now, *whole, own[0]))


async def soak(seconds: float, store: Store, disk: Disk, port: int, root: int) -> tuple[Record, set[int]]:
    """All of it together. The record, which starts when the first pictures are there, and every renderer
    that was ever seen."""
    record = Record(seconds)
    traffic = Traffic(port, record)
    first, stand_still = (FEW, QUICK_STAND_STILL) if seconds < JUDGED else (FIRST, STAND_STILL)
    growing = asyncio.create_task(grow(store, traffic, first))
    while traffic.pictures < first:  # noqa: ASYNC110 - once, before the soak begins
        await asyncio.sleep(0.05)
    record.started = time.monotonic()
    killer = Killer(root, stand_still)
    killing, playing = faults = _tasks(killer.run(), play(timetable(seconds, store, disk), record.mark))
    users = _tasks(operate(port, root, traffic, record), *(traffic.visit(seed) for seed in range(CLIENTS)))
    users.append(growing)
    await _until(record, seconds * FAULTS_END, faults + users)
    await playing  # a slow machine is late; S3 has to be there again
    await _end([killing])
    record.mark("faults end")
    await _until(record, seconds, users)
    await _end(users)
    record.kills, record.stops = killer.kills, killer.stops
    await heal(traffic, record, root, store)
    traffic.close()
    return record, killer.seen | renderers(root)


def _tasks(*work: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(one) for one in work]


async def _until(record: Record, second: float, tasks: list[asyncio.Task[None]]) -> None:
    """Wait; a task that fails ends the soak."""
    while record.now < second:
        left = second - record.now
        done, pending = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        tasks = list(pending)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def heal(traffic: Traffic, record: Record, root: int, store: Store) -> None:
    """Once nothing is broken any more, every renderer is there and new pictures come. Each is asked for once:
    one that was in two renderers when they were killed, or stood still, is left alone for a while."""
    deadline = time.monotonic() + HEALED
    while len(there := renderers(root)) != RENDERERS:
        await asyncio.sleep(0.1)
        if time.monotonic() > deadline:
            record.lost.append(f"{len(there)} of {RENDERERS} renderers are there")
            return
    dice = random.Random(3)
    came = 0
    while came < NEW:
        outcome = "not taken by S3"
        if await _put_another(store, traffic):
            outcome = await traffic.ask(soak_pictures.some_rendering(traffic.pictures - 1, dice))
        if outcome in EXPECTED:
            came += 1
        else:
            await asyncio.sleep(0.5)
        if time.monotonic() > deadline:
            record.wrong.append(f"{came} of {NEW} new pictures came in {HEALED:.0f} s, the last is {outcome}")
            return
    record.mark("healed")


def stop(process: Process, record: Record, seen: set[int]) -> None:
    """Ask the origin to stop; it and every process it had are gone then."""
    process.terminate()
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        record.lost.append("the origin does not stop")
        return
    if code != 0:
        record.lost.append(f"the origin ended with {code}")
    record.lost += [f"renderer {pid} is left over" for pid in sorted(seen) if is_renderer(pid)]


def run(seconds: float, folder: Path, serve: Serve) -> Record:
    store, disk = Store(folder / "s3"), Disk(folder / "disk", DISK)
    if not disk.mounted:
        print("no small disk can be mounted here, so none is filled", file=sys.stderr)
    try:
        store.start()
        with origin(folder, store, disk, serve) as (process, port):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                record, seen = runner.run(soak(seconds, store, disk, port, process.pid))
            if process.poll() is not None:
                record.lost.append(f"the origin ended by itself with {process.returncode}")
            stop(process, record, seen)
        tracebacks = (folder / "log").read_text().count("Traceback")
        if tracebacks:
            record.wrong.append(f"{tracebacks} tracebacks in the log")
        return record
    finally:
        store.stop()
        disk.close()


def main(given: Sequence[str] | None = None, serve: Serve = serve) -> int:
    """The exit status. `given` is the command line, where it is another one than that of this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="seconds, too short to judge memory")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--log", type=Path, help="keep the log of the origin there")
    arguments = parser.parse_args(given)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        record = run(QUICK if arguments.quick else arguments.minutes * 60, Path(folder), serve)
        if arguments.log:
            shutil.copy(Path(folder, "log"), arguments.log)
    soak_report.write(record, arguments.into)
    print(soak_report.table(record))
    for failure in record.failures[:50]:
        print(failure, file=sys.stderr)
    return 1 if record.failures else 0


if __name__ == "__main__":
    sys.exit(main())
