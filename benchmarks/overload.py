"""More renders asked for than can be made: how many are made all the same, and how long they take.

    python -m benchmarks.overload [--seconds 10] [--rounds 3]

First as many clients as keep every renderer busy show the best rate. Then requests come at that rate and
at three times that rate, whether or not earlier ones were answered, each for a picture of its own. The
rate of pictures must stay within a tenth of the best; the rest is 503 at once. Where the clients share the
server's cores, what they take of a core is told, since the server cannot render with it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Coroutine
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.client import Client
from benchmarks.servers import Server

COPIES = 500  # originals, so that it takes long until a size comes again
BUSY = 8  # clients that keep two renderers busy without a queue that times out
BAR = 0.9  # of the best rate, at three times that load
WARM_UP = 2.0  # seconds that count for nothing, in each run


@dataclass
class Seen:
    """One run. Latencies in milliseconds."""

    offered: float  # requests a second
    seconds: float
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)  # other status codes
    clients: float = 0.0  # share of one core that the clients took

    @property
    def goodput(self) -> float:
        return len(self.accepted) / self.seconds

    def note(self, status: int, milliseconds: float) -> None:
        if status == 200:
            self.accepted.append(milliseconds)
        elif status == 503:
            self.refused.append(milliseconds)
        else:
            self.wrong.append(status)


def targets(server: Server) -> Iterator[str]:
    """Pictures nobody has asked for yet."""
    for width in itertools.count(300):
        for copy in range(COPIES):
            yield server.target(f"{copy}.jpg", width)


async def busy(server: Server, wanted: Iterator[str], seconds: float) -> Seen:
    """The best rate: so many clients, each asking again once it has its answer."""
    client, seen = Client(server.port), Seen(0, seconds)
    begin = time.perf_counter() + WARM_UP

    async def ask() -> None:
        while (since := time.perf_counter()) < begin + seconds:
            reply = await client.get(next(wanted))
            if begin <= (now := time.perf_counter()) < begin + seconds:
                seen.note(reply.status, (now - since) * 1000)

    await asyncio.gather(*(ask() for _ in range(BUSY)))
    client.close()
    return seen


async def flood(server: Server, wanted: Iterator[str], rate: float, seconds: float) -> Seen:
    """`rate` requests a second, each sent when it is due. What is answered within the time counts."""
    client, seen = Client(server.port), Seen(rate, seconds)
    running: set[asyncio.Task[None]] = set()
    begin = time.perf_counter() + WARM_UP

    async def ask(due: float) -> None:
        reply = await client.get(next(wanted))
        if begin <= (now := time.perf_counter()) < begin + seconds:
            seen.note(reply.status, (now - due) * 1000)

    for n in range(int((WARM_UP + seconds) * rate)):
        due = begin - WARM_UP + n / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.ensure_future(ask(due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    client.close()
    return seen


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def measure(server: Server, seconds: float, rounds: int) -> tuple[list[Seen], float]:
    """The median round of each load, and what is left of the best rate at three times that load."""
    wanted = targets(server)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runs = []
        for _ in range(rounds):
            best = _run(runner, busy(server, wanted, seconds))
            once = _run(runner, flood(server, wanted, best.goodput, seconds))
            thrice = _run(runner, flood(server, wanted, 3 * best.goodput, seconds))
            runs.append((best, once, thrice))
    runs.sort(key=lambda run: run[2].goodput / run[0].goodput)
    best, once, thrice = runs[len(runs) // 2]
    kept = statistics.median(run[2].goodput / max(run[0].goodput, run[1].goodput) for run in runs)
    return [best, once, thrice], kept


def _run(runner: asyncio.Runner, load: Coroutine[Any, Any, Seen]) -> Seen:
    """The load, with what it took itself."""
    start, used = time.perf_counter(), time.process_time()
    seen = runner.run(load)
    seen.clients = (time.process_time() - used) / (time.perf_counter() - start)
    return seen


def table(seen: list[Seen]) -> str:
    lines = [
        "| load | asked /s | made /s | of the best | p50 ms | p99 ms "
        "| 503 /s | p50 ms | p99 ms | other | clients |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, run in zip(("best", "1x", "3x"), seen, strict=True):
        figures = [
            f"{run.offered:.0f}" if run.offered else "-",
            f"{run.goodput:.1f}",
            f"{run.goodput / seen[0].goodput:.2f}",
            *(f"{percentile(run.accepted, share):.0f}" for share in (0.5, 0.99)),
            f"{len(run.refused) / run.seconds:.1f}",
            *(f"{percentile(run.refused, share):.1f}" for share in (0.5, 0.99)),
            str(len(run.wrong)),
            f"{run.clients:.0%}",
        ]
        lines.append(f"| {name} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "made").mkdir()
        pictures.copies(pictures.original(work / "made", "2MP"), work / "originals", COPIES)
        with servers.origin(work, servers.folder_source(work / "originals"), machine.cores(2)) as server:
            seen, kept = measure(server, arguments.seconds, arguments.rounds)
    print(table(seen))
    met = kept >= BAR and not any(run.wrong for run in seen)
    print(f"\nat three times the load: {kept:.2f} of the best, wanted {BAR}: {'met' if met else 'NOT MET'}")
    if arguments.json:
        figures = [{"offered": run.offered, "goodput": run.goodput, "wrong": len(run.wrong)} for run in seen]
        arguments.json.write_text(json.dumps({"kept": kept, "met": met, "loads": figures}) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
