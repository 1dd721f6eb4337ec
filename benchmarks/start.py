"""How long the origin takes to start, and what it takes when it does nothing."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import expect
from benchmarks.bench import settled
from benchmarks.rounds import Ratio
from origin.imaging.protocol import REST_SECONDS

RENDERERS = 3
WIDTH = 500
_KEY = "2MP.jpg"
_TIMED = "import time; t = time.perf_counter(); import origin.signing; print(time.perf_counter() - t)"


@dataclass(frozen=True)
class Started:
    """One start of an origin over S3 that renders one picture."""

    listening: float  # seconds until it answers
    first: float  # seconds until the first picture is there
    cpu: float  # seconds of all its processes until then
    memory: int  # bytes of all its processes, when they have come to rest: shared pages count once
    resident: int  # the same, shared pages counted in each process
    server: int  # of the serving process alone, as `memory`


def start(bench: Bench) -> Outcome:
    """Each time anew, after once so that all is compiled."""
    pictures.original(bench.originals, "2MP")
    rounds = bench.form.rounds
    _start(bench)
    found = [_start(bench) for _ in range(rounds)]
    importing = [_import_signing() for _ in range(rounds)]
    figures = {
        "until it answers, s": [one.listening for one in found],
        "until the first picture, s": [one.first for one in found],
        "CPU until then, s": [one.cpu for one in found],
        "`import origin.signing`, ms": [seconds * 1000 for seconds in importing],
        f"idle, server and {RENDERERS} renderers, MB": [one.memory / 1e6 for one in found],
        "the same, shared pages counted in each, MB": [one.resident / 1e6 for one in found],
        "the server alone, MB": [one.server / 1e6 for one in found],
        "each renderer, MB": [(one.memory - one.server) / RENDERERS / 1e6 for one in found],
    }
    lines = ["| start, and at rest | median | least | most |", "|---|--:|--:|--:|"]
    for name, values in figures.items():
        shown = (f"{value:.3g}" for value in (statistics.median(values), min(values), max(values)))
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    first, signing, idle = (list(figures.values())[index] for index in (1, 3, 4))
    bars = [
        Bar("start to the first picture", 1.0, Ratio.among(first), "s", at_most=True),
        Bar("`import origin.signing`", 50, Ratio.among(signing), "ms", at_most=True),
        Bar(f"idle, server and {RENDERERS} renderers", 150, Ratio.among(idle), "MB", at_most=True),
    ]
    measured = {name: statistics.median(values) for name, values in figures.items()}
    return Outcome(bars=bars, tables=["\n".join(lines)], figures=measured)


def _start(bench: Bench) -> Started:
    shutil.rmtree(bench.work / "start", ignore_errors=True)  # what is kept there would be no first picture
    began, on = time.perf_counter(), machine.cores(2)
    with bench.origin(on, "start", renderers=RENDERERS) as server:
        listening = time.perf_counter() - began
        expect(server, server.target(_KEY, WIDTH), WIDTH, "jpg")
        first, cpu = time.perf_counter() - began, machine.cpu_seconds(server.pid)
        settled(server)
        time.sleep(2 * REST_SECONDS)  # of the renderers
        memory, resident = machine.memory(server.pid)
        alone = machine.memory_of(server.pid)[0] if server.pid is not None else 0
        return Started(listening, first, cpu, memory, resident, alone)


def _import_signing() -> float:
    """Seconds, in a new process."""
    run = subprocess.run(
        [sys.executable, "-c", _TIMED], capture_output=True, text=True, check=True, cwd=servers.REPOSITORY
    )
    return float(run.stdout)
