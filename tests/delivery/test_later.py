"""`"avif": "later"`: nobody waits for an AVIF, and nothing old, purged or unasked for is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import pytest

from origin.config.load import build_config
from origin.errors import ConfigError
from origin.errors import SourceUnavailable
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.configurations import config
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

BROWSER = {"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"}
OLDER = {"Accept": "image/webp,*/*"}
KEY = "k" * 32
URL = "/h/cat.jpg?w=64&f=auto"
WEEK = 604_800
SMALL = pictures.encoded(pictures.field(200, 100), "JPEG")


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(shelf: Shelf, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    top = tmp_path_factory.mktemp("later")
    whole = settings(top, top / "cache", avif="later", cdn_max_age=3600)
    whole["renderers"] = 2
    whole["handlers"].append(whole["handlers"][0] | {"name": "s", "signing": {"keys": [KEY]}})
    whole["handlers"].append(whole["handlers"][0] | {"name": "l"})
    whole["handlers"].append(whole["handlers"][0] | {"name": "n", "avif": "now"})
    with Running(whole, source=shelf, clock=clock) as running:
        yield running


@pytest.fixture
def origin(running: Running, shelf: Shelf) -> Running:
    shelf.release()
    shelf.failure = None
    shelf.originals = {"cat.jpg": pictures.land(), "dog.jpg": SMALL}
    idle = running.origin.idle
    wait_until(lambda: not len(idle) and idle._under_way is None, "nothing is made for an earlier test")
    for handler in running.origin.handlers.values():
        running.call(handler.purge(None, None))
    return running


@contextmanager
def busy(origin: Running) -> Iterator[None]:
    """One of the two renderers has something to do, so that it is no idle time."""
    pool = origin.origin.pool

    async def release() -> None:
        pool._renderers.release(renderer, healthy=True)

    renderer = origin.call(pool._acquire("h"))
    try:
        yield
    finally:
        origin.call(release())


def count(origin: Running, name: str) -> float:
    numbers = {key: value for key, _, value in origin.origin.idle.numbers()}
    return numbers[f"origin_later_{name}"]


def wait_for_made(origin: Running, number: float) -> None:
    wait_until(lambda: count(origin, "made_total") == number, "the AVIF has been made")


def max_age(answer: Answer) -> int:
    found = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
    assert found is not None
    return int(found[1])


def test_a_miss_is_answered_with_webp_and_the_avif_comes_in_idle_time(origin: Running) -> None:
    made = count(origin, "made_total")
    with busy(origin):
        first, again = origin.get(URL, headers=BROWSER), origin.get(URL, headers=BROWSER)
        older = origin.get(URL, headers=OLDER)
        assert count(origin, "queue") == 1
        for answer in (first, again):
            assert (answer.status, answer.type, answer.headers["Vary"]) == (200, "image/webp", "Accept")
            assert max_age(answer) == 10
            assert answer.headers["CDN-Cache-Control"].startswith("public, max-age=10,")
        assert (
            first.headers["Cache-Status"] == "origin; fwd=uri-miss; fwd-status=200; stored; detail=avif-later"
        )
        assert re.fullmatch(r"origin; hit; ttl=\d+; detail=avif-later", again.headers["Cache-Status"])
        assert older.body == first.body
        assert older.headers["ETag"] == first.headers["ETag"]
        assert max_age(older) == 86_400
        assert "avif-later" not in older.headers["Cache-Status"]
    wait_for_made(origin, made + 1)
    for _ in range(2):  # the second time from memory, by the short way
        avif = origin.get(URL, headers=BROWSER)
        assert (avif.status, avif.type, avif.headers["Vary"]) == (200, "image/avif", "Accept")
        assert max_age(avif) == 86_400
        assert "detail=memory" in avif.headers["Cache-Status"]
    assert count(origin, "made_total") == made + 1


def test_each_of_both_has_an_etag_of_its_own(origin: Running) -> None:
    made = count(origin, "made_total")
    with busy(origin):
        webp = origin.get(URL, headers=BROWSER)
        unchanged = origin.get(URL, headers={**BROWSER, "If-None-Match": webp.headers["ETag"]})
        assert (unchanged.status, max_age(unchanged)) == (304, 10)
        assert origin.get(URL, "HEAD", BROWSER).headers["Content-Length"] == str(len(webp.body))
    wait_for_made(origin, made + 1)
    avif = origin.get(URL, headers={**BROWSER, "If-None-Match": webp.headers["ETag"]})
    assert (avif.status, avif.type) == (200, "image/avif")
    assert avif.headers["ETag"] != webp.headers["ETag"]
    assert origin.get(URL, headers={**BROWSER, "If-None-Match": avif.headers["ETag"]}).status == 304
    assert parsedate_to_datetime(avif.headers["Last-Modified"]).timestamp() == 1_700_000_000


def test_what_asks_for_no_avif_by_auto_is_as_ever(origin: Running) -> None:
    assert origin.get("/h/cat.jpg?w=64&f=avif").type == "image/avif"
    assert origin.get(URL, headers=OLDER).type == "image/webp"
    assert origin.get(URL).type == "image/jpeg"
    assert origin.get("/n/cat.jpg?w=64&f=auto", headers=BROWSER).type == "image/avif"
    assert count(origin, "queue") == 0


def test_a_purge_gives_up_what_waits(origin: Running) -> None:
    made, dropped = count(origin, "made_total"), count(origin, "dropped_total")
    with busy(origin):
        origin.get(URL, headers=BROWSER)
        origin.get("/h/dog.jpg?w=64&f=auto", headers=BROWSER)
        origin.call(origin.origin.handlers["h"].purge("cat.jpg", None))
        assert (count(origin, "queue"), count(origin, "dropped_total")) == (1, dropped + 1)
    wait_for_made(origin, made + 1)
    with busy(origin):
        assert origin.get("/h/dog.jpg?w=64&f=auto", headers=BROWSER).type == "image/avif"
        assert origin.get(URL, headers=BROWSER).type == "image/webp"


def test_a_purge_reaches_the_one_that_is_under_way(origin: Running, shelf: Shelf) -> None:
    """The body of the original is not kept any more, so making the AVIF begins with the source."""
    made, gets = count(origin, "made_total"), len(shelf.gets)
    handler = origin.origin.handlers["h"]
    with busy(origin):
        origin.get(URL, headers=BROWSER)
        origin.settle()
        (cache,) = origin.origin.caches.by_folder.values()
        names = origin.call(cache.below.queues[0].names("h\0"))
        (body,) = [name for name in names if name.endswith("\0cat.jpg\0O")]
        origin.call(cache.below.tiers[0].delete(body))
        shelf.hold()
    wait_until(lambda: len(shelf.gets) == gets + 2, "the AVIF is under way")
    origin.call(handler.purge("cat.jpg", None))
    shelf.originals["cat.jpg"] = SMALL
    shelf.release()
    wait_for_made(origin, made + 1)
    with busy(origin):
        new = origin.get(URL, headers=BROWSER)
        assert (new.type, pictures.opened(new.body).size) == ("image/webp", (64, 32))


def test_what_is_stale_is_asked_about_and_not_made_again(origin: Running, shelf: Shelf, clock: Clock) -> None:
    made = count(origin, "made_total")
    origin.get(URL, headers=BROWSER)
    wait_for_made(origin, made + 1)
    avif = origin.get(URL, headers=BROWSER)
    clock.now += WEEK + 86_400 + 1  # past the time in which the stale one is served at once
    same = origin.get(URL, headers=BROWSER)
    assert (same.body, same.headers["Cache-Status"]) == (avif.body, "origin; fwd=stale; fwd-status=304")
    clock.now += WEEK + 86_400 + 1
    shelf.originals["cat.jpg"] = SMALL
    with busy(origin):
        changed = origin.get(URL, headers=BROWSER)
        assert (changed.type, pictures.opened(changed.body).size) == ("image/webp", (64, 32))
    wait_for_made(origin, made + 2)
    assert pictures.opened(origin.get(URL, headers=BROWSER).body).size == (64, 32)


def test_while_the_source_is_down_the_stale_avif_is_served(
    origin: Running, shelf: Shelf, clock: Clock
) -> None:
    made = count(origin, "made_total")
    origin.get(URL, headers=BROWSER)
    wait_for_made(origin, made + 1)
    clock.now += WEEK + 86_400 + 1
    shelf.failure = SourceUnavailable("down")
    answer = origin.get(URL, headers=BROWSER)
    assert (answer.type, max_age(answer)) == ("image/avif", 10)
    assert answer.headers["Cache-Status"].endswith("detail=stale-if-error")
    clock.now += 60


def test_what_fails_fails_as_ever(origin: Running, shelf: Shelf) -> None:
    shelf.originals["text.jpg"] = b"no picture"
    for key, kind in (("none.jpg", "not-found"), ("text.jpg", "unprocessable")):
        for _ in range(2):
            answer = origin.get(f"/h/{key}?f=auto&w=9", headers=BROWSER)
            assert (answer.status, answer.kind) == (404, kind)
    assert origin.get("/h/cat.jpg?f=auto&w=x", headers=BROWSER).kind == "bad-request"
    assert count(origin, "queue") == 0


def test_a_signed_webp_is_not_fresh_beyond_its_token(origin: Running, clock: Clock) -> None:
    signer = UrlSigner("http://img.example.com", "s", [KEY], bucket=1)
    target = signer.url("cat.jpg", w=64, f="auto", expires_in=7, now=clock()).removeprefix(
        "http://img.example.com"
    )
    with busy(origin):
        answer = origin.get(target, headers=BROWSER)
        assert answer.type == "image/webp"
        assert max_age(answer) <= 7
        assert origin.get("/s/cat.jpg?w=64&f=auto", headers=BROWSER).kind == "forbidden"


def test_what_waits_when_its_handler_closes_is_counted(origin: Running, clock: Clock) -> None:
    """As at a reload and at the stop."""
    dropped = count(origin, "dropped_total")
    with busy(origin):
        origin.get("/l/cat.jpg?w=64&f=auto", headers=BROWSER)
        origin.get(URL, headers=BROWSER)
        assert count(origin, "queue") == 2
        origin.call(origin.origin.handlers["l"].close())
        assert (count(origin, "queue"), count(origin, "dropped_total")) == (1, dropped + 1)


@pytest.mark.parametrize(
    "whole",
    [
        config(avif="later", cache_enabled=False),
        config(avif="later", cache_time=-1),
        config(avif="later") | {"cache": {"max_size": 0, "memory": 0}},
    ],
)
def test_it_needs_a_cache(whole: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"handlers\[0\].avif: expected a cache, which keeps"):
        build_config(whole)
