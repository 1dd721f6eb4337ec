"""Many requests for one original at once: a page with a srcset, and a picture everybody wants now."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import Sequence
from functools import partial

import uvloop

from benchmarks import client
from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import metric
from benchmarks.bench import started
from benchmarks.drive import summary
from benchmarks.rounds import Contender
from benchmarks.rounds import Drive
from benchmarks.rounds import take_turns
from benchmarks.servers import Server

WIDTHS = (320, 480, 640, 800, 1200, 1600)
FORMATS = ("avif", "webp", "jpg")
CROWD = 100
_COPIES = 2000
_CORES = 2

Wish = tuple[int, str]  # width, format


def srcset(bench: Bench) -> Outcome:
    """Six widths in three formats of one original, all at once: what the first visitor of a page costs.
    One request of the table is one page."""
    wishes = [(width, format) for format in FORMATS for width in WIDTHS[: bench.form.widths]]
    return _measured(bench, f"srcset of {len(wishes)}", "6MP", wishes)


def crowd(bench: Bench) -> Outcome:
    """One URL, new to the server, from 100 clients at once. One request of the table is one crowd."""
    outcome = _measured(bench, f"{CROWD} at once", "6MP", [(500, "webp")] * CROWD)
    ours = outcome.rows[0]
    outcome.bars.append(Bar(f"{ours.case}: renders", 1.0, float(ours.note.split()[0]), at_most=True))
    return outcome


def _measured(bench: Bench, case: str, size: str, wishes: Sequence[Wish]) -> Outcome:
    on = machine.cores(_CORES)
    pictures.copies(pictures.original(bench.originals, size), bench.originals / f"copies-{size}", _COPIES)
    for stale in ("thumbor", "crowds"):
        shutil.rmtree(bench.work / stale, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        starts: list[servers.Start] = [partial(bench.origin, on, "crowds")]
        starts += bench.others(on)
        found = [*started(stack, starts), *bench.guests]
        runs = [Pages(server, size, wishes) for server in found]
        contenders = [Contender(run.server.name, run, run.server.pid) for run in runs]
        rendered = _renders(found[0])
        rounds = max(1, bench.form.rounds - 1)  # a page takes ipx many seconds
        rows = take_turns(case, contenders, rounds, bench.form.miss_seconds)
        each = (_renders(found[0]) - rendered) / runs[0].pages
    rows[0].note = f"{each:.2f} renders each"
    return Outcome(rows)


class Pages:
    """Asks one server for pages of new originals, one page after the other."""

    def __init__(self, server: Server, size: str, wishes: Sequence[Wish]) -> None:
        self.server = server
        self.pages = 0
        self._wishes = wishes
        self._keys = (f"copies-{size}/{number}.jpg" for number in itertools.count())

    def __call__(self, seconds: float) -> Drive:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return summary(runner.run(self._ask(seconds)))

    async def _ask(self, seconds: float) -> client.Load:
        """Pages for so long. A latency is that of a whole page; looking at the pictures takes no part."""
        total = client.Load()
        while total.seconds < seconds:
            key = next(self._keys)
            wished = {
                self.server.target(key, width, format): (width, format) for width, format in self._wishes
            }
            seen: set[tuple[str, bytes]] = set()
            targets = [self.server.target(key, *wish) for wish in self._wishes]
            load = await client.try_cached(self.server.port, targets, partial(_note, seen))
            for target, body in seen:
                pictures.check(body, *wished[target])
            total.latencies.append(max(load.latencies))
            total.seconds += max(load.latencies) / 1000
            total.received += load.received
            total.errors += load.errors
            self.pages += 1
        return total


def _note(seen: set[tuple[str, bytes]], target: str, reply: client.Reply) -> bool:
    if reply.status == 200:
        seen.add((target, reply.body))
    return reply.status == 200


def _renders(ours: Server) -> float:
    return metric(ours, 'origin_stage_seconds_count{stage="render"}')
