"""The disk tier: what a read costs."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
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
