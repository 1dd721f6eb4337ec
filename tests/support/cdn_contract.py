"""What every cache in front has to make of the origin's answers: facts about a fixture `cdn`.

test_nginx.py and test_varnish.py hold them against the recipes in docs, each cache in a worker of its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from typing import ClassVar

import pytest

from origin.errors import Overloaded
from origin.errors import SourceUnavailable
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support import proxies
from tests.support.proxies import Pulled
from tests.support.proxies import is_hit
from tests.support.running import Answer
from tests.support.running import Client
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import BEARER
from tests.support.uploads import send
from tests.support.uploads import writing

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
OLD_CHROME = "image/webp,image/apng,image/*,*/*;q=0.8"
CURL = "*/*"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulled]:
    with proxies.upstream(tmp_path_factory.mktemp("upstream")) as described:
        yield described


@pytest.fixture
def pulled(upstream: Pulled) -> Iterator[Pulled]:
    yield upstream
    upstream.shelf.failure = None


def until(moment: float) -> None:
    """Let time pass: what is under test here is the clock of a cache."""
    wait_until(lambda: time.time() > moment, "time has passed")


class Aged:
    """Pictures that a cache was given so long ago that all of them are older than their max-age of a second,
    and those of `window` older than its windows. `first` has the answers by URL; each test has its key."""

    TESTS: ClassVar = {
        "revalidated": ("checked",),
        "refreshed": ("bare",),
        "past its windows": ("window",),
        "outage": ("stale", "bare", "exact"),
    }

    def __init__(self, cdn: Client, pulled: Pulled) -> None:
        self.keys = {name: pulled.put(pictures.small()) for name in self.TESTS}
        self.first: dict[str, Answer] = {}
        for name, handlers in self.TESTS.items():
            self.first |= {url: cdn.get(url) for url in _urls(self.keys[name], *handlers)}
        assert {answer.status for answer in self.first.values()} == {200}
        until(time.time() + 3)  # max-age, stale-while-revalidate and the second that dates are rounded by


@pytest.fixture(scope="module")
def aged(cdn: Client, upstream: Pulled) -> Aged:
    return Aged(cdn, upstream)


def test_one_pull_serves_all(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    first = cdn.get(f"/long/{key}?w=50")
    again = [cdn.get(f"/long/{key}?w=50") for _ in range(3)]
    assert first.status == 200
    assert not is_hit(first)
    assert all(is_hit(answer) and answer.body == first.body for answer in again)
    assert len(pulled.pulls(key)) == 1


def test_a_crowd_that_comes_at_once_makes_one_pull(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    pulled.shelf.hold()
    try:
        crowd = [cdn.send(f"/long/{key}?w=50") for _ in range(8)]
        wait_until(lambda: any(asked == key for asked, _ in pulled.shelf.gets), "the source is asked")
    finally:
        pulled.shelf.release()
    assert {one.answer().status for one in crowd} == {200}
    assert len(pulled.pulls(key)) == 1


def test_head_on_a_miss_brings_the_picture_in(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    head = cdn.get(f"/long/{key}?w=50", "HEAD")
    get = cdn.get(f"/long/{key}?w=50")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))
    assert head.headers["ETag"] == get.headers["ETag"]
    assert is_hit(get)
    assert [line["method"] for line in pulled.pulls(key)] == ["GET"]


def test_a_range_is_cut_from_what_the_cache_has(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    missed = cdn.get(f"/long/{key}?w=50", headers={"Range": "bytes=10-19"})
    whole = cdn.get(f"/long/{key}?w=50")
    part = cdn.get(f"/long/{key}?w=50", headers={"Range": "bytes=-20"})
    assert (missed.status, missed.body) == (206, whole.body[10:20])
    assert (part.status, part.body) == (206, whole.body[-20:])
    assert (
        part.headers["Content-Range"]
        == f"bytes {len(whole.body) - 20}-{len(whole.body) - 1}/{len(whole.body)}"
    )
    assert len(pulled.pulls(key)) == 1


def test_a_browser_revalidates_with_the_cache_alone(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    first = cdn.get(f"/long/{key}?w=50")
    by_tag = cdn.get(f"/long/{key}?w=50", headers={"If-None-Match": first.headers["ETag"]})
    by_date = cdn.get(f"/long/{key}?w=50", headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert (by_tag.status, by_date.status) == (304, 304)
    assert len(pulled.pulls(key)) == 1


def test_a_revalidation_renders_nothing(cdn: Client, pulled: Pulled, aged: Aged) -> None:
    key = aged.keys["revalidated"]
    again = cdn.get(f"/checked/{key}?w=50")
    assert (again.status, again.body) == (200, aged.first[f"/checked/{key}?w=50"].body)
    wait_until(lambda: len(pulled.lines(key)) >= 2, "the cache has asked")
    pull, revalidation = pulled.pulls(key)[:2]
    assert (pull["status"], "render_ms" in pull) == (200, True)
    assert (revalidation["status"], revalidation["cache"]) == (304, "revalidated")
    assert "render_ms" not in revalidation
    # The source too was asked whether it changed, and sent no body.
    asked = [version for name, version in pulled.shelf.gets if name == key]
    assert len(asked) >= 2
    assert None not in asked[1:]


def test_changed_originals_reach_the_cache(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    urls = _urls(key, "checked", "stale", "bare")
    old = {cdn.get(url).body for url in urls}
    pulled.shelf.originals[key] = pictures.odd()
    # A second here and one in front, each with one stale answer behind it; the windows are an hour.
    wait_until(lambda: old.isdisjoint([cdn.get(url).body for url in urls]), "all show the new picture")


def test_deleted_originals_reach_the_cache(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    urls = _urls(key, "checked", "stale", "bare")

    def seen() -> set[tuple[int, str | None]]:
        answers = [cdn.get(url) for url in urls]
        return {(answer.status, answer.kind) for answer in answers}

    assert seen() == {(200, None)}
    picture = pulled.shelf.originals.pop(key)
    wait_until(lambda: seen() == {(404, "not-found")}, "all are gone")
    pulled.shelf.originals[key] = picture
    wait_until(lambda: seen() == {(200, None)}, "all are back")


def ask_until(wanted: Callable[[Answer], bool], cdn: Client, url: str) -> list[Answer]:
    """All answers up to the first wanted one."""
    answers: list[Answer] = []

    def is_there() -> bool:
        answers.append(cdn.get(url))
        return wanted(answers[-1])

    wait_until(is_there, f"{url} has the wanted answer")
    return answers


def has_body_other_than(body: bytes) -> Callable[[Answer], bool]:
    return lambda answer: answer.body != body


def _urls(key: str, *handlers: str) -> list[str]:
    return [f"/{handler}/{key}?w=50" for handler in handlers]


def test_a_missing_original_is_pulled_once_in_its_time(cdn: Client, pulled: Pulled) -> None:
    url = "/long/never-there.jpg?w=50"
    answers = [cdn.get(url) for _ in range(3)]
    assert {(answer.status, answer.kind) for answer in answers} == {(404, "not-found")}
    assert {answer.type for answer in answers} == {"image/png"}
    assert is_hit(answers[-1])
    del pulled.shelf.gets[:]


def test_an_outage_of_the_source_never_replaces_a_picture(cdn: Client, pulled: Pulled, aged: Aged) -> None:
    """`stale` has a result of its own to serve; the two others have the cache in front alone, and answer
    it with 404 or with 502."""
    key = aged.keys["outage"]
    kept = {url: aged.first[url] for url in _urls(key, "stale", "bare", "exact")}
    pulled.shelf.failure = SourceUnavailable("a test")
    for url, picture in kept.items():
        answers = ask_until(_origin_failed(pulled, url), cdn, url)
        answers += [cdn.get(url) for _ in range(3)]
        assert {(answer.status, answer.body) for answer in answers} == {(200, picture.body)}
    recovering = f"/bare/{key}?w=50"
    pulled.shelf.originals[key] = pictures.odd()
    pulled.shelf.failure = None
    ask_until(has_body_other_than(kept[recovering].body), cdn, recovering)


def _origin_failed(pulled: Pulled, url: str) -> Callable[[Answer], bool]:
    """Whether the origin has answered the cache with an error by now, or with a stale result."""
    return lambda _: any(line["cache"] in ("error", "stale") for line in pulled.lines(url))


def test_a_stale_picture_is_served_at_once_and_refreshed_behind(
    cdn: Client, pulled: Pulled, aged: Aged
) -> None:
    key = aged.keys["refreshed"]
    old = aged.first[f"/bare/{key}?w=50"]
    pulled.shelf.originals[key] = pictures.odd()
    pulled.shelf.hold()  # whoever waits for the source now waits until the end of the test
    try:
        answer = cdn.get(f"/bare/{key}?w=50")
    finally:
        pulled.shelf.release()
    assert (answer.status, answer.body) == (200, old.body)
    assert is_hit(answer)
    ask_until(has_body_other_than(old.body), cdn, f"/bare/{key}?w=50")


def test_past_its_stale_windows_a_picture_is_fetched_before_the_answer(
    cdn: Client, pulled: Pulled, aged: Aged
) -> None:
    key = aged.keys["past its windows"]
    old = aged.first[f"/window/{key}?w=50"]
    pulled.shelf.originals[key] = pictures.odd()
    answer = cdn.get(f"/window/{key}?w=50")
    assert answer.status == 200
    assert answer.body != old.body


def test_an_overload_is_not_kept(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    pulled.shelf.failure = Overloaded("a test")
    busy = cdn.get(f"/long/{key}?w=50")
    pulled.shelf.failure = None
    after = cdn.get(f"/long/{key}?w=50")
    assert (busy.status, busy.kind, busy.headers["Cache-Control"]) == (503, "overloaded", "no-store")
    assert int(busy.headers["Retry-After"]) > 0
    assert after.status == 200
    assert is_hit(cdn.get(f"/long/{key}?w=50"))


@pytest.mark.parametrize("query", ["w=0.5x", "w=50&w=60", "q=500"])
def test_a_bad_request_is_not_kept(query: str, cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    for _ in range(2):
        answer = cdn.get(f"/long/{key}?{query}")
        assert (answer.status, answer.kind) == (404, "bad-request")
        assert not is_hit(answer)
    assert len(pulled.pulls(key)) == 2


def test_browsers_of_one_class_share_an_object(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    url = f"/long/{key}?w=50&f=auto"
    expected = {CHROME: "image/avif", FIREFOX: "image/avif", OLD_CHROME: "image/webp", CURL: "image/jpeg"}
    answers = {accept: cdn.get(url, headers={"Accept": accept}) for accept in expected}
    assert {accept: answer.type for accept, answer in answers.items()} == expected
    assert all(answer.headers["Vary"] == "Accept" for answer in answers.values())
    assert is_hit(answers[FIREFOX])
    assert cdn.get(url).type == "image/jpeg"  # with no Accept at all
    assert len(pulled.pulls(key)) == 3


@pytest.mark.parametrize("accept", ["image/avif;q=0, image/webp;q=0", "text/x-image/avif", "image/avifs"])
def test_a_format_that_a_client_refuses_never_reaches_it(accept: str, cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    url = f"/long/{key}?w=50&f=auto"
    assert cdn.get(url, headers={"Accept": CHROME}).type == "image/avif"
    assert cdn.get(url, headers={"Accept": accept}).type == "image/jpeg"


@pytest.mark.parametrize("query", ["f=webp", "format=jpg", "w=50&f=png&h=50"])
def test_all_browsers_share_a_format_that_the_url_names(query: str, cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    answers = [cdn.get(f"/auto/{key}?{query}", headers={"Accept": accept}) for accept in (CHROME, CURL)]
    assert "Vary" not in answers[0].headers
    assert is_hit(answers[1])
    assert len(pulled.pulls(key)) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?w=50",
        "?F=webp",
        "?f=%61uto",
        "?%66=auto",
        "?f=&format=auto",
        "?x=1&xf=webp",
        "?f=AUTO",
        "?f=auto%26f=webp",
    ],
)
def test_no_spelling_of_a_url_mixes_the_classes_up(query: str, cdn: Client, pulled: Pulled) -> None:
    """A handler whose default is `auto`, and queries that a careless cache would take for a named format."""
    key = pulled.put(pictures.small())
    modern = cdn.get(f"/auto/{key}{query}", headers={"Accept": CHROME})
    plain = cdn.get(f"/auto/{key}{query}", headers={"Accept": CURL})
    assert modern.type == "image/avif"
    assert plain.type == "image/jpeg"


def signed(key: str, expires_at: float | None = None, **options: Any) -> str:
    """Path and query of a signed URL, by what an application uses."""
    signer = UrlSigner("", "signed", [proxies.SIGNING_KEY], bucket=1)
    # Leeway lets a URL work that has already expired, but nobody writes one: sign as in the past.
    return signer.url(key, now=0, expires_at=expires_at, **options)


def test_a_signed_url_works_through_a_cache(cdn: Client, pulled: Pulled) -> None:
    pulled.shelf.originals["users/42/a ü+~(1).jpg"] = pictures.small()
    url = signed("users/42/a ü+~(1).jpg", w=50, h=40, q=60)
    path, _, query = url.partition("?")
    turned = "&".join(reversed(query.split("&")))
    assert cdn.get(url).status == 200
    assert cdn.get(f"{path}?{turned}").status == 200
    assert cdn.get(url.replace("w=50", "w=51")).kind == "forbidden"


def test_a_refused_token_is_asked_about_every_time(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    good = cdn.get(signed(key, w=50))
    answers = [cdn.get(f"/signed/{key}?w=50{token}") for token in ("", "&t=" + "A" * 43, "")]
    assert good.status == 200
    assert {(answer.status, answer.kind) for answer in answers} == {(404, "forbidden")}
    assert not any(is_hit(answer) for answer in answers)


def test_no_cache_serves_a_signed_picture_past_its_expiry(cdn: Client, pulled: Pulled) -> None:
    """The handler's windows are an hour; the token ends them."""
    key = pulled.put(pictures.small())
    end = int(time.time()) + 3
    kept, expired = signed(key, expires_at=end, w=50), signed(key, expires_at=end - 30, w=50)
    assert [cdn.get(url).status for url in (kept, expired)] == [200, 200]
    assert is_hit(cdn.get(kept))
    until(end + 1)  # and of the other one's leeway, 30 seconds
    refused = cdn.get(expired)
    assert (refused.status, refused.kind) == (404, "forbidden")
    for _ in range(3):  # in its leeway: still answered, but by the origin alone, and whole
        answer = cdn.get(kept)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert not is_hit(answer)


def test_metrics_and_purge_are_not_public(cdn: Client) -> None:
    for path in ("/-/metrics", "/%2d/metrics", "/-%2fmetrics", "/%2D%2Fmetrics", "/-/purge"):
        assert cdn.get(path).status == 404
    assert (
        cdn.get(
            "/-/purge", "POST", {"Authorization": f"Bearer {proxies.ADMIN_TOKEN}", "Content-Length": "0"}
        ).status
        == 404
    )


Start = Callable[[Path, int], AbstractContextManager[Client]]


def check_that_uploads_pass(start: Start, folder: Path) -> None:
    """Write through a cache that `start` starts, what is larger than the 1 MB that nginx takes by itself."""
    for name in ("store", "cache"):
        (folder / name).mkdir()
    picture = pictures.encoded(pictures.noise(620, 600, 1), "PNG")
    assert len(picture) > 2**20
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Running(writing(folder / "store", folder / "origin")))
        cdn = stack.enter_context(start(folder / "cache", origin.port))
        assert send(cdn.port, "PUT", "/up/a.png", picture, BEARER).status == 201
        assert send(cdn.port, "POST", "/up", b"", {}).status == 401
        assert send(cdn.port, "DELETE", "/up/a.png", b"", BEARER).status == 204


def check_that_pictures_outlive_the_origin(start: Start, folder: Path) -> None:
    """Stop an origin behind a cache that `start` starts."""
    for name in ("origin", "cache"):
        (folder / name).mkdir()
    with contextlib.ExitStack() as stack:
        with proxies.upstream(folder / "origin") as pulled:
            cdn = stack.enter_context(start(folder / "cache", pulled.origin.port))
            key = pulled.put(pictures.small())
            kept = cdn.get(f"/exact/{key}?w=50")
            assert (kept.status, cdn.get(f"/window/{key}?w=50").status) == (200, 200)
        until(time.time() + 3)
        for _ in range(3):
            answer = cdn.get(f"/exact/{key}?w=50")
            assert (answer.status, answer.body) == (200, kept.body)
        failed = cdn.get(f"/window/{key}?w=50")  # past its stale-if-error
        assert failed.status in (502, 503)
        assert failed.headers["Cache-Status"].partition(";")[0] in ("nginx", "varnish")  # RFC 9211: a list
