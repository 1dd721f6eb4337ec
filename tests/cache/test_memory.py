"""The bounded dictionary in memory, and the tier on it."""

from __future__ import annotations

import random
from typing import Any

from origin.cache.memory import Lru
from origin.cache.memory import MemoryTier
from origin.cache.memory import weigh_result
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.formats import Format

VERSION = Version("v1", None, 1.0)
PICTURE = Result(b"picture", Format.PNG, bytes(16), None)
HUGE = Result(bytes(20_000), Format.PNG, bytes(16), None)


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


class Name(str):
    """A name that counts how often somebody looks how it begins."""

    looks = 0

    def startswith(self, *beginning: Any) -> bool:
        Name.looks += 1
        return super().startswith(*beginning)


def test_one_original_is_dropped_without_a_look_at_the_others() -> None:
    tier = MemoryTier(1_000_000)
    cat, dog = (name_original("photos", "bucket", key) for key in ("cat.jpg", "dog.jpg"))
    for original in (cat, dog):
        tier.versions.put(Name(name_version(original)), VERSION)
        for variant in ("300", "400"):
            tier.results.put(Name(name_result(original, "v1", variant)), PICTURE)
    Name.looks = 0
    assert tier.drop(cat) == {name_version(cat), *(name_result(cat, "v1", each) for each in ("300", "400"))}
    assert tier.drop(name_original("photos", "bucket", "horse.jpg")) == set()
    assert Name.looks == 0
    assert (len(tier.versions), len(tier.results)) == (1, 2)


def test_whatever_comes_and_goes_a_dropped_original_leaves_nothing() -> None:
    chance = random.Random(1)
    tier = MemoryTier(20 * weigh_result(PICTURE))  # so that most are pushed out
    originals = [name_original("photos", "bucket", key) for key in ("a", "ab", "b/a", "b")]
    for _ in range(2000):
        original = chance.choice(originals)
        name = name_result(original, "v1", str(chance.randrange(12)))
        step = chance.randrange(10)
        if step < 7:
            tier.results.put(name, PICTURE if step else HUGE)
        elif step < 9:
            tier.results.pop(name)
        else:
            prefix = chance.choice([original, original[:-1], "photos\0"])
            names = {each for each in tier.results if each.startswith(prefix)}
            assert tier.drop(prefix) == names
            assert not [each for each in tier.results if each.startswith(prefix)]
    for original in originals:
        tier.drop(original)
    assert (len(tier.results), tier.results.weight, tier.results.originals) == (0, 0, 0)
