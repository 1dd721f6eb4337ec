"""The tiers, and purges against whatever is under way. Interleavings are made by a disk that waits."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
import traceback
import weakref
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import pytest

from origin.cache import results as module
from origin.cache.disk import DiskTier
from origin.cache.results import Lookup
from origin.cache.results import Lru
from origin.cache.results import Result
from origin.cache.results import ResultCache
from origin.cache.results import Version
from origin.cache.results import name_original
from origin.errors import NotFound
from origin.errors import Unprocessable
from origin.formats import Format

CAT = name_original("photos", "bucket", "cat.jpg")
DOG = name_original("photos", "bucket", "dogs/dog.jpg")
CATS = name_original("photos", "bucket", "cat.jpg.bak")
OTHER = name_original("photos2", "bucket", "cat.jpg")
V1 = Version("v1", 1_700_000_000.0, 1_800_000_000.0)
V2 = Version("v2", 1_700_000_500.0, 1_800_000_600.0)


def picture(text: str) -> Result:
    return Result(text.encode(), Format.WEBP, text.encode()[:16].ljust(16, b"\0"), 1_700_000_000.0)


class WaitingStore(DiskTier):
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

    def get(self, key: str) -> bytes | None:
        value = super().get(key)
        self.reading.set()
        assert self.reads.wait(10)  # what was read is on its way
        self.noted.append("get")
        return value

    def put(self, key: str, value: bytes) -> None:
        self.writing.set()
        assert self.writes.wait(10)
        self.noted.append("put")
        super().put(key, value)

    def put_all(self, records: Sequence[tuple[str, bytes]]) -> None:
        for key, value in records:
            self.put(key, value)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[WaitingStore]:
    store = WaitingStore(tmp_path / "cache")
    yield store
    store.let_go()


@pytest.fixture
async def cache(store: WaitingStore) -> AsyncIterator[ResultCache]:
    cache = ResultCache(store, 1_000_000)
    yield cache
    store.let_go()
    await cache.close()


async def written(cache: ResultCache) -> None:
    """Wait until all that was kept is on the disk."""
    await asyncio.get_running_loop().run_in_executor(cache._writer, lambda: None)


def keep(cache: ResultCache, original: str, *variants: str, version: Version = V1) -> None:
    since = cache.mark()
    cache.keep_version(original, version, since)
    cache.keep_original(original, version.etag, f"original {version.etag}".encode(), since)
    for variant in variants:
        cache.keep_result(original, version.etag, variant, picture(f"{version.etag} {variant}"), since)


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
    cache.results.delete(CAT)
    cache.versions.delete(CAT)
    assert await cache.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert await cache.find_original(CAT, "v1") == b"original v1"


async def test_after_a_restart_results_versions_and_originals_are_there(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300")
    await cache.close()
    again = ResultCache(DiskTier(store.path, store.max_size), 1_000_000)
    assert again.peek(CAT, "300") == Lookup(None)
    assert await again.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert again.peek(CAT, "300") == Lookup(V1, picture("v1 300"), "memory")  # it is hot now
    assert await again.find_original(CAT, "v1") == b"original v1"
    assert await again.find_original(CAT, "v2") is None
    await again.close()


async def test_what_memory_serves_is_not_culled_from_the_disk(tmp_path: Path) -> None:
    cache = ResultCache(DiskTier(tmp_path, 2_000_000), 10_000_000)
    keep(cache, CAT, "300")
    for i in range(60):  # three times what the disk holds
        cache.keep_result(CATS, "v1", str(i), picture("x" * 90_000), cache.mark())
        assert cache.peek(CAT, "300").result is not None
        await written(cache)
    await cache.close()
    again = ResultCache(DiskTier(tmp_path, 2_000_000), 10_000_000)
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
    cache = ResultCache(store, 20_000)
    since = cache.mark()
    cache.keep_version(CAT, V1, since)
    for i in range(100):
        cache.keep_result(CAT, "v1", str(i), picture(f"{i} " + "x" * 1000), since)
    assert cache.results.weight <= 20_000
    assert cache.peek(CAT, "0").result is None
    await written(cache)
    found = await cache.find(CAT, "0")
    assert found.result == picture("0 " + "x" * 1000)
    assert found.tier == "disk"
    await cache.close()


async def test_what_waits_to_be_written_is_bounded(
    cache: ResultCache, store: WaitingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNWRITTEN", 100_000)
    store.writes.clear()
    for i in range(50):
        cache.keep_original(CAT, "v1", bytes(10_000), cache.mark())
        cache.keep_original(name_original("photos", "bucket", str(i)), "v1", bytes(10_000), cache.mark())
    assert cache._unwritten_bytes <= 100_000
    store.let_go()
    await written(cache)
    assert cache._unwritten_bytes == 0
    assert cache._unwritten == {}


async def test_keys_that_start_alike_are_apart(cache: ResultCache) -> None:
    keep(cache, CAT, "300")
    assert await cache.find(CATS, "300") == Lookup(None)
    assert await cache.find(OTHER, "300") == Lookup(None)
    assert await cache.find(CAT, "30") == Lookup(V1, None, "memory")


@pytest.mark.parametrize(
    "record",
    [b"", b"{}\n", b"[]\nbody", b"not json\nbody", b'{"etag": "v1", "of": "a later release"}\nbody'],
)
@pytest.mark.parametrize("kind", ["V", "O", "R"])
async def test_a_record_of_another_release_is_a_miss(
    cache: ResultCache, store: WaitingStore, kind: str, record: bytes
) -> None:
    keep(cache, CAT, "300")
    await written(cache)
    [key] = [key for key in store.delete(CAT) if key.removeprefix(CAT)[0] == kind]
    keep(cache, CAT, "300")
    await written(cache)
    store.put(key, record)
    cache.results.delete(CAT)
    cache.versions.delete(CAT)
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
    cache.keep_version(CAT, V2, cache.mark())
    assert cache.peek(CAT, "300") == Lookup(V2, None)
    await written(cache)
    assert (await cache.find(CAT, "300")).result is None
    assert await cache.find_original(CAT, "v1") is None
    assert store.count(CAT) == 1  # what is known of the new one
    assert (await cache.find(DOG, "300")).result is not None


async def test_one_revalidation_renews_every_result(cache: ResultCache) -> None:
    keep(cache, CAT, "300", "400")
    renewed = Version("v1", V1.last_modified, V1.checked + 1000)
    cache.keep_version(CAT, renewed, cache.mark())
    for variant in ("300", "400"):
        assert (await cache.find(CAT, variant)) == Lookup(renewed, picture(f"v1 {variant}"), "memory")


async def test_a_dropped_original_leaves_nothing(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300")
    await cache.drop(CAT)
    assert await cache.find(CAT, "300") == Lookup(None)
    assert store.count(CAT) == 0


# Failures


async def test_a_failure_is_remembered_until_its_time(cache: ResultCache) -> None:
    cache.keep_failure(CAT, NotFound("no cat"), 100.0, cache.mark())
    failure = cache.failure(CAT, 99.9)
    assert isinstance(failure, NotFound)
    assert str(failure) == "no cat"
    assert cache.failure(CAT, 100.0) is None
    assert cache.failure(DOG, 0.0) is None


async def test_an_original_that_is_there_again_ends_its_failure(cache: ResultCache) -> None:
    cache.keep_failure(CAT, NotFound("no cat"), 100.0, cache.mark())
    cache.keep_version(CAT, V1, cache.mark())
    assert cache.failure(CAT, 0.0) is None


async def test_failures_are_bounded(cache: ResultCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FAILURES", 10)
    for i in range(50):
        cache.keep_failure(str(i), NotFound(str(i)), 100.0, cache.mark())
    assert len(cache._failures) == 10
    assert cache.failure("49", 0.0) is not None


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
            cache.keep_failure(CAT, exc, 100.0, cache.mark())
        return weakref.ref(original)

    held = fail()
    gc.collect()
    assert held() is None


async def test_a_failure_raised_a_thousand_times_does_not_grow(cache: ResultCache) -> None:
    cache.keep_failure(CAT, NotFound("no cat"), 100.0, cache.mark())
    lengths = []
    for _ in range(20):
        try:
            failure = cache.failure(CAT, 0.0)
            assert failure is not None
            raise failure
        except NotFound:
            lengths.append(len(traceback.extract_tb(sys.exc_info()[2])))
    assert set(lengths) == {1}


# Purge


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
        await written(cache)
    if where != "everywhere":
        cache.results.delete("")
        cache.versions.delete("")
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
    await written(cache)
    store.delete("")
    assert await cache.purge("photos\0") == 2


async def test_a_purge_takes_failures_too(cache: ResultCache) -> None:
    cache.keep_failure(CAT, NotFound("no cat"), 100.0, cache.mark())
    cache.keep_failure(OTHER, NotFound("no cat"), 100.0, cache.mark())
    assert await cache.purge("photos\0") == 0
    assert cache.failure(CAT, 0.0) is None
    assert cache.failure(OTHER, 0.0) is not None


Keeper = Callable[[ResultCache, int], None]
KEEPERS: dict[str, Keeper] = {
    "version": lambda cache, since: cache.keep_version(CAT, V1, since),
    "original": lambda cache, since: cache.keep_original(CAT, "v1", b"old", since),
    "result": lambda cache, since: cache.keep_result(CAT, "v1", "300", picture("old"), since),
    "failure": lambda cache, since: cache.keep_failure(CAT, NotFound("old"), 1e12, since),
}


@pytest.mark.parametrize("what", KEEPERS)
async def test_what_began_before_a_purge_is_not_kept_after_it(
    cache: ResultCache, store: WaitingStore, what: str
) -> None:
    since = cache.mark()  # a fetch or render begins
    await cache.purge("photos\0")
    KEEPERS[what](cache, since)  # and ends
    assert await cache.find(CAT, "300") == Lookup(None)
    assert await cache.find_original(CAT, "v1") is None
    assert cache.failure(CAT, 0.0) is None
    await written(cache)
    assert store.count() == 0


async def test_what_began_before_a_purge_of_others_is_kept(cache: ResultCache) -> None:
    since = cache.mark()
    await cache.purge(DOG)
    cache.keep_version(CAT, V1, since)
    cache.keep_result(CAT, "v1", "300", picture("good"), since)
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
    await written(cache)
    assert store.count() == 0
    assert await cache.find(CAT, "300") == Lookup(None)


async def test_a_purge_meets_a_read_that_holds_the_old_picture(
    cache: ResultCache, store: WaitingStore
) -> None:
    keep(cache, CAT, "300")
    await written(cache)
    cache.results.delete(CAT)
    cache.versions.delete(CAT)
    store.reads.clear()
    finding = asyncio.ensure_future(cache.find(CAT, "300"))
    await until(store.reading)  # it has the record in its hands
    assert await cache.purge(CAT) == 2
    store.let_go()
    assert await finding == Lookup(None)
    assert cache.peek(CAT, "300") == Lookup(None)  # and did not put it back into memory


async def test_a_purge_meets_a_read_of_the_old_original(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT)
    await written(cache)
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
    await written(cache)
    cache.results.delete(CAT)
    cache.versions.delete(CAT)
    assert await cache.find(CAT, "300") == Lookup(V2, picture("v2 300"), "disk")


async def test_a_writer_older_than_all_remembered_purges_is_not_believed(
    store: WaitingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PURGES", 3)
    cache = ResultCache(store, 1_000_000)
    since = cache.mark()
    await cache.purge(CAT)
    for i in range(3):
        await cache.purge(f"photos3\0{i}")
    cache.keep_result(CAT, "v1", "300", picture("old"), since)
    cache.keep_version(CAT, V1, since)
    assert cache.peek(CAT, "300") == Lookup(None)
    recent = cache.mark()
    await cache.purge("photos3\0")
    cache.keep_version(CAT, V1, recent)
    assert cache.peek(CAT, "300").version == V1
    await cache.close()


async def test_what_was_never_kept_is_not_looked_for(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300")
    await written(cache)
    async with asyncio.timeout(10):
        while store.may_hold("strange"):  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.01)
    store.noted.clear()
    assert await cache.find(DOG, "300") == Lookup(None)
    assert await cache.find(CAT, "301") == Lookup(V1, None, "memory")
    assert await cache.find_original(DOG, "v1") is None
    assert store.noted == []
    cache.results.delete(CAT)
    cache.versions.delete(CAT)
    assert await cache.find(CAT, "300") == Lookup(V1, picture("v1 300"), "disk")
    assert await cache.find_original(CAT, "v1") is not None


async def test_the_count_of_results_of_an_original(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300", "400")
    keep(cache, CATS, "300")
    await written(cache)
    assert await cache.count_results(CAT) == 2
    store.writes.clear()
    cache.keep_result(CAT, "v1", "500", picture("new"), cache.mark())
    assert await cache.count_results(CAT) == 3


async def test_a_result_that_is_being_written_counts_once(cache: ResultCache, store: WaitingStore) -> None:
    keep(cache, CAT, "300")
    await written(cache)
    store.writes.clear()
    keep(cache, CAT, "300")
    assert await cache.count_results(CAT) == 1


async def test_what_comes_within_a_moment_is_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_SECONDS", 10.0)
    monkeypatch.setattr(module, "MAX_GATHERED", 4)
    store, batches = DiskTier(tmp_path, 50_000_000), []

    def put_all(records: Sequence[tuple[str, bytes]]) -> None:
        batches.append(len(records))
        DiskTier.put_all(store, records)

    monkeypatch.setattr(store, "put_all", put_all)
    cache = ResultCache(store, 1_000_000)
    keep(cache, CAT, "300", "400", "500", "600")  # with the version and the original, six
    start = time.monotonic()
    await cache.purge(DOG)  # and what waits for company is not waited for
    assert batches == [4, 2]
    keep(cache, CATS, "300")
    await cache.close()
    assert batches == [4, 2, 3]
    assert time.monotonic() - start < 5
    assert DiskTier(tmp_path, 50_000_000).count() == 9


async def test_a_cache_that_closes_finishes_what_it_writes(tmp_path: Path) -> None:
    cache = ResultCache(DiskTier(tmp_path, 50_000_000), 1_000_000)
    for i in range(100):
        cache.keep_result(CAT, "v1", str(i), picture("x" * 1000), cache.mark())
    await cache.close()
    assert DiskTier(tmp_path, 50_000_000).count() == 100
    cache.keep_result(CAT, "v1", "late", picture("late"), cache.mark())  # what is late is let fall


def test_what_is_written_is_json_and_bytes(tmp_path: Path) -> None:
    record = module._pack({"etag": 'a"\n'}, b"\n\0body")
    assert module._unpack(record) == ({"etag": 'a"\n'}, b"\n\0body")
    assert json.loads(record.split(b"\n")[0]) == {"etag": 'a"\n'}


# The tier in memory


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
