"""The disk tier: what a read costs."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from pathlib import Path

from origin.cache.disk import LARGE_READERS
from origin.cache.disk import LARGE_VALUE
from origin.cache.disk import READERS
from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.records import Lookup
from origin.cache.records import OriginalBody
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_body
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.formats import Format

CAT = name_original("photos", "bucket", "cat.jpg")
V1 = Version("v1", None, 1.0)


async def test_a_read_makes_one_copy_beyond_the_body_that_is_served(tmp_path: Path) -> None:
    tier = DiskTier(DiskStore(tmp_path, 1_000_000_000))
    result = Result(bytes(10_000_000), Format.PNG, bytes(16), None)
    await tier.put_all([(name_version(CAT), V1), (name_result(CAT, "v1", "300"), result)])
    assert (await tier.find(CAT, "300", None)).version == V1  # and every thread and cache is there
    tracemalloc.start()
    try:
        lookup = await tier.find(CAT, "300", None)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lookup == Lookup(V1, result, "disk")
    assert held < 1.1 * len(result.body)
    assert peak < 2.1 * len(result.body)
    await tier.close()


async def test_many_large_results_are_read_few_at_a_time(tmp_path: Path) -> None:
    tier = DiskTier(DiskStore(tmp_path, 4_000_000_000))
    body = bytes(LARGE_VALUE)
    variants = [str(number) for number in range(READERS)]
    names = [name_result(CAT, "v1", variant) for variant in variants]
    results = [Result(body, Format.PNG, bytes([number] * 16), None) for number in range(READERS)]
    await tier.put_all([(name_version(CAT), V1), *zip(names, results, strict=True)])
    tracemalloc.start()
    try:
        lookups = await asyncio.gather(*(tier.find(CAT, variant, None) for variant in variants))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [lookup.result for lookup in lookups] == results
    assert peak < (READERS + LARGE_READERS + 1) * len(
        body
    )  # all that is given, and a copy of those under way
    await tier.close()


class SlowStore(DiskStore):
    """A disk that gives out large values when it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 4_000_000_000)
        self.go = threading.Event()

    def get(self, name: str, most: int | None = None) -> memoryview | None:
        value = super().get(name, most)
        if value is not None and len(value) > LARGE_VALUE:
            assert self.go.wait(10)
        return value


async def test_small_results_do_not_wait_for_large_ones(tmp_path: Path) -> None:
    store = SlowStore(tmp_path)
    tier = DiskTier(store)
    large = OriginalBody("v1", bytes(LARGE_VALUE))
    await tier.put_all([(name_version(CAT), V1), (name_body(CAT), large)])
    waiting = [asyncio.ensure_future(tier.get(name_body(CAT))) for _ in range(2 * READERS)]
    for _ in range(READERS):
        assert await tier.get(name_version(CAT)) == V1
    assert not any(each.done() for each in waiting)
    store.go.set()
    assert await asyncio.gather(*waiting) == [large] * len(waiting)
    await tier.close()


async def test_a_damaged_result_leaves_the_version_that_led_to_it(tmp_path: Path) -> None:
    tier = DiskTier(DiskStore(tmp_path, 1_000_000_000))
    result = Result(bytes(100_000), Format.PNG, bytes(16), None)
    await tier.put_all([(name_version(CAT), V1), (name_result(CAT, "v1", "300"), result)])
    [file] = tmp_path.glob("*/*.val")  # noqa: ASYNC240 - nothing else runs here
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert await tier.find(CAT, "300", None) == Lookup(V1, None, "disk")
    assert tier.failures == 1
    file.unlink()
    assert await tier.find(CAT, "300", None) == Lookup(V1, None, "disk")
    assert await tier.find(CAT, "300", V1) == Lookup(V1, None, "disk")
    await tier.delete(name_version(CAT))
    assert await tier.find(CAT, "300", None) == Lookup(None, None, "disk")
    assert tier.failures == 1
    await tier.close()
