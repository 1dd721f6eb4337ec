"""`python -m benchmarks.floor`: what a hit costs, beside nginx and the least that Python can do for it.

CPU microseconds of the server for each request and its ratio to nginx, on one core, 32 connections. The ratio
is the median of those within each round; behind it stand the least and the greatest.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks import pictures
from benchmarks import ports
from benchmarks import servers
from benchmarks.bench import contender
from benchmarks.bench import started
from benchmarks.drive import Targets
from benchmarks.hits import CONNECTIONS
from benchmarks.hits import sized
from benchmarks.rounds import Row
from benchmarks.rounds import by_server
from benchmarks.rounds import take_turns
from benchmarks.servers import Server

WORK = Path(__file__).parent / ".work" / "floor"
BARE = [
    ("constant bytes, asyncio", "constant", "asyncio"),
    ("constant bytes, uvloop", "constant", "uvloop"),
    ("the request parsed, asyncio", "parsed", "asyncio"),
    ("the request parsed, uvloop", "parsed", "uvloop"),
    ("the same, the body by sendfile", "sendfile", "uvloop"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    asked = parser.parse_args()
    print("| kB | server | us of CPU | of nginx |\n|--:|---|--:|--:|")
    for kilobytes in (20, 80):
        rows = measure(kilobytes, asked.rounds, asked.seconds)
        nginx = by_server(rows)["nginx"]
        for row in rows:
            each, ratio = 1000 * row.median(lambda one: one.cpu), row.times_by_cpu(nginx)
            print(f"| {kilobytes} | {row.server} | {each:.1f} | {ratio:.2f} ({ratio.spread or '-'}) |")


def measure(kilobytes: int, rounds: int, seconds: float) -> list[Row]:
    on, root, originals = machine.cores(1), WORK / "static", WORK / "originals"
    root.mkdir(parents=True, exist_ok=True)
    originals.mkdir(exist_ok=True)
    pictures.original(originals, "2MP")
    body, source = root / "2MP.jpg", servers.folder_source(originals)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(servers.origin(WORK, source, on))
        unlogged = stack.enter_context(
            servers.origin(WORK, source, on, "origin-unlogged", log={"level": "warning"})
        )
        width, picture = sized(ours, kilobytes * 1000)
        body.write_bytes(picture)
        starts: list[servers.Start] = [partial(servers.nginx, WORK, root, on)]
        starts += [partial(bare, body, on, *each) for each in BARE]
        named = [(server.name, server) for server in started(stack, starts)]
        named += [("origin, without its log", unlogged), ("origin", ours)]
        contenders = []
        for name, server in named:
            target = server.target("2MP.jpg", width)
            for _ in range(3):  # the first is a miss, and the next one is remembered
                if server.get(target)[2] != picture:
                    sys.exit(f"{name} answers with another picture")
            contenders.append(contender(server, Targets(target), CONNECTIONS, name))
        return take_turns(f"{kilobytes} kB", contenders, rounds, seconds)


@contextlib.contextmanager
def bare(body: Path, on: Sequence[int], name: str, kind: str, loop: str) -> Iterator[Server]:
    port, folder = ports.closed_port(), WORK / f"{kind}-{loop}"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.floor_app", kind, loop, str(body), str(port)]
    with servers.running(name, command, on, folder, port) as pid:
        yield Server(name, port, "/{key}", pid)


if __name__ == "__main__":
    main()
