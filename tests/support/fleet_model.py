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

from origin.cache.bucket import BucketFailed
from origin.cache.bucket import WatchedBucket
from origin.cache.mark_log import MarkLog
from origin.cache.marks import Marks
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

    def __init__(self) -> None:
        self.now = 1_900_000_000.0
        self.objects = Objects(lambda: self.now)
        self.valkey = FakeValkey()
        self.number = 0  # of the last purge
        self.answered = 0  # of the last purge that was answered
        self.written = 0  # of the last whose mark is in the bucket


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
            return MarkLog(watched, self.marks, apply, bus=self.bus, clock=self.clock, ticks=self.ticks)

        self.purges = FleetPurges(self, self.marks, self.tier, make_log, clock=self.clock, ticks=self.ticks)
        self.bus.hear = self.purges.log.hear
        await self.look()

    def crash(self) -> None:
        """Everything but the disk is lost, and what was on its way to it and to the bucket."""
        self.bus.hear = None
        self.rendering.clear()
        self.reading.clear()
        self.in_force = self.world.written
        old, old_disk = self.bucket, self.disk
        self.bucket, self.disk = FakeBucket(self.world.objects), DictTier()
        self.bucket.is_down, old.is_down = old.is_down, True
        self.disk.records = dict(old_disk.records)
        old.objects = Objects(lambda: 0.0)
        for event in (old.gets, old.puts, old_disk.reads):
            event.set()

    async def look(self) -> None:
        # Of one that the bucket did not take, Valkey tells whoever starts.
        known = self.world.written if self.purges.is_trusted or self.bus.is_down else self.world.answered
        try:
            await self.purges.look()
        except BucketFailed:
            return
        self.in_force = max(self.in_force, known)

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

    async def heal(self) -> None:
        """With everything back, each purge that was answered is in force everywhere within two looks."""
        self.world.objects.is_full = False
        for origin in self.origins.values():
            origin.bucket.is_down = False
            for event in (origin.bucket.puts, origin.bucket.gets, origin.disk.reads):
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
        await origin.look()

    async def _crash(self, origin: Origin) -> None:
        origin.crash()
        await origin.start()

    async def _purge(self, origin: Origin, kind: str) -> None:
        self.world.number += 1
        number = self.world.number
        hearers = [each for each in self.origins.values() if not each.bus.is_down and not origin.bus.is_down]
        try:
            await origin.purges.purge("h", *PURGES[kind])
            self.world.answered = number
        except PurgeNotSpread:
            pass
        if not origin.bucket.is_down and not self.world.objects.is_full:
            self.world.written = number
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
)


def orders(scenario: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Every order of the events of a scenario."""
    threads = [tuple(thread.split(" < ")) for thread in scenario]

    def interleave(rest: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, ...]]:
        if not any(rest):
            yield ()
        for at, thread in enumerate(rest):
            if thread:
                for others in interleave((*rest[:at], thread[1:], *rest[at + 1 :])):
                    yield (thread[0], *others)

    return interleave(tuple(threads))


def count_orders(scenario: Iterable[str]) -> int:
    lengths = [thread.count(" < ") + 1 for thread in scenario]
    return math.factorial(sum(lengths)) // math.prod(map(math.factorial, lengths))


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
        for what in ("puts", "gets", "disk")
        for how in ("slow", "go", "go")
    ),
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


async def run(events: Sequence[str]) -> Counter[str]:
    """What was read, by tier. Raises AssertionError with the events where anything old is served."""
    fleet = Fleet()
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
    """How many there were, and what they read by tier."""
    read: Counter[str] = Counter()
    number = 0

    async def every() -> None:
        nonlocal number
        for events in runs:
            read.update(await run(events))
            number += 1

    asyncio.run(every())
    return number, read


def main() -> None:
    for scenario in SCENARIOS:
        print(run_all(orders(scenario)), scenario, flush=True)  # noqa: T201
    print(run_all(walks(20_000, 40, seed=1)), "walks")  # noqa: T201


if __name__ == "__main__":
    main()
