"""A fleet of three origins whose events come in any order: is anything from before a purge served after it?

The model: each purge makes a number one higher, and a result holds the number of the moment in
which it was begun. So a result with a lower number than that of a purge in force is one from before it. The
originals never change, so that nothing else keeps the old results from being served.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections import Counter
from collections.abc import Awaitable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import NamedTuple

import uvloop

from origin.cache.bucket import BucketFailed
from origin.cache.bucket import WatchedBucket
from origin.cache.mark_log import MARKS
from origin.cache.mark_log import MarkLog
from origin.cache.marks import Marks
from origin.cache.marks import mark_of_object
from origin.cache.memory import MemoryTier
from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.records import name_purged
from origin.cache.results import Entry
from origin.cache.results import ResultCache
from origin.cache.seen import Seen
from origin.cache.shared import BucketTier
from origin.formats import named_result
from origin.ops.purge import FleetPurges
from origin.ops.purge import PurgeNotSpread
from tests.support.dict_tier import DictTier
from tests.support.fake_bucket import FakeBucket
from tests.support.fake_bucket import FakeBus
from tests.support.fake_bucket import FakeValkey
from tests.support.fake_bucket import Objects

KEY = "a/1.jpg"
ORIGINAL = name_original("h", "source", KEY)
PURGES: dict[str, tuple[str | None, str | None]] = {
    "key": (KEY, None),
    "prefix": (None, "a/"),
    "handler": (None, None),
}
OFFSETS = {"A": 0.0, "B": -30.0, "C": 30.0}  # seconds of the origins' clocks: a minute apart
JSON = named_result("json")
_TURNS = 12  # of the event loop, after which everything has come as far as it can


class World:
    """What all origins have in common, and what is promised."""

    def __init__(self, log: type[MarkLog] = MarkLog) -> None:
        """`log` is what the origins keep marks with: another one to see that its fault is found."""
        self.log = log
        self.now = 1_900_000_000.0
        self.objects = Objects(lambda: self.now)
        self.valkey = FakeValkey()
        self.number = 0  # of the last purge
        self.answered = 0  # of the last purge that was answered
        self.written = 0  # of the last that was answered with its mark in the bucket

    def has_mark(self, id: str) -> bool:
        """Whether it is in the bucket."""
        names = (name.removeprefix(MARKS) for name in self.objects.bodies if name.startswith(MARKS))
        return any(mark_of_object(name)[1].id == id for name in names)


class Purging(NamedTuple):
    """A purge that is not answered yet."""

    number: int
    mark: str
    task: asyncio.Task[int]


class Origin:
    """One origin; its disk outlives it."""

    def __init__(self, world: World, offset: float) -> None:
        self.world = world
        self.offset = offset
        self.disk = DictTier()
        self.seen = Seen()
        self.bus = FakeBus(world.valkey)
        self.bucket = FakeBucket(world.objects)
        self.in_force = 0  # number of the last purge that is in force here
        self.rendering: list[tuple[Entry, int]] = []
        self.reading: list[asyncio.Task[Lookup]] = []
        self.purging: list[Purging] = []
        self.looking: list[tuple[asyncio.Task[None], int]] = []  # with the purge that it has to bring

    def clock(self) -> float:
        return self.world.now + self.offset

    def ticks(self) -> float:
        return self.world.now

    async def start(self) -> None:
        self.marks = Marks()
        watched = WatchedBucket(self.bucket, self.ticks)
        self.tier = BucketTier(watched, self.marks, lambda: self.purges.log.is_fresh, clock=self.clock)
        self.cache = ResultCache(MemoryTier(10_000_000), [self.disk], self.tier)

        def make_log(apply: Any) -> MarkLog:
            return self.world.log(
                watched, self.marks, apply, bus=self.bus, clock=self.clock, ticks=self.ticks
            )

        self.purges = FleetPurges(self, self.marks, self.tier, make_log, clock=self.clock, ticks=self.ticks)
        self.bus.hear = self.purges.log.hear
        await self.look()

    def crash(self) -> None:
        """Everything but the disk is lost, and what was on its way to it and to the bucket."""
        self.bus.hear = None
        self.rendering.clear()
        self.reading.clear()
        for task in [*(each.task for each in self.purging), *(task for task, _ in self.looking)]:
            task.cancel()
        self.purging.clear()
        self.looking.clear()
        self.in_force = self.world.written
        old, old_disk = self.bucket, self.disk
        self.bucket, self.disk = FakeBucket(self.world.objects), DictTier()
        self.bucket.is_down, old.is_down = old.is_down, True
        self.disk.records = dict(old_disk.records)
        old.objects = Objects(lambda: 0.0)
        old.go()
        old_disk.reads.set()

    async def look(self) -> None:
        self.begin_look()
        for task, _ in self.looking:
            await asyncio.wait([task])
        self.end_looks()

    def begin_look(self) -> None:
        # Of one that the bucket did not take, Valkey tells whoever starts.
        known = self.world.written if self.purges.is_trusted or self.bus.is_down else self.world.answered
        self.looking.append((asyncio.ensure_future(self.purges.look()), known))

    def end_looks(self) -> None:
        for task, known in [looking for looking in self.looking if looking[0].done()]:
            self.looking.remove((task, known))
            if task.exception() is None:
                self.in_force = max(self.in_force, known)
            elif not isinstance(task.exception(), BucketFailed):
                task.result()

    # As FleetPurges sees the machine

    @property
    def deletes_wait(self) -> bool:
        return self.cache.below.deletes_wait

    def begin_purge(self, handler: str, key: str | None, prefix: str | None) -> Awaitable[set[str]]:
        return self.cache.begin_purge(name_purged(handler, "source", key, prefix) if handler else "")

    def sources_of(self, handler: str) -> set[str]:
        return {"source"}

    def trust(self) -> None:
        self.cache.below.trust()

    def read_seen(self) -> Seen:
        return self.seen

    def write_seen(self, until: float) -> None:
        self.seen = Seen(until, True)


@dataclass
class Fleet:
    """Three origins, and what happens to them by name: `A begin`, `B purge key`, `wait 4`."""

    world: World = field(default_factory=World)
    read: Counter[str] = field(default_factory=Counter)  # results by tier, to see that there are any
    origins: dict[str, Origin] = field(default_factory=dict)

    async def start(self) -> None:
        for name, offset in OFFSETS.items():
            self.origins[name] = Origin(self.world, offset)
            await self.origins[name].start()

    async def do(self, event: str) -> None:
        who, _, what = event.partition(" ")
        if who == "wait":
            self.world.now += float(what)
        elif who == "full":
            self.world.objects.is_full = what == "on"
        elif who == "valkey":
            for origin in self.origins.values():
                await self._valkey(origin, what)
        else:
            action, _, detail = what.partition(" ")
            arguments = [detail] if detail else []
            await getattr(self, f"_{action}")(self.origins[who], *arguments)
        await self.check()

    async def check(self) -> None:
        """No read that has ended brought anything from before a purge that is in force there."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for name, origin in self.origins.items():
            for reading in [reading for reading in origin.reading if reading.done()]:
                origin.reading.remove(reading)
                lookup = reading.result()
                if lookup.result is None:
                    continue
                self.read[lookup.tier] += 1
                number = int(lookup.result.body)
                assert number >= origin.in_force, f"{name} served {number} after purge {origin.in_force}"
        for origin in self.origins.values():
            origin.end_looks()
            for purging in [purging for purging in origin.purging if purging.task.done()]:
                origin.purging.remove(purging)
                self._answered(origin, purging)

    def _answered(self, origin: Origin, purging: Purging) -> None:
        """What is promised from now on."""
        if isinstance(purging.task.exception(), PurgeNotSpread):
            return
        purging.task.result()
        number, world = purging.number, self.world
        world.answered = max(world.answered, number)
        if world.has_mark(purging.mark):
            world.written = max(world.written, number)
            return
        for each in self.origins.values():  # Valkey has told whoever it reaches, and tells who comes
            if not each.bus.is_down and not origin.bus.is_down:
                each.in_force = max(each.in_force, number)

    async def heal(self) -> None:
        """With everything back, each purge that was answered is in force everywhere within two looks."""
        self.world.objects.is_full = False
        for origin in self.origins.values():
            origin.bucket.is_down = origin.bucket.refuses_lists = False
            origin.bucket.go()
            for event in (origin.bus.holds, origin.disk.reads):
                event.set()
            await self._valkey(origin, "up")
        await self.check()
        for _ in range(2):
            self.world.now += 4.0
            for origin in self.origins.values():
                await origin.look()
                await self._flush(origin)
        for origin in self.origins.values():
            assert origin.purges.is_trusted
            origin.in_force = max(origin.in_force, self.world.answered)
            await self._read(origin)
        await self.check()
        assert self.world.valkey.marks == {}

    # What happens

    async def _begin(self, origin: Origin) -> None:
        origin.rendering.append((origin.cache.entry(ORIGINAL), self.world.number))

    async def _end(self, origin: Origin) -> None:
        if not origin.rendering:
            return
        entry, number = origin.rendering.pop(0)
        body = str(number).encode()
        entry.keep_version(Version("v", None, self.world.now))
        entry.keep_result("v", "w=1", Result(body, JSON, hashlib.sha256(body).digest()[:16], None))

    async def _flush(self, origin: Origin) -> None:
        flushing = asyncio.ensure_future(origin.cache.flush())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        flushing.cancel()

    async def _render(self, origin: Origin) -> None:
        for step in (self._begin, self._end, self._flush):
            await step(origin)

    async def _read(self, origin: Origin) -> None:
        origin.reading.append(asyncio.ensure_future(origin.cache.find(ORIGINAL, "w=1")))

    async def _look(self, origin: Origin) -> None:
        origin.begin_look()

    async def _crash(self, origin: Origin) -> None:
        origin.crash()
        await origin.start()

    async def _purge(self, origin: Origin, kind: str) -> None:
        self.world.number += 1
        number, known = self.world.number, {mark.id for mark in origin.marks.all()}
        hearers = [each for each in self.origins.values() if not each.bus.is_down and not origin.bus.is_down]
        task = asyncio.ensure_future(origin.purges.purge("h", *PURGES[kind]))
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        (mark,) = {mark.id for mark in origin.marks.all()} - known
        origin.purging.append(Purging(number, mark, task))
        for each in (origin, *hearers):
            each.in_force = number

    async def _bucket(self, origin: Origin, state: str) -> None:
        origin.bucket.is_down = state == "down"

    async def _valkey(self, origin: Origin, state: str) -> None:
        was_down, origin.bus.is_down = origin.bus.is_down, state == "down"
        if was_down and state == "up":
            await origin.purges.log.rejoin()

    async def _puts(self, origin: Origin, state: str) -> None:
        _switch(origin.bucket.puts, state)

    async def _gets(self, origin: Origin, state: str) -> None:
        _switch(origin.bucket.gets, state)

    async def _marks(self, origin: Origin, state: str) -> None:
        _switch(origin.bucket.marks, state)

    async def _holds(self, origin: Origin, state: str) -> None:
        _switch(origin.bus.holds, state)

    async def _lists(self, origin: Origin, state: str) -> None:
        origin.bucket.refuses_lists = state == "refused"

    async def _disk(self, origin: Origin, state: str) -> None:
        _switch(origin.disk.reads, state)


def _switch(event: asyncio.Event, state: str) -> None:
    if state == "slow":
        event.clear()
    else:
        event.set()


# Each line happens in every order in which what `<` joins stays in its order.
SCENARIOS = (
    ("A begin < A end < A flush < C read", "B purge key", "A look < A read", "C look"),
    ("A puts slow < A render < A puts go", "B purge handler < B render", "C read", "A look < A read"),
    (
        "A render",
        "B read",
        "C purge prefix",
        "B disk slow < B read < B disk go",
        "B gets slow < B read < B gets go",
    ),
    ("A render < A crash", "B purge key", "A bucket down < A bucket up", "A read", "A read", "A look"),
    ("A render", "valkey down < B purge key < valkey up", "A look < A read", "C begin < C end < C flush"),
    ("B valkey down < B purge prefix", "A render < A read", "C read", "A look", "C look < C render < A read"),
    (
        "A render",
        "full on < B purge key < B crash < full off",
        "C look",
        "A crash < A read",
        "wait 4 < A look",
    ),
    (
        "A render",
        "A valkey down < B purge key < wait 400",
        "full on < full off",
        "B look",
        "wait 4 < A look < A read",
    ),
    (
        "B bucket down < B purge key",
        "B bucket up < wait 4 < B look",
        "A render < A crash",
        "A look < A read",
        "C read",
    ),
    ("A begin < A end < A flush", "B begin < B end < B flush", "A purge key", "B purge handler", "C read"),
    ("A purge key", "B purge key", "C purge key", "A render < A crash < A read", "B look", "C look < C read"),
    (
        "A render < wait 12 < A look",
        "B purge key",
        "wait 400",
        "A crash < A read",
        "A bucket down < A bucket up",
    ),
    ("A render", "B valkey down < B marks slow < B purge key < B marks go", "A look", "A look < A read"),
    (
        "A render",
        "B valkey down < B purge key",
        "A lists refused < A look < A lists taken",
        "A look < A read",
    ),
    (
        "A render",
        "full on < B holds slow < B purge key < B holds go",
        "A valkey down < A valkey up < A read",
    ),
)


def orders(scenario: Iterable[str], step: int = 1) -> Iterator[list[str]]:
    """The orders of the events of a scenario: every one, or one of `step`."""
    threads = [thread.split(" < ") for thread in scenario]
    for number in range(0, _count(threads), step):
        yield _order(threads, number)


def count_orders(scenario: Iterable[str]) -> int:
    return _count([thread.split(" < ") for thread in scenario])


def _count(threads: Iterable[Sequence[str]]) -> int:
    lengths = [len(thread) for thread in threads]
    return math.factorial(sum(lengths)) // math.prod(map(math.factorial, lengths))


def _order(threads: Sequence[Sequence[str]], number: int) -> list[str]:
    """That one of all orders, which begin with those whose first event is that of the first thread."""
    order: list[str] = []
    while any(threads):
        for at, thread in enumerate(threads):
            if thread:
                rest = [*threads[:at], thread[1:], *threads[at + 1 :]]
                if number < _count(rest):
                    break
                number -= _count(rest)
        order.append(thread[0])
        threads = rest
    return order


WALKS = (
    *(
        f"{who} {what}"
        for who in OFFSETS
        for what in ("render", "read", "read", "render", "begin", "end", "look")
    ),
    *(f"{who} {what}" for who in OFFSETS for what in ("flush", "crash", "read")),
    *(f"{who} purge {kind}" for who in OFFSETS for kind in PURGES),
    *(
        f"{who} {what} {how}"
        for who in OFFSETS
        for what in ("puts", "gets", "disk", "marks", "holds")
        for how in ("slow", "go", "go")
    ),
    *(f"{who} lists {how}" for who in OFFSETS for how in ("refused", "taken", "taken")),
    *(
        f"{who} {what} {how}"
        for who in OFFSETS
        for what in ("bucket", "valkey")
        for how in ("down", "up", "up")
    ),
    *(
        "full on",
        "full off",
        "full off",
        "valkey down",
        "valkey up",
        "wait 0.5",
        "wait 4",
        "wait 12",
        "wait 400",
    ),
)


def walks(count: int, steps: int, seed: int) -> Iterator[list[str]]:
    """Events by chance."""
    chance = random.Random(seed)
    for _ in range(count):
        yield chance.choices(WALKS, k=steps)


def run(events: Sequence[str], log: type[MarkLog] = MarkLog) -> Counter[str]:
    """What was read, by tier. Raises AssertionError as `run_all`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(events, log))


async def _run(events: Sequence[str], log: type[MarkLog] = MarkLog) -> Counter[str]:
    """What was read, by tier. Raises AssertionError with the events where anything old is served."""
    fleet = Fleet(World(log))
    await fleet.start()
    try:
        for event in events:
            await fleet.do(event)
        await fleet.heal()
    except AssertionError as error:
        raise AssertionError(f"{error}: {' | '.join(events)}") from error
    finally:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    return fleet.read


def run_all(runs: Iterable[Sequence[str]]) -> tuple[int, Counter[str]]:
    """How many there were, and what they read by tier. Raises AssertionError with the events of the first one
    where anything old is served."""
    read: Counter[str] = Counter()
    number = 0

    async def every() -> None:
        nonlocal number
        for events in runs:
            read.update(await _run(events))
            number += 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(every())
    return number, read


def main() -> None:
    for scenario in SCENARIOS:
        print(run_all(orders(scenario)), scenario, flush=True)  # noqa: T201
    print(run_all(walks(20_000, 40, seed=1)), "walks")  # noqa: T201


if __name__ == "__main__":
    main()
