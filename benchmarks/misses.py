"""What has to be rendered: each URL asked for once, beside bare libvips, thumbor and ipx."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import client
from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import expect
from benchmarks.bench import started
from benchmarks.drive import summary
from benchmarks.rounds import Contender
from benchmarks.rounds import Drive
from benchmarks.rounds import Ratio
from benchmarks.rounds import Row
from benchmarks.rounds import by_server
from benchmarks.rounds import take_turns
from benchmarks.servers import Server
from benchmarks.ways import new_keys
from origin.render.environment import environment

CORES = 2  # each server's, and the load's as well where the machine has no more
CONNECTIONS = 4  # enough to keep two cores busy; who needs seconds for one has to finish them all
WIDTH = 500
NOTHING_KEPT = "origin, nothing kept"
FROM_FOLDER = ", from a folder"
_FAST = ("jpg", "webp")  # formats whose encoder takes so little that the way of the original shows
_COPIES = 8000  # originals, so that no server meets a URL twice


def misses(bench: Bench, size: str) -> Outcome:
    """JPEG to each format. The bar is the render function itself, run in as many processes."""
    on = machine.cores(CORES)
    path = pictures.original(bench.originals, size)
    keys = list(new_keys(bench, size, 500 if bench.form.is_tiny else _COPIES))
    for stale in ("thumbor", "thumbor-folder", "misses", "misses-folder"):
        shutil.rmtree(bench.work / stale, ignore_errors=True)
    outcome = Outcome(figures={f"bytes of an original of {size}": path.stat().st_size})
    with contextlib.ExitStack() as stack:
        found = [*started(stack, _starts(bench, on)), *bench.guests]
        processes = [stack.enter_context(_bare([core])) for core in on]
        everybody = [Asking(server, keys) for server in found]
        for format in bench.form.formats_of(size):
            askings = [one for one in everybody if format in _FAST or FROM_FOLDER not in one.server.name]
            contenders = [asking.contender(format) for asking in askings]
            contenders += [
                Bare(way, processes, path, format).contender() for way in ("pipeline", "thumbnail")
            ]
            for asking in askings:
                asking.look(format)
            rows = take_turns(f"{size} to {format}", contenders, bench.form.rounds, bench.form.miss_seconds)
            outcome.rows += rows
            outcome.bars += _bars(rows, bench.guests)
            if (size, format) == ("6MP", "jpg"):
                outcome.bars.append(_serving(rows[0], path))
    return outcome


def _starts(bench: Bench, on: tuple[int, ...]) -> list[servers.Start]:
    """Who is measured. From where the originals come, all do what ours does; thumbor and ours also from a
    folder, where that is another place."""
    starts: list[servers.Start] = [partial(bench.origin, on, "misses")]
    if not bench.form.is_tiny:
        starts.append(partial(_keeping_nothing, bench, on))
    starts += bench.others(on)
    if bench.store is not None and not bench.form.is_tiny:
        starts.append(
            partial(_from_folder, dataclasses.replace(bench, store=None).origin(on, "misses-folder"))
        )
        beside = partial(servers.thumbor, bench.work, bench.originals, on, None, "thumbor-folder")
        starts += [partial(_from_folder, start()) for start in bench.can(("thumbor", beside))]
    return starts


@contextlib.contextmanager
def _keeping_nothing(bench: Bench, on: tuple[int, ...]) -> Iterator[Server]:
    """Ours, with neither originals nor results kept."""
    handlers = [servers.handler(bench.source(), cache_enabled=False)]
    with bench.origin(on, "misses-alone", handlers=handlers) as server:
        yield dataclasses.replace(server, name=NOTHING_KEPT)


@contextlib.contextmanager
def _from_folder(starting: contextlib.AbstractContextManager[Server]) -> Iterator[Server]:
    with starting as server:
        yield dataclasses.replace(server, name=server.name + FROM_FOLDER)


def _serving(ours: Row, path: Path) -> Bar:
    """What the serving process takes of a miss."""
    cpu = Ratio.among([one.first for one in ours.rounds])
    size = path.stat().st_size / 1e6
    return Bar(f"CPU of the serving process for a miss of {size:.1f} MB", 1.5, cpu, "ms", at_most=True)


class Asking:
    """Asks one server for renderings that it has not made yet, and looks at each of them."""

    def __init__(self, server: Server, keys: list[str]) -> None:
        self.server = server
        self._keys = iter(keys)

    def look(self, format: str) -> None:
        expect(self.server, self.server.target(next(self._keys), WIDTH, format), WIDTH, format)

    def contender(self, format: str) -> Contender:
        server = self.server
        return Contender(server.name, partial(self._run, format), server.pid, server.is_ours)

    def _run(self, format: str, seconds: float) -> Drive:
        bodies: list[bytes] = []

        def keep(_: str, reply: client.Reply) -> bool:
            bodies.append(reply.body)
            return reply.status == 200 and reply.headers.get("content-type") == pictures.MIME[format]

        targets = (self.server.target(key, WIDTH, format) for key in self._keys)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = runner.run(client.closed_loop(self.server.port, targets, keep, CONNECTIONS, seconds))
        for body in bodies:
            pictures.check(body, WIDTH, format)
        return summary(load)


def _bars(rows: list[Row], guests: Iterable[Server]) -> Iterator[Bar]:
    """Like is put beside like: thumbor keeps originals and results as ours does, ipx keeps neither."""
    found = by_server(rows)
    ours = found["origin"]
    alone = found.get(NOTHING_KEPT)
    bare = found["bare pipeline"]
    yield Bar.beside(f"{ours.case}: of bare libvips", 0.9, ours, bare)
    if alone is not None:
        yield Bar.beside(f"{ours.case}, nothing kept: of bare libvips", 0.9, alone, bare)
    if "thumbor" in found:
        yield Bar.beside(f"{ours.case}: of thumbor", 1.0, ours, found["thumbor"])
    if "ipx" in found:
        yield Bar.beside(f"{ours.case}, nothing kept: of ipx", 1.0, alone or ours, found["ipx"])
    mine, its = found.get("origin" + FROM_FOLDER), found.get("thumbor" + FROM_FOLDER)
    if mine is not None and its is not None:
        yield Bar.beside(f"{ours.case}{FROM_FOLDER}: of thumbor", 1.0, mine, its)
    for guest in guests:
        if ours.case.endswith("avif"):
            continue  # there speed is nothing without the quality: the case `effort`
        yield Bar.beside(f"{ours.case}: of {guest.name}", 1.1, ours, found[guest.name])


@dataclass
class Bare:
    """libvips without a server, one process a core. See `benchmarks.bare`."""

    way: str
    processes: list[subprocess.Popen[str]]
    path: Path
    format: str
    cpu: float = 0.0  # seconds, over all runs

    def contender(self) -> Contender:
        return Contender(f"bare {self.way}", self.run, cpu=lambda: self.cpu)

    def run(self, seconds: float) -> Drive:
        command = {
            "way": self.way,
            "path": str(self.path),
            "format": self.format,
            "width": WIDTH,
            "quality": servers.QUALITY.get(self.format, 0),
            "seconds": seconds,
        }
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
        runs = [self._read(process) for process in self.processes]
        load = client.Load(seconds=sum(run["seconds"] for run in runs) / len(runs))
        for run in runs:
            self.cpu += run["cpu"]
            load.latencies += run["latencies"]
            load.received += run["length"] * len(run["latencies"])
            pictures.check(bytes.fromhex(run["last"]), WIDTH, self.format)
        return summary(load)

    def _read(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        found: dict[str, Any] = json.loads(process.stdout.readline())
        return found


@contextlib.contextmanager
def _bare(on: list[int]) -> Iterator[subprocess.Popen[str]]:
    command = machine.pinned([sys.executable, "-m", "benchmarks.bare"], on)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=servers.REPOSITORY,
        # That of our renderers. They have nowhere to write GLib's warnings; here they would be in the table.
        env={**environment(), "VIPS_WARNING": "0"},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()  # the end of its input ends it
