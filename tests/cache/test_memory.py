"""The bounded dictionary in memory, and the tier on it."""

from __future__ import annotations

from origin.cache.memory import Lru
from origin.cache.memory import MemoryTier
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.formats import Format


def test_the_one_unused_for_longest_goes_first() -> None:
    lru: Lru[str, str] = Lru(80, len)
    for name in "abcdefgh":
        lru.put(name, name * 10)
    assert lru.get("a") == "a" * 10
    lru.put("i", "i" * 10)
    assert lru.get("b") is None
    assert lru.get("a") is not None
    assert (len(lru), lru.weight) == (8, 80)


def test_one_giant_does_not_empty_the_tier() -> None:
    lru: Lru[str, str] = Lru(80, len)
    lru.put("small", "x" * 10)
    lru.put("giant", "x" * 11)
    assert lru.get("giant") is None
    assert lru.get("small") is not None


def test_an_entry_that_is_put_again_counts_once() -> None:
    lru: Lru[str, str] = Lru(80, len)
    for size in (10, 5, 8):
        lru.put("a", "x" * size)
    assert (len(lru), lru.weight) == (1, 8)
    lru.put("a", "x" * 50)  # too large now, and the old one is not the truth any more
    assert lru.get("a") is None
    assert lru.weight == 0


def test_a_deleted_prefix_weighs_nothing() -> None:
    lru: Lru[str, str] = Lru(80, len)
    for name in ("a1", "a2", "b"):
        lru.put(name, "x" * 10)
    assert lru.delete("a") == {"a1", "a2"}
    assert (len(lru), lru.weight) == (1, 10)


async def test_without_capacity_nothing_is_kept() -> None:
    tier = MemoryTier(0)
    original = name_original("photos", "bucket", "cat.jpg")
    await tier.put(name_version(original), Version("v1", None, 1.0))
    await tier.put(name_result(original, "v1", "300"), Result(b"", Format.PNG, bytes(16), None))
    assert [name async for name in tier.names("")] == []
