"""The bucket tier: what it takes from a bucket that others can write to, and what a bad bucket costs."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from origin.cache.bucket import WatchedBucket
from origin.cache.marks import Marks
from origin.cache.marks import make_mark
from origin.cache.memory import MemoryTier
from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.results import ResultCache
from origin.cache.shared import BucketTier
from origin.cache.shared import beginning_of
from origin.cache.shared import name_of
from origin.cache.shared import object_of
from origin.formats import Format
from tests.support import pictures
from tests.support.dict_tier import DictTier
from tests.support.fake_bucket import FakeBucket
from tests.support.fake_bucket import Objects

NOW = 1_900_000_000.0
CAT = name_original("photos", "0123456789abcdef", "2024/cat ü.jpg")
DOG = name_original("photos", "0123456789abcdef", "dog.jpg")
BODY = pictures.png(3, 2)
V1 = Version('"v1"', None, NOW)
RESULT = Result(BODY, Format.PNG, hashlib.sha256(BODY).digest()[:16], None)
NAME = name_result(CAT, '"v1"', "w=3")


class Given:
    """A tier over a bucket. `ticks` is the time of the breaker."""

    def __init__(self, read_seconds: float = 10.0) -> None:
        self.objects = Objects(lambda: NOW)
        self.bucket = FakeBucket(self.objects)
        self.ticks = 0.0
        self.marks = Marks()
        self.is_fresh = True
        self.watched = WatchedBucket(self.bucket, lambda: self.ticks, read_seconds)
        self.tier = BucketTier(self.watched, self.marks, lambda: self.is_fresh, clock=lambda: NOW)

    def plant(self, name: str, body: bytes) -> None:
        where = object_of(name)
        assert where is not None
        self.objects.bodies[where] = (body, NOW)

    def stored(self, name: str) -> bytes:
        where = object_of(name)
        assert where is not None
        return self.objects.bodies[where][0]


@pytest.fixture
def given() -> Given:
    return Given()


# --- Names of objects ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    ["cat.jpg", ".", "..", "a//b", "ü" * 60, "https://example.com/a?b=c#d", "x" * 199, "x" * 200, "!", "V/V"],
)
def test_the_name_of_an_object_is_that_of_a_record(key: str) -> None:
    name = name_version(name_original("photos/of us", "0123456789abcdef", key))
    where = object_of(name)
    assert where is not None
    assert where.isascii()
    assert len(where) <= 900
    segments = where.split("/")
    assert not {"", ".", ".."} & set(segments)
    assert max(map(len, segments)) <= 255
    assert name_of(where) == name
    for end in range(len(name) + 1):  # what a purge looks for stands in front of it
        assert where.startswith(beginning_of(name[:end])), name[:end]


def test_a_key_that_is_too_long_for_an_object_is_not_shared() -> None:
    assert object_of(name_version(name_original("photos", "0123456789abcdef", "x" * 900))) is None


@pytest.mark.parametrize(
    "where",
    ["results/", "results/a!b/c!/", "results/a!b/c/V", "results/a!b/%63!/V", "results/a/c!/V", "marks/1"],
)
def test_an_object_with_another_name_is_none_of_ours(where: str) -> None:
    assert name_of(where) is None


# --- Who can write to the bucket -------------------------------------------------------------------


def sealed(name: str, *lines: bytes, told: dict[str, Any] | None = None) -> bytes:
    """What somebody writes who knows the form: digest, two lines and a body."""
    head = {"name": name, "written": NOW, "marks": []} if told is None else told
    packed = json.dumps(head).encode() + b"\n" + b"".join(lines)
    return hashlib.sha256(f"{len(name)}:{name}".encode() + packed).digest() + packed


def result_line(**other: Any) -> bytes:
    told = {"format": "png", "digest": RESULT.digest.hex(), "last_modified": None} | other
    return json.dumps(told).encode() + b"\n"


async def test_what_somebody_else_writes_in_our_form_is_a_picture_of_that_name(given: Given) -> None:
    given.plant(NAME, sealed(NAME, result_line(), BODY))
    assert await given.tier.get(NAME) == RESULT


HTML = b"<html><script>alert(1)</script>"
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "short": b"x" * 31,
    "digest alone": hashlib.sha256(b"").digest(),
    "of another name": sealed(name_result(DOG, '"v1"', "w=3"), result_line(), BODY),
    "cut": sealed(NAME, result_line(), BODY)[:-1],
    "changed": sealed(NAME, result_line(), BODY).replace(b"png", b"gif"),
    "no picture": sealed(NAME, result_line(digest=hashlib.sha256(HTML).hexdigest()[:32]), HTML),
    "of another format": sealed(NAME, result_line(format="webp"), BODY),
    "of no format": sealed(NAME, result_line(format="text/html"), BODY),
    "with another digest": sealed(NAME, result_line(digest="00" * 16), BODY),
    "a digest that is no text": sealed(NAME, result_line(digest=7), BODY),
    "a date that is none": sealed(NAME, result_line(last_modified="now"), BODY),
    "a date without end": sealed(NAME, b'{"format":"png","digest":"00","last_modified":Infinity}\n', BODY),
    "no head": sealed(NAME, BODY),
    "a deep head": sealed(NAME, b"[" * 4000 + b"\n", BODY),
    "a long head": sealed(NAME, b" " * 20_000 + result_line(), BODY),
    "no envelope": hashlib.sha256(f"{len(NAME)}:{NAME}".encode() + result_line() + BODY).digest()
    + result_line()
    + BODY,
    "a deep envelope": hashlib.sha256(f"{len(NAME)}:{NAME}".encode() + b"[" * 9000 + b"\n").digest()
    + b"[" * 9000
    + b"\n",
    "of tomorrow": sealed(NAME, result_line(), BODY, told={"written": NOW + 86_400, "marks": []}),
    "of long ago": sealed(NAME, result_line(), BODY, told={"written": NOW - 31 * 86_400, "marks": []}),
    "of no time": sealed(NAME, result_line(), BODY, told={"written": True, "marks": []}),
    "with marks that are none": sealed(NAME, result_line(), BODY, told={"written": NOW, "marks": [7]}),
    "a version": sealed(NAME, b'{"etag":"v","last_modified":null,"checked":1}\n'),
    "pickled": b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94",
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_nothing_else_is_served(given: Given, what: str) -> None:
    given.plant(NAME, HOSTILE[what])
    assert await given.tier.get(NAME) is None
    assert given.tier.refused == 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"etag":"a\\r\\nx-evil: 1","last_modified":null,"checked":1}',
        b'{"etag":"\\ud800","last_modified":null,"checked":1}',
        b'{"etag":7,"last_modified":null,"checked":1}',
        b'{"etag":"","last_modified":null,"checked":1}',
        b'{"etag":"v","last_modified":"x","checked":1}',
        b'{"etag":"v","last_modified":null,"checked":"1"}',
        b'{"etag":"v","last_modified":null,"checked":NaN}',
        b'{"etag":"v","last_modified":null,"checked":1,"more":1}',
        b'{"etag":"v"}',
        b"7",
    ],
)
async def test_no_version_that_we_would_not_write_is_believed(given: Given, line: bytes) -> None:
    name = name_version(CAT)
    given.plant(name, sealed(name, line + b"\n"))
    assert await given.tier.get(name) is None


async def test_a_description_is_shared_too(given: Given) -> None:
    body = b'{"width": 3}'
    name = name_result(CAT, '"v1"', "f=json")
    given.plant(
        name, sealed(name, result_line(format="json", digest=hashlib.sha256(body).hexdigest()[:32]), body)
    )
    found = await given.tier.get(name)
    assert isinstance(found, Result)
    assert (found.body, found.format.mime) == (body, "application/json")


# --- Purges ----------------------------------------------------------------------------------------


async def test_a_result_whose_maker_did_not_know_of_a_purge_is_refused(given: Given) -> None:
    await given.tier.put_all([(name_version(CAT), V1), (NAME, RESULT)])
    assert (await given.tier.find(CAT, "w=3", None))[:2] == (V1, RESULT)
    given.marks.add(make_mark(NOW, "photos", None, "2023/"))
    given.marks.add(make_mark(NOW, "other", None, None))
    assert (await given.tier.find(CAT, "w=3", None))[:2] == (V1, RESULT)
    given.marks.add(make_mark(NOW - 3600, "photos", "2024/cat ü.jpg", None))  # whatever its clock says
    assert (await given.tier.find(CAT, "w=3", None))[:2] == (None, None)
    await given.tier.put_all([(name_version(CAT), V1), (NAME, RESULT)])
    assert (await given.tier.find(CAT, "w=3", None))[:2] == (V1, RESULT)
    assert (
        json.loads(given.stored(NAME)[32:].splitlines()[0])["marks"]
        == [each.id for each in given.marks.all()][2:]
    )


async def test_what_a_purge_overtakes_on_its_way_does_not_stay_in_the_bucket(given: Given) -> None:
    given.bucket.puts.clear()
    putting = asyncio.ensure_future(given.tier.put(NAME, RESULT))
    await asyncio.sleep(0)
    given.marks.add(make_mark(NOW, "photos", None, None))
    given.bucket.puts.set()
    await putting
    assert given.objects.bodies == {}


async def test_a_purge_leaves_what_was_written_after_it(given: Given) -> None:
    await given.tier.put(NAME, RESULT)
    given.objects.clock = lambda: NOW + 10
    await given.tier.put(name_version(DOG), V1)
    assert [name async for name in given.tier.sweep("photos\0", until=NOW + 5)] == [NAME]
    assert list(given.objects.bodies) == [object_of(name_version(DOG))]


# --- A bad bucket ----------------------------------------------------------------------------------


async def test_a_bucket_that_is_down_is_asked_three_times_and_then_once_a_second(
    given: Given, caplog: pytest.LogCaptureFixture
) -> None:
    given.bucket.is_down = True
    for _ in range(20):
        assert await given.tier.get(NAME) is None
        await given.tier.put(NAME, RESULT)
    assert [call.partition(" ")[0] for call in given.bucket.calls] == ["get", "put"] * 3
    assert not given.tier.may_hold(NAME)
    assert given.tier.failures == 6
    given.ticks += 1.5
    assert given.tier.may_hold(NAME)
    for _ in range(3):
        await given.tier.get(NAME)
    assert len(given.bucket.calls) == 7
    given.bucket.is_down = False
    given.ticks += 1.5
    await given.tier.put(NAME, RESULT)
    assert await given.tier.get(NAME) == RESULT
    texts = [record.message for record in caplog.records]
    assert len(texts) == 4
    assert texts[0] == "the shared bucket fails, pictures are rendered that it may have: no answer"
    assert "writing to the shared bucket works again" in texts


async def test_a_full_bucket_is_read_on(given: Given) -> None:
    await given.tier.put(NAME, RESULT)
    given.objects.is_full = True
    for _ in range(5):
        await given.tier.put(name_version(DOG), V1)
    assert await given.tier.get(NAME) == RESULT
    assert given.tier.failures == 3


async def test_a_slow_bucket_is_waited_for_three_times_in_a_row() -> None:
    given = Given(read_seconds=0.01)
    given.bucket.gets.clear()
    for _ in range(100):
        assert await given.tier.get(NAME) is None  # it would wait without end
    assert len(given.bucket.calls) == 3


async def test_an_origin_that_does_not_know_the_purges_leaves_the_bucket_alone(given: Given) -> None:
    given.is_fresh = False
    await given.tier.put(NAME, RESULT)
    assert await given.tier.get(NAME) is None
    assert not given.tier.may_hold(NAME)
    assert given.bucket.calls == []


async def test_a_picture_that_is_gone_is_gone_though_the_bucket_does_not_delete_it(given: Given) -> None:
    await given.tier.put(name_version(CAT), V1)
    given.bucket.is_down = True
    await given.tier.delete_prefix(name_version(CAT))
    given.bucket.is_down = False
    assert await given.tier.get(name_version(CAT)) is None
    await given.tier.put(name_version(CAT), V1)
    assert await given.tier.get(name_version(CAT)) == V1


# --- In the cache ----------------------------------------------------------------------------------


@pytest.fixture
def caches(given: Given) -> Callable[[], ResultCache]:
    def make() -> ResultCache:
        cache = ResultCache(MemoryTier(1_000_000), [DictTier("disk")], given.tier)
        cache.below.trust()
        return cache

    return make


async def test_another_origin_finds_what_one_has_kept(
    given: Given, caches: Callable[[], ResultCache]
) -> None:
    one, other = caches(), caches()
    entry = one.entry(CAT)
    entry.keep_version(V1)
    entry.keep_original('"v1"', b"original")
    entry.keep_result('"v1"', "w=3", RESULT)
    await one.flush()
    found = await other.find(CAT, "w=3")
    assert (found.version, found.result, found.tier) == (V1, RESULT, "shared")
    assert (await other.find(CAT, "w=3")).tier == "memory"
    assert given.tier.hits == 1
    await other.flush()
    assert isinstance(other.below.tiers[0], DictTier)
    assert set(other.below.tiers[0].records) == {name_version(CAT), NAME}
    assert await other.find_original(CAT, '"v1"') is None  # originals are not shared


async def test_what_cannot_be_that_picture_is_taken_into_no_tier(
    given: Given, caches: Callable[[], ResultCache]
) -> None:
    one, other = caches(), caches()
    entry = one.entry(CAT)
    entry.keep_version(V1)
    entry.keep_result('"v1"', "w=3", RESULT)
    await one.flush()
    assert await other.find(CAT, "w=3", lambda format: format.name != "png") == Lookup(V1)
    assert other.peek(CAT, "w=3").result is None
    await other.flush()
    assert isinstance(other.below.tiers[0], DictTier)
    assert set(other.below.tiers[0].records) == {name_version(CAT)}


async def test_a_hit_in_memory_asks_no_bucket(given: Given, caches: Callable[[], ResultCache]) -> None:
    cache = caches()
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    entry.keep_result('"v1"', "w=3", RESULT)
    assert cache.peek(CAT, "w=3").result == RESULT
    assert (await cache.find(CAT, "w=3")).result == RESULT
    assert given.bucket.calls == []


async def test_an_original_that_is_gone_is_not_found_in_the_bucket(caches: Callable[[], ResultCache]) -> None:
    one, other = caches(), caches()
    entry = one.entry(CAT)
    entry.keep_version(V1)
    entry.keep_result('"v1"', "w=3", RESULT)
    await one.flush()
    await entry.drop()
    assert (await one.find(CAT, "w=3")).version is None
    await one.flush()
    assert (await other.find(CAT, "w=3")).version is None


async def test_nobody_waits_for_a_bucket_that_does_not_delete(
    given: Given, caches: Callable[[], ResultCache]
) -> None:
    cache = caches()
    given.bucket.puts.clear()
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    await asyncio.sleep(0)
    await asyncio.wait_for(entry.drop(), 60)
    given.bucket.puts.set()


async def test_nothing_but_memory_is_read_before_the_purges_are_known(given: Given) -> None:
    disk = DictTier("disk")
    disk.records = {name_version(CAT): V1, NAME: RESULT}
    cache = ResultCache(MemoryTier(1_000_000), [disk], given.tier)
    assert (await cache.find(CAT, "w=3")).version is None
    entry = cache.entry(CAT)
    entry.keep_version(V1)
    entry.keep_result('"v1"', "w=4", RESULT)
    assert (await cache.find(CAT, "w=4")).result == RESULT
    assert disk.calls == []
    cache.below.trust()
    assert (await cache.find(CAT, "w=3")).tier == "disk"


async def test_an_original_that_nobody_has_costs_the_bucket_one_look(
    given: Given, caches: Callable[[], ResultCache]
) -> None:
    cache = caches()
    await cache.find(CAT, "w=3")
    await cache.entry(CAT).drop()
    await cache.flush()
    assert [call.partition(" ")[0] for call in given.bucket.calls] == ["get"]
