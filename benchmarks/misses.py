"""What has to be rendered: each URL asked for once, beside bare libvips, thumbor and ipx."""

from __future__ import annotations

import asyncio
import contextlib
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
from benchmarks.rounds import Row
from benchmarks.rounds import by_server
from benchmarks.rounds import take_turns
from benchmarks.servers import Server
from origin.render.environment import environment

CORES = 2  # each server's, and the load's as well where the machine has no more
CONNECTIONS = 4  # enough to keep two cores busy; who needs seconds for one has to finish them all
WIDTH = 500
_COPIES = 8000  # originals, so that no server meets a URL twice


def misses(bench: Bench, size: str) -> Outcome:
    """JPEG to each format. The bar is the render function itself, run in as many processes."""
    on = machine.cores(CORES)
    path = pictures.original(bench.originals, size)
    pictures.copies(path, bench.originals / f"copies-{size}", _COPIES)
    shutil.rmtree(bench.work / "thumbor" / "results", ignore_errors=True)
    shutil.rmtree(bench.work / "misses", ignore_errors=True)
    outcome = Outcome()
    with contextlib.ExitStack() as stack:
        starts: list[servers.Start] = [
            partial(servers.origin, bench.work, bench.originals, on, "misses", store=bench.store)
        ]
        starts += bench.can(
            ("thumbor", partial(servers.thumbor, bench.work, bench.originals, on)),
            ("ipx", partial(servers.ipx, bench.work, bench.originals, on)),
        )
        found = [*started(stack, starts), *bench.guests]
        processes = [stack.enter_context(_bare([core])) for core in on]
        askings = [Asking(server, size) for server in found]
        for format in bench.form.formats_of(size):
            contenders = [asking.contender(format) for asking in askings]
            contenders += [
                Bare(way, processes, path, format).contender() for way in ("pipeline", "thumbnail")
            ]
            for asking in askings:
                asking.look(format)
            rows = take_turns(f"{size} to {format}", contenders, bench.form.rounds, bench.form.miss_seconds)
            outcome.rows += rows
            outcome.bars += _bars(rows, bench.guests)
    return outcome


class Asking:
    """Asks one server for renderings that it has not made yet, and looks at each of them."""

    def __init__(self, server: Server, size: str) -> None:
        self._server = server
        self._keys = (f"copies-{size}/{number}.jpg" for number in range(_COPIES))

    def look(self, format: str) -> None:
        expect(self._server, self._server.target(next(self._keys), WIDTH, format), WIDTH, format)

    def contender(self, format: str) -> Contender:
        server = self._server
        return Contender(server.name, partial(self._run, format), server.pid, server.is_ours)

    def _run(self, format: str, seconds: float) -> Drive:
        bodies: list[bytes] = []

        def keep(_: str, reply: client.Reply) -> bool:
            bodies.append(reply.body)
            return reply.status == 200 and reply.headers.get("content-type") == pictures.MIME[format]

        targets = (self._server.target(key, WIDTH, format) for key in self._keys)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = runner.run(client.closed_loop(self._server.port, targets, keep, CONNECTIONS, seconds))
        for body in bodies:
            pictures.check(body, WIDTH, format)
        return summary(load)


def _bars(rows: list[Row], guests: Iterable[Server]) -> Iterator[Bar]:
    found = by_server(rows)
    ours = found["origin"]
    yield Bar(f"{ours.case}: of bare libvips", 0.9, ours.times(found["bare pipeline"]))
    for name in ("thumbor", "ipx"):
        if name in found:
            yield Bar(f"{ours.case}: of {name}", 1.0, ours.times(found[name]))
    for guest in guests:
        yield Bar(f"{ours.case}: of {guest.name}", 1.1, ours.times(found[guest.name]))


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
