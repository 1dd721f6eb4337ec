"""One execution per key, whoever comes, goes or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable

import pytest

from origin.delivery.singleflight import SingleFlight
from origin.delivery.singleflight import WaiterGone
from origin.errors import NotFound


class Work:
    """Work that ends when it is told to, and counts how often it began and was cancelled."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.begun += 1
        try:
            return await asyncio.shield(self.outcome)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def settle() -> None:
    """Let every task run until it waits for something that has not come."""
    for _ in range(10):
        await asyncio.sleep(0)


def start(flights: SingleFlight[str], key: str, work: Callable[[], Awaitable[str]]) -> asyncio.Task[str]:
    return asyncio.ensure_future(flights.run(key, work))


async def test_a_hundred_waiters_share_one_execution() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    waiters = [start(flights, "key", work) for _ in range(100)]
    await settle()
    work.outcome.set_result("picture")
    assert await asyncio.gather(*waiters) == ["picture"] * 100
    assert work.begun == 1
    assert len(flights) == 0


async def test_other_keys_fly_on_their_own() -> None:
    flights: SingleFlight[str] = SingleFlight()
    one, two = Work(), Work()
    waiters = [start(flights, "one", one), start(flights, "two", two)]
    await settle()
    assert flights.flying("one")
    assert flights.flying("two")
    assert not flights.flying("three")
    two.outcome.set_result("2")
    one.outcome.set_result("1")
    assert await asyncio.gather(*waiters) == ["1", "2"]


async def test_an_error_reaches_every_waiter_and_is_not_kept() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    waiters = [start(flights, "key", work) for _ in range(5)]
    await settle()
    work.outcome.set_exception(NotFound("gone"))
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [NotFound] * 5
    again = Work()
    again.outcome.set_result("found")
    assert await flights.run("key", again) == "found"


async def test_one_waiter_that_goes_does_not_end_it() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    first, second = start(flights, "key", work), start(flights, "key", work)
    await settle()
    first.cancel()
    await settle()
    assert flights.flying("key")
    work.outcome.set_result("picture")
    assert await second == "picture"
    assert work.cancelled == 0
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_it_is_cancelled_when_the_last_waiter_has_gone() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    waiters = [start(flights, "key", work) for _ in range(3)]
    await settle()
    for waiter in waiters:
        waiter.cancel()
    await settle()
    assert work.cancelled == 1
    assert len(flights) == 0


async def test_who_comes_after_the_last_has_gone_does_not_join_the_dying_one() -> None:
    flights: SingleFlight[str] = SingleFlight()
    dying, fresh = Work(), Work()
    leaving = start(flights, "key", dying)
    await settle()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    coming = start(flights, "key", fresh)  # the dying one may not even know yet
    await settle()
    fresh.outcome.set_result("picture")
    assert await coming == "picture"
    assert (dying.cancelled, fresh.begun) == (1, 1)


async def test_who_comes_while_the_last_is_leaving_keeps_it_alive() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    leaving = start(flights, "key", work)
    await settle()
    leaving.cancel()
    coming = start(flights, "key", work)  # both run in the same turn of the loop, leaving first
    await settle()
    work.outcome.set_result("picture")
    assert await coming == "picture"


async def test_the_death_of_the_work_after_the_last_waiter_is_not_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flights: SingleFlight[str] = SingleFlight()

    async def stubborn() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise NotFound("while it was cancelled")

    waiter = start(flights, "key", stubborn)
    await settle()
    waiter.cancel()
    await settle()
    assert len(flights) == 0
    assert caplog.records == []


async def test_forgotten_flights_go_on_for_their_waiters_and_nobody_joins_them() -> None:
    flights: SingleFlight[str] = SingleFlight()
    before, after, other = Work(), Work(), Work()
    old = start(flights, "a\0key", before)
    bystander = start(flights, "b\0key", other)
    await settle()
    flights.forget("a\0")
    new = start(flights, "a\0key", after)
    await settle()
    assert (before.begun, after.begun) == (1, 1)
    before.outcome.set_result("old")
    assert await old == "old"
    assert flights.flying("a\0key")  # the landing of the old one leaves the new one alone
    joined = start(flights, "a\0key", Work())
    await settle()
    after.outcome.set_result("new")
    other.outcome.set_result("other")
    assert list(await asyncio.gather(new, joined, bystander)) == ["new", "new", "other"]
    assert len(flights) == 0


async def test_a_forgotten_flight_is_cancelled_when_its_last_waiter_goes() -> None:
    flights: SingleFlight[str] = SingleFlight()
    before, after = Work(), Work()
    old = start(flights, "key", before)
    await settle()
    flights.forget("key")
    new = start(flights, "key", after)
    await settle()
    old.cancel()
    await settle()
    assert (before.cancelled, after.cancelled) == (1, 0)
    after.outcome.set_result("new")
    assert await new == "new"


async def test_work_that_fails_at_once_leaves_nothing() -> None:
    flights: SingleFlight[str] = SingleFlight()

    async def fail() -> str:
        raise NotFound("at once")

    with pytest.raises(NotFound):
        await flights.run("key", fail)
    assert len(flights) == 0


async def test_a_waiter_that_tells_so_leaves_and_the_work_goes_on_for_the_others() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    first = asyncio.ensure_future(flights.run("key", work, leaving))
    second = start(flights, "key", work)
    await settle()
    leaving.set_result(None)
    await settle()
    with pytest.raises(WaiterGone):
        await first
    work.outcome.set_result("picture")
    assert await second == "picture"
    assert work.cancelled == 0


async def test_the_last_waiter_that_leaves_ends_the_work() -> None:
    flights: SingleFlight[str] = SingleFlight()
    work = Work()
    leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    alone = asyncio.ensure_future(flights.run("key", work, leaving))
    await settle()
    leaving.set_result(None)
    await settle()
    with pytest.raises(WaiterGone):
        await alone
    assert (work.cancelled, len(flights)) == (1, 0)


async def test_who_may_leave_and_stays_gets_the_result_or_the_error() -> None:
    flights: SingleFlight[str] = SingleFlight()
    leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    for outcome in ("picture", NotFound("gone")):
        work = Work()
        waiter = asyncio.ensure_future(flights.run("key", work, leaving))
        await settle()
        if isinstance(outcome, str):
            work.outcome.set_result(outcome)
            assert await waiter == outcome
        else:
            work.outcome.set_exception(outcome)
            with pytest.raises(NotFound):
                await waiter
    assert not leaving.done()
