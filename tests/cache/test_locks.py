"""Locks of a fleet: one at a time writes, over a real Redis and over one that fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from origin.cache.locks import FleetLocks
from origin.cache.mark_log import BusDown
from origin.cache.valkey import Valkey
from origin.errors import Overloaded
from origin.errors import SourceUnavailable
from tests.support.loop_clock import LoopClock
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import ScriptedRedis

NAME = "s3://pictures/\0cat"


class Work:
    """A write that others must not come between."""

    def __init__(self, locks: FleetLocks, log: list[str], name: str) -> None:
        self.begun, self.end = asyncio.Event(), asyncio.Event()
        self._locks, self._log, self._name = locks, log, name

    async def run(self) -> None:
        async with self._locks.holding(NAME):
            self._log.append(f"{self._name} begins")
            self.begun.set()
            await self.end.wait()
            self._log.append(f"{self._name} ends")


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_one_origin_at_a_time_writes(valkey: Valkey, redis_server: RedisServer) -> None:
    log: list[str] = []
    locks = [FleetLocks(valkey) for _ in range(3)]
    works = [Work(each, log, name) for each, name in zip(locks, "abc", strict=True)]
    first = asyncio.ensure_future(works[0].run())
    await works[0].begun.wait()
    others = [asyncio.ensure_future(work.run()) for work in works[1:]]
    await until(lambda: all(each.waits for each in locks[1:]))
    for work in works:
        work.end.set()
    await asyncio.gather(first, *others)
    assert log[:2] == ["a begins", "a ends"]
    assert log[2][0] == log[3][0] != log[4][0] == log[5][0]
    assert [(each.taken, each.alone, each.lost) for each in locks] == [(1, 0, 0)] * 3
    assert redis_server.command("KEYS", "t:lock:*") == []


async def test_a_lock_of_a_dead_origin_ends(valkey: Valkey, redis_server: RedisServer) -> None:
    dead = FleetLocks(valkey, seconds=0.3, sleep=lambda seconds: asyncio.sleep(3600))
    log: list[str] = []
    stuck = asyncio.ensure_future(Work(dead, log, "dead").run())
    await until(lambda: log)
    other = Work(FleetLocks(valkey), log, "b")
    other.end.set()
    await other.run()
    assert "b ends" in log
    # What was still for so long wakes up, and writes nothing more.
    with pytest.raises(SourceUnavailable, match="another origin may have begun"):
        await stuck
    assert "dead ends" not in log
    assert dead.lost == 1


async def test_work_that_takes_long_keeps_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock(monkeypatch, frozen=True)
    locks = FleetLocks(ScriptedRedis("OK", after=1))
    work = Work(locks, [], "a")
    running = asyncio.ensure_future(work.run())
    await work.begun.wait()
    for _ in range(20):
        clock.advance(3.4)
        for _ in range(5):
            await asyncio.sleep(0)
    assert not running.done()
    work.end.set()
    await running
    assert (locks.taken, locks.lost) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "is_lost"),
    [(0, True), (-1, False), (BusDown("away"), False)],
    ids=["another has it", "emptied", "away"],
)
async def test_what_becomes_of_work_whose_lock_goes(
    answer: Any, is_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only another holder ends it: without Valkey, and where it was emptied, everything goes on."""
    clock = LoopClock(monkeypatch, frozen=True)
    locks = FleetLocks(ScriptedRedis("OK", after=answer))
    work = Work(locks, [], "a")
    running = asyncio.ensure_future(work.run())
    await work.begun.wait()
    for _ in range(20):
        clock.advance(3.4)
        for _ in range(5):
            await asyncio.sleep(0)
    assert running.done() == is_lost
    work.end.set()
    if is_lost:
        with pytest.raises(SourceUnavailable):
            await running
    else:
        await running
    assert locks.lost == is_lost


async def test_an_origin_that_was_stopped_writes_nothing_behind_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it ran meanwhile. What it wakes up to first is the end of its work."""
    clock = LoopClock(monkeypatch, frozen=True)
    log: list[str] = []
    work = Work(FleetLocks(ScriptedRedis("OK", after=1)), log, "a")
    running = asyncio.ensure_future(work.run())
    await work.begun.wait()
    clock.advance(11)
    asyncio.get_running_loop().call_soon(work.end.set)  # its store has answered meanwhile, as sockets tell
    with pytest.raises(SourceUnavailable):
        await running
    assert log == ["a begins"]


async def test_without_valkey_everyone_writes() -> None:
    server = ScriptedRedis(after=BusDown("away"))
    locks = FleetLocks(server)
    for _ in range(2):
        async with locks.holding(NAME):
            pass
    assert (locks.alone, locks.taken) == (2, 0)
    # It may have been given all the same, and the answer be late.
    assert server.commands == ["SET", "EVAL"] * 2


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock(monkeypatch, frozen=True)

    async def sleep(seconds: float) -> None:
        assert seconds <= 0.25
        clock.advance(seconds)

    locks = FleetLocks(ScriptedRedis(*[None, "another"] * 400), sleep=sleep)
    began = asyncio.get_running_loop().time()
    with pytest.raises(Overloaded):
        async with locks.holding(NAME):
            raise AssertionError
    assert 30 <= asyncio.get_running_loop().time() - began < 31
    assert (locks.waits, locks.taken) == (1, 0)


async def test_work_that_fails_or_is_cancelled_gives_its_lock_back(
    valkey: Valkey, redis_server: RedisServer
) -> None:
    locks = FleetLocks(valkey)
    with pytest.raises(TimeoutError, match="of its own"):
        async with locks.holding(NAME):
            raise TimeoutError("of its own")
    work = Work(locks, [], "a")
    running = asyncio.ensure_future(work.run())
    await work.begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await locks.close()
    assert redis_server.command("KEYS", "t:lock:*") == []
    assert locks.lost == 0


# --- Turns of fetches ------------------------------------------------------------------------------


async def test_one_origin_goes_first_and_the_others_go_behind_it_at_once(valkey: Valkey) -> None:
    locks = [FleetLocks(valkey, behind=60) for _ in range(3)]
    through, notes = asyncio.Event(), []
    behind: list[bool] = []

    async def fetch(at: int) -> None:
        async with locks[at].turn("http://a/x.png") as turn:
            if not at:
                await through.wait()
            else:
                behind.append(turn.is_first)
                await until(lambda: len(behind) == 2)  # both are at it together
            notes.append(await turn.may_note())

    first = asyncio.ensure_future(fetch(0))
    await until(lambda: locks[0].taken)
    others = [asyncio.ensure_future(fetch(at)) for at in (1, 2)]
    await until(lambda: all(each.waits for each in locks[1:]))
    assert behind == []
    through.set()
    await asyncio.gather(first, *others)
    assert behind == [False, False]
    assert notes[0] is True
    assert notes[1:].count(True) == 1  # one of those that fetch together writes down what it has learned


async def test_nothing_is_noted_of_a_url_that_was_added_anew(valkey: Valkey) -> None:
    locks, other = FleetLocks(valkey), FleetLocks(valkey)
    async with locks.turn("http://a/x.png") as turn:
        assert (turn.is_first, await turn.may_note()) == (True, True)
        await other.end_turn("http://a/x.png")
        assert await turn.may_note() is False


async def test_a_fetch_does_not_wait_long_and_without_valkey_not_at_all(valkey: Valkey) -> None:
    async with (
        FleetLocks(valkey).turn("http://a/x.png"),
        FleetLocks(valkey, behind=0).turn("http://a/x.png") as second,
    ):
        assert (second.is_first, await second.may_note()) == (False, False)
    async with FleetLocks(ScriptedRedis(after=BusDown("away"))).turn("http://a/x.png") as alone:
        assert (alone.is_first, await alone.may_note()) == (True, True)
