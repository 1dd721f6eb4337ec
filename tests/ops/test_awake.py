"""A process that stood still looks for purges before it serves what it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest

from origin.ops import awake
from origin.ops.awake import CATCH_UP_SECONDS
from origin.ops.awake import MAX_LOOKS
from origin.ops.awake import STILL_SECONDS
from origin.ops.awake import Awake
from tests.support.loop_clock import LoopClock


class Machine:
    """One whose time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.looks = 0
        self.during: list[Callable[[], Awaitable[object]]] = []  # what happens during the next looks

    def clock(self) -> float:
        return self.now

    async def look(self) -> None:
        self.looks += 1
        if self.during:
            await self.during.pop(0)()

    async def stand_still(self) -> None:
        self.now += 10.0


@asynccontextmanager
async def running(machine: Machine) -> AsyncIterator[Awake]:
    made = Awake(machine.look, machine.clock)
    made.open()
    yield made
    await made.close()


async def test_who_goes_on_looks_for_nothing() -> None:
    machine = Machine()
    async with running(machine) as process:
        machine.now += 0.9 * STILL_SECONDS
        assert machine.now < process.until
        await process.catch_up()
    assert machine.looks == 0


async def test_who_stood_still_looks_once_for_all_who_ask() -> None:
    machine = Machine()
    async with running(machine) as process:
        await machine.stand_still()
        assert process.until < machine.now, "no hit is served"
        await asyncio.gather(*(process.catch_up() for _ in range(3)))
        assert (machine.looks, machine.now < process.until) == (1, True)
        await process.catch_up()
    assert machine.looks == 1


async def test_the_beat_that_comes_first_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake, "BEAT_SECONDS", 0.0)
    machine = Machine()
    async with running(machine) as process:
        await machine.stand_still()
        while process.until < machine.now:  # noqa: ASYNC110 - nothing tells of a beat
            await asyncio.sleep(0)
    assert machine.looks == 1


@pytest.mark.parametrize(("times", "looks"), [(1, 2), (2, 3), (5, MAX_LOOKS)])
async def test_a_look_during_which_it_stood_still_does_not_count(times: int, looks: int) -> None:
    machine = Machine()
    machine.during = [machine.stand_still] * times
    async with running(machine) as process:
        await machine.stand_still()
        await process.catch_up()
        assert (machine.looks, machine.now < process.until) == (looks, True)


async def test_where_nobody_answers_the_wait_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine()
    machine.during = [asyncio.Event().wait]
    async with running(machine) as process:
        await machine.stand_still()
        clock = LoopClock(monkeypatch, frozen=True)
        waiting = asyncio.ensure_future(process.catch_up())
        await clock.advance_when(lambda: bool(machine.looks), CATCH_UP_SECONDS)
        await waiting
        assert process.until < machine.now, "the next one looks again"
