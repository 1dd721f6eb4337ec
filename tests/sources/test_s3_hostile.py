"""S3 that lies, stalls, cuts and redirects: each gets its class within its deadline, and nothing leaks."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import ports
from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources.s3_source import S3Source
from tests.support import hostile_server
from tests.support.hostile_server import answer
from tests.support.hostile_server import drips
from tests.support.hostile_server import head
from tests.support.hostile_server import resets
from tests.support.hostile_server import says
from tests.support.hostile_server import stalls
from tests.support.loop_clock import LoopClock
from tests.support.s3_sources import s3_source

CAP = 100_000  # bytes
TIMEOUT = 60.0  # seconds; nobody waits for it: tests of deadlines put the clock forward
HEALTHY = answer(200, b"a cat", ETag='"1"')
CHUNK = b"400\r\n" + b"x" * 1024 + b"\r\n"
CHUNKED = head(200, Transfer_Encoding="chunked")
SECRET = "never-to-be-seen"


def source_at(url: str, connections: int = 2) -> S3Source:
    return s3_source(
        "photos",
        endpoint_url=url,
        access_key="AKIATEST",
        secret_key=SECRET,
        timeout=TIMEOUT,
        max_bytes=CAP,
        connections=connections,
    )


async def outcome(source: S3Source, key: str = "cat.jpg") -> type[OriginError] | bytes:
    """The bytes, or the class of the error."""
    try:
        original = await source.get(key)
    except OriginError as error:
        line = str(error)
        failed = type(error)
    else:
        assert original is not None
        return bytes(original.body)
    assert SECRET not in line
    assert "\n" not in line
    return failed


async def outcomes_then_health(
    server: hostile_server.Hostile, source: S3Source
) -> set[type[OriginError] | bytes]:
    """What six simultaneous gets come to, three times the pool; then a healthy server has to be enough."""
    return await health_after(set(await asyncio.gather(*(outcome(source) for _ in range(6)))), server, source)


async def health_after(
    seen: set[type[OriginError] | bytes], server: hostile_server.Hostile, source: S3Source
) -> set[type[OriginError] | bytes]:
    server.plays(HEALTHY)
    for _ in range(3):
        assert await outcome(source) == b"a cat"
    await source.close()
    await server.all_closed()
    return seen


@pytest.mark.many
@pytest.mark.parametrize(
    "script",
    [
        hostile_server.silence,
        drips(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(head(200, Content_Length="1000")),
        drips(CHUNKED, b"1\r\nx\r\n"),
        drips(head(500, Content_Length="1000")),
        stalls(head(200, Content_Length="1000") + b"x" * 500),
        stalls(CHUNKED + CHUNK),
    ],
    ids=["silence", "head", "1xx", "body", "chunks", "error body", "stalled body", "stalled chunks"],
)
async def test_a_source_that_is_slow_in_any_way_times_out(
    script: hostile_server.Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LoopClock(monkeypatch)
    async with hostile_server.listening(script) as server:
        source = source_at(server.url)
        await source.open()
        fetches = [asyncio.create_task(outcome(source)) for _ in range(6)]
        await clock.advance_when(lambda: len(server.heads) == 2, TIMEOUT)  # as many as there are connections
        seen = set(await asyncio.gather(*fetches))
        assert await health_after(seen, server, source) == {SourceTimeout}


@pytest.mark.many
@pytest.mark.parametrize(
    "script",
    [
        says(head(200, Content_Length="1000") + b"x" * 999, then_close=True),
        says(CHUNKED + CHUNK, then_close=True),
        says(CHUNKED + CHUNK + b"garbage\r\n"),
        says(head(200) + b"x" * 1000, then_close=True),
        resets(head(200, Content_Length="1000") + b"x" * 500),
        answer(206, b"x" * 500, Content_Range="bytes 0-499/1000"),
        answer(204),
    ],
    ids=["cut", "cut chunks", "bad chunk", "end unknown", "reset", "206", "204"],
)
async def test_part_of_a_body_is_never_an_original(script: hostile_server.Script) -> None:
    async with hostile_server.listening(script) as server:
        assert await outcomes_then_health(server, source_at(server.url)) == {SourceUnavailable}


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        says(b"SSH-2.0-OpenSSH_9.2\r\n", then_close=True),
        says(b"\x00\xff" * 500, then_close=True),
        says(b"", then_close=True),
        resets(),
        says(head(200, Content_Length="-1") + b"x"),
        says(head(200, Content_Length="ten") + b"x"),
        says(head(200, Content_Length="1, 2") + b"xx"),
        says(head(200, X_Long="x" * 1_000_000)),
        answer(500),
        answer(503, b"<Error><Code>SlowDown</Code></Error>"),
        answer(401),
        answer(403, b"<html><body>Forbidden by the proxy</body></html>", Content_Type="text/html"),
        answer(403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>"),
        answer(400, b"<Error><Code>ExpiredToken</Code></Error>"),
        answer(400, b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"),
        answer(404, b"<Error><Code>NoSuchBucket</Code></Error>"),
        answer(429),
        answer(304),
    ],
    ids=[
        "another protocol",
        "binary",
        "closed",
        "reset",
        "negative length",
        "length in words",
        "two lengths",
        "1 MB header",
        "500",
        "slow down",
        "401",
        "proxy's 403",
        "clock",
        "expired token",
        "wrong region",
        "no bucket",
        "429",
        "304 unasked",
    ],
)
async def test_what_is_no_answer_of_s3_is_unavailable(script: hostile_server.Script) -> None:
    async with hostile_server.listening(script) as server:
        assert await outcomes_then_health(server, source_at(server.url)) == {SourceUnavailable}


@pytest.mark.parametrize(
    "script",
    [
        answer(404, b"<Error><Code>NoSuchKey</Code></Error>"),
        answer(404, b"<html>Not here</html>"),
        answer(400, b"<Error><Code>KeyTooLongError</Code></Error>"),
        answer(400, b"<Error><Code>InvalidURI</Code></Error>"),
    ],
    ids=["missing", "HTML", "too long", "odd"],
)
async def test_a_key_that_is_not_there_is_not_found(script: hostile_server.Script) -> None:
    async with hostile_server.listening(script) as server:
        assert await outcomes_then_health(server, source_at(server.url)) == {NotFound}


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
async def test_a_key_that_is_refused_is_not_found_and_of_a_class_of_its_own(code: str) -> None:
    refusal = answer(403, f"<Error><Code>{code}</Code></Error>".encode())
    async with hostile_server.listening(refusal) as server:
        assert await outcomes_then_health(server, source_at(server.url)) == {KeyRefused}
    assert (KeyRefused.kind, KeyRefused.status, KeyRefused.remembered) == ("not-found", 404, True)


@pytest.mark.parametrize(
    "script",
    [
        stalls(head(200, Content_Length="999999999999") + b"x"),
        says(head(200, Content_Length=str(CAP + 1)) + b"x" * (CAP + 1)),
        drips(CHUNKED, CHUNK, pause=0),
    ],
    ids=["a lie", "one byte more", "endless"],
)
async def test_more_than_the_cap_is_unprocessable(script: hostile_server.Script) -> None:
    async with hostile_server.listening(script) as server:
        assert await outcomes_then_health(server, source_at(server.url)) == {Unprocessable}


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 500])
async def test_an_endless_error_answer_is_read_in_part(status: int) -> None:
    endless = drips(head(status, Transfer_Encoding="chunked"), CHUNK, pause=0)
    async with hostile_server.listening(endless) as server:
        expected = NotFound if status == 400 else SourceUnavailable
        assert await outcomes_then_health(server, source_at(server.url)) == {expected}


@pytest.mark.parametrize("size", [10, CAP], ids=["with the head", "behind it"])
async def test_bytes_after_the_body_belong_to_nobody(size: int) -> None:
    # What follows the length that was told must neither be read nor answer the next request, not even one
    # that has waited for the connection.
    stale = head(200, Content_Length="5") + b"stale"
    longer = says(head(200, Content_Length=str(size)) + b"x" * size + stale)
    async with hostile_server.listening(longer) as server:
        assert await outcomes_then_health(server, source_at(server.url, connections=1)) == {b"x" * size}


@pytest.mark.parametrize(
    ("beginning", "endless"),
    [
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-Trailer: y\r\n" * 1000),
        (CHUNKED + b"1\r\nx\r\n0\r\nX-Trailer: ", b"y" * 10_000),
        (CHUNKED + b"1", b";a=b" * 1000),
        (CHUNKED, b"1\r\nx\r\n" * 1000),
    ],
    ids=["trailers", "trailer", "extensions", "tiny chunks"],
)
async def test_what_stands_around_a_body_is_bounded(beginning: bytes, endless: bytes) -> None:
    async with hostile_server.listening(drips(beginning, endless, pause=0)) as server:
        assert await outcomes_then_health(server, source_at(server.url)) == {SourceUnavailable}


@pytest.mark.slow
@pytest.mark.parametrize(
    "status", [301, 307, *(pytest.param(status, marks=pytest.mark.slow) for status in (300, 302, 303, 308))]
)
async def test_no_redirect_is_followed(status: int) -> None:
    moved = b"<Error><Code>PermanentRedirect</Code><Endpoint>x.example</Endpoint></Error>"
    async with hostile_server.listening(HEALTHY) as target:
        redirect = answer(status, moved, Location=f"{target.url}/secret", x_amz_bucket_region="eu-west-1")
        async with hostile_server.listening(redirect) as server:
            assert await outcomes_then_health(server, source_at(server.url)) == {SourceUnavailable}
        assert target.connections == 0


@pytest.mark.slow
async def test_a_redirect_tells_the_region_of_the_bucket() -> None:
    async with hostile_server.listening(answer(301, x_amz_bucket_region="eu-west-1")) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match="set region to eu-west-1"):
            await source.check()
        await source.close()


@pytest.mark.slow
async def test_a_port_nobody_listens_on_is_unavailable() -> None:
    source = source_at(f"http://127.0.0.1:{ports.closed_port()}")
    assert await outcome(source) is SourceUnavailable
    await source.close()


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    source = source_at("http://s3.invalid")  # RFC 6761 section 6.4
    assert await outcome(source) in (SourceUnavailable, SourceTimeout)  # as fast as the resolver
    await source.close()


@pytest.mark.parametrize("script", [hostile_server.silence, HEALTHY], ids=["silence", "plain HTTP"])
async def test_a_tls_handshake_is_within_the_deadline(
    script: hostile_server.Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LoopClock(monkeypatch)
    async with hostile_server.listening(script) as server:  # which waits for the end of a head
        source = source_at(server.url.replace("http:", "https:"))
        fetch = asyncio.create_task(outcome(source))
        await clock.advance_when(lambda: server.connections > 0, TIMEOUT)
        assert await fetch is SourceTimeout
        await source.close()


@pytest.mark.slow
async def test_one_failure_of_the_server_is_forgiven() -> None:
    async with hostile_server.listening(answer(500), HEALTHY) as server:
        source = source_at(server.url)
        assert await outcome(source) == b"a cat"
        assert len(server.heads) == 2
        await source.close()


@pytest.mark.slow
async def test_a_server_that_keeps_failing_is_asked_twice() -> None:
    async with hostile_server.listening(answer(500)) as server:
        source = source_at(server.url)
        assert await outcome(source) is SourceUnavailable
        assert len(server.heads) == 2
        await source.close()


async def test_a_web_server_that_is_no_s3_fails_the_check() -> None:
    async with hostile_server.listening(answer(404, b"<html>Not here</html>")) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match="check endpoint_url"):
            await source.check()
        await source.close()


async def test_without_an_etag_the_bytes_are_the_version() -> None:
    async with hostile_server.listening(answer(200, b"a cat"), answer(200, b"a dog"), HEALTHY) as server:
        source = source_at(server.url)
        cat, dog = await source.get("cat.jpg"), await source.get("cat.jpg")
        assert cat is not None
        assert dog is not None
        assert cat.etag != dog.etag
        assert cat.last_modified is None
        server.plays(says(head(200, Content_Length="5")), answer(200, b"a cat"))
        assert await source.get("cat.jpg", cat.etag) is None
        await source.close()


@pytest.mark.parametrize("date", ["yesterday", "1e400", "-99999999999999"])
async def test_a_date_that_cannot_be_read_is_none(date: str) -> None:
    async with hostile_server.listening(answer(200, b"a cat", Last_Modified=date)) as server:
        source = source_at(server.url)
        original = await source.get("cat.jpg")
        assert original is not None
        assert (original.body, original.last_modified) == (b"a cat", None)
        await source.close()


async def test_a_hundred_fetches_that_are_cancelled_leave_the_pool_whole() -> None:
    async with hostile_server.listening(stalls(head(200, Content_Length="1000") + b"x")) as server:
        source = source_at(server.url, connections=4)
        await source.open()
        fetches = [asyncio.create_task(source.get("cat.jpg")) for _ in range(100)]
        while len(server.heads) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for fetch in fetches:
            fetch.cancel()
        ended = await asyncio.gather(*fetches, return_exceptions=True)
        assert {type(end) for end in ended} == {asyncio.CancelledError}
        server.plays(HEALTHY)
        assert {*await asyncio.gather(*(outcome(source) for _ in range(20)))} == {b"a cat"}
        while server.open > 4:  # noqa: ASYNC110 - the server looks now and then
            await asyncio.sleep(0)
        await source.close()
        await server.all_closed()
