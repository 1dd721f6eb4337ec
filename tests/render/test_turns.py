"""The queue before the renderers: bounded, in order, and fair between handlers."""

from __future__ import annotations

import asyncio

import pytest

from origin.errors import Overloaded
from origin.render.turns import FairQueue


async def test_one_handler_is_served_in_the_order_of_its_jobs() -> None:
    queue: FairQueue[int] = FairQueue(3)
    turns = [queue.join("a") for _ in range(3)]
    for number, turn in enumerate(turns):
        assert queue.serve(number)
        assert turn.result() == number
    assert not queue.serve(3)
    assert len(queue) == 0


async def test_handlers_take_turns_whatever_each_has_waiting() -> None:
    queue: FairQueue[int] = FairQueue(10)
    flood = [queue.join("flood") for _ in range(6)]
    other = [queue.join("other") for _ in range(2)]
    for number in range(4):
        queue.serve(number)
    assert [turn.done() for turn in flood] == [True, True, False, False, False, False]
    assert [turn.done() for turn in other] == [True, True]


async def test_a_full_queue_refuses_the_handler_that_fills_it() -> None:
    queue: FairQueue[int] = FairQueue(4)
    for _ in range(4):
        queue.join("flood")
    assert not queue.admits("flood")
    with pytest.raises(Overloaded):
        queue.join("flood")
    assert len(queue) == 4


async def test_a_full_queue_makes_way_for_a_handler_below_its_share() -> None:
    queue: FairQueue[int] = FairQueue(4)
    flood = [queue.join("flood") for _ in range(4)]
    for _ in range(2):
        assert queue.admits("other")
        queue.join("other")
    assert len(queue) == 4
    assert [turn.done() for turn in flood] == [False, False, True, True]  # the newest went
    for turn in flood[2:]:
        with pytest.raises(Overloaded):
            turn.result()
    assert not queue.admits("other")
    assert queue.admits("third")  # a share of one


async def test_announced_jobs_count_for_their_own_handler_alone() -> None:
    queue: FairQueue[int] = FairQueue(4)
    assert queue.admits("a", announced=3)
    assert not queue.admits("a", announced=4)
    queue.join("b")
    assert queue.admits("a", announced=1)
    assert not queue.admits("a", announced=3)


async def test_without_room_nothing_waits() -> None:
    queue: FairQueue[int] = FairQueue(0)
    assert not queue.admits("a")
    with pytest.raises(Overloaded):
        queue.join("a")


async def test_a_job_that_leaves_is_passed_over() -> None:
    queue: FairQueue[int] = FairQueue(4)
    first, second = queue.join("a"), queue.join("a")
    assert queue.leave(first)
    assert not queue.leave(first)
    assert queue.serve(1)
    assert second.result() == 1
    third = queue.join("b")
    third.cancel()
    assert not queue.serve(2)


async def test_at_the_end_every_turn_is_cancelled() -> None:
    queue: FairQueue[int] = FairQueue(4)
    turns = [queue.join(name) for name in "abc"]
    queue.cancel()
    assert all(turn.cancelled() for turn in turns)
    await asyncio.gather(*turns, return_exceptions=True)
