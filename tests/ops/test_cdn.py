"""Purges that reach the CDN: what each kind is told, and how a queue behaves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from origin.config.load import build_config
from origin.errors import SourceUnavailable
from origin.ops.cdn import queue as queues
from origin.ops.cdn.purge import CdnFailed
from origin.ops.cdn.purge import CdnPurge
from origin.ops.cdn.queue import GATHER
from origin.ops.cdn.queue import PAUSES
from origin.ops.cdn.queue import CdnPurger
from origin.ops.cdn.queue import CdnQueue
from origin.ops.cdn.targets import CloudFront
from origin.ops.outgoing import OutgoingHttp
from origin.parts.cdn import make_cdn
from tests.support.recording_server import Recorded
from tests.support.recording_server import RecordingServer
from tests.support.recording_server import recording_server

CAT = CdnPurge("photos", "img/photos", key="2024/ü cat.jpg", source_key="2024/ü cat.jpg")
DOG = CdnPurge("photos", "img/photos", key="dog.jpg", source_key="dog.jpg")
YEAR = CdnPurge("photos", "img/photos", prefix="2024/")
ALL = CdnPurge("photos", "img/photos")
WHOLE = hashlib.sha256(b"photos").digest()  # as in docs/caches.md
HANDLER_TAG = WHOLE.hex()[:16]
CAT_TAG = hashlib.sha256(WHOLE + "2024/ü cat.jpg".encode()).hexdigest()[:16]
DOG_TAG = hashlib.sha256(WHOLE + b"dog.jpg").hexdigest()[:16]


# --- What a CDN is told ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[RecordingServer]:
    with recording_server() as server:
        yield server


def send(server: RecordingServer, cdn: dict[str, Any], *purges: CdnPurge) -> list[Recorded]:
    """What the server got of these purges by the CDN of that configuration."""
    server.requests.clear()
    handler = {"name": "photos", "source": {"type": "local", "root": "."}}

    async def work() -> None:
        http = OutgoingHttp()
        purger = make_cdn(build_config({"handlers": [handler], "cdn": cdn}), http)
        for purge in purges:
            purger.add(purge)
        await purger.close()  # which sends what waits
        await http.close()
        assert {name: value for name, _, value in purger.numbers()}["origin_cdn_purges_total"] == len(purges)

    asyncio.run(work())
    return server.requests


def test_cloudflare_is_told_tags(server: RecordingServer) -> None:
    cdn = {"type": "cloudflare", "zone": "023e105f4ecef8ad", "token": "t0k", "api": f"{server.url}/client/v4"}
    (request,) = send(server, cdn, CAT, DOG, YEAR)
    assert (request.method, request.target) == ("POST", "/client/v4/zones/023e105f4ecef8ad/purge_cache")
    assert request.headers["authorization"] == "Bearer t0k"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"tags": [CAT_TAG, DOG_TAG, HANDLER_TAG]}


def test_cloudflare_is_told_prefixes_where_it_knows_the_hosts(server: RecordingServer) -> None:
    hosts = ["img.example.com", "i.example.com"]
    cdn = {"type": "cloudflare", "zone": "z", "token": "t0k", "api": server.url, "hosts": hosts}
    tags, prefixes = send(server, cdn, CAT, YEAR)
    assert json.loads(tags.body) == {"tags": [CAT_TAG]}
    assert json.loads(prefixes.body) == {
        "prefixes": ["img.example.com/img/photos/2024/", "i.example.com/img/photos/2024/"]
    }


def test_fastly_is_told_surrogate_keys(server: RecordingServer) -> None:
    cdn = {"type": "fastly", "service": "SU1Z0isxPaozGVKXdv0eY", "token": "t0k", "api": server.url}
    (request,) = send(server, cdn, CAT, DOG)
    assert (request.method, request.target) == ("POST", "/service/SU1Z0isxPaozGVKXdv0eY/purge")
    assert (request.headers["fastly-key"], request.headers["accept"]) == ("t0k", "application/json")
    assert "fastly-soft-purge" not in request.headers
    assert json.loads(request.body) == {"surrogate_keys": [CAT_TAG, DOG_TAG]}
    (request,) = send(server, {**cdn, "soft": True}, CAT)
    assert request.headers["fastly-soft-purge"] == "1"


def test_each_varnish_is_told(server: RecordingServer) -> None:
    cdn = {"type": "varnish", "urls": [f"{server.url}/a", f"{server.url}/b"], "soft": True}
    handler = {"name": "photos", "source": {"type": "local", "root": "."}}
    assert len(list(make_cdn(build_config({"handlers": [handler], "cdn": cdn}), OutgoingHttp())._queues)) == 2
    (request,) = send(server, {**cdn, "urls": [f"{server.url}/a"]}, CAT, DOG)
    assert (request.method, request.target, request.body) == ("PURGE", "/a", b"")
    assert request.headers["surrogate-key"] == f"{CAT_TAG} {DOG_TAG}"
    assert request.headers["soft-purge"] == "1"


def test_any_other_server_is_told_all_there_is_to_tell(server: RecordingServer) -> None:
    cdn = {"type": "http", "url": f"{server.url}/purge?x=%41", "headers": {"Authorization": "Bearer t0k"}}
    (request,) = send(server, cdn, ALL)
    assert (request.method, request.target) == ("POST", "/purge?x=%41")
    assert request.headers["authorization"] == "Bearer t0k"
    told = {"handler": "photos", "tag": HANDLER_TAG, "path": "/img/photos/", "prefix": True}
    assert json.loads(request.body) == {"purges": [told]}
    (request,) = send(server, cdn, CAT, YEAR)
    assert json.loads(request.body)["purges"] == [
        {"handler": "photos", "tag": CAT_TAG, "path": "/img/photos/2024/%C3%BC%20cat.jpg", "prefix": False},
        {"handler": "photos", "tag": HANDLER_TAG, "path": "/img/photos/2024/", "prefix": True},
    ]


class Invalidated:
    def __init__(self) -> None:
        self.items: list[Sequence[str]] = []

    async def invalidate(self, items: Sequence[str]) -> None:
        self.items.append(items)


async def test_cloudfront_is_told_paths_or_tags() -> None:
    distribution = Invalidated()
    await CloudFront(distribution, by_tags=False).purge([CAT, YEAR, ALL])
    await CloudFront(distribution, by_tags=True).purge([CAT, YEAR, ALL])
    assert distribution.items == [
        ["/img/photos/2024/%C3%BC%20cat.jpg*", "/img/photos/2024/*", "/img/photos/*"],
        [f"#{CAT_TAG}", f"#{HANDLER_TAG}"],
    ]


async def test_where_urls_do_not_begin_with_the_key_no_path_tells_one_picture() -> None:
    """The options of thumbor stand before the key, so that what `cat.jpg*` names is nothing at all."""
    cat, year = (replace(purge, begins_with_key=False) for purge in (CAT, YEAR))
    distribution = Invalidated()
    await CloudFront(distribution, by_tags=False).purge([cat, year])
    await CloudFront(distribution, by_tags=True).purge([cat, year])
    assert distribution.items == [["/img/photos/*"], [f"#{CAT_TAG}", f"#{HANDLER_TAG}"]]


def test_what_is_told_in_their_place(server: RecordingServer) -> None:
    cat, year = (replace(purge, begins_with_key=False) for purge in (CAT, YEAR))
    hosts = ["img.example.com"]
    cdn = {"type": "cloudflare", "zone": "z", "token": "t0k", "api": server.url, "hosts": hosts}
    (tags,) = send(server, cdn, cat, year)
    assert json.loads(tags.body) == {"tags": [CAT_TAG, HANDLER_TAG]}
    (request,) = send(server, {"type": "http", "url": server.url}, cat)
    told = {"handler": "photos", "tag": CAT_TAG, "path": "/img/photos/", "prefix": True}
    assert json.loads(request.body) == {"purges": [told]}


# --- Answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "passes", "retry_after", "of_content"),
    [
        ((429, {"Retry-After": "30"}, b"slow down"), True, 30.0, False),
        ((503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b""), True, None, False),
        ((500, {}, b""), True, None, False),
        ((400, {}, b"bad tag"), False, None, True),
        ((413, {}, b"too large"), False, None, True),
        ((401, {}, b"bad token"), False, None, False),
        ((404, {}, b""), False, None, False),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), False, None, False),
        ((200, {}, b'{"success": false, "errors": [{"code": 1012}]}'), False, None, True),
        ((200, {}, b"[" * 5000), False, None, True),
    ],
)
async def test_an_answer_says_whether_another_try_may_succeed(
    server: RecordingServer, answer: Any, passes: bool, retry_after: float | None, of_content: bool
) -> None:
    server.requests.clear()
    server.answers.append(answer)
    handler = {"name": "photos", "source": {"type": "local", "root": "."}}
    cdn = {"type": "cloudflare", "zone": "z", "token": "t0k", "api": server.url}
    http = OutgoingHttp()
    (queue,) = make_cdn(build_config({"handlers": [handler], "cdn": cdn}), http)._queues
    with pytest.raises(CdnFailed) as failed:
        await queue._target.purge([CAT])
    await http.close()
    assert (failed.value.passes, failed.value.retry_after) == (passes, retry_after)
    assert failed.value.of_content == of_content
    assert "t0k" not in str(failed.value)
    assert len(server.requests) == 1


async def test_a_cdn_that_is_away_may_come_back() -> None:
    http = OutgoingHttp()
    with pytest.raises(SourceUnavailable):
        await http.send("POST", "http://127.0.0.1:9/")
    await http.close()


# --- The queue -------------------------------------------------------------------------------------


class Target:
    """Notes what it is told, and fails as it is told."""

    name, batch = "a target", 3

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.batches: list[list[CdnPurge]] = []
        self.told = asyncio.Event()

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.batches.append(list(purges))
        self.told.set()


class Pauses:
    """Notes for how long somebody would wait, and lets him go on."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def keys(count: int, handler: str = "photos") -> list[CdnPurge]:
    return [CdnPurge(handler, handler, key=str(number), source_key=str(number)) for number in range(count)]


async def settle(queue: CdnQueue) -> None:
    while queue.length:  # noqa: ASYNC110 - of which it tells nobody
        await asyncio.sleep(0)


async def test_purges_are_gathered_and_sent_in_batches() -> None:
    target, pauses = Target(), Pauses()
    queue = CdnQueue(target, pause=pauses)
    purges = keys(7)
    for purge in (*purges, *purges):
        queue.add(purge)
    await settle(queue)
    assert target.batches == [purges[:3], purges[3:6], purges[6:]]
    assert pauses.seconds == [GATHER]
    assert (queue.sent, queue.failures, queue.lost) == (7, 0, 0)
    await queue.close()


async def test_a_purge_of_the_whole_handler_takes_the_place_of_its_others() -> None:
    target = Target()
    queue = CdnQueue(target, pause=Pauses())
    other = CdnPurge("other", "other", key="a", source_key="a")
    for purge in (DOG, other, YEAR, ALL, CAT):
        queue.add(purge)
    await settle(queue)
    assert target.batches == [[other, ALL]]
    await queue.close()


async def test_a_failure_is_tried_again_later_and_later_or_when_the_cdn_says() -> None:
    slow = CdnFailed("slow down", passes=True, retry_after=30)
    patient = CdnFailed("come back in a year", passes=True, retry_after=31_536_000)
    target, pauses = Target(CdnFailed("down", passes=True), slow, patient), Pauses()
    queue = CdnQueue(target, pause=pauses)
    queue.add(CAT)
    await settle(queue)
    assert target.batches == [[CAT]]
    assert pauses.seconds == [GATHER, PAUSES[0], 30, queues.MAX_PAUSE]
    assert (queue.sent, queue.failures, queue.lost) == (1, 3, 0)
    await queue.close()


async def test_what_no_try_helps_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refused = CdnFailed("answered 401: bad token", passes=False)
    down = [CdnFailed("down", passes=True)] * (len(PAUSES) + 1)
    for failures in ([refused], down):
        caplog.clear()
        target = Target(*failures)
        queue = CdnQueue(target, pause=Pauses())
        queue.add(CAT)
        await settle(queue)
        queue.add(DOG)  # the next one is tried anew
        await settle(queue)
        assert target.batches == [[DOG]]
        assert (queue.sent, queue.lost) == (1, 1)
        (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        assert CAT_TAG in line
        assert "purge there" in line
        await queue.close()


async def test_a_mistake_of_ours_costs_one_batch(caplog: pytest.LogCaptureFixture) -> None:
    target = Target(ArithmeticError("of ours"))
    queue = CdnQueue(target, pause=Pauses())
    for purge in (CAT, DOG):
        queue.add(purge)
        async with asyncio.timeout(60):
            await settle(queue)
    assert (target.batches, queue.sent, queue.lost) == ([[DOG]], 1, 1)
    assert CAT_TAG in caplog.text
    assert "ArithmeticError: of ours" in caplog.text
    await queue.close()


async def test_what_a_cdn_refuses_takes_nothing_else_with_it(caplog: pytest.LogCaptureFixture) -> None:
    bad = CdnPurge("photos", "photos", key="bad", source_key="bad")

    class Picky(Target):
        batch = 8

        async def purge(self, purges: Sequence[CdnPurge]) -> None:
            if bad in purges:
                raise CdnFailed("answered 400: bad tag", passes=False, of_content=True)
            await super().purge(purges)

    target, pauses = Picky(), Pauses()
    queue = CdnQueue(target, pause=pauses)
    good = keys(7)
    for purge in (*good[:4], bad, *good[4:]):
        queue.add(purge)
    await settle(queue)
    assert sorted(purge.key or "" for batch in target.batches for purge in batch) == list("0123456")
    assert (queue.sent, queue.lost, pauses.seconds) == (7, 1, [GATHER])
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert bad.tag in line
    assert not [purge.tag for purge in good if purge.tag in line]
    await queue.close()


async def test_a_purge_that_comes_while_the_same_is_under_way_is_sent_too() -> None:
    """The CDN may have fetched the picture anew between the two."""

    class Slow(Target):
        async def purge(self, purges: Sequence[CdnPurge]) -> None:
            if not self.batches:
                queue.add(CAT)
            await super().purge(purges)

    target = Slow()
    queue = CdnQueue(target, pause=Pauses())
    queue.add(CAT)
    await settle(queue)
    assert target.batches == [[CAT], [CAT]]
    await queue.close()


async def test_too_many_become_one_of_the_whole_handler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(queues, "MAX_WAITING", 5)
    target = Target()
    queue = CdnQueue(target, pause=Pauses())
    few = keys(2, "few")
    for purge in (*few, *keys(4)):
        queue.add(purge)
    assert queue.length == 3
    await settle(queue)
    assert target.batches == [[*few, CdnPurge("photos", "photos")]]
    assert "handler photos" in caplog.text
    await queue.close()


async def test_what_waits_is_sent_when_the_origin_stops() -> None:
    never = asyncio.Event()
    target = Target(CdnFailed("down", passes=True))
    queue = CdnQueue(target, gather=0, pause=lambda seconds: never.wait() if seconds else asyncio.sleep(0))
    queue.add(CAT)
    while not queue.failures:  # noqa: ASYNC110 - and so in the pause before the second try
        await asyncio.sleep(0)
    queue.add(DOG)
    await CdnPurger([queue]).close()
    assert target.batches == [[CAT, DOG]]


async def test_what_cannot_be_sent_then_is_named(caplog: pytest.LogCaptureFixture) -> None:
    queue = CdnQueue(Target(CdnFailed("down", passes=True)), pause=Pauses())
    queue.add(CAT)
    await queue.close()
    assert queue.lost == 1
    assert CAT_TAG in caplog.text
