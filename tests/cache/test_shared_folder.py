"""Two caches on one folder that both say they share it: what one deletes, the other serves no more."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from origin.cache import engine
from origin.cache import results
from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.memory import MemoryTier
from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.records import name_version
from origin.cache.results import ResultCache
from origin.errors import ConfigError
from origin.errors import NotFound
from origin.formats import Format
from tests.support.dict_tier import DictTier

CAT = name_original("photos", "bucket", "cat.jpg")
DOG = name_original("photos", "bucket", "dog.jpg")
V1 = Version("v1", None, 1.0)
V2 = Version("v2", None, 2.0)
OLD = Result(b"old", Format.PNG, bytes(16), None)
NEW = Result(b"new", Format.PNG, bytes(16), None)


def cache_in(folder: Path) -> ResultCache:
    return ResultCache(MemoryTier(1_000_000), [DiskTier(DiskStore(folder, 50_000_000, shared=True))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
async def pair(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ResultCache, ResultCache]]:
    monkeypatch.setattr(results, "LISTEN_SECONDS", 1000.0)  # the tests say when
    caches = cache_in(folder), cache_in(folder)
    for cache in caches:
        await cache.open()
    yield caches
    for cache in caches:
        await cache.close()


async def keep(cache: ResultCache, original: str, version: Version, result: Result) -> None:
    entry = cache.entry(original)
    entry.keep_version(version)
    entry.keep_result(version.etag, "300", result)
    await cache.flush()


async def test_what_one_keeps_the_other_finds(pair: tuple[ResultCache, ResultCache]) -> None:
    one, two = pair
    assert await two.find(CAT, "300") == Lookup(None)
    await keep(one, CAT, V1, OLD)
    assert await two.find(CAT, "300") == Lookup(V1, OLD, "disk")


async def test_a_purge_of_one_is_a_purge_of_the_other(pair: tuple[ResultCache, ResultCache]) -> None:
    one, two = pair
    await keep(one, CAT, V1, OLD)
    await keep(one, DOG, V1, OLD)
    for original in (CAT, DOG):
        assert (await two.find(original, "300")).result == OLD
    two.entry(CAT).keep_failure(NotFound("no cat"), 1e12)
    under_way = two.entry(CAT)
    assert await one.purge(CAT) == 1
    await two.apply_deletes_of_others()
    assert two.peek(CAT, "300") == Lookup(None)
    assert two.failure(CAT, "300", 0.0) is None
    under_way.keep_version(V1)
    assert await two.find(CAT, "300") == Lookup(None)
    assert two.peek(DOG, "300").result == OLD
    await keep(two, CAT, V2, NEW)
    await one.apply_deletes_of_others()
    await two.apply_deletes_of_others()  # its own purge is nothing new, and neither is the one it has heard
    assert two.peek(CAT, "300").result == NEW
    assert await one.find(CAT, "300") == Lookup(V2, NEW, "disk")


async def test_what_is_written_behind_a_purge_not_heard_of_yet_is_refused(
    pair: tuple[ResultCache, ResultCache],
) -> None:
    """Or the first one would read the old picture back from the disk, and keep it in memory."""
    one, two = pair
    under_way = two.entry(CAT)
    await one.purge(CAT)
    under_way.keep_version(V1)
    under_way.keep_result("v1", "300", OLD)
    two.entry(DOG).keep_version(V1)
    await two.flush()
    assert await one.find(CAT, "300") == Lookup(None)
    assert (await one.find(DOG, "300")).version == V1
    await two.apply_deletes_of_others()
    assert await two.find(CAT, "300") == Lookup(None)
    await keep(two, CAT, V2, NEW)
    assert await one.find(CAT, "300") == Lookup(V2, NEW, "disk")


async def test_a_new_version_of_one_is_a_new_version_of_the_other(
    pair: tuple[ResultCache, ResultCache],
) -> None:
    one, two = pair
    await keep(one, CAT, V1, OLD)
    assert (await two.find(CAT, "300")).result == OLD
    await keep(one, CAT, V2, NEW)
    await two.apply_deletes_of_others()
    assert await two.find(CAT, "300") == Lookup(V2, NEW, "disk")


async def test_the_other_hears_of_it_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "LISTEN_SECONDS", 0.01)
    one, two = cache_in(folder), cache_in(folder)
    await one.open()
    await two.open()
    await keep(one, CAT, V1, OLD)
    await two.find(CAT, "300")
    await one.purge(CAT)
    async with asyncio.timeout(60):
        while two.peek(CAT, "300").version is not None:  # noqa: ASYNC110 - a timer sets no event
            await asyncio.sleep(0.01)
    await one.close()
    await two.close()


async def test_one_that_missed_something_forgets_everything_in_memory(
    pair: tuple[ResultCache, ResultCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    await keep(one, CAT, V1, OLD)
    await keep(one, DOG, V1, OLD)
    await two.find(CAT, "300")
    await two.find(DOG, "300")
    monkeypatch.setattr(engine, "DELETES_SECONDS", -1)
    await one.purge(CAT)
    await one.purge("strange")  # and what was written down of the first one is gone
    under_way = two.entry(DOG)
    await two.apply_deletes_of_others()
    assert two.peek(CAT, "300") == two.peek(DOG, "300") == Lookup(None)
    assert await two.find(CAT, "300") == Lookup(None)
    assert await two.find(DOG, "300") == Lookup(V1, OLD, "disk")
    under_way.keep_version(V2)
    assert two.peek(DOG, "300").version == V1


async def test_another_folder_in_the_same_place_is_taken_for_missed_deletes(
    pair: tuple[ResultCache, ResultCache], folder: Path
) -> None:
    one, two = pair
    await one.purge(CAT)
    await two.apply_deletes_of_others()
    await keep(two, CAT, V1, OLD)
    shutil.rmtree(folder)
    await one.purge(DOG)
    await two.apply_deletes_of_others()
    assert two.peek(CAT, "300") == Lookup(None)
    await keep(two, CAT, V2, NEW)
    assert await one.find(CAT, "300") == Lookup(V2, NEW, "disk")


async def test_one_that_does_not_share_is_refused(
    pair: tuple[ResultCache, ResultCache], folder: Path
) -> None:
    alone = ResultCache(MemoryTier(0), [DiskTier(DiskStore(folder, 50_000_000))])
    with pytest.raises(ConfigError, match="is in use by another process"):
        await alone.open()
    await alone.close()


async def test_what_is_deleted_from_one_tier_goes_from_the_tiers_that_are_not_shared(folder: Path) -> None:
    upper, lower = DictTier("upper"), DictTier("lower")
    lower.shared = True
    cache = ResultCache(MemoryTier(1_000_000), [upper, lower])
    await keep(cache, CAT, V1, OLD)
    await keep(cache, DOG, V1, OLD)
    lower.deleted = [CAT]
    lower.calls.clear()
    await cache.apply_deletes_of_others()
    await cache.flush()
    assert [name for name in upper.records if name.startswith(CAT)] == []
    assert name_version(DOG) in upper.records
    assert lower.calls == []
    await cache.close()


async def test_a_folder_of_one_process_writes_no_deletes_down(tmp_path: Path) -> None:
    with closing(DiskStore(tmp_path, 50_000_000)) as store:
        store.open()
        store.put("key", b"value")
        assert store.delete_prefix("key") == {"key"}
        assert store.heard is None
