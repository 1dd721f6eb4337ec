"""Answers from end to end: what each outcome looks like to a CDN, over a real connection."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

KEY = "a-key-of-the-tests-with-more-than-32-characters"
RED = (200, 30, 30)
HTML = b"<!doctype html><title>cat</title><script>alert(1)</script>"
SVG = pictures.svg()
SLOW_QUERY = "f=avif&q=100"


def cut(body: bytes, part: float) -> bytes:
    return body[: int(len(body) * part)]


@cache
def originals() -> dict[str, bytes]:
    return {
        "cat.jpg": pictures.land(),
        "logo.png": pictures.alpha(),
        "empty.jpg": b"",
        "page.jpg": HTML,
        "drawing.jpg": SVG,
        "scan.jpg": pictures.tiff(),
        "cut.jpg": cut(pictures.land(), 0.5),
        "huge.jpg": pictures.png(20_000, 20_000, data=b"\0" * 100),
        "named.png": pictures.land(),
        # Seconds of work for a renderer, and few bytes.
        "slow.jpg": pictures.encoded(pictures.field(4000, 3000), "JPEG"),
    }


FAILURES = {
    "down.jpg": SourceUnavailable("s3://secret-bucket/secret-folder/down.jpg: connection refused"),
    "late.jpg": SourceTimeout("s3://secret-bucket/secret-folder/late.jpg: nothing within 10 s"),
}


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    shelf = Shelf(**originals())
    shelf.failures |= FAILURES
    return shelf


@pytest.fixture(scope="module")
def origin(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One handler for each way to configure one. The clock stands still, so that answers can be compared."""
    top = tmp_path_factory.mktemp("serve")
    (top / "error.png").write_bytes(pictures.encoded(Image.new("RGB", (200, 100), RED), "PNG"))
    config = settings(top, top / "cache", error_status="exact")
    (exact,) = config["handlers"]
    own: dict[str, dict[str, Any]] = {
        "h": {"error_status": 404},
        "x": {},
        "s": {"signing": {"keys": [KEY]}},
        "s404": {"signing": {"keys": [KEY]}, "error_status": 404},
        "auto": {"output_format": "auto", "error_image": str(top / "error.png")},
        "png": {"allowed_formats": [".png"]},
        "hurry": {"limits": {"render_timeout": 0.5}},
        "small": {"limits": {"max_original_pixels": 100_000, "max_dimension": 50}},
        "never": {"error_max_age": 0},
    }
    config["handlers"] = [exact | {"name": name} | more for name, more in own.items()]
    with Running(config, source=shelf, clock=Clock()) as running:
        yield running


def idle(origin: Running) -> Running:
    """The origin once no renderer is busy or being replaced: then a fallback is made to measure."""
    wait_until(lambda: origin.origin.pool.idle, "a renderer is free")
    return origin


# Failures: section 6 of the contract, a row for each class

NOT_KEPT, KEPT = "no-store", "public, max-age=10"


@pytest.mark.parametrize(
    ("path", "kind", "exact", "cache_control"),
    [
        ("missing.jpg?", "not-found", 404, KEPT),
        ("a/../cat.jpg?", "bad-request", 400, NOT_KEPT),
        ("cat.jpg?w=40&", "bad-request", 400, NOT_KEPT),  # twice, with the one the test adds
        ("cat.jpg?q=0&", "bad-request", 400, NOT_KEPT),
        ("empty.jpg?", "unprocessable", 415, KEPT),
        ("page.jpg?", "unprocessable", 415, KEPT),
        ("drawing.jpg?", "unprocessable", 415, KEPT),
        ("scan.jpg?", "unprocessable", 415, KEPT),
        ("cut.jpg?", "unprocessable", 422, KEPT),
        ("huge.jpg?", "unprocessable", 422, KEPT),
        ("down.jpg?", "source-unavailable", 502, NOT_KEPT),
        ("late.jpg?", "source-unavailable", 504, NOT_KEPT),
    ],
)
@pytest.mark.parametrize("handler", ["h", "x"])
def test_a_failure_answers_with_its_class_and_the_fallback(
    origin: Running, handler: str, path: str, kind: str, exact: int, cache_control: str
) -> None:
    answer = idle(origin).get(f"/{handler}/{path}w=40&h=30&f=png")

    assert (answer.status, answer.kind) == (exact if handler == "x" else 404, kind)
    assert answer.headers["Cache-Control"] == cache_control
    assert answer.type == "image/png"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    picture = pictures.opened(answer.body)
    assert (picture.format, picture.size) == ("PNG", (40, 30))
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(("handler", "status"), [("s404", 404), ("s", 403)])
@pytest.mark.parametrize("token", ["", "&t=", f"&t={'A' * 43}", "&t=a.b", "&t=%00", "&t=a&t=b"])
def test_without_a_valid_token_there_is_no_picture(
    origin: Running, shelf: Shelf, handler: str, status: int, token: str
) -> None:
    shelf.gets.clear()
    answer = idle(origin).get(f"/{handler}/cat.jpg?w=40&h=30&f=png{token}")

    assert (answer.status, answer.kind) == (status, "forbidden")
    assert answer.headers["Cache-Control"] == "no-store"
    assert pictures.opened(answer.body).size == (40, 30)
    assert shelf.gets == []


def test_a_signed_url_gives_the_picture(origin: Running) -> None:
    url = UrlSigner("", "s", [KEY]).url("cat.jpg", w=40)
    assert origin.get(url).status == 200


def test_error_max_age_zero_keeps_no_failure(origin: Running) -> None:
    assert origin.get("/never/missing.jpg").headers["Cache-Control"] == "no-store"


def test_a_renderer_that_dies_costs_one_answer(origin: Running) -> None:
    pool = idle(origin).origin.pool
    exchange = origin.send(f"/x/slow.jpg?{SLOW_QUERY}&w=3000")
    wait_until(lambda: pool.busy == 1, "it is being rendered")
    for process in pool.processes:
        os.kill(process, signal.SIGKILL)
    answer = exchange.answer()

    assert (answer.status, answer.kind) == (500, "render-failed")
    assert (answer.type, answer.headers["Cache-Control"]) == ("image/avif", "no-store")
    assert idle(origin).get("/x/cat.jpg?w=33").status == 200


def test_a_render_that_takes_too_long_is_ended(origin: Running) -> None:
    # What is likely to take too long is not begun. So these renderers hang.
    processes = idle(origin).origin.pool.processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    answer = origin.get("/hurry/slow.jpg?w=300")
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)

    assert (answer.status, answer.kind) == (504, "render-failed")
    assert answer.headers["Cache-Control"] == "no-store"
    assert idle(origin).get("/h/cat.jpg?w=32").status == 200


def test_too_many_renders_are_503_and_never_a_plain_404(shelf: Shelf, tmp_path: Path) -> None:
    config = settings(tmp_path, tmp_path / "cache") | {"limits": {"queue": 0}}
    with Running(config, source=shelf) as origin:
        exchange = origin.send(f"/h/slow.jpg?{SLOW_QUERY}")
        wait_until(lambda: origin.origin.pool.busy == 1, "the renderer is busy")
        answer = origin.get("/h/cat.jpg?w=40&h=30&f=png")
        exchange.leave()

    assert (answer.status, answer.kind) == (503, "overloaded")
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["Retry-After"]) > 0
    assert pictures.opened(answer.body).format == "PNG"  # as it is: nothing was free to size it


# The fallback image


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/webp,*/*;q=0.8", "image/webp"),
        ("*/*", "image/jpeg"),
    ],
)
def test_a_fallback_is_negotiated_as_the_picture_would_be(origin: Running, accept: str, type: str) -> None:
    answer = idle(origin).get("/auto/missing.jpg?w=50", headers={"Accept": accept})

    assert (answer.status, answer.headers["Vary"]) == (404, "Accept")
    assert answer.type == type
    assert answer.type.endswith((pictures.opened(answer.body).format or "").lower())


def test_the_configured_error_image_is_the_fallback(origin: Running) -> None:
    own = idle(origin).get("/auto/missing.jpg?w=100&f=png")
    built_in = origin.get("/x/missing.jpg?w=100&f=png")

    assert pictures.opened(own.body).size == (100, 50)
    assert pictures.pixels(own.body)[25, 50].tolist() == list(RED)
    assert pictures.pixels(built_in.body)[25, 50].tolist() != list(RED)


@pytest.mark.parametrize("query", ["w=40&h=30&f=bmp", "w=40&h=30&f=png&dpr=2x", "w=40&h=30&c=maybe"])
def test_a_bad_option_leaves_the_others_to_the_fallback(origin: Running, query: str) -> None:
    answer = idle(origin).get(f"/h/cat.jpg?{query}")
    assert (answer.kind, pictures.opened(answer.body).size) == ("bad-request", (40, 30))


# What is a picture is told by content


@pytest.mark.parametrize(("key", "status"), [("logo.png", 200), ("named.png", 415), ("cat.jpg", 415)])
def test_allowed_formats_are_those_of_the_content(origin: Running, key: str, status: int) -> None:
    assert idle(origin).get(f"/png/{key}?w=20").status == status


@pytest.mark.parametrize("query", ["", "w=20&f=png", "f=original", "w=1&h=1&f=gif", "f=jpg&q=10"])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["land", "progressive", "port", "wide", "avif", "animation"])
def test_a_truncated_original_is_never_a_200(
    origin: Running, shelf: Shelf, kind: str, part: float, query: str
) -> None:
    key = f"{kind}-{part}"
    shelf.originals[key] = cut(getattr(pictures, kind)(), part)

    answer = idle(origin).get(f"/h/{key}?{query}")

    assert (answer.status, answer.kind) == (404, "unprocessable")


def test_limits_hold_for_one_handler(origin: Running) -> None:
    assert idle(origin).get("/small/cat.jpg").kind == "unprocessable"
    assert pictures.opened(origin.get("/small/logo.png?w=80&h=80&c=0").body).size == (50, 25)


# Headers

EVERY_ANSWER = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@pytest.mark.parametrize(
    ("target", "method", "headers", "status"),
    [
        ("/h/cat.jpg?w=60", "GET", {}, 200),
        ("/h/cat.jpg?w=60", "HEAD", {}, 200),
        ("/h/cat.jpg?w=60", "GET", {"If-None-Match": "*"}, 304),
        ("/h/cat.jpg?w=60", "GET", {"Range": "bytes=0-9"}, 206),
        ("/h/cat.jpg?w=60", "GET", {"Range": "bytes=9999999-"}, 416),
        ("/h/cat.jpg?w=60", "GET", {"If-Match": '"x"', "If-None-Match": "*"}, 412),
        ("/h/cat.jpg?w=60", "HEAD", {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412),
        ("/h/cat.jpg?w=60", "GET", {"If-Match": "*"}, 200),
        ("/h/missing.jpg?w=60", "GET", {"If-Match": "*"}, 404),  # RFC 9110 section 13.2.1
        ("/h/missing.jpg?w=60", "GET", {}, 404),
        ("/h/missing.jpg?w=60", "HEAD", {}, 404),
        ("/x/cat.jpg?w=no", "GET", {}, 400),
        ("/s/cat.jpg", "GET", {}, 403),
        ("/x/page.jpg", "GET", {}, 415),
        ("/x/cut.jpg", "GET", {}, 422),
        ("/x/down.jpg", "GET", {}, 502),
        ("/h/cat.jpg", "POST", {}, 405),
        ("/h/" + "x" * 9000, "GET", {}, 414),
        ("/nowhere/cat.jpg", "GET", {}, 404),
        ("/", "GET", {}, 404),
        ("/status", "GET", {}, 200),
        ("/status", "HEAD", {}, 200),
        ("/status", "POST", {}, 405),
        ("/-/live", "GET", {}, 200),
        ("/-/ready", "GET", {}, 200),
        ("/-/metrics", "GET", {}, 200),
        ("/-/purge", "POST", {}, 404),  # no token is configured, so there is no such route
        ("/-/nothing", "GET", {}, 404),
    ],
)
def test_every_answer_is_locked_down_and_has_its_length(
    origin: Running, target: str, method: str, headers: dict[str, str], status: int
) -> None:
    answer = origin.get(target, method, headers)

    assert answer.status == status
    assert {name: answer.headers[name] for name in EVERY_ANSWER} == EVERY_ANSWER
    assert answer.headers["Cache-Status"].startswith("origin")
    assert "Transfer-Encoding" not in answer.headers
    assert "Server" not in answer.headers
    if status != 304:
        assert "Content-Length" in answer.headers
    repeated = {name for name in answer.headers if len(answer.headers.get_all(name) or ()) > 1}
    assert repeated == set()


@pytest.mark.parametrize(
    "target",
    [
        *("/h/cat.jpg?w=61", "/auto/cat.jpg?w=61", "/h/missing.jpg?w=61", "/h/cat.jpg?w=61&w=61"),
        *("/h/a/../cat.jpg", "/s/cat.jpg", "/nowhere/cat.jpg", "/status", "/-/ready"),
    ],
)
def test_head_equals_get_without_the_body(origin: Running, target: str) -> None:
    idle(origin).get(target)  # the first one differs: it is the one that is stored
    got, head = origin.get(target), origin.get(target, "HEAD")

    def told(answer: Answer) -> list[tuple[str, str]]:
        return sorted((name, text) for name, text in answer.headers.items() if name.lower() != "date")

    assert (head.status, told(head), head.body) == (got.status, told(got), b"")
    assert got.headers["Content-Length"] == str(len(got.body))


def test_a_head_request_alone_makes_the_picture(origin: Running) -> None:
    answer = origin.get("/h/cat.jpg?w=62&f=png", "HEAD")
    assert (answer.status, answer.type) == (200, "image/png")
    assert answer.headers["Content-Length"] == str(len(origin.get("/h/cat.jpg?w=62&f=png").body))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "TRACE"])
def test_other_methods_are_405_and_ask_no_source(origin: Running, shelf: Shelf, method: str) -> None:
    shelf.gets.clear()
    answer = origin.get("/h/never-asked-for.jpg", method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.headers["Cache-Control"] == "no-store"
    assert shelf.gets == []


def test_a_picture_has_what_caches_need(origin: Running) -> None:
    answer = origin.get("/h/cat.jpg?w=63")

    assert answer.headers["Cache-Control"] == (
        "public, max-age=86400, stale-while-revalidate=86400, stale-if-error=604800"
    )
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"  # 1,700,000,000 of the shelf
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Vary" not in answer.headers


def test_a_304_repeats_the_headers_and_renders_nothing(origin: Running) -> None:
    first = origin.get("/auto/cat.jpg?w=64")
    jobs = sum(renderer.jobs for renderer in origin.origin.pool._renderers)
    again = origin.get("/auto/cat.jpg?w=64", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status, again.body) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary", "Last-Modified"):
        assert again.headers[name] == first.headers[name]
    assert sum(renderer.jobs for renderer in origin.origin.pool._renderers) == jobs


def test_status_is_ok(origin: Running) -> None:
    answer = origin.get("/status")
    assert (answer.status, answer.body, answer.type) == (200, b"OK", "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"


# What is told to whom


def text_of(answer: Answer) -> str:
    return str(answer.headers) + answer.body.decode("latin-1")


@pytest.mark.parametrize(
    "target", ["/x/down.jpg", "/x/late.jpg", "/x/cut.jpg", "/x/page.jpg", "/x/missing.jpg"]
)
def test_a_client_never_sees_the_reason(
    origin: Running, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    with caplog.at_level(logging.INFO, "origin.access"):
        told = text_of(idle(origin).get(f"{target}?w=65"))
        wait_until(lambda: caplog.records, "it is logged")

    reason = caplog.records[-1].getMessage().partition("reason=")[2]
    assert len(reason) > 10
    for secret in ("secret-bucket", "secret-folder", "s3://", "Traceback", "libvips", "Vips", reason):
        assert secret not in told


def test_a_token_is_in_no_log_and_no_answer(origin: Running, caplog: pytest.LogCaptureFixture) -> None:
    token = "TOKENTOKENTOKENTOKENTOKENTOKENTOKENTOKENTOK"
    with caplog.at_level(logging.DEBUG):
        answers = [
            origin.get(f"/{handler}/cat.jpg?w=66&{name}={token}")
            for handler in ("h", "x", "s")
            for name in ("t", "token", "%74", "t=x&t")
        ]
        wait_until(lambda: sum(r.name == "origin.access" for r in caplog.records) == 12, "all are logged")

    for record in caplog.records:
        assert token not in f"{record.getMessage()} {vars(record)}"
    for answer in answers:
        assert token not in text_of(answer)


# What is kept


def test_a_result_outlives_a_restart(tmp_path: Path) -> None:
    config = settings(tmp_path, tmp_path / "cache")
    with Running(config, source=Shelf(**originals())) as origin:
        first = origin.get("/h/cat.jpg?w=67")
    shelf = Shelf()
    with Running(config, source=shelf) as origin:
        second, third = origin.get("/h/cat.jpg?w=67"), origin.get("/h/cat.jpg?w=67")
        another = origin.get("/h/cat.jpg?w=68")  # the original was kept as well

    assert shelf.gets == []
    assert (second.status, second.body) == (200, first.body)
    for name in ("ETag", "Last-Modified", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    assert "detail=disk" in second.headers["Cache-Status"]
    assert "detail=memory" in third.headers["Cache-Status"]
    assert pictures.opened(another.body).width == 68


def test_a_handler_without_a_cache_keeps_nothing(tmp_path: Path) -> None:
    shelf = Shelf(**originals())
    with Running(settings(tmp_path, tmp_path / "cache", cache_enabled=False), source=shelf) as origin:
        answers = [origin.get("/h/cat.jpg?w=69") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert not any("stored" in answer.headers["Cache-Status"] for answer in answers)
    assert len(shelf.gets) == 2
    assert not (tmp_path / "cache").exists()


def test_a_failure_is_not_kept_as_the_picture(origin: Running, shelf: Shelf) -> None:
    shelf.failures["flaky.jpg"] = SourceUnavailable("down for a moment")
    assert origin.get("/x/flaky.jpg?w=70").status == 502
    del shelf.failures["flaky.jpg"]
    shelf.originals["flaky.jpg"] = pictures.land()
    assert origin.get("/x/flaky.jpg?w=70").status == 200


# The pictures themselves: the pipeline has its own tests, this is whether the URL reaches it


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif", "gif"])
def test_the_picture_is_the_original_and_not_another(origin: Running, format: str) -> None:
    """Red is x and green is y, so the right half cut square shows where it came from."""
    image = Image.open(io.BytesIO(origin.get(f"/h/cat.jpg?w=100&h=100&f={format}").body))
    assert image.size == (100, 100)
    for x, y in ((5, 5), (50, 50), (94, 94)):
        red, green, _ = image.convert("RGB").getpixel((x, y))  # type: ignore[misc]
        assert abs(red - 255 * (200 + 6 * x) / 999) < 12
        assert abs(green - 255 * 6 * y / 599) < 12


@pytest.mark.parametrize(
    ("accept", "key", "type"),
    [
        ("image/avif,image/webp,*/*", "cat.jpg", "image/avif"),
        ("image/webp", "cat.jpg", "image/webp"),
        ("image/avif;q=0,image/webp;q=0.1", "cat.jpg", "image/webp"),
        ("*/*", "cat.jpg", "image/jpeg"),
        ("image/*", "logo.png", "image/png"),
        (None, "logo.png", "image/png"),
    ],
)
def test_auto_is_what_the_client_mentions(origin: Running, accept: str | None, key: str, type: str) -> None:
    answer = origin.get(f"/auto/{key}?w=71", headers={"Accept": accept} if accept else {})
    assert (answer.status, answer.type, answer.headers["Vary"]) == (200, type, "Accept")


def test_what_does_not_fit_into_memory_in_one_format_is_served_in_others(tmp_path: Path) -> None:
    """Or smaller, and is no crash, which would have the original left alone."""
    large = pictures.encoded(pictures.field(5_000, 4_000), "JPEG", quality=80)
    shelf = Shelf(**{"large.jpg": large})
    config = settings(tmp_path, tmp_path / "cache", error_status="exact")
    # The encoder of AVIF takes more memory; its time is as long as a busy machine takes.
    config["limits"] = {"render_memory": "200MB", "render_timeout": 50}
    with Running(config, source=shelf) as origin:
        answer = origin.get("/h/large.jpg?f=avif")
        assert (answer.status, answer.type) == (200, "image/avif")
        assert 1000 < pictures.opened(answer.body).width < 2500  # as large as there is memory for
        wait_until(lambda: origin.origin.pool.busy == 0, "the renderer is free again")
        assert origin.origin.pool.restarts == 0
        answer = origin.get("/h/large.jpg?w=300")
        assert (answer.status, answer.type) == (200, "image/jpeg")
        answer = origin.get("/h/large.jpg?f=auto", headers={"Accept": "image/avif"})
        assert (answer.status, answer.type) == (200, "image/jpeg")
    assert len(shelf.gets) == 1


@pytest.mark.parametrize(
    ("kind", "mode", "type"),
    [("BMP", "RGB", "image/jpeg"), ("ICO", "RGB", "image/jpeg"), ("ICO", "RGBA", "image/png")],
)
def test_what_is_not_for_the_web_becomes_what_is(tmp_path: Path, kind: str, mode: str, type: str) -> None:
    image = pictures.field(64, 64) if mode == "RGB" else pictures.opened(pictures.alpha()).resize((64, 64))
    shelf = Shelf(picture=pictures.encoded(image, kind))
    with Running(settings(tmp_path, tmp_path / "cache"), source=shelf) as origin:
        answer = origin.get("/h/picture")
        assert (answer.status, answer.type) == (200, type)
        assert pictures.opened(answer.body).size == (64, 64)
        assert origin.get("/h/picture?f=webp&w=32").type == "image/webp"


def test_a_format_that_ends_at_fewer_pixels_gets_a_smaller_picture(tmp_path: Path) -> None:
    wide = pictures.encoded(pictures.field(20_000, 40), "PNG")  # WebP ends at 16,383 pixels
    with Running(settings(tmp_path, tmp_path / "cache"), source=Shelf(**{"wide.png": wide})) as origin:
        answer = origin.get("/h/wide.png?f=webp")
        assert (answer.status, answer.type) == (200, "image/webp")
        assert pictures.opened(answer.body).size == (16_383, 33)
        answer = origin.get("/h/wide.png?f=auto", headers={"Accept": "image/webp"})
        assert (answer.status, answer.type) == (200, "image/jpeg")
        assert pictures.opened(answer.body).size == (20_000, 40)


def test_only_status_itself_is_open_to_any_host(tmp_path: Path) -> None:
    config = {**settings(tmp_path, tmp_path / "cache", prefix="statuspics"), "hosts": ["img.example.com"]}
    with Running(config, source=Shelf(**{"land.jpg": pictures.land()})) as origin:
        assert origin.get("/status").status == 200
        assert origin.get("/statuspics/land.jpg?w=30").status == 421
        # As URLs spell one host: RFC 3986 section 3.2.2 and 3.2.3, and a name that ends at the root of DNS.
        spellings = (
            "img.example.com",
            "IMG.example.com:8080",
            "img.example.com:",
            "img.example.com.",
            "img.example.com.:80",
        )
        for host in spellings:
            assert origin.get("/statuspics/land.jpg?w=30", headers={"Host": host}).status == 200, host
        for host in (
            "example.com",
            "img.example.com..",
            ".",
            "img.example.com:x",
            "img.example.com@x",
            "x:img.example.com",
        ):
            assert origin.get("/statuspics/land.jpg?w=30", headers={"Host": host}).status == 421, host


def test_a_host_may_be_configured_with_the_dot_of_the_root(tmp_path: Path) -> None:
    config = {**settings(tmp_path, tmp_path / "cache"), "hosts": ["IMG.example.com."]}
    with Running(config, source=Shelf(**{"land.jpg": pictures.land()})) as origin:
        for host in ("img.example.com", "img.example.com.:80"):
            assert origin.get("/h/land.jpg?w=30", headers={"Host": host}).status == 200, host
