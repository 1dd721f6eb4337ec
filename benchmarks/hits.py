"""What is in the memory of servers already, and the 304 that says nothing has changed.

Every server has one core, the same one in turns, and the load generator another.
"""

from __future__ import annotations

import contextlib
from functools import partial

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import contender
from benchmarks.bench import expect
from benchmarks.bench import started
from benchmarks.drive import Targets
from benchmarks.rounds import by_server
from benchmarks.rounds import take_turns
from benchmarks.servers import Server

CONNECTIONS = 32
_SIZE = "2MP"
_KEY = f"{_SIZE}.jpg"


def hot(bench: Bench, kilobytes: int) -> Outcome:
    """One picture from memory, beside servers that only move its bytes, and thumbor's result storage."""
    case, on = f"hot {kilobytes} kB", machine.cores(1)
    pictures.original(bench.originals, _SIZE)
    root = bench.work / "static"
    root.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(bench.origin(on))
        width, body = sized(ours, kilobytes * 1000)
        (root / _KEY).write_bytes(body)
        starts: list[servers.Start] = [partial(servers.uvicorn, bench.work, root / _KEY, on)]
        starts += bench.can(
            ("nginx", partial(servers.nginx, bench.work, root, on)),
            ("thumbor", partial(servers.thumbor, bench.work, bench.originals, on, None)),
        )
        all_of_them = [ours, *started(stack, starts), *bench.guests]
        targets = {server.name: server.target(_KEY, width) for server in all_of_them}
        contenders = [contender(one, Targets(targets[one.name]), CONNECTIONS) for one in all_of_them]
        before = [expect(one, targets[one.name], width, "jpg") for one in all_of_them]
        rows = take_turns(case, contenders, bench.form.rounds, bench.form.hit_seconds)
        after = [expect(one, targets[one.name], width, "jpg") for one in all_of_them]
    if before != after:
        raise pictures.WrongPicture(f"{case}: somebody's picture changed")
    found, bars = by_server(rows), []
    for name, wanted, what in (("nginx", 0.65, "nginx static"), ("thumbor", 3.0, "thumbor's results")):
        if name in found:
            bars.append(Bar.beside(f"{case}: of {what}", wanted, found["origin"], found[name]))
    return Outcome(rows, bars)


def sized(ours: Server, length: int) -> tuple[int, bytes]:
    """The width whose picture comes nearest to that length, and the picture."""
    narrow, wide = 100, pictures.MEGAPIXELS[_SIZE][0]
    while wide - narrow > 1:
        middle = (narrow + wide) // 2
        if len(ours.get(ours.target(_KEY, middle))[2]) < length:
            narrow = middle
        else:
            wide = middle
    return wide, expect(ours, ours.target(_KEY, wide), wide, "jpg")


def not_modified(bench: Bench) -> Outcome:
    """The same picture asked for with its ETag, beside asking for it whole."""
    pictures.original(bench.originals, _SIZE)
    with bench.origin(machine.cores(1)) as ours:
        width, _ = sized(ours, 20_000)
        target = ours.target(_KEY, width)
        etag = ours.get(target)[1]["etag"]

        def look() -> None:
            status, fields, body = ours.get(target, {"If-None-Match": etag})
            if (status, fields.get("etag"), body) != (304, etag, b""):
                raise pictures.WrongPicture(f"expected 304 with {etag}, got {status} {fields.get('etag')}")
            expect(ours, target, width, "jpg")

        asking = Targets(target, headers=(f"If-None-Match: {etag}",))
        contenders = [
            contender(ours, Targets(target), CONNECTIONS, "origin, 200"),
            contender(ours, asking, CONNECTIONS, "origin, 304"),
        ]
        look()
        rows = take_turns("not modified", contenders, bench.form.rounds, bench.form.hit_seconds)
        look()
    return Outcome(rows, [Bar.beside("304: of a hit", 1.0, rows[1], rows[0])])
