"""A day's traffic in a minute: URLs by Zipf's law at the rate of 50 and of 100 million a day.

Requests come when they are due (a Poisson process), whether or not earlier ones were answered. Nineteen
in twenty are in the cache when the replay begins; the rest are URLs that nobody has asked for yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import uvloop

from benchmarks import client
from benchmarks import machine
from benchmarks import pictures
from benchmarks import stores
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import settled
from benchmarks.drive import summary
from benchmarks.rounds import Contender
from benchmarks.rounds import Drive
from benchmarks.rounds import Row
from benchmarks.rounds import measure
from benchmarks.rounds import tell

RATES = {"50 million a day": 50e6 / 86_400, "100 million a day": 100e6 / 86_400}  # requests a second
MISSES = 0.05
MOST_NEW = 0.1  # URLs beyond those in the store, as a share of them
_SEED = 6
_EXPONENT = 1.0  # of Zipf's law


@dataclass(frozen=True)
class Trace:
    """When which URL is asked for, and which of them are new."""

    seconds: list[float]
    numbers: list[int]
    new: frozenset[int]


def traces(urls: int, seconds: float) -> dict[str, Trace]:
    """One for each rate, of the first `urls`. What is new has a number behind them, once in all traces."""
    random = np.random.RandomState(_SEED)
    weights = 1 / np.arange(1, urls + 1) ** _EXPONENT
    order = random.permutation(urls)  # a URL's number says nothing of its rank
    asked = {
        name: order[random.choice(urls, int(rate * seconds), p=weights / weights.sum())]
        for name, rate in RATES.items()
    }
    made, behind = {}, urls
    for name, numbers in asked.items():
        wanted = int(len(numbers) * MISSES)
        new = range(behind, behind + wanted)
        numbers[random.choice(len(numbers), wanted, replace=False)] = random.permutation(new)
        gaps = random.exponential(1 / RATES[name], len(numbers))
        made[name] = Trace(np.cumsum(gaps).tolist(), numbers.tolist(), frozenset(new))
        behind += wanted
    if behind > urls * (1 + MOST_NEW):
        raise ValueError(f"{behind - urls} new URLs to {urls} are more than there are originals for")
    return made


def replay(bench: Bench) -> Outcome:
    """Both rates after one another against one origin with its defaults."""
    urls = bench.form.entries
    plan = traces(urls, bench.form.replay_seconds)
    filled = stores.filled(bench, stores.LARGE, urls)
    folder = bench.originals / stores.FOLDER
    new = int(urls * (1 + MOST_NEW)) // stores.VARIANTS + 1
    pictures.copies(pictures.original(bench.originals, "2MP"), folder, new)
    outcome = Outcome()
    with contextlib.ExitStack() as stack:
        home = bench.work / "replay"
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        stores.copied(filled, home / "cache")
        start = bench.origin(machine.cores(2), home.name, stores.FOLDER)
        ours = stack.enter_context(start)
        settled(ours)
        for name, trace in plan.items():
            tell(f"replay: {name}, {len(trace.numbers):,} requests")
            run = Replay(ours.port, trace)
            row = Row(f"replay, {name}", "origin", [measure(Contender(name, run, ours.pid), 0)])
            run.look()
            wrong = "".join(f", {count} times {what}" for what, count in run.wrong.items())
            row.note = f"{run.hits / len(trace.numbers):.1%} hits{wrong}"
            outcome.rows.append(row)
    p99, errors = row.rounds[0].drive.p99, sum(row.errors for row in outcome.rows)
    outcome.bars = [
        Bar("replay, 100 million a day: p99", 150, p99, "ms", at_most=True),
        Bar("replay: errors", 0, errors, at_most=True),
        Bar("replay: RSS of all processes after it", 400, row.rounds[0].resident / 1e6, "MB", at_most=True),
    ]
    return outcome


class Replay:
    """Plays one trace, and looks at every picture that comes."""

    def __init__(self, port: int, trace: Trace) -> None:
        self.hits = 0
        self.wrong: Counter[str] = Counter()
        self._port = port
        self._trace = trace
        self._numbers: Mapping[str, int] = {stores.LARGE.target(number): number for number in trace.numbers}
        self._rendered: dict[int, bytes] = {}

    def __call__(self, _: float) -> Drive:
        timetable = [
            (second, stores.LARGE.target(number))
            for second, number in zip(self._trace.seconds, self._trace.numbers, strict=True)
        ]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = runner.run(client.open_loop(self._port, timetable, self._accept))
        return summary(load)

    def look(self) -> None:
        """Decode all that was rendered. Raises WrongPicture."""
        for number, body in self._rendered.items():
            pictures.check(body, stores.LARGE.width_of(number), "jpg")

    def _accept(self, target: str, reply: client.Reply) -> bool:
        """Whether the picture is the one its URL means: by its mark, or for a new one, later, by a look."""
        number = self._numbers[target]
        self.hits += "; hit" in reply.headers.get("cache-status", "")
        if reply.status != 200 or reply.headers.get("content-type") != pictures.MIME["jpg"]:
            self.wrong[str(reply.status)] += 1
            return False
        if number in self._trace.new:
            self._rendered[number] = reply.body
            return True
        if not stores.is_marked(reply.body, number):
            self.wrong["another's picture"] += 1
            return False
        return True
