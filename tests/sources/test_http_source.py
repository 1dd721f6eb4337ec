"""What only a source of other web servers can do: URLs as keys, refusals, redirects, TLS, IPv6."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from origin.errors import Forbidden
from origin.errors import HostTimeout
from origin.errors import HostUnavailable
from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginalUnavailable
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.http.via import PSEUDONYM
from origin.sources.base import Access
from origin.sources.http import HttpSettings
from origin.sources.http_source import HttpSource
from origin.sources.settings import Secret
from tests.support import hostile_server
from tests.support import pictures
from tests.support.certificates import self_signed
from tests.support.loop_clock import LoopClock
from tests.support.web_servers import WebServer
from tests.support.web_servers import web_server

PICTURE = pictures.small()
HERE = ("127.0.0.0/8", "::1/128")


def http_source(**more: Any) -> HttpSource:
    """A source of any URL of this machine."""
    own = {name: more.pop(name) for name in ("max_bytes", "timeout", "look_up") if name in more}
    settings: dict[str, Any] = {"keys": "hex", "open": True, "allow_private": HERE, **more}
    return HttpSource(HttpSettings(**settings), **own)


@pytest.fixture
async def anything() -> AsyncIterator[HttpSource]:
    source = http_source()
    yield source
    await source.close()


async def failure(source: HttpSource, url: str, version: str | None = None) -> OriginError:
    with pytest.raises(OriginError) as caught:
        await source.get(url, version)
    return caught.value


# --- answers ------------------------------------------------------------------------------------------


@pytest.mark.many
@pytest.mark.parametrize(
    ("status", "kind", "seconds"),
    [
        *((404, NotFound, 3600), (410, NotFound, 3600), (400, NotFound, 3600), (418, NotFound, 3600)),
        *((401, KeyRefused, 3600), (403, KeyRefused, 3600), (429, HostUnavailable, 3600)),
        *((500, HostUnavailable, 3600), (503, HostUnavailable, 3600), (206, HostUnavailable, 3600)),
        *((304, HostUnavailable, 3600), (302, HostUnavailable, 3600)),
    ],
)
async def test_another_status_than_200_is_a_refusal_that_is_remembered(
    web: WebServer, anything: HttpSource, status: int, kind: type[OriginError], seconds: int
) -> None:
    error = await failure(anything, web.put("/cat.png", status=status))
    assert (type(error), error.remember_for) == (kind, seconds)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, SourceUnavailable) for status in (408, 429, 502, 503, 504)),
        # The server is there, and trips over this one.
        *((status, OriginalUnavailable) for status in (500, 505, 206, 302)),
    ],
)
async def test_a_server_of_our_own_is_asked_again_soon(
    web: WebServer, status: int, kind: type[OriginError]
) -> None:
    web.put("/cat.png", PICTURE, status=status)
    source = http_source(keys=None, open=False, base_url=web.url)
    error = await failure(source, "cat.png")
    await source.close()
    assert (type(error), error.remember_for) == (kind, 10)


@pytest.mark.parametrize(
    "type", ["image/png", "IMAGE/PNG; x=1", "image/jpeg", "application/octet-stream", "text/plain"]
)
async def test_a_picture_is_told_by_its_bytes(web: WebServer, anything: HttpSource, type: str) -> None:
    found = await anything.get(web.put("/cat", PICTURE, {"Content-Type": type}))
    assert found is not None
    assert found.body == PICTURE


async def test_a_picture_without_a_type_is_a_picture(anything: HttpSource) -> None:
    async with hostile_server.listening(hostile_server.answer(200, PICTURE)) as server:
        found = await anything.get(f"{server.url}/cat")
    assert found is not None
    assert found.body == PICTURE


@pytest.mark.parametrize(
    ("body", "type"),
    [(PICTURE, "text/html"), (PICTURE, "application/json"), (b"<html>", "image/png"), (b"", "image/png")],
)
async def test_what_is_no_picture_is_refused_and_remembered(
    web: WebServer, anything: HttpSource, body: bytes, type: str
) -> None:
    error = await failure(anything, web.put("/cat.png", body, {"Content-Type": type}))
    assert (error.__class__, error.remember_for) == (UnsupportedFormat, 3600)


async def test_an_endless_body_ends_at_the_limit() -> None:
    source = http_source(max_bytes=100_000)
    start = hostile_server.head(200, Content_Type="image/png") + PICTURE
    async with hostile_server.listening(hostile_server.drips(start, b"x" * 9000, pause=0)) as server:
        error = await failure(source, f"{server.url}/cat.png")
        await source.close()
        await server.all_closed()
    assert (type(error), error.remember_for) == (Unprocessable, 3600)


async def test_a_body_that_announces_too_much_is_not_read(anything: HttpSource) -> None:
    head = hostile_server.head(200, Content_Type="image/png", Content_Length="50000001")
    async with hostile_server.listening(hostile_server.stalls(head)) as server:
        assert type(await failure(anything, f"{server.url}/cat.png")) is Unprocessable


async def test_slow_bytes_end_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock(monkeypatch)
    source = http_source(timeout=30)
    head = hostile_server.head(200, Content_Type="image/png", Content_Length="5000")
    async with hostile_server.listening(hostile_server.stalls(head)) as server:
        getting = asyncio.create_task(source.get(f"{server.url}/cat.png"))
        await clock.advance_when(lambda: bool(server.heads), 31)
        with pytest.raises(HostTimeout) as caught:
            await getting
    await source.close()
    assert caught.value.remember_for == 10


@pytest.mark.parametrize("script", [hostile_server.resets(), hostile_server.says(b"SSH-2.0-x\r\n\r\n", True)])
async def test_what_does_not_speak_http_is_unavailable(
    anything: HttpSource, script: hostile_server.Script
) -> None:
    async with hostile_server.listening(script) as server:
        error = await failure(anything, f"{server.url}/cat.png")
    assert (type(error), error.remember_for) == (HostUnavailable, 10)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.many
@pytest.mark.parametrize(
    ("beginning", "endless", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: y\r\n" * 500, HostUnavailable),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 60_000, HostUnavailable),
        (b"HTTP/1.1 200 ", b"y" * 60_000, HostUnavailable),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, HostUnavailable),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", HostUnavailable),
        (CHUNKED, b"1;a=b" * 1000, HostUnavailable),
        (CHUNKED + b"0\r\n", b"X: y\r\n" * 1000, HostUnavailable),
        (CHUNKED, b"1\r\nx\r\n" * 1000, HostUnavailable),
        (CHUNKED, b"100\r\n" + b"x" * 256 + b"\r\n", Unprocessable),
    ],
    ids=["headers", "header", "status", "1xx", "slow 1xx", "chunk", "trailers", "tiny chunks", "chunks"],
)
async def test_what_never_ends_is_bounded(beginning: bytes, endless: bytes, kind: type[OriginError]) -> None:
    source = http_source(max_bytes=100_000, timeout=20)
    async with hostile_server.listening(hostile_server.drips(beginning, endless, pause=0)) as server:
        assert type(await failure(source, f"{server.url}/cat.png")) is kind
        await source.close()
        await server.all_closed()


async def test_hints_before_an_answer_are_passed_over(anything: HttpSource) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 3
    whole = hostile_server.head(200, Content_Type="image/png", Content_Length=str(len(PICTURE))) + PICTURE
    async with hostile_server.listening(hostile_server.says(hints + whole)) as server:
        original = await anything.get(f"{server.url}/cat.png")
    assert original is not None
    assert original.body == PICTURE


@pytest.mark.parametrize(
    "head",
    [
        *(
            "200 OK\r\nContent-Length: -5",
            "200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
            "999999 x",
            "abc",
        ),
        *("302 x\r\nLocation: http://\xff\xfe/", "302 x\r\nLocation:", "302 x\r\nLocation: http://["),
        "302 x\r\nLocation: " + "x" * 9000,
    ],
)
async def test_a_head_that_makes_no_sense_is_a_failure(anything: HttpSource, head: str) -> None:
    answer = b"HTTP/1.1 " + head.encode("latin-1") + b"\r\nContent-Type: image/png\r\n\r\nabcdef"
    async with hostile_server.listening(hostile_server.says(answer, True)) as server:
        assert isinstance(await failure(anything, f"{server.url}/cat.png"), HostUnavailable)


async def test_a_body_that_is_cut_is_no_original(anything: HttpSource) -> None:
    head = hostile_server.head(200, Content_Type="image/png", Content_Length=str(len(PICTURE)))
    async with hostile_server.listening(hostile_server.says(head + PICTURE[:-9], True)) as server:
        assert type(await failure(anything, f"{server.url}/cat.png")) is HostUnavailable


# --- Content-Encoding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_unpacked(
    web: WebServer, anything: HttpSource, encoding: str, pack: Any
) -> None:
    found = await anything.get(web.put("/cat.png", pack(PICTURE), {"Content-Encoding": encoding}))
    assert found is not None
    assert found.body == PICTURE
    assert web.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("packed", "encoding", "kind"),
    [
        (gzip.compress(PICTURE + bytes(20_000_000), 1), "gzip", Unprocessable),
        (gzip.compress(PICTURE)[:-9], "gzip", HostUnavailable),
        (gzip.compress(PICTURE) + b"more", "gzip", HostUnavailable),
        (PICTURE, "gzip", HostUnavailable),
        (PICTURE, "br", Unprocessable),
        (PICTURE, "gzip, gzip", Unprocessable),
    ],
    ids=["bomb", "cut", "more behind it", "no gzip", "not asked for", "twice"],
)
async def test_a_compressed_body_is_bounded_and_whole(
    web: WebServer, packed: bytes, encoding: str, kind: type[OriginError]
) -> None:
    source = http_source(max_bytes=1_000_000)
    error = await failure(source, web.put("/cat.png", packed, {"Content-Encoding": encoding}))
    await source.close()
    assert type(error) is kind


# --- versions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("etags", "dates", "asked"),
    [(True, True, "if-none-match"), (False, True, "if-modified-since"), (False, False, "")],
)
async def test_the_validators_of_the_server_are_asked_with(
    web: WebServer, anything: HttpSource, etags: bool, dates: bool, asked: str
) -> None:
    web.has_etags, web.has_dates = etags, dates
    url = web.put("/cat.png", PICTURE)
    found = await anything.get(url)
    assert found is not None
    assert await anything.get(url, found.etag) is None
    conditions = {name for name in web.asked[1].headers if name.startswith("if-")}
    assert conditions == ({asked} if asked else set())
    header = {"if-none-match": "ETag", "if-modified-since": "Last-Modified"}.get(asked)
    if header:
        assert web.asked[1].headers[asked] == web.pages["/cat.png"].headers[header]


@pytest.mark.parametrize("etag", ['"a', "a", '"ä"', '"' + "x" * 300 + '"', ""])
async def test_an_etag_that_is_none_is_not_used(web: WebServer, anything: HttpSource, etag: str) -> None:
    found = await anything.get(web.put("/cat.png", PICTURE, {"ETag": etag}))
    assert found is not None
    assert found.etag.startswith("modified ")


async def test_a_removed_picture_is_gone_unless_it_is_to_be_kept(web: WebServer) -> None:
    url = web.put("/cat.png", status=410)
    gone, kept = http_source(), http_source(keep_removed=True)
    assert type(await failure(gone, url, '"1"')) is NotFound
    error = await failure(kept, url, '"1"')
    assert (type(error), error.remember_for) == (HostUnavailable, 3600)
    assert type(await failure(kept, url)) is NotFound
    await gone.close()
    await kept.close()


# --- what is sent -------------------------------------------------------------------------------------


async def test_a_request_names_this_program_and_the_way_it_took(web: WebServer) -> None:
    source = http_source(headers={"X-Key": Secret("canary")}, user_agent="img_LinuxFr.org/1.0")
    await source.get(web.put("/cat.png", PICTURE))
    await source.close()
    headers = web.asked[0].headers
    assert headers["user-agent"] == "img_LinuxFr.org/1.0"
    assert headers["via"] == f"1.1 {PSEUDONYM}"
    assert headers["x-key"] == "canary"
    assert not {"referer", "cookie", "authorization"} & headers.keys()


async def test_cookies_are_not_kept(web: WebServer) -> None:
    async def here(name: str) -> list[str]:
        return ["127.0.0.1"]

    source = http_source(look_up=here)  # by a name: of addresses nobody keeps cookies
    web.put("/cat.png", PICTURE, {"Set-Cookie": "a=b; Path=/"})
    for _ in range(2):
        await source.get(f"http://site.test:{web.port}/cat.png")
    await source.close()
    assert [("cookie" in request.headers) for request in web.asked] == [False, False]


async def test_no_proxy_of_the_environment_is_asked(
    web: WebServer, anything: HttpSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await anything.get(web.put("/cat.png", PICTURE)) is not None


async def test_a_path_and_a_query_arrive_as_they_are(web: WebServer, anything: HttpSource) -> None:
    web.put("/a b/é.png", PICTURE)
    await anything.get(f"{web.url}/a%20b/é.png?q=1+2&r=%2F%zz#part")
    assert web.paths == ["/a%20b/%C3%A9.png?q=1+2&r=%2F%zz"]


async def test_a_key_below_a_base_url_is_escaped(web: WebServer) -> None:
    source = http_source(keys=None, open=False, base_url=f"{web.url}/a%20b/")
    web.put("/a b/c?d#e%/ü.png", PICTURE)
    await source.get("c?d#e%/ü.png")
    await source.close()
    assert web.paths == ["/a%20b/c%3Fd%23e%25/%C3%BC.png"]


# --- redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(web: WebServer, anything: HttpSource, status: int) -> None:
    web.put("/b/cat.png", PICTURE)
    url = web.put("/a/r", status=status, headers={"Location": "../b/cat.png"})
    assert await anything.get(url) is not None


async def test_redirects_in_a_circle_end(web: WebServer, anything: HttpSource) -> None:
    url = web.put("/a", status=302, headers={"Location": "/b"})
    web.put("/b", status=302, headers={"Location": "/a"})
    error = await failure(anything, url)
    assert (type(error), error.remember_for, len(web.asked)) == (HostUnavailable, 10, 2)


@pytest.mark.parametrize(("allowed", "reached"), [(0, False), (2, False), (3, True)])
async def test_so_many_redirects_are_followed(web: WebServer, allowed: int, reached: bool) -> None:
    source = http_source(max_redirects=allowed)
    for number in range(3):
        web.put(f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
    web.put("/3", PICTURE)
    if reached:
        assert await source.get(f"{web.url}/0") is not None
    else:
        assert type(await failure(source, f"{web.url}/0")) is HostUnavailable
        assert len(web.asked) == allowed + 1
    await source.close()


async def test_a_redirect_stays_among_the_hosts(web: WebServer) -> None:
    with web_server("127.0.0.2") as other:
        other.put("/cat.png", PICTURE)
        url = web.put("/r", status=302, headers={"Location": f"{other.url}/cat.png"})
        few, more = (
            http_source(open=False, hosts=("127.0.0.1",)),
            http_source(open=False, hosts=("127.0.0.1", "127.0.0.2")),
        )
        assert type(await failure(few, url)) is Forbidden
        assert other.asked == []
        assert await more.get(url) is not None
        await few.close()
        await more.close()


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1"], ids=["host", "port"])
async def test_headers_of_the_configuration_do_not_follow_to_another_server(
    web: WebServer, host: str
) -> None:
    with web_server(host) as other:
        other.put("/cat.png", PICTURE)
        source = http_source(headers={"Authorization": Secret("Bearer canary")})
        away = web.put("/r", status=302, headers={"Location": f"{other.url}/cat.png"})
        await source.get(web.put("/first", status=302, headers={"Location": away}))
        await source.close()
        assert ["authorization" in request.headers for request in web.asked] == [True, True]
        assert "authorization" not in other.asked[0].headers


# --- TLS and IPv6 -------------------------------------------------------------------------------------


async def test_a_certificate_is_verified_against_the_authorities_of_the_configuration(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "127.0.0.1")
    with web_server(certificate=certificate) as web:
        url = web.put("/cat.png", PICTURE)
        strict, trusting, careless = (
            http_source(),
            http_source(ca=certificate[0]),
            http_source(verify_tls=False),
        )
        assert "certificate" in str(await failure(strict, url))
        assert web.asked == []
        assert await trusting.get(url) is not None
        assert await careless.get(url) is not None
        for source in (strict, trusting, careless):
            await source.close()


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "pictures.example")
    with web_server(certificate=certificate) as web:
        source = http_source(ca=certificate[0])
        assert "certificate" in str(await failure(source, web.put("/cat.png", PICTURE)))
        await source.close()


async def test_a_file_of_authorities_that_is_not_there_is_told(tmp_path: Path) -> None:
    source = http_source(ca=tmp_path / "none.pem")
    with pytest.raises(SourceUnavailable, match=r"none\.pem"):
        await source.open()
    await source.close()


async def test_ipv6_is_spoken(anything: HttpSource) -> None:
    with web_server("::1") as web:
        assert await anything.get(web.put("/cat.png", PICTURE)) is not None
        assert web.asked[0].headers["host"] == f"[::1]:{web.port}"


# --- settings and check -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "either base_url or keys"),
        ({"base_url": "http://a.example", "keys": "hex"}, "either base_url or keys"),
        ({"base_url": "ftp://a.example"}, "http or https"),
        ({"base_url": "http://user@a.example"}, "without a user"),
        ({"base_url": "http://a.example/?x=1"}, "without a query"),
        ({"keys": "camo"}, "camo_key"),
        ({"keys": "hex", "camo_key": Secret("x")}, "camo_key"),
        ({"keys": "camo", "camo_key": Secret("")}, "anybody can write digests"),
        ({"keys": "hex", "open": True, "hosts": ("a.example",)}, "without hosts"),
        ({"base_url": "http://a.example", "open": True}, "open only with keys"),
        ({"keys": "hex", "hosts": ("http://a.example",)}, "a host such as"),
        ({"keys": "hex", "hosts": ("*",)}, "a host such as"),
        ({"keys": "hex", "allow_private": ("10.0.0.1/8",)}, "networks such as"),
        ({"keys": "hex", "headers": {"X-A": Secret("a\r\nb")}}, "in one line"),
        ({"keys": "hex", "headers": {"X A": Secret("a")}}, "in one line"),
        ({"keys": "hex", "headers": {"VIA": Secret("1.1 a")}}, "other headers than VIA"),
        ({"keys": "hex", "user_agent": "a\nb"}, "in one line"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        HttpSettings(**settings)


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("example.com", "https://example.com/a", True),
        ("example.com", "https://EXAMPLE.com:8080/a", True),
        ("example.com", "https://example.com./a", True),
        ("example.com", "https://www.example.com/a", False),
        ("example.com", "https://badexample.com/a", False),
        ("example.com", "https://example.com.evil.test/a", False),
        ("*.example.com", "https://www.example.com/a", True),
        ("*.example.com", "https://a.b.example.com/a", True),
        ("*.example.com", "https://example.com/a", False),
        ("*.example.com", "https://badexample.com/a", False),
        ("example.com:8080", "http://example.com:8080/a", True),
        ("example.com:8080", "http://example.com/a", False),
        ("bücher.example", "http://xn--bcher-kva.example/a", True),
        ("xn--bcher-kva.example", "http://BÜCHER.example/a", True),
        ("[2606:4700::1]", "http://[2606:4700:0::1]/a", True),
    ],
)
def test_hosts_are_compared_as_names(pattern: str, url: str, matches: bool) -> None:
    settings = HttpSettings(keys="url", hosts=(pattern,))
    if matches:
        settings.url_of(url)
    else:
        with pytest.raises(Forbidden):
            settings.url_of(url)


async def test_check_says_what_can_be_said(web: WebServer, anything: HttpSource) -> None:
    assert (await anything.check()).access is Access.ON_DEMAND
    source = http_source(keys=None, open=False, base_url=web.url)
    assert (await source.check()).access is Access.UNKNOWN
    await source.close()
    guarded = http_source(keys=None, open=False, base_url=web.url, allow_private=())
    with pytest.raises(Forbidden, match="allow_private"):
        await guarded.check()
    await guarded.close()
