"""What waits for idle time: each once, in order, not too much, and nothing is lost uncounted."""

from __future__ import annotations

import asyncio

import pytest

from origin.delivery.idle import IdleQueue
from origin.delivery.idle import Work
from origin.errors import RenderFailed


class Workshop:
    """Makes what it is told, once it is let."""

    def __init__(self, limit: int = 10) -> None:
        self.queue = IdleQueue(limit)
        self.idle, self.done = asyncio.Event(), asyncio.Event()
        self.begun: list[str] = []
        self.done.set()

    def add(self, name: str, owner: object = None, error: Exception | None = None) -> None:
        async def make() -> None:
            self.begun.append(name)
            await self.done.wait()
            if error is not None:
                raise error

        async def may_start() -> None:
            await self.idle.wait()

        self.queue.add(Work(name, owner, may_start, make))

    @property
    def numbers(self) -> dict[str, float]:
        return {name.removeprefix("origin_later_"): value for name, _, value in self.queue.numbers()}

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def counts(**changed: float) -> dict[str, float]:
    return {"queue": 0, "made_total": 0, "failed_total": 0, "dropped_total": 0, **changed}


async def test_each_is_made_once_in_order_and_not_before_it_is_time() -> None:
    shop = Workshop()
    for name in "abcab":
        shop.add(name)
    await shop.settle()
    assert (shop.begun, shop.numbers) == ([], counts(queue=3))
    shop.idle.set()
    await shop.settle()
    assert (shop.begun, shop.numbers) == (["a", "b", "c"], counts(made_total=3))
    shop.add("a")  # it was asked for again, so it is not there any more
    await shop.settle()
    assert shop.begun[3:] == ["a"]


async def test_one_at_a_time_and_the_one_under_way_is_not_begun_again() -> None:
    shop = Workshop()
    shop.idle.set()
    shop.done.clear()
    shop.add("a")
    shop.add("b")
    await shop.settle()
    shop.add("a")
    assert (shop.begun, shop.numbers) == (["a"], counts(queue=1))
    shop.done.set()
    await shop.settle()
    assert (shop.begun, shop.numbers) == (["a", "b"], counts(made_total=2))


async def test_what_is_too_much_is_dropped() -> None:
    shop = Workshop(limit=2)
    for name in "abcd":
        shop.add(name)
    assert shop.numbers == counts(queue=2, dropped_total=2)
    shop.idle.set()
    await shop.settle()
    assert shop.begun == ["a", "b"]


async def test_a_failure_is_told_and_the_next_is_made(caplog: pytest.LogCaptureFixture) -> None:
    shop = Workshop()
    shop.idle.set()
    shop.add("h\0cat.jpg", error=RenderFailed("no memory"))
    shop.add("b")
    await shop.settle()
    assert shop.numbers == counts(made_total=1, failed_total=1)
    assert caplog.messages == ["not made in idle time: 'h\\x00cat.jpg': no memory"]


async def test_a_purge_gives_up_what_begins_with_the_name() -> None:
    shop = Workshop()
    for name in ("h\0a", "h\0b", "i\0a"):
        shop.add(name)
    shop.queue.purge("h\0")
    assert shop.numbers == counts(queue=1, dropped_total=2)
    shop.idle.set()
    await shop.settle()
    assert shop.begun == ["i\0a"]


async def test_who_leaves_takes_the_work_along_and_the_others_stay() -> None:
    shop = Workshop()
    first, second = object(), object()
    shop.idle.set()
    shop.done.clear()
    for name, owner in (("a", first), ("b", first), ("c", second)):
        shop.add(name, owner)
    await shop.settle()
    await shop.queue.leave(first)  # of which `a` is under way
    assert shop.numbers == counts(queue=1, dropped_total=2)
    shop.done.set()
    await shop.settle()
    assert (shop.begun, shop.numbers) == (["a", "c"], counts(made_total=1, dropped_total=2))


async def test_nothing_is_left_running_once_all_have_left() -> None:
    shop = Workshop()
    shop.add("a", shop)
    await shop.settle()
    await shop.queue.leave(shop)
    await shop.queue.leave(shop)
    assert shop.numbers == counts(dropped_total=1)
    assert asyncio.all_tasks() == {asyncio.current_task()}
