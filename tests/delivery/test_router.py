"""Methods beside GET and HEAD: who answers them, and what their bodies may cost."""

from __future__ import annotations

import http.client
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import cast

import pytest

from origin.delivery.mounts import ADMIN_BODY
from origin.delivery.mounts import NO_BODY
from origin.delivery.mounts import BodyLimit
from origin.delivery.mounts import Endpoint
from origin.delivery.mounts import Mount
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import text_response
from origin.signing import UrlSigner
from tests.support.pictures import land
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.signing import KEY

LIMIT = BodyLimit(200_000, 20.0)


async def receive(key: str, request: Request) -> Response:
    """Answers with the key and the size of the body, or 413."""
    size = 0
    async for piece in request.body():
        size += len(piece)
        if size > LIMIT.bytes:
            return text_response(413, "content too large")
    return text_response(201, f"{key or 'the prefix'} {size}")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("router")
    plain = settings(folder, folder / "cache")
    inner = {**plain["handlers"][0], "name": "inner", "prefix": "h/inner"}
    root = {**plain["handlers"][0], "name": "root", "prefix": "", "signing": {"keys": [KEY]}}
    handlers = [*plain["handlers"], inner, root]
    with Running({**plain, "handlers": handlers}, source=Shelf(**{"a.jpg": land()})) as it:
        mounts = it.app.image_router.mounts.by_prefix
        assert isinstance(mounts, dict)
        mounts["h"] = Mount(mounts["h"].handler, {"POST": Endpoint(receive, LIMIT)})
        yield it


def send(origin: Running, method: str, target: str, body: bytes = b"") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=30)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Allow", ""), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("target", "key"),
    [("/h", "the prefix"), ("/h/new.jpg", "new.jpg"), ("/h/a/b.jpg?x=1", "a/b.jpg"), ("/%68", "the prefix")],
)
def test_a_method_is_answered_by_its_endpoint(origin: Running, target: str, key: str) -> None:
    assert send(origin, "POST", target, b"x" * 150_000) == (201, "", f"201 {key} 150000\n")


def test_pictures_are_read_beside_it(origin: Running) -> None:
    assert origin.get("/h/a.jpg?w=30").status == 200
    assert origin.get("/h").status == 404


def test_the_root_has_what_nothing_else_claims(origin: Running) -> None:
    url = UrlSigner("", "", [KEY]).url("a.jpg", w=30)
    assert url.startswith("/a.jpg?w=30&t=")
    assert origin.get(url).status == 200
    assert origin.get("/a.jpg?w=30").kind == "forbidden"
    assert origin.get("/h/a.jpg?w=31").status == 200  # of h, which signs nothing
    assert origin.get("/status").body == b"OK"
    assert origin.get("/-/cat.jpg").kind is None


def test_a_body_past_the_limit_is_refused_by_the_endpoint(origin: Running) -> None:
    assert send(origin, "POST", "/h/new.jpg", b"x" * 210_000)[0] == 413


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("PUT", "/h/new.jpg", "GET, HEAD, POST"),
        ("DELETE", "/h", "GET, HEAD, POST"),
        ("POST", "/h/inner/new.jpg", "GET, HEAD"),
        ("POST", "/h/inner", "GET, HEAD"),
    ],
)
def test_a_method_that_a_mount_does_not_have_is_405(
    origin: Running, method: str, target: str, allow: str
) -> None:
    assert send(origin, method, target)[:2] == (405, allow)


def test_a_path_that_cannot_be_decoded_is_400(origin: Running) -> None:
    assert send(origin, "POST", "/h/%zz")[0] == 400


def test_each_method_has_its_own_limit(origin: Running) -> None:
    mounts = origin.app.image_router.mounts
    assert mounts.body_limit("POST", b"/h/new.jpg?w=3") == LIMIT
    assert mounts.body_limit("GET", b"/h/new.jpg") == NO_BODY
    for method, target in (
        ("PUT", b"/h/x"),
        ("POST", b"/h/inner/x"),
        ("POST", b"/-/purge"),
        ("POST", b"/%zz"),
    ):
        assert mounts.body_limit(method, target) == ADMIN_BODY


# Paths of operators


@pytest.mark.parametrize(
    "path", ["/-%2fmetrics", "/%2d/metrics", "/%2D%2Fmetrics", "/-%2Fready", "/%2d%2flive"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_paths_of_operators_have_one_spelling(origin: Running, path: str, method: str) -> None:
    """A cache in front closes `/-/` as it is written; another spelling of it must lead nowhere."""
    answer = origin.get(path, method)
    assert (answer.status, answer.body) == (404, b"404 not found\n")
    assert origin.get("/-/metrics").status == 200


@pytest.mark.slow
@pytest.mark.parametrize("probes", [False, True])
def test_probes_are_counted_and_logged_only_where_that_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, probes: bool
) -> None:
    caplog.set_level(logging.INFO, "origin.access")
    config = settings(tmp_path, tmp_path / "cache") | {"log": {"probes": probes}}
    asked = ["/status", "/-/live", "/-/ready", "/-/metrics"]
    with Running(config, source=Shelf(**{"a.jpg": land()})) as origin:
        for target in asked:
            assert origin.get(target).status == 200
        assert origin.get("/h/a.jpg?w=20").status == 200
        labels = {"handler": "", "status": "200", "error": "", "cache": ""}
        assert origin.origin.metrics.registry.get_sample_value("origin_requests_total", labels) == len(asked)
    logged = [record.getMessage().split()[1] for record in caplog.records if record.name == "origin.access"]
    assert logged == [*(asked if probes else []), "/h/a.jpg?w=20"]


# What is remembered of URLs


@pytest.mark.parametrize("query", ["w=30&x=" + "y" * 2000, "w=30" + "&a" * 50])
def test_a_long_url_that_hits_is_not_remembered(origin: Running, query: str) -> None:
    router = origin.app.image_router
    before = len(router._remembered)
    for _ in range(3):
        assert origin.get(f"/h/a.jpg?{query}").status == 200
    assert len(router._remembered) == before


def test_a_url_is_remembered_when_it_is_asked_for_again(origin: Running) -> None:
    """A result of long ago, whose URL hits with its first request, is often asked for once."""
    router = origin.app.image_router
    target = "/h/a.jpg?w=37"
    assert origin.get(target).headers["cache-status"].startswith("origin; fwd")
    assert target.encode() not in router._remembered
    assert "hit" in origin.get(target).headers["cache-status"]
    assert target.encode() in router._remembered  # the miss was the first time
    of_long_ago = target.replace("?w", "?width")  # another URL of the same result
    for is_remembered in (False, True):
        assert "hit" in origin.get(of_long_ago).headers["cache-status"]
        assert (of_long_ago.encode() in router._remembered) is is_remembered


# Preflight


@pytest.mark.parametrize(
    ("target", "allow"), [("/h/a.jpg", "GET, HEAD, POST"), ("/h/inner/a.jpg", "GET, HEAD")]
)
def test_a_preflight_is_answered(origin: Running, target: str, allow: str) -> None:
    headers = {"Origin": "https://a.example", "Access-Control-Request-Headers": "x-trace"}
    answer = origin.get(target, "OPTIONS", {**headers, "Access-Control-Request-Method": "GET"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Allow"] == f"{allow}, OPTIONS"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"  # without `cors` nothing is written
    assert answer.headers["Access-Control-Allow-Headers"] == "x-trace"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert answer.headers["Vary"] == "Access-Control-Request-Headers"


def test_a_page_that_cors_does_not_name_writes_with_no_header_of_its_own(origin: Running) -> None:
    """Fetch standard, section 4.9: POST needs no Access-Control-Allow-Methods, so headers have to stop it."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = origin.get("/h/a.jpg", "OPTIONS", {"Origin": "https://a.example", **asked})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Headers"] is None
    assert answer.headers["Access-Control-Allow-Methods"] is None


def test_what_belongs_to_no_handler_is_counted_with_its_bytes(
    origin: Running, caplog: pytest.LogCaptureFixture
) -> None:
    def metrics() -> tuple[float, int]:
        """The bytes that were sent before, and those of the metrics themselves."""
        body = origin.get("/-/metrics").body
        [sent] = re.findall(rb'^origin_sent_bytes_total\{handler=""\} (.+)$', body, re.MULTILINE)
        return float(sent), len(body)

    origin.get("/status")
    before, size = metrics()
    with caplog.at_level(logging.INFO, "origin"):
        missing = origin.get("/%2d/purge").body
        bodies = len(origin.get("/status").body) + len(missing) + size
        assert origin.get("/%2d/purge", "HEAD").body == b""
    assert metrics()[0] - before == bodies
    assert f"GET /%2d/purge 404 bytes={len(missing)} " in caplog.text
    assert "HEAD /%2d/purge 404 bytes=0 " in caplog.text


# What a front-end developer may see


@pytest.mark.slow
def test_a_handler_under_debug_says_why_and_what_it_ignored(tmp_path: Path) -> None:
    plain = settings(tmp_path, tmp_path / "cache", debug=True, options=["w", "f"])
    token = "WV8vUaxodI2UhDPzgVq9gQnD2gUOAvAAIXmFnbsvUao"
    with Running(plain, source=Shelf(**{"a.jpg": land()})) as origin:
        answer = origin.get("/h/a.jpg?w=30&hight=3&q=5&utm_source=x")
        assert answer.status == 200
        assert answer.headers["X-Origin-Ignored"] == "hight, utm_source, q"
        assert "X-Origin-Reason" not in answer.headers
        refused = origin.get("/h/a.jpg?w=30px")
        assert "option w: expected" in refused.headers["X-Origin-Reason"]
        assert "'30px'" in refused.headers["X-Origin-Reason"]
        assert token not in str(origin.get(f"/h/a.jpg?f={token}").headers)
        odd = origin.get("/h/a.jpg?w=%0D%0AX-Injected:%20yes%C3%A9%E2%80%AE")
        assert "X-Injected" not in odd.headers
        assert odd.headers["X-Origin-Reason"].isascii()


def test_without_debug_nobody_is_told(origin: Running) -> None:
    answer = origin.get("/h/a.jpg?w=30px&hight=3")
    assert answer.kind == "bad-request"
    assert not {"X-Origin-Reason", "X-Origin-Ignored"} & set(answer.headers)


def test_a_browser_may_see_how_long_a_picture_took(origin: Running) -> None:
    made = origin.get("/h/a.jpg?w=77")
    assert re.fullmatch(
        r"source;dur=[\d.]+, queue;dur=[\d.]+, render;dur=[\d.]+", made.headers["Server-Timing"]
    )
    assert made.headers["Timing-Allow-Origin"] == "*"


class _Broken:
    """A handler with a mistake in it."""

    name = "broken"

    def read(self, *_: object) -> object:
        raise ArithmeticError("no such number")


def test_a_mistake_of_ours_is_answered_and_told(origin: Running, caplog: pytest.LogCaptureFixture) -> None:
    mounts = origin.app.image_router.mounts.by_prefix
    assert isinstance(mounts, dict)
    mounts["h/inner"], kept = Mount(cast(Any, _Broken()), {}), mounts["h/inner"]
    try:
        answer = origin.get("/h/inner/a.jpg")
    finally:
        mounts["h/inner"] = kept
    assert (answer.status, answer.headers["Cache-Control"]) == (500, "no-store")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no such number" in caplog.text
