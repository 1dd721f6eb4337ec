"""One contract for every cache tier."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from origin.cache.bucket import WatchedBucket
from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.marks import Marks
from origin.cache.memory import MemoryTier
from origin.cache.records import Lookup
from origin.cache.records import OriginalBody
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_body
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.shared import BucketTier
from origin.cache.tier import Tier
from origin.formats import Format
from tests.support.dict_tier import DictTier
from tests.support.fake_bucket import FakeBucket
from tests.support.fake_bucket import Objects

MB = 1_000_000
CAT = name_original("photos", "bucket", "cat.jpg")
CATS = name_original("photos", "bucket", "cat.jpg.bak")
DOG = name_original("photos", "bucket", "dog \U0010ffff.jpg")
V1 = Version("v1", 1_700_000_000.0, 1_800_000_000.5)
V2 = Version('W/"v2\té"', None, 1_800_000_600.0)


def result(body: bytes, format: Format, modified: float | None) -> Result:
    return Result(body, format, hashlib.sha256(body).digest()[:16], modified)


# By their signatures: a bucket is asked for pictures alone.
SMALL = result(b"RIFF\x10\0\0\0WEBPVP8 \nsmall\0", Format.WEBP, 1_700_000_000.0)
EMPTY = replace(SMALL, body=b"")
LARGE = result(b"\0\0\0\x1cftypavif" + bytes(range(256)) * 400, Format.AVIF, None)


@pytest.fixture(params=["memory", "disk", "dict", "bucket"])
async def tier(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Tier]:
    bucket = WatchedBucket(FakeBucket(Objects(time.time)))
    tiers: dict[str, Tier] = {
        "memory": MemoryTier(50 * MB),
        "disk": DiskTier(DiskStore(tmp_path / "cache", 50 * MB)),
        "dict": DictTier(),
        "bucket": BucketTier(bucket, Marks(), lambda: True),
    }
    tier = tiers[request.param]
    await tier.open()
    yield tier
    await tier.close()


async def names(tier: Tier, prefix: str) -> list[str]:
    return sorted([name async for name in tier.names(prefix)])


@pytest.mark.many
@pytest.mark.parametrize(
    ("name", "record"),
    [
        (name_version(CAT), V1),
        (name_version(CAT), V2),
        (name_result(CAT, "v1", "300"), SMALL),
        (name_result(CAT, "v1", "300"), LARGE),
        (name_result(CAT, "v1", "300"), EMPTY),
        (name_body(CAT), OriginalBody("v1", b"\n" * 100_000)),
    ],
)
async def test_a_record_comes_back_equal_or_was_refused(tier: Tier, name: str, record: Record) -> None:
    assert await tier.get(name) is None
    await tier.put(name, record)
    refused = isinstance(tier, MemoryTier | BucketTier) and isinstance(record, OriginalBody)
    refused = refused or (isinstance(tier, BucketTier) and record == EMPTY)
    assert await tier.get(name) == (None if refused else record)


async def test_a_record_that_is_put_again_replaces_the_old_one(tier: Tier) -> None:
    name = name_result(CAT, "v1", "300")
    for record in (SMALL, LARGE, SMALL):
        await tier.put(name, record)
        assert await tier.get(name) == record
    assert await names(tier, "") == [name]


async def test_records_that_are_put_together_come_back_each(tier: Tier) -> None:
    records: list[tuple[str, Record]] = [(name_version(CAT), V1), (name_version(DOG), V2)]
    records += [
        (name_result(CAT, "v1", str(n)), result(LARGE.body + bytes([n]), Format.AVIF, None))
        for n in range(40)
    ]
    await tier.put_all(records)
    await tier.put_all([])
    assert [await tier.get(name) for name, _ in records] == [record for _, record in records]


async def test_names_that_start_alike_are_apart(tier: Tier) -> None:
    await tier.put(name_version(CATS), V2)
    assert await tier.get(name_version(CAT)) is None
    await tier.put(name_version(CAT), V1)
    assert await tier.get(name_version(CATS)) == V2


async def filled(tier: Tier) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for original in (CAT, CATS, DOG):
        records[name_version(original)] = V1
        records[name_result(original, "v1", "300")] = SMALL
        records[name_result(original, "v1", "400")] = LARGE
    await tier.put_all(list(records.items()))
    return records


async def test_a_deleted_record_is_gone_and_no_other(tier: Tier) -> None:
    records = await filled(tier)
    for name in (name_version(CAT), name_result(DOG, "v1", "400")):
        assert await tier.delete(name)
        assert not await tier.delete(name)
        assert await tier.get(name) is None
        del records[name]
    assert not await tier.delete("strange")
    assert {name: await tier.get(name) for name in records} == records


@pytest.mark.many
@pytest.mark.parametrize(
    "prefix", [CAT, "photos\0bucket\0cat", "photos\0", "", DOG, "photos\0bucket\0dog \U0010ffff"]
)
async def test_a_deleted_prefix_takes_what_starts_with_it_and_says_so(tier: Tier, prefix: str) -> None:
    records = await filled(tier)
    gone = {name for name in records if name.startswith(prefix)}
    assert await names(tier, prefix) == sorted(gone)
    assert await tier.delete_prefix(prefix) == gone
    assert await names(tier, "") == sorted(records.keys() - gone)
    for name, record in records.items():
        assert await tier.get(name) == (None if name in gone else record)
    assert await tier.delete_prefix(prefix) == set()


async def test_a_prefix_that_is_no_text_is_no_ones(tier: Tier) -> None:
    await filled(tier)
    assert await tier.delete_prefix("photos\ud800") == set()
    assert not await tier.delete("photos\ud800")
    assert await tier.get(name_version(CAT)) == V1


async def test_a_version_and_its_result_are_found_together(tier: Tier) -> None:
    await filled(tier)
    assert await tier.find(CAT, "300", None) == Lookup(V1, SMALL, tier.label)
    assert await tier.find(CAT, "300", V1) == Lookup(V1, SMALL, tier.label)
    assert (await tier.find(CAT, "500", None))[:2] == (V1, None)
    assert (await tier.find(CAT, "300", V2))[:2] == (V2, None)
    assert (await tier.find("strange\0", "300", None))[:2] == (None, None)


async def test_a_result_without_its_version_is_found_by_version_alone(tier: Tier) -> None:
    await tier.put(name_result(CAT, "v1", "300"), SMALL)
    assert (await tier.find(CAT, "300", None))[:2] == (None, None)
    assert await tier.find(CAT, "300", V1) == Lookup(V1, SMALL, tier.label)


async def test_what_was_put_may_be_held(tier: Tier) -> None:
    for name, record in (await filled(tier)).items():
        assert tier.may_hold(name), record
    if tier.touch is not None:
        tier.touch(name_result(CAT, "v1", "300"), "strange")


async def test_reads_at_the_same_time_get_each_their_own(tier: Tier) -> None:
    records = await filled(tier)
    found = await asyncio.gather(*(tier.get(name) for name in records for _ in range(10)))
    assert found == [record for record in records.values() for _ in range(10)]


async def test_reads_while_a_record_is_replaced_get_one_of_both_or_nothing(tier: Tier) -> None:
    name = name_result(CAT, "v1", "300")
    await tier.put(name, SMALL)
    for record in (LARGE, SMALL) * 5:
        writing = asyncio.ensure_future(tier.put(name, record))
        found = await asyncio.gather(*(tier.get(name) for _ in range(20)))
        await writing
        assert all(one in (SMALL, LARGE, None) for one in found)
        assert await tier.get(name) == record


async def test_a_tier_has_a_label_and_numbers(tier: Tier) -> None:
    await filled(tier)
    assert tier.label.isalpha()
    assert tier.failures == 0
    for measure in tier.measures():
        assert measure.name.startswith("origin_cache_")
        assert measure.help.endswith(".")
        assert measure.read() >= 0
    assert list(await tier.deleted_by_others()) == []
