"""The cache over its tiers, and purges during other work. Tiers that wait make the interleavings."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import traceback
import weakref
from collections.abc import AsyncIterator
from collections.abc import Callable
from pathlib import Path

import pytest

from origin.cache import memory
from origin.cache import purges
from origin.cache import write_queue
from origin.cache.culler import Values
from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.memory import MemoryTier
from origin.cache.records import Lookup
from origin.cache.records import Pieces
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_body
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.results import Entry
from origin.cache.results import ResultCache
from origin.errors import NotFound
from origin.errors import Unprocessable
from origin.formats import Format
from tests.support.dict_tier import DictTier

CAT = name_original("photos", "bucket", "cat.jpg")
DOG = name_original("photos", "bucket", "dogs/dog.jpg")
CATS = name_original("photos", "bucket", "cat.jpg.bak")
OTHER = name_original("photos2", "bucket", "cat.jpg")
V1 = Version("v1", 1_700_000_000.0, 1_800_000_000.0)
V2 = Version("v2", 1_700_000_500.0, 1_800_000_600.0)


def picture(text: str) -> Result:
    return Result(text.encode(), Format.WEBP, text.encode()[:16].ljust(16, b"\0"), 1_700_000_000.0)


class WaitingStore(DiskStore):
    """A disk whose reads or writes wait until they are let go; every one is noted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 50_000_000)
        self.reads = threading.Event()
        self.writes = threading.Event()
        self.reading = threading.Event()
        self.writing = threading.Event()
        self.noted: list[str] = []
        self.let_go()

    def let_go(self) -> None:
        self.reads.set()
        self.writes.set()

    def get(self, name: str) -> memoryview | None:
        return self.on_its_way(super().get(name))

    def get_following(self, name: str, follow: Callable[[memoryview], str | None]) -> memoryview | None:
        return self.on_its_way(super().get_following(name, follow))

    def on_its_way(self, value: memoryview | None) -> memoryview | None:
        """What was read, after a wait."""
        self.reading.set()
        assert self.reads.wait(60)
        self.noted.append("get")
        return value

    def put_one(self, name: str, value: Pieces, heard: int | None = None) -> None:
        self.writing.set()
        assert self.writes.wait(60)
        self.noted.append("put")
        super().put_all([(name, value)], heard)

    def put_all(self, values: Values, heard: int | None = None) -> None:
        for name, value in values:
            self.put_one(name, value, heard)


def cache_over(store: DiskStore, memory: int = 1_000_000) -> ResultCache:
    return ResultCache(MemoryTier(memory), [DiskTier(store)])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[WaitingStore]:
    store = WaitingStore(tmp_path / "cache")
    yield store
    store.let_go()


@pytest.fixture
async def cache(store: WaitingStore) -> AsyncIterator[ResultCache]:
    cache = cache_over(store)
    yield cache
    store.let_go()
    await cache.close()


def keep(cache: ResultCache, original: str, *variants: str, version: Version = V1) -> None:
    entry = cache.entry(original)
    entry.keep_version(version)
    entry.keep_original(version.etag, f"original {version.etag}".encode())
    for variant in variants:
        entry.keep_result(version.etag, variant, picture(f"{version.etag} {variant}"))


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


# Tiers


async def test_a_result_is_found_in_memory_first(cache: ResultCache) -> None:
    keep(cache, CAT, "300")
    assert cache.peek(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")
    assert await cache.find(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")


async def test_a_result_that_is_not_yet_written_is_found(cache: ResultCache, store: WaitingStore) -> None:
    store.writes.clear()
    keep(cache, CAT, "300")
    cache.memory.drop(CAT)
    assert await cache.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert await cache.find_original(CAT, "v1") == b"original v1"


async def test_the_failures_of_the_tiers_are_counted(cache: ResultCache, store: WaitingStore) -> None:
    assert cache.below.failures == 0
    store.path.write_bytes(b"in the way")
    assert await cache.find(CAT, "300") == Lookup(None)
    assert cache.below.failures == 1
    counted = [measure for measure in cache.measures() if measure.name == "origin_cache_failures_total"]
    assert [measure.read() for measure in counted] == [1]


async def test_after_a_restart_results_versions_and_originals_are_there(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300")
    await cache.close()
    again = cache_over(DiskStore(store.path, store.max_size), 1_000_000)
    assert again.peek(CAT, "300") == Lookup(None)
    assert await again.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert again.peek(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")  # it is hot now
    assert await again.find_original(CAT, "v1") == b"original v1"
    assert await again.find_original(CAT, "v2") is None
    await again.close()


@pytest.mark.slow
async def test_what_memory_serves_is_not_culled_from_the_disk(tmp_path: Path) -> None:
    cache = cache_over(DiskStore(tmp_path, 2_000_000), 10_000_000)
    keep(cache, CAT, "300")
    for i in range(60):  # three times what the disk holds
        cache.entry(CATS).keep_result("v1", str(i), picture("x" * 90_000))
        assert cache.peek(CAT, "300").result is not None
        await cache.flush()
    await cache.close()
    again = cache_over(DiskStore(tmp_path, 2_000_000), 10_000_000)
    assert await again.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert (await again.find(CATS, "0")).result is None
    await again.close()


async def test_what_is_kept_while_the_disk_is_read_is_found(cache: ResultCache, store: WaitingStore) -> None:
    store.reads.clear()
    finding = asyncio.ensure_future(cache.find(CAT, "300"))
    await until(store.reading)
    keep(cache, CAT, "300")
    store.reads.set()
    assert await finding == Lookup(V1, picture("v1 300"), "memory")


async def test_a_variant_that_was_not_made_has_its_version_alone(cache: ResultCache) -> None:
    keep(cache, CAT, "300")
    assert await cache.find(CAT, "400") == Lookup(V1, None)


async def test_memory_is_bounded_and_the_disk_has_the_rest(store: WaitingStore) -> None:
    cache = cache_over(store, 20_000)
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    for i in range(100):
        entry.keep_result("v1", str(i), picture(f"{i} " + "x" * 1000))
    assert cache.memory.results.weight <= 20_000
    assert cache.peek(CAT, "0").result is None
    await cache.flush()
    found = await cache.find(CAT, "0")
    assert found.result == picture("0 " + "x" * 1000)
    assert found.tier == "disk"
    await cache.close()


async def test_what_waits_to_be_written_is_bounded(
    cache: ResultCache, store: WaitingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "MAX_UNWRITTEN", 100_000)
    store.writes.clear()
    for i in range(50):
        cache.entry(CAT).keep_original("v1", bytes(10_000))
        cache.entry(name_original("photos", "bucket", str(i))).keep_original("v1", bytes(10_000))
    [queue] = cache.below.queues
    assert 50_000 < queue.unwritten_bytes <= 100_000
    store.let_go()
    await cache.flush()
    assert queue.unwritten_bytes == 0
    assert not queue._work


async def test_keys_that_start_alike_are_apart(cache: ResultCache) -> None:
    keep(cache, CAT, "300")
    assert await cache.find(CATS, "300") == Lookup(None)
    assert await cache.find(OTHER, "300") == Lookup(None)
    assert await cache.find(CAT, "30") == Lookup(V1, None, "memory")


@pytest.mark.many
@pytest.mark.parametrize(
    "record",
    [b"", b"{}\n", b"[]\nbody", b"not json\nbody", b'{"etag": "v1", "of": "a later release"}\nbody'],
)
@pytest.mark.parametrize("kind", ["V", "O", "R"])
async def test_a_record_of_another_release_is_a_miss(
    cache: ResultCache, store: WaitingStore, kind: str, record: bytes
) -> None:
    keep(cache, CAT, "300")
    await cache.flush()
    [key] = [key for key in store.delete_prefix(CAT) if key.removeprefix(CAT)[0] == kind]
    keep(cache, CAT, "300")
    await cache.flush()
    store.put(key, record)
    cache.memory.drop(CAT)
    found = await cache.find(CAT, "300")
    assert (found.result is None) == (kind != "O")
    assert await cache.find_original(CAT, "v1") in (None, b"original v1", b"body")
    keep(cache, CAT, "300")
    assert (await cache.find(CAT, "300")).result == picture("v1 300")


# A changed original


async def test_a_new_version_makes_the_old_results_unreachable_and_takes_them_away(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300", "400")
    keep(cache, DOG, "300")
    cache.entry(CAT).keep_version(V2)
    assert cache.peek(CAT, "300") == Lookup(V2, None)
    await cache.flush()
    assert (await cache.find(CAT, "300")).result is None
    assert await cache.find_original(CAT, "v1") is None
    assert store.count(CAT) == 1  # what is known of the new one
    assert (await cache.find(DOG, "300")).result is not None


async def test_one_revalidation_renews_every_result(cache: ResultCache) -> None:
    keep(cache, CAT, "300", "400")
    renewed = Version("v1", V1.last_modified, V1.checked + 1000)
    cache.entry(CAT).keep_version(renewed)
    for variant in ("300", "400"):
        assert (await cache.find(CAT, variant)) == Lookup(renewed, picture(f"v1 {variant}"), "memory")


async def test_a_dropped_original_leaves_nothing(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300")
    await cache.entry(CAT).drop()
    assert await cache.find(CAT, "300") == Lookup(None)
    assert store.count(CAT) == 0


class CountingMemory(MemoryTier):
    """Counts how often all of its names are looked through."""

    looks = 0

    def drop(self, prefix: str) -> set[str]:
        self.looks += 1
        return super().drop(prefix)


async def test_an_original_that_nobody_has_is_dropped_without_work(upper: DictTier) -> None:
    upper.knows_names = True
    memory = CountingMemory(1_000_000)
    cache = ResultCache(memory, [upper])
    keep(cache, CAT, "300")
    await cache.flush()
    upper.calls.clear()
    await cache.entry(DOG).drop()
    assert (memory.looks, upper.calls) == (0, [])
    await cache.entry(CAT).drop()
    assert (memory.looks, upper.calls, upper.records) == (1, ["delete_prefix"], {})
    await cache.close()


async def test_an_original_that_memory_has_forgotten_is_dropped_from_the_disk(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300")
    await cache.flush()
    cache.memory.drop(CAT)
    await cache.entry(CAT).drop()
    assert store.count(CAT) == 0


# Failures


async def test_a_failure_is_remembered_until_its_time(cache: ResultCache) -> None:
    cache.entry(CAT).keep_failure(NotFound("no cat"), 100.0)
    failure = cache.failure(CAT, "", 99.9)
    assert isinstance(failure, NotFound)
    assert str(failure) == "no cat"
    assert cache.failure(CAT, "", 100.0) is None
    assert cache.failure(DOG, "", 0.0) is None


async def test_an_original_that_is_there_again_ends_its_failure(cache: ResultCache) -> None:
    cache.entry(CAT).keep_failure(NotFound("no cat"), 100.0)
    cache.entry(CAT).keep_version(V1)
    assert cache.failure(CAT, "", 0.0) is None


async def test_a_failure_of_the_original_is_not_kept_for_each_variant_as_well(cache: ResultCache) -> None:
    entry = cache.entry(CAT)
    entry.keep_failure(NotFound("no cat"), 100.0)
    entry.keep_failure(NotFound("no cat"), 100.0, "300")
    assert len(cache._failures) == 1
    entry.keep_failure(Unprocessable("too large"), 200.0, "300")
    assert isinstance(cache.failure(CAT, "300", 150.0), Unprocessable)


async def test_failures_are_bounded(cache: ResultCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_FAILURES", 10)
    for i in range(50):
        cache.entry(str(i)).keep_failure(NotFound(str(i)), 100.0)
    assert len(cache._failures) == 10
    assert cache.failure("49", "", 0.0) is not None


@pytest.mark.slow
async def test_a_remembered_failure_holds_no_original(cache: ResultCache) -> None:
    class Original(bytearray):
        """Weakly referable, as bytes are not."""

    def render(original: Original) -> None:
        try:
            raise ValueError(len(original))
        except ValueError as exc:
            raise Unprocessable("not a picture") from exc

    def fail() -> weakref.ref[Original]:
        original = Original(1000)
        try:
            render(original)
        except Unprocessable as exc:
            cache.entry(CAT).keep_failure(exc, 100.0)
        return weakref.ref(original)

    held = fail()
    gc.collect()
    assert held() is None


async def test_a_failure_raised_a_thousand_times_does_not_grow(cache: ResultCache) -> None:
    cache.entry(CAT).keep_failure(NotFound("no cat"), 100.0)
    lengths = []
    for _ in range(20):
        try:
            failure = cache.failure(CAT, "", 0.0)
            assert failure is not None
            raise failure
        except NotFound:
            lengths.append(len(traceback.extract_tb(sys.exc_info()[2])))
    assert set(lengths) == {1}


# Purge


@pytest.mark.many
@pytest.mark.parametrize(
    ("prefix", "count", "left"),
    [
        (CAT, 3, {DOG, CATS, OTHER}),  # two results and one original
        (DOG, 2, {CAT, CATS, OTHER}),
        ("photos\0bucket\0dogs/", 2, {CAT, CATS, OTHER}),
        ("photos\0bucket\0cat", 5, {DOG, OTHER}),
        ("photos\0", 7, {OTHER}),
        ("photos2\0", 2, {CAT, DOG, CATS}),
        ("photos3\0", 0, {CAT, DOG, CATS, OTHER}),
    ],
)
@pytest.mark.parametrize("where", ["everywhere", "disk", "unwritten"])
async def test_a_purge_counts_exactly_and_takes_nothing_else(
    cache: ResultCache, store: WaitingStore, where: str, prefix: str, count: int, left: set[str]
) -> None:
    store.writes.clear()
    keep(cache, CAT, "300", "400")
    for original in (DOG, CATS, OTHER):
        keep(cache, original, "300")
    if where != "unwritten":
        store.let_go()
        await cache.flush()
    if where != "everywhere":
        cache.memory.drop("")
    purging = asyncio.ensure_future(cache.purge(prefix))
    await asyncio.sleep(0)
    store.let_go()
    assert await purging == count
    for original in (CAT, DOG, CATS, OTHER):
        found = (await cache.find(original, "300")).result
        assert (found is not None) == (original in left), original
    assert await cache.purge(prefix) == 0


async def test_what_only_memory_holds_is_counted(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300", "400")
    await cache.flush()
    store.delete_prefix("")
    assert await cache.purge("photos\0") == 2


async def test_a_purge_takes_failures_too(cache: ResultCache) -> None:
    cache.entry(CAT).keep_failure(NotFound("no cat"), 100.0)
    cache.entry(OTHER).keep_failure(NotFound("no cat"), 100.0)
    assert await cache.purge("photos\0") == 0
    assert cache.failure(CAT, "", 0.0) is None
    assert cache.failure(OTHER, "", 0.0) is not None


KEEPERS: dict[str, Callable[[Entry], None]] = {
    "version": lambda entry: entry.keep_version(V1),
    "original": lambda entry: entry.keep_original("v1", b"old"),
    "result": lambda entry: entry.keep_result("v1", "300", picture("old")),
    "failure": lambda entry: entry.keep_failure(NotFound("old"), 1e12),
    "failure of a variant": lambda entry: entry.keep_failure(NotFound("old"), 1e12, "300"),
}


@pytest.mark.parametrize("what", KEEPERS)
async def test_what_began_before_a_purge_is_not_kept_after_it(
    cache: ResultCache, store: WaitingStore, what: str
) -> None:
    entry = cache.entry(CAT)  # a fetch or render begins
    await cache.purge("photos\0")
    KEEPERS[what](entry)  # and ends
    assert await cache.find(CAT, "300") == Lookup(None)
    assert await cache.find_original(CAT, "v1") is None
    assert cache.failure(CAT, "300", 0.0) is None
    await cache.flush()
    assert store.count() == 0


async def test_what_began_before_a_purge_of_others_is_kept(cache: ResultCache) -> None:
    entry = cache.entry(CAT)
    await cache.purge(DOG)
    entry.keep_version(V1)
    entry.keep_result("v1", "300", picture("good"))
    assert cache.peek(CAT, "300").result == picture("good")


async def test_what_begins_after_a_purge_is_kept(cache: ResultCache) -> None:
    await cache.purge("photos\0")
    keep(cache, CAT, "300")
    assert (await cache.find(CAT, "300")).result is not None


async def test_a_purge_meets_a_write_on_its_way_to_the_disk(cache: ResultCache, store: WaitingStore) -> None:
    store.writes.clear()
    keep(cache, CAT, "300")
    await until(store.writing)  # the first of three is inside the disk
    purging = asyncio.ensure_future(cache.purge(CAT))
    await asyncio.sleep(0)
    assert await cache.find(CAT, "300") == Lookup(None)
    store.let_go()
    assert await purging == 2  # a result and an original
    await cache.flush()
    assert store.count() == 0
    assert await cache.find(CAT, "300") == Lookup(None)


async def test_a_purge_meets_a_read_that_holds_the_old_picture(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300")
    await cache.flush()
    cache.memory.drop(CAT)
    store.reads.clear()
    finding = asyncio.ensure_future(cache.find(CAT, "300"))
    await until(store.reading)  # it has the record in its hands
    assert await cache.purge(CAT) == 2
    store.let_go()
    assert await finding == Lookup(None)
    assert cache.peek(CAT, "300") == Lookup(None)  # and did not put it back into memory


async def test_a_purge_meets_a_read_of_the_old_original(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT)
    await cache.flush()
    store.reads.clear()
    finding = asyncio.ensure_future(cache.find_original(CAT, "v1"))
    await until(store.reading)
    await cache.purge("photos\0")
    store.let_go()
    assert await finding is None


async def test_a_write_that_follows_a_purge_closely_stays(cache: ResultCache, store: WaitingStore) -> None:
    store.writes.clear()
    keep(cache, CAT, "300")
    await until(store.writing)
    purging = asyncio.ensure_future(cache.purge(CAT))
    await asyncio.sleep(0)
    keep(cache, CAT, "300", version=V2)  # made anew before the purge has reached the disk
    store.let_go()
    await purging
    await cache.flush()
    cache.memory.drop(CAT)
    assert await cache.find(CAT, "300") == Lookup(V2, picture("v2 300"), "disk")


async def test_a_writer_older_than_all_remembered_purges_is_not_believed(
    store: WaitingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "MAX_PURGES", 3)
    cache = cache_over(store)
    entry = cache.entry(CAT)
    await cache.purge(CAT)
    for i in range(3):
        await cache.purge(f"photos3\0{i}")
    entry.keep_result("v1", "300", picture("old"))
    entry.keep_version(V1)
    assert cache.peek(CAT, "300") == Lookup(None)
    recent = cache.entry(CAT)
    await cache.purge("photos3\0")
    recent.keep_version(V1)
    assert cache.peek(CAT, "300").version == V1
    await cache.close()


async def test_what_was_never_kept_is_not_looked_for(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300")
    await cache.flush()
    async with asyncio.timeout(60):
        while cache.below.tiers[0].may_hold("strange"):  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.01)
    store.noted.clear()
    assert await cache.find(DOG, "300") == Lookup(None)
    assert await cache.find(CAT, "301") == Lookup(V1, None, "memory")
    assert await cache.find_original(DOG, "v1") is None
    assert store.noted == []
    cache.memory.drop(CAT)
    assert await cache.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert await cache.find_original(CAT, "v1") is not None


async def test_the_count_of_results_of_an_original(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300", "400")
    keep(cache, CATS, "300")
    await cache.flush()
    assert await cache.count_results(CAT) == 2
    store.writes.clear()
    cache.entry(CAT).keep_result("v1", "500", picture("new"))
    assert await cache.count_results(CAT) == 3


async def test_a_result_that_is_being_written_counts_once(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300")
    await cache.flush()
    store.writes.clear()
    keep(cache, CAT, "300")
    assert await cache.count_results(CAT) == 1


async def test_what_comes_within_a_moment_is_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "GATHER_SECONDS", 600.0)
    monkeypatch.setattr(write_queue, "MAX_GATHERED", 4)
    store, batches = DiskStore(tmp_path, 50_000_000), []

    def put_all(values: Values, heard: int | None) -> None:
        batches.append(len(values))
        DiskStore.put_all(store, values, heard)

    monkeypatch.setattr(store, "put_all", put_all)
    cache = cache_over(store)
    keep(cache, CAT, "300", "400", "500", "600")  # with the version and the original, six
    async with asyncio.timeout(60):
        await cache.purge(DOG)  # and what waits for company is not waited for
        assert batches == [4, 2]
        keep(cache, CATS, "300")
        await cache.close()
    assert batches == [4, 2, 3]
    assert DiskStore(tmp_path, 50_000_000).count() == 9


async def test_a_cache_that_closes_finishes_what_it_writes(tmp_path: Path) -> None:
    cache = cache_over(DiskStore(tmp_path, 50_000_000), 1_000_000)
    for i in range(100):
        cache.entry(CAT).keep_result("v1", str(i), picture("x" * 1000))
    await cache.close()
    assert DiskStore(tmp_path, 50_000_000).count() == 100
    cache.entry(CAT).keep_result("v1", "late", picture("late"))  # what is late is let fall


# Several tiers


@pytest.fixture
def upper() -> DictTier:
    return DictTier("upper")


@pytest.fixture
def lower() -> DictTier:
    return DictTier("lower")


@pytest.fixture
async def tiers(upper: DictTier, lower: DictTier) -> AsyncIterator[ResultCache]:
    cache = ResultCache(MemoryTier(1_000_000), [upper, lower])
    yield cache
    for tier in (upper, lower):
        tier.reads.set()
        tier.writes.set()
    await cache.close()


async def test_what_is_kept_reaches_every_tier(tiers: ResultCache, upper: DictTier, lower: DictTier) -> None:
    keep(tiers, CAT, "300")
    assert tiers.peek(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")
    await tiers.flush()
    assert upper.records.keys() == lower.records.keys()
    assert len(upper.records) == 3


async def test_a_slow_tier_does_not_hold_the_others_back(
    tiers: ResultCache, upper: DictTier, lower: DictTier
) -> None:
    lower.writes.clear()
    keep(tiers, CAT, "300")
    async with asyncio.timeout(60):
        while len(upper.records) < 3:  # noqa: ASYNC110 - nothing tells that a dictionary has changed
            await asyncio.sleep(0.001)
    assert lower.records == {}


async def test_what_a_far_tier_has_fills_the_tiers_above(
    tiers: ResultCache, upper: DictTier, lower: DictTier
) -> None:
    keep(tiers, CAT, "300")
    await tiers.flush()
    original, everything = name_body(CAT), dict(lower.records)
    tiers.memory.drop("")
    upper.records.clear()
    assert await tiers.find(CAT, "300") == Lookup(V1, picture("v1 300"), "lower")
    assert tiers.peek(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")
    assert await tiers.find_original(CAT, "v1") == b"original v1"
    await tiers.flush()
    assert upper.records == everything
    lower.calls.clear()
    tiers.memory.drop("")
    assert await tiers.find(CAT, "300") == Lookup(V1, picture("v1 300"), "upper")
    assert await tiers.find_original(CAT, "v1") == b"original v1"
    assert lower.calls == []
    assert original in upper.records


async def test_a_version_above_finds_its_result_below(
    tiers: ResultCache, upper: DictTier, lower: DictTier
) -> None:
    keep(tiers, CAT, "300")
    await tiers.flush()
    tiers.memory.drop("")
    upper.records = {name_version(CAT): V1}
    assert await tiers.find(CAT, "300") == Lookup(V1, picture("v1 300"), "lower")
    assert await tiers.find(CAT, "400") == Lookup(V1, None, "memory")


async def test_a_newer_version_that_comes_while_a_tier_is_read_stays(
    tiers: ResultCache, upper: DictTier, lower: DictTier
) -> None:
    lower.records = {name_version(CAT): V1, name_result(CAT, "v1", "300"): picture("v1 300")}
    lower.reads.clear()
    finding = asyncio.ensure_future(tiers.find(CAT, "300"))
    while "get" not in lower.calls:  # noqa: ASYNC110 - nothing tells that a list has changed
        await asyncio.sleep(0)
    tiers.entry(CAT).keep_version(V2)
    lower.reads.set()
    assert (await finding).result == picture("v1 300")
    assert tiers.peek(CAT, "300") == Lookup(V2, None)
    await tiers.flush()
    assert upper.records[name_version(CAT)] == lower.records[name_version(CAT)] == V2


async def test_a_purge_reaches_every_tier_and_counts_each_entry_once(
    tiers: ResultCache, upper: DictTier, lower: DictTier
) -> None:
    keep(tiers, CAT, "300", "400")
    keep(tiers, DOG, "300")
    await tiers.flush()
    upper.records = {name: record for name, record in upper.records.items() if name.startswith(DOG)}
    assert await tiers.count_results(CAT) == 2
    assert await tiers.purge(CAT) == 3
    assert await tiers.find(CAT, "300") == Lookup(None)
    assert {name for name in lower.records if name.startswith(CAT)} == set()
    assert (await tiers.find(DOG, "300")).result is not None


async def test_a_read_while_a_purge_waits_for_the_disk_finds_nothing(
    tiers: ResultCache, upper: DictTier, lower: DictTier
) -> None:
    """And does not put the old picture back into memory, where it would outlive the purge."""
    keep(tiers, CAT, "300")
    await tiers.flush()
    lower.writes.clear()
    tiers.memory.drop("")
    purging = asyncio.ensure_future(tiers.purge(CAT))
    await asyncio.sleep(0)
    assert await tiers.find(CAT, "300") == Lookup(None)
    assert await tiers.find_original(CAT, "v1") is None
    lower.writes.set()
    assert await purging == 2
    assert await tiers.find(CAT, "300") == Lookup(None)


async def test_without_a_tier_below_memory_keeps_what_it_can() -> None:
    cache = ResultCache(MemoryTier(1_000_000))
    await cache.open()
    keep(cache, CAT, "300", "400")
    assert (await cache.find(CAT, "300")).result == picture("v1 300")
    assert await cache.find_original(CAT, "v1") is None
    assert await cache.count_results(CAT) == 2
    assert await cache.purge(CAT) == 2
    assert await cache.find(CAT, "300") == Lookup(None)
    await cache.close()


async def test_an_entry_keeps_and_drops_what_is_of_its_original_alone(cache: ResultCache) -> None:
    keep(cache, DOG, "300")
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    entry.keep_original("v1", b"original")
    entry.keep_result("v1", "300", picture("v1 300"))
    entry.keep_failure(Unprocessable("too large"), 100.0, "400")
    assert await cache.find(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")
    assert await cache.find_original(CAT, "v1") == b"original"
    assert await cache.count_results(CAT) == 1
    assert isinstance(cache.failure(CAT, "400", 99.0), Unprocessable)
    assert cache.failure(CAT, "400", 100.0) is None
    assert cache.failure(CAT, "300", 99.0) is None
    entry.keep_failure(NotFound("gone"), 100.0)
    assert isinstance(cache.failure(CAT, "300", 99.0), NotFound)
    await entry.drop()
    assert cache.peek(CAT, "300") == Lookup(None)
    assert cache.peek(DOG, "300").result == picture("v1 300")
    assert cache.failure(DOG, "300", 99.0) is None


# Large results


def large(number: int = 0) -> Result:
    """Over an eighth of the memory of `cache`."""
    return Result(bytes([number]) * 300_000, Format.AVIF, bytes(16), None)


async def swept(cache: ResultCache, left: int) -> None:
    """Wait until a timer has swept what threads, too, have let go."""
    async with asyncio.timeout(60):
        while len(cache._in_use) > left:  # noqa: ASYNC110 - a timer sets no event
            await asyncio.sleep(0.01)
    assert len(cache._in_use) == left


async def test_readers_of_a_large_result_share_one_body(cache: ResultCache, store: WaitingStore) -> None:
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    entry.keep_result("v1", "300", large())
    await cache.flush()
    assert cache.peek(CAT, "300").result is None  # memory does not take it
    cache.memory.drop("")
    cache._in_use.delete("")
    lookups = await asyncio.gather(*(cache.find(CAT, "300") for _ in range(60)))
    bodies = [lookup.result.body for lookup in lookups if lookup.result is not None]
    assert len(bodies) == 60
    assert {id(body) for body in bodies} == {id(bodies[0])}
    assert store.noted.count("get") == 1  # the version, and the result that it leads to
    later = (await cache.find(CAT, "300")).result  # while slow clients still take the others
    assert later is not None
    assert later.body is bodies[0]
    assert store.noted.count("get") == 1


@pytest.mark.slow
async def test_a_large_result_is_let_go_when_it_is_no_longer_used(cache: ResultCache) -> None:
    for number in range(20):
        name = name_original("photos", "bucket", f"{number}.jpg")
        cache.entry(name).keep_version(V1)
        cache.entry(name).keep_result("v1", "300", large(number))
    used = (await cache.find(name, "300")).result
    assert used is not None
    body = used.body
    del used
    await cache.flush()
    await swept(cache, 1)
    found = (await cache.find(name, "300")).result
    assert found is not None
    assert found.body is body
    del body
    cache._in_use.sweep()
    assert len(cache._in_use) == 1
    del found
    await swept(cache, 0)


async def test_results_that_are_not_used_do_not_pile_up(cache: ResultCache) -> None:
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    for number in range(40):
        entry.keep_result("v1", str(number), large(number))
    await cache.flush()
    cache._in_use.delete("")
    for number in range(40):
        await cache.find(CAT, str(number))
        assert len(cache._in_use) <= 20  # each thread may still hold its last one


async def test_a_purged_result_is_not_shared_any_more(cache: ResultCache) -> None:
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    entry.keep_result("v1", "300", large())
    used = await cache.find(CAT, "300")
    assert used.result is not None
    await cache.purge(CAT)
    cache.entry(CAT).keep_version(V1)
    assert await cache.find(CAT, "300") == Lookup(V1)


async def test_a_reader_that_leaves_does_not_take_the_others_along(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300")
    await cache.flush()
    cache.memory.drop("")
    store.reads.clear()
    readers = [asyncio.ensure_future(cache.find(CAT, "300")) for _ in range(3)]
    await until(store.reading)
    readers[0].cancel()
    readers[2].cancel()
    await asyncio.sleep(0)
    store.let_go()
    assert await readers[1] == Lookup(V1, picture("v1 300"), "disk")
