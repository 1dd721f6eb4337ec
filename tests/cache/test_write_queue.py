"""Writes behind the answer: their order, their bounds, and what is read while they are on their way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from origin.cache import write_queue
from origin.cache.records import Lookup
from origin.cache.records import OriginalBody
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_body
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.write_queue import WriteQueue
from origin.formats import Format
from tests.support.dict_tier import DictTier

CAT = name_original("photos", "bucket", "cat.jpg")
DOG = name_original("photos", "bucket", "dog.jpg")
V1 = Version("v1", None, 1.0)
V2 = Version("v2", None, 2.0)
RESULT = Result(b"picture", Format.PNG, bytes(16), None)
OTHER = Result(b"another", Format.PNG, bytes(16), None)


@pytest.fixture
def tier() -> DictTier:
    return DictTier()


@pytest.fixture
def queue(tier: DictTier) -> WriteQueue:
    return WriteQueue(tier)


async def turns() -> None:
    """Let every task run until it waits for something that has not come."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_put_is_read_at_once_and_written_later(queue: WriteQueue, tier: DictTier) -> None:
    tier.writes.clear()
    queue.put(name_version(CAT), V1)
    queue.put(name_result(CAT, "v1", "300"), RESULT)
    assert await queue.get(name_version(CAT)) == V1
    assert await queue.find(CAT, "300", None) == Lookup(V1, RESULT, "dict")
    assert await queue.names(CAT) == {name_version(CAT), name_result(CAT, "v1", "300")}
    assert tier.records == {}
    tier.writes.set()
    await queue.flush()
    assert len(tier.records) == 2
    assert queue.unwritten_bytes == 0
    assert await queue.find(CAT, "300", None) == Lookup(V1, RESULT, "dict")


async def test_what_is_on_its_way_may_be_held(queue: WriteQueue, tier: DictTier) -> None:
    tier.knows_names = True
    assert not queue.may_hold(name_version(CAT))
    queue.put(name_version(CAT), V1)
    assert queue.may_hold(name_version(CAT))
    assert not queue.may_hold(name_version(DOG))
    await queue.flush()


async def test_the_newest_of_several_writes_is_read_and_stays(queue: WriteQueue, tier: DictTier) -> None:
    tier.writes.clear()
    queue.put(name_version(CAT), V1)
    await turns()
    queue.put(name_version(DOG), V1)
    asyncio.get_running_loop().call_soon(tier.writes.set)
    queue.put(name_version(CAT), V2)
    assert await queue.get(name_version(CAT)) == V2
    await queue.flush()
    assert tier.records[name_version(CAT)] == V2


async def test_a_result_that_is_written_while_the_tier_is_read_is_found(
    queue: WriteQueue, tier: DictTier
) -> None:
    """The tier knows the version alone; its result is on its way, and arrives behind the read."""
    tier.records[name_version(CAT)] = V1
    queue.put(name_result(CAT, "v1", "300"), RESULT)
    tier.reads.clear()
    finding = asyncio.ensure_future(queue.find(CAT, "300", None))
    await turns()
    result = tier.records.get(name_result(CAT, "v1", "300"))
    await queue.flush()
    tier.reads.set()
    assert result is None
    assert await finding == Lookup(V1, RESULT, "dict")


async def test_a_delete_takes_what_was_put_before_and_leaves_what_follows(
    queue: WriteQueue, tier: DictTier
) -> None:
    tier.records = {name_version(CAT): V1, name_version(DOG): V1, name_body(CAT): OriginalBody("v1", b"x")}
    tier.writes.clear()
    queue.put(name_result(CAT, "v1", "300"), RESULT)
    await turns()
    queue.put(name_result(CAT, "v1", "400"), RESULT)
    deleted = queue.delete_prefix(CAT)
    queue.put(name_version(CAT), V2)
    tier.writes.set()
    await queue.flush()
    old = {name_version(CAT), name_body(CAT), name_result(CAT, "v1", "300"), name_result(CAT, "v1", "400")}
    assert await deleted == old
    assert tier.records == {name_version(CAT): V2, name_version(DOG): V1}


async def test_what_waits_to_be_deleted_is_no_longer_read(queue: WriteQueue, tier: DictTier) -> None:
    """As long as the tier is busy with a write, it still has what a purge has taken."""
    tier.records = {name_version(CAT): V1, name_version(DOG): V1, name_result(CAT, "v1", "300"): RESULT}
    tier.writes.clear()
    queue.put(name_version(DOG), V2)
    await turns()
    deleted = queue.delete_prefix("photos\0bucket\0cat")
    assert await queue.get(name_version(CAT)) is None
    assert await queue.find(CAT, "300", None) == Lookup(None)
    assert await queue.find(CAT, "300", V1) == Lookup(V1)
    assert await queue.names(CAT) == set()
    assert await queue.get(name_version(DOG)) == V2
    queue.put(name_result(CAT, "v1", "300"), OTHER)  # made since
    assert await queue.find(CAT, "300", V1) == Lookup(V1, OTHER, "dict")
    tier.writes.set()
    assert await deleted == {name_version(CAT), name_result(CAT, "v1", "300")}
    await queue.flush()
    assert await queue.find(CAT, "300", V1) == Lookup(V1, OTHER, "dict")


async def test_one_who_no_longer_waits_for_a_delete_does_not_stop_it(
    queue: WriteQueue, tier: DictTier
) -> None:
    tier.records = {name_version(CAT): V1}
    queue.delete_prefix(CAT).cancel()
    await queue.flush()
    assert tier.records == {}


async def test_records_are_gathered_for_a_moment(
    queue: WriteQueue, tier: DictTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "GATHER_SECONDS", 600.0)
    monkeypatch.setattr(write_queue, "MAX_GATHERED", 3)
    for number in range(5):
        queue.put(name_result(CAT, "v1", str(number)), RESULT)
        await turns()
    assert tier.calls == ["put"] * 3
    async with asyncio.timeout(60):
        await queue.flush()
    assert len(tier.records) == 5


async def test_a_moment_is_enough(queue: WriteQueue, tier: DictTier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "GATHER_SECONDS", 0.001)
    queue.put(name_version(CAT), V1)
    async with asyncio.timeout(60):
        while not tier.records:  # noqa: ASYNC110 - nothing tells that a dictionary has changed
            await asyncio.sleep(0.001)


async def test_a_tier_that_raises_stops_no_later_write(
    queue: WriteQueue, tier: DictTier, caplog: pytest.LogCaptureFixture
) -> None:
    tier.breaks = True
    queue.put(name_version(CAT), V1)
    assert await queue.delete_prefix(DOG) == set()
    await queue.flush()
    assert queue.unwritten_bytes == 0
    tier.breaks = False
    queue.put(name_version(CAT), V2)
    await queue.flush()
    assert tier.records == {name_version(CAT): V2}
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


async def test_a_closed_queue_has_written_all_and_takes_no_more(queue: WriteQueue, tier: DictTier) -> None:
    queue.put(name_version(CAT), V1)
    await queue.close()
    assert tier.records == {name_version(CAT): V1}
    assert tier.closed
    queue.put(name_version(DOG), V1)
    assert await queue.delete_prefix(CAT) == set()
    await queue.close()
    assert tier.records == {name_version(CAT): V1}
