"""Several things that are asked of one server, in turns: what each of them costs beside the first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop

from benchmarks import client
from benchmarks import pictures
from benchmarks.bench import Bench
from benchmarks.drive import summary
from benchmarks.rounds import Contender
from benchmarks.rounds import Drive
from benchmarks.rounds import Row
from benchmarks.rounds import take_turns
from benchmarks.servers import Server

CONNECTIONS = 4

Check = Callable[[bytes], None]
"""Looks at the body of an answer. Raises WrongPicture."""


@dataclass(frozen=True)
class Way:
    """One thing to ask for, again and again."""

    name: str
    asked: Iterator[str | client.Sending]
    check: Check
    status: int = 200
    headers: str = ""  # of GETs: whole lines, each with its line end
    connections: int = CONNECTIONS
    then: Callable[[], None] = lambda: None  # waits for what is still done behind the answers

    def run(self, server: Server, seconds: float) -> Drive:
        bodies: list[bytes] = []

        def keep(_: str, reply: client.Reply) -> bool:
            bodies.append(reply.body)
            return reply.status == self.status

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = runner.run(
                client.closed_loop(server.port, self.asked, keep, self.connections, seconds, self.headers)
            )
        self.then()
        if not load.errors:  # those are told of by themselves
            for body in bodies:
                self.check(body)
        return summary(load)

    def contender(self, server: Server) -> Contender:
        return Contender(self.name, lambda seconds: self.run(server, seconds), server.pid)


def measured(bench: Bench, case: str, server: Server, ways: list[Way]) -> list[Row]:
    """A row for each way, after each was gone once."""
    for way in ways:
        way.run(server, 0.05)
    contenders = [way.contender(server) for way in ways]
    return take_turns(case, contenders, bench.form.rounds, bench.form.miss_seconds)


def new_keys(bench: Bench, size: str, count: int) -> Iterator[str]:
    """Originals, each of them once."""
    folder = f"copies-{size}"
    pictures.copies(pictures.original(bench.originals, size), bench.originals / folder, count)
    return (f"{folder}/{number}.jpg" for number in range(count))


def picture(width: int, format: str = "jpg") -> Check:
    return lambda body: pictures.check(body, width, format)


def something(body: bytes) -> None:
    """Any body."""
    if not body:
        raise pictures.WrongPicture("an answer without a body")
