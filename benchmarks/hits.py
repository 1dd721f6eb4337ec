"""What is in the cache already: from memory, from disk, and the 304 that says nothing has changed.

Every server has one core, the same one in turns, and the load generator another.
"""

from __future__ import annotations

import contextlib
import shutil
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks import stores
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import contender
from benchmarks.bench import expect
from benchmarks.bench import started
from benchmarks.drive import Targets
from benchmarks.rounds import by_server
from benchmarks.rounds import stage
from benchmarks.rounds import take_turns
from benchmarks.servers import Server

CONNECTIONS = 32
_SIZE = "2MP"
_KEY = f"{_SIZE}.jpg"
MOST_NEW = 0.1  # URLs beyond those in the store, as a share of them


def hot(bench: Bench, kilobytes: int) -> Outcome:
    """One picture from memory, beside servers that only move its bytes, and thumbor's result storage."""
    case, on = f"hot {kilobytes} kB", machine.cores(1)
    pictures.original(bench.originals, _SIZE)
    root = bench.work / "static"
    root.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(servers.origin(bench.work, bench.originals, on))
        width, body = sized(ours, kilobytes * 1000)
        (root / _KEY).write_bytes(body)
        starts: list[servers.Start] = [partial(servers.uvicorn, bench.work, root / _KEY, on)]
        starts += bench.can(
            ("nginx", partial(servers.nginx, bench.work, root, on)),
            ("thumbor", partial(servers.thumbor, bench.work, bench.originals, on)),
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
    for name, wanted, what in (("nginx", 0.35, "nginx static"), ("thumbor", 3.0, "thumbor's results")):
        if name in found:
            bars.append(Bar(f"{case}: of {what}", wanted, found["origin"].times(found[name])))
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
    with servers.origin(bench.work, bench.originals, machine.cores(1)) as ours:
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
    return Outcome(rows, [Bar("304: of a hit", 1.0, rows[1].times(rows[0]))])


def disk(bench: Bench) -> Outcome:
    """Hits from disk, anywhere in a small and in a large store; the tier in memory is off."""
    on, few, most = machine.cores(1), bench.form.few, bench.form.entries
    names = {count: f"origin, {count:,} entries" for count in (few, most)}
    folder = many_originals(bench)
    with contextlib.ExitStack() as stack:
        contenders, checks = [], []
        for count, name in names.items():
            home = filled(bench, count)
            cache = {"path": str(home / "cache"), "memory": 0, "max_size": "50GB"}
            start = servers.origin(bench.work, folder, on, home.name, cache=cache)
            ours = stack.enter_context(start)
            checks.append(partial(_look, ours, count))
            asked = Targets(stores.TEMPLATE, count, pictures.MIME["jpg"])
            contenders.append(contender(ours, asked, CONNECTIONS, name))
        for check in checks:
            check()
        rows = take_turns("disk", contenders, bench.form.rounds, bench.form.hit_seconds)
        for check in checks:
            check()
    text = f"disk: {most:,} entries, of {few:,}"
    return Outcome(rows, [Bar(text, 0.8, rows[1].times(rows[0]))])


def many_originals(bench: Bench) -> Path:
    """A folder with an original for every tenth entry and for what is new, all links to one of two
    megapixels."""
    folder = bench.work / "many"
    count = bench.form.entries * (1 + MOST_NEW) / stores.VARIANTS
    pictures.copies(pictures.original(bench.originals, "2MP"), folder, int(count) + 1)
    return folder


def filled(bench: Bench, count: int) -> Path:
    """A folder with a store of that many entries, filled once a run: the origin may name them otherwise
    by the next."""
    if count not in bench.stores:
        home = bench.work / f"store-{count}"
        shutil.rmtree(home, ignore_errors=True)
        with stage(f"filling a store with {count:,} entries"):
            stores.fill(home / "cache", many_originals(bench), range(count))
        bench.stores[count] = home
    return bench.stores[count]


def _look(ours: Server, count: int) -> None:
    """Whether results from all over the store come from disk, each for its own URL."""
    for number in range(0, count, count // 20):
        status, fields, body = ours.get(stores.target(number))
        if status != 200 or "detail=disk" not in fields.get("cache-status", ""):
            raise pictures.WrongPicture(f"entry {number} of {count}: {status} {fields.get('cache-status')}")
        pictures.check(body, stores.width(number), "jpg")
        if not stores.is_marked(body, number):
            raise pictures.WrongPicture(f"entry {number} of {count} is another's picture")
