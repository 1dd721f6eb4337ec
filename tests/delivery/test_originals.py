"""Originals: how many come in at once, and when the source is asked and what for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.memory import MemoryTier
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.results import ResultCache
from origin.delivery.admission import FetchAdmission
from origin.delivery.originals import DOWN_SECONDS
from origin.delivery.originals import FetchedOriginal
from origin.delivery.originals import Originals
from origin.errors import NotFound
from origin.errors import OriginalUnavailable
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources import EXPECTED_BYTES
from origin.sources import Original
from origin.sources import ReserveMemory
from origin.sources.base import Access
from origin.sources.base import CheckResult
from origin.sources.base import no_limit

KEY = "cat.jpg"
CAT = name_original("photos", "bucket", KEY)


async def settle() -> None:
    """Let every task run until it waits for something that has not come."""
    for _ in range(20):
        await asyncio.sleep(0)


# Admission


class Guest:
    """Someone inside one of the admission's contexts, until told to leave."""

    def __init__(self, context: AbstractAsyncContextManager[object]) -> None:
        self.inside = False
        self.leave = asyncio.Event()
        self.task = asyncio.ensure_future(self._stay(context))

    async def _stay(self, context: AbstractAsyncContextManager[object]) -> None:
        async with context:
            self.inside = True
            await self.leave.wait()
        self.inside = False


async def test_fetches_of_one_handler_are_bounded() -> None:
    admission = FetchAdmission(max_fetches=3)
    guests = [Guest(admission.place("photos")) for _ in range(10)]
    for left in range(8):
        await settle()
        assert [guest.inside for guest in guests].count(True) == 3
        assert admission.fetching == 3
        next(guest for guest in guests if guest.inside).leave.set()
        guests = [guest for guest in guests if not guest.leave.is_set()]
        assert len(guests) == 9 - left
    for guest in guests:
        guest.leave.set()
    await settle()
    assert admission.fetching == 0


async def test_a_handler_whose_source_hangs_takes_no_place_of_another() -> None:
    admission = FetchAdmission(max_fetches=2, max_waiting=2)
    hanging = [Guest(admission.place("hangs")) for _ in range(4)]
    await settle()
    with pytest.raises(Overloaded):
        async with admission.place("hangs"):
            pass
    async with admission.place("well"):
        assert admission.fetching == 3
    for guest in hanging:
        guest.task.cancel()
    await settle()
    assert admission.fetching == 0


async def test_who_waits_too_long_for_a_place_is_turned_away() -> None:
    admission = FetchAdmission(max_fetches=1, timeout=0.02)
    first = Guest(admission.place("photos"))
    await settle()
    with pytest.raises(Overloaded):
        async with admission.place("photos"):
            pass
    first.leave.set()
    await first.task
    async with admission.place("photos"):
        assert admission.fetching == 1


async def test_places_in_the_queue_are_bounded_and_given_back() -> None:
    admission = FetchAdmission(max_fetches=1, max_waiting=2)
    guests = [Guest(admission.place("photos")) for _ in range(3)]
    await settle()
    with pytest.raises(Overloaded):
        async with admission.place("photos"):
            pass
    guests[1].task.cancel()
    await settle()
    another = Guest(admission.place("photos"))
    await settle()
    assert not another.task.done()
    for guest in (guests[0], guests[2], another):
        guest.leave.set()
    await settle()
    assert another.task.done()
    assert admission.fetching == 0


async def test_a_fetch_that_fails_or_is_cancelled_gives_its_place_back() -> None:
    admission = FetchAdmission(max_fetches=1)
    with pytest.raises(SourceUnavailable):
        async with admission.place("photos"):
            raise SourceUnavailable("down")
    guest = Guest(admission.place("photos"))
    await settle()
    guest.task.cancel()
    await settle()
    assert admission.fetching == 0
    async with admission.place("photos"):
        pass


async def test_no_fetch_begins_while_too_many_bytes_are_held() -> None:
    admission = FetchAdmission(max_bytes=2 * EXPECTED_BYTES)
    rendering = [Guest(admission.holding(EXPECTED_BYTES)), Guest(admission.holding(EXPECTED_BYTES))]
    await settle()
    fetch = Guest(admission.place("photos"))
    await settle()
    assert not fetch.inside
    rendering[0].leave.set()
    await settle()
    assert fetch.inside
    assert admission.bytes == 2 * EXPECTED_BYTES
    for guest in (rendering[1], fetch):
        guest.leave.set()
    await settle()
    assert (admission.bytes, admission.fetching) == (0, 0)


class Fetch:
    """A fetch of an original of this size."""

    def __init__(self, admission: FetchAdmission, size: int, server: str = "") -> None:
        self.read = False
        self.leave = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(admission, size, server))

    async def _run(self, admission: FetchAdmission, size: int, server: str) -> None:
        async with admission.place("sites" if server else "photos", server) as room:
            await room(size)
            self.read = True
            await self.leave.wait()


async def test_a_server_that_dribbles_takes_half_of_the_memory_and_all_of_them_three_quarters() -> None:
    """An answer without a length reserves the most that an original may have, for as long as it lasts."""
    admission = FetchAdmission(max_bytes=100 * EXPECTED_BYTES)
    first = [Fetch(admission, 20 * EXPECTED_BYTES, "http://a.example") for _ in range(8)]
    await settle()
    assert [fetch.read for fetch in first].count(True) == 2
    more = [Fetch(admission, 20 * EXPECTED_BYTES, f"http://{name}.example") for name in "bcde"]
    await settle()
    assert [fetch.read for fetch in more].count(True) == 1
    own = [Fetch(admission, 20 * EXPECTED_BYTES), *(Fetch(admission, 1) for _ in range(10))]
    await settle()
    assert all(fetch.read for fetch in own)
    for fetch in (*first, *more, *own):
        fetch.leave.set()
    await asyncio.gather(*(fetch.task for fetch in (*first, *more, *own)))
    assert (admission.bytes, admission.fetching) == (0, 0)


async def test_a_burst_of_large_originals_never_takes_more_than_the_limit() -> None:
    admission = FetchAdmission(max_bytes=100 * EXPECTED_BYTES)
    waiting = [Fetch(admission, 30 * EXPECTED_BYTES) for _ in range(32)]
    most = 0
    while waiting:
        await settle()
        reading = [fetch for fetch in waiting if fetch.read]
        assert reading, "they wait for each other"
        most = max(most, admission.bytes)
        reading[0].leave.set()
        await reading[0].task
        waiting.remove(reading[0])
    assert 60 * EXPECTED_BYTES < most <= 100 * EXPECTED_BYTES
    assert admission.bytes == 0


async def test_an_original_over_the_limit_comes_alone() -> None:
    admission = FetchAdmission(max_bytes=3 * EXPECTED_BYTES, timeout=0.02)
    large = Fetch(admission, 10 * EXPECTED_BYTES)
    await settle()
    assert large.read
    with pytest.raises(Overloaded):
        async with admission.place("photos"):
            pass
    large.leave.set()
    await large.task
    small, large = Fetch(admission, 1), Fetch(admission, 10 * EXPECTED_BYTES)
    with pytest.raises(Overloaded):
        await large.task
    small.leave.set()
    await small.task
    assert (admission.bytes, admission.fetching) == (0, 0)


async def test_two_originals_over_the_limit_come_one_after_the_other() -> None:
    admission = FetchAdmission(max_bytes=3 * EXPECTED_BYTES)
    fetches = [Fetch(admission, 10 * EXPECTED_BYTES) for _ in range(3)]
    for left in (3, 2, 1):
        await settle()
        reading = [fetch for fetch in fetches if fetch.read]
        assert len(reading) == 1, f"{left} are left"
        reading[0].leave.set()
        await reading[0].task
        fetches.remove(reading[0])
    assert (admission.bytes, admission.fetching) == (0, 0)


async def test_a_fetch_that_is_given_up_while_it_waits_for_room_leaves_nothing() -> None:
    admission = FetchAdmission(max_bytes=3 * EXPECTED_BYTES)
    first, second = Fetch(admission, 2 * EXPECTED_BYTES), Fetch(admission, 2 * EXPECTED_BYTES)
    await settle()
    assert (first.read, second.read) == (True, False)
    second.task.cancel()
    first.leave.set()
    await asyncio.gather(first.task, second.task, return_exceptions=True)
    assert (admission.bytes, admission.fetching) == (0, 0)


async def test_a_render_that_is_cancelled_holds_no_bytes() -> None:
    admission = FetchAdmission(max_bytes=1000)
    guest = Guest(admission.holding(5000))
    await settle()
    guest.task.cancel()
    await settle()
    assert admission.bytes == 0


# Originals


class FakeSource:
    """One original under every key, as told; every call is noted."""

    def __init__(self) -> None:
        self.original: Original | OriginError = Original(b"cat 1", "v1", 1_700_000_000.0)
        self.asked: list[str | None] = []  # the version that each call named
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> CheckResult:
        return CheckResult(Access.UNKNOWN, "the fake")

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        self.asked.append(if_none_match)
        answer = self.original
        await self.gate.wait()
        if isinstance(answer, OriginError):
            raise answer
        return None if answer.etag == if_none_match else answer


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[ResultCache]:
    cache = ResultCache(MemoryTier(1_000_000), [DiskTier(DiskStore(tmp_path / "cache", 50_000_000))])
    yield cache
    await cache.close()


@pytest.fixture
def originals(source: FakeSource, cache: ResultCache, clock: Clock) -> Originals:
    return Originals("photos", source, cache, FetchAdmission(), cache_time=100, error_max_age=10, clock=clock)


async def test_the_first_request_fetches_and_keeps(
    originals: Originals, cache: ResultCache, clock: Clock
) -> None:
    current = await originals.current(CAT, KEY, None)
    assert (current.body, current.asked) == (b"cat 1", "fetched")
    assert current.version == Version("v1", 1_700_000_000.0, clock.now)
    assert cache.peek(CAT, "any").version == current.version
    assert await cache.find_original(CAT, "v1") == b"cat 1"


async def test_an_original_from_the_future_was_changed_now(
    originals: Originals, source: FakeSource, clock: Clock
) -> None:
    """RFC 9110 section 8.8.2.1: Last-Modified is not later than Date."""
    source.original = Original(b"cat 1", "v1", clock.now + 3600)
    assert (await originals.current(CAT, KEY, None)).version == Version("v1", clock.now, clock.now)


async def test_an_original_from_near_by_is_not_copied(
    originals: Originals, source: FakeSource, cache: ResultCache
) -> None:
    source.original = Original(b"cat 1", "v1", None, is_local=True)
    current = await originals.current(CAT, KEY, None)
    assert await cache.find_original(CAT, "v1") is None
    again = await originals.body(CAT, KEY, FetchedOriginal(current.version))
    assert again.body == b"cat 1"
    assert source.asked == [None, None]


async def test_a_fresh_version_is_served_unasked(
    originals: Originals, source: FakeSource, clock: Clock
) -> None:
    known = (await originals.current(CAT, KEY, None)).version
    clock.now += 99
    assert originals.ttl(known) == 1
    assert await originals.current(CAT, KEY, known) == FetchedOriginal(known)
    assert source.asked == [None]


@pytest.mark.parametrize(
    ("passed", "ttl"), [(0.25, 100), (99.0, 1), (99.75, 1), (100.25, -1), (101.0, -1), (101.5, -2)]
)
async def test_a_version_is_fresh_for_the_whole_of_its_time_and_not_longer(
    originals: Originals, clock: Clock, passed: float, ttl: int
) -> None:
    known = (await originals.current(CAT, KEY, None)).version
    clock.now += passed
    assert originals.ttl(known) == ttl


@pytest.mark.parametrize(("ahead", "ttl"), [(1, 101), (60, 160), (60.5, 0), (31_536_000, 0)])
def test_what_a_clock_that_was_ahead_has_written_is_stale(
    originals: Originals, clock: Clock, ahead: float, ttl: int
) -> None:
    assert originals.ttl(Version("v1", None, clock.now + ahead)) == ttl


async def test_an_unchanged_original_is_renewed_without_its_body(
    originals: Originals, source: FakeSource, cache: ResultCache, clock: Clock
) -> None:
    known = (await originals.current(CAT, KEY, None)).version
    clock.now += 100
    assert originals.ttl(known) == 0
    current = await originals.current(CAT, KEY, known)
    assert source.asked == [None, "v1"]
    assert (current.body, current.asked) == (None, "unchanged")
    assert current.version == Version("v1", 1_700_000_000.0, clock.now)
    assert cache.peek(CAT, "any").version == current.version
    with_body = await originals.body(CAT, KEY, current)
    assert with_body.body == b"cat 1"  # from the disk
    assert source.asked == [None, "v1"]


async def test_a_changed_original_comes_with_its_body(
    originals: Originals, source: FakeSource, cache: ResultCache, clock: Clock
) -> None:
    known = (await originals.current(CAT, KEY, None)).version
    clock.now += 100
    source.original = Original(b"cat 2", "v2", 1_700_000_500.0)
    current = await originals.current(CAT, KEY, known)
    assert (current.body, current.version.etag, current.asked) == (b"cat 2", "v2", "fetched")
    assert await cache.find_original(CAT, "v1") is None
    assert await cache.find_original(CAT, "v2") == b"cat 2"


async def test_an_original_that_was_evicted_is_fetched_whole(
    originals: Originals, source: FakeSource, cache: ResultCache
) -> None:
    version = Version("v1", 1_700_000_000.0, 0.0)
    current = await originals.body(CAT, KEY, FetchedOriginal(version))
    assert (current.body, source.asked) == (b"cat 1", [None])


async def test_an_evicted_original_that_has_changed_brings_its_own_version(
    originals: Originals, source: FakeSource
) -> None:
    source.original = Original(b"cat 2", "v2", None)
    current = await originals.body(CAT, KEY, FetchedOriginal(Version("v1", None, 0.0)))
    assert (current.body, current.version.etag) == (b"cat 2", "v2")


async def test_a_hundred_at_once_ask_the_source_once(originals: Originals, source: FakeSource) -> None:
    source.gate.clear()
    asking = [asyncio.ensure_future(originals.current(CAT, KEY, None)) for _ in range(100)]
    await settle()
    source.gate.set()
    assert {current.body for current in await asyncio.gather(*asking)} == {b"cat 1"}
    assert source.asked == [None]


@pytest.mark.parametrize("error", [NotFound("no cat"), Unprocessable("over 50 MB")])
async def test_a_failure_of_the_original_is_remembered_for_its_time(
    originals: Originals, source: FakeSource, cache: ResultCache, clock: Clock, error: OriginError
) -> None:
    source.original = error
    with pytest.raises(type(error)):
        await originals.current(CAT, KEY, None)
    assert type(cache.failure(CAT, "", clock.now + 9.9)) is type(error)
    assert cache.failure(CAT, "", clock.now + 10) is None
    assert not originals.is_down()


async def test_an_original_that_cannot_be_had_now_says_nothing_of_its_source(
    originals: Originals, source: FakeSource
) -> None:
    source.original = OriginalUnavailable("it changes", remember_for=1.0)
    with pytest.raises(OriginalUnavailable):
        await originals.current(CAT, KEY, None)
    assert not originals.may_ask(CAT)
    assert not originals.is_down()
    assert originals.may_ask(CAT + "another")


async def test_where_cdns_keep_no_failure_we_keep_it_a_second(
    source: FakeSource, cache: ResultCache, clock: Clock
) -> None:
    originals = Originals(
        "photos", source, cache, FetchAdmission(), cache_time=100, error_max_age=0, clock=clock
    )
    source.original = NotFound("no cat")
    with pytest.raises(NotFound):
        await originals.current(CAT, KEY, None)
    assert cache.failure(CAT, "", clock.now + 0.9) is not None
    assert cache.failure(CAT, "", clock.now + 1.0) is None


async def test_an_original_that_is_gone_takes_its_results_with_it(
    originals: Originals, source: FakeSource, cache: ResultCache, clock: Clock
) -> None:
    known = (await originals.current(CAT, KEY, None)).version
    clock.now += 100
    source.original = NotFound("deleted")
    with pytest.raises(NotFound):
        await originals.current(CAT, KEY, known)
    assert (await cache.find(CAT, "any")).version is None
    assert await cache.find_original(CAT, "v1") is None


@pytest.mark.parametrize("error", [SourceUnavailable("refused"), SourceTimeout("10 s")])
async def test_a_source_that_is_down_is_remembered_and_costs_no_result(
    originals: Originals, source: FakeSource, cache: ResultCache, clock: Clock, error: OriginError
) -> None:
    known = (await originals.current(CAT, KEY, None)).version
    clock.now += 100
    source.original = error
    with pytest.raises(SourceUnavailable):
        await originals.current(CAT, KEY, known)
    assert originals.is_down()
    assert cache.failure(CAT, "", clock.now) is None
    assert cache.peek(CAT, "any").version == known
    assert await cache.find_original(CAT, "v1") == b"cat 1"
    clock.now += DOWN_SECONDS
    assert not originals.is_down()


async def test_a_source_that_answers_again_is_up_at_once(
    originals: Originals, source: FakeSource, clock: Clock
) -> None:
    good = source.original
    source.original = SourceUnavailable("refused")
    with pytest.raises(SourceUnavailable):
        await originals.current(CAT, KEY, None)
    source.original = good
    await originals.current(CAT, KEY, None)
    assert not originals.is_down()


async def test_a_fetch_that_a_purge_overtook_is_served_and_not_kept(
    originals: Originals, source: FakeSource, cache: ResultCache
) -> None:
    source.gate.clear()
    before = asyncio.ensure_future(originals.current(CAT, KEY, None))
    await settle()
    source.original = Original(b"cat 2", "v2", None)
    originals.forget("photos\0")
    await cache.purge("photos\0")
    after = asyncio.ensure_future(originals.current(CAT, KEY, None))
    await settle()
    assert len(source.asked) == 2  # who came after the purge did not join
    source.gate.set()
    assert (await before).body == b"cat 1"
    assert (await after).body == b"cat 2"
    found = cache.peek(CAT, "any").version
    assert found is not None
    assert found.etag == "v2"
    assert await cache.find_original(CAT, "v1") is None


async def test_without_a_cache_each_request_fetches(source: FakeSource, clock: Clock) -> None:
    originals = Originals(
        "photos", source, None, FetchAdmission(), cache_time=-1, error_max_age=10, clock=clock
    )
    for _ in range(2):
        current = await originals.current(CAT, KEY, None)
        assert (await originals.body(CAT, KEY, current)).body == b"cat 1"
    assert source.asked == [None, None]
    source.original = NotFound("deleted")
    with pytest.raises(NotFound):
        await originals.current(CAT, KEY, None)


async def test_full_admission_is_no_failure_of_the_source(
    source: FakeSource, cache: ResultCache, clock: Clock
) -> None:
    admission = FetchAdmission(max_fetches=1, max_waiting=0)
    originals = Originals("photos", source, cache, admission, cache_time=100, error_max_age=10, clock=clock)
    with pytest.raises(Overloaded):
        await originals.current(CAT, KEY, None)
    assert not originals.is_down()
    assert cache.failure(CAT, "", clock.now) is None
    assert source.asked == []
