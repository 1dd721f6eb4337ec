"""Hits from disk, anywhere in stores of few and of many results; the tier in memory is off."""

from __future__ import annotations

import contextlib
import shutil
from functools import partial

from benchmarks import machine
from benchmarks import pictures
from benchmarks import stores
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import contender
from benchmarks.bench import settled
from benchmarks.drive import Targets
from benchmarks.hits import CONNECTIONS
from benchmarks.rounds import Row
from benchmarks.rounds import take_turns
from benchmarks.servers import Server
from benchmarks.stores import Shape

_GOAL = 0.85  # of the throughput with few
_SAME_MEMORY = 1.1  # times that with few
_MOST = "50GB"  # of a cache folder


def large(bench: Bench) -> Outcome:
    """Pictures of 20 kB, a file each."""
    few, most = bench.form.few, bench.form.entries
    rows, sizes = _measured(bench, stores.LARGE, most)
    figures = {"bytes on disk of a result of 20 kB": (sizes[1] - sizes[0]) / (most - few)}
    return Outcome(rows, [_speed(rows, most, few)], figures=figures)


def small(bench: Bench) -> Outcome:
    """Pictures under 1 kB, in the database. More of them must not take more memory."""
    few, most = bench.form.few, bench.form.many
    rows, sizes = _measured(bench, stores.SMALL, most)
    memory = [row.rounds[-1].memory for row in rows]
    for row, size in zip(rows, sizes, strict=True):
        row.note = f"{size / 1e6:,.0f} MB on disk"
    text = f"disk: memory with {most:,} small entries, of {few:,}"
    bars = [
        _speed(rows, most, few, "small "),
        Bar(text, _SAME_MEMORY, memory[1] / memory[0], at_most=True),
    ]
    figures = {
        "bytes on disk of a small result": (sizes[1] - sizes[0]) / (most - few),
        "bytes of memory of a result on disk": max(0, memory[1] - memory[0]) / (most - few),
    }
    return Outcome(rows, bars, figures=figures)


def _speed(rows: list[Row], most: int, few: int, kind: str = "") -> Bar:
    return Bar.beside(f"disk: {most:,} {kind}entries, of {few:,}", _GOAL, rows[1], rows[0])


def _measured(bench: Bench, shape: Shape, most: int) -> tuple[list[Row], list[int]]:
    """A row and the bytes on disk of a store with few, and of one with many."""
    on, sizes = machine.cores(1), []
    with contextlib.ExitStack() as stack:
        contenders, checks = [], []
        for count in (bench.form.few, most):
            filled = stores.filled(bench, shape, count)
            sizes.append(stores.bytes_of(filled))
            stores.warm(filled)
            cache = {"path": str(filled), "memory": 0, "max_size": _MOST}
            home = f"disk-{shape.name}-{count}"
            ours = stack.enter_context(bench.origin(on, home, stores.FOLDER, cache=cache))
            stack.callback(shutil.rmtree, bench.work / home, ignore_errors=True)
            settled(ours)
            checks.append(partial(_look, ours, shape, count))
            asked = Targets(shape.template, count, pictures.MIME["jpg"])
            contenders.append(contender(ours, asked, CONNECTIONS, f"origin, {count:,} entries"))
        for check in checks:
            check()
        case = "disk" if shape is stores.LARGE else f"disk, {shape.name}"
        rows = take_turns(case, contenders, bench.form.rounds, bench.form.hit_seconds)
        for check in checks:
            check()
    return rows, sizes


def _look(ours: Server, shape: Shape, count: int) -> None:
    """Whether results from all over the store come from disk, each for its own URL."""
    for number in range(0, count, count // 20):
        status, fields, body = ours.get(shape.target(number))
        if status != 200 or "detail=disk" not in fields.get("cache-status", ""):
            raise pictures.WrongPicture(f"entry {number} of {count}: {status} {fields.get('cache-status')}")
        pictures.check(body, shape.width_of(number), "jpg")
        if not stores.is_marked(body, number):
            raise pictures.WrongPicture(f"entry {number} of {count} is another's picture")
