"""Connections of our own to S3: bodies are whole however they arrive, and connections are used again."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from origin.errors import SourceUnavailable
from origin.sources.s3_connection import KEEP_ALIVE
from origin.sources.s3_source import S3Source
from tests.support import hostile_server
from tests.support.certificates import self_signed
from tests.support.hostile_server import Script
from tests.support.hostile_server import answer
from tests.support.hostile_server import head
from tests.support.hostile_server import says
from tests.support.s3_sources import s3_source

SIZES = (0, 1, 65_536, 65_537, 1_239_546, 3_000_000)
HEALTHY = answer(200, b"a cat", ETag='"1"')


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine in one of the loops that there are: their transports are not the same."""

    def in_loop(work: Coroutine[Any, Any, None]) -> None:
        if request.param == "uvloop":
            uvloop.run(work)
        else:
            asyncio.run(work)

    return in_loop


def source_at(url: str, **words: Any) -> S3Source:
    keys = {"access_key": "AKIATEST", "secret_key": "k" * 40}
    return s3_source("photos", endpoint_url=url, region="us-east-1", **keys, **words)


async def body_of(source: S3Source, etag: str | None = None) -> bytes:
    original = await source.get("cat.jpg", etag)
    assert original is not None
    return bytes(original.body)


def in_pieces(body: bytes, rng: random.Random, chunked: bool) -> Script:
    """The answer with this body, cut anywhere, its head included."""
    if chunked:
        text, at = head(200, Transfer_Encoding="chunked"), 0
        while at < len(body):
            part = body[at : at + rng.choice((1, 5_000, 100_000))]
            text += b"%x\r\n%s\r\n" % (len(part), part)
            at += len(part)
        text += b"0\r\n\r\n"
    else:
        text = head(200, Content_Length=str(len(body))) + body

    async def script(writer: asyncio.StreamWriter) -> None:
        at = 0
        while at < len(text):
            size = rng.choice((1, 700, 16_384, 300_000))
            writer.write(text[at : at + size])
            at += size
            await writer.drain()
            await asyncio.sleep(0)

    return script


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("speaks_tls", [False, True], ids=["http", "https"])
def test_a_body_is_whole_however_it_arrives(
    run: Any,
    chunked: bool,
    speaks_tls: bool,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = random.Random(5)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if speaks_tls else None
    if tls is not None:
        tls.load_cert_chain(*certificate)

    async def work() -> None:
        async with hostile_server.listening(HEALTHY, tls=tls) as server:
            source = source_at(server.url)
            for size in SIZES:
                body = rng.randbytes(size)
                server.plays(in_pieces(body, rng, chunked))
                assert await body_of(source) == body
            assert server.connections == 1
            await source.close()
            await server.all_closed()

    run(work())


@pytest.mark.slow
async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[Path, Path]) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    async with hostile_server.listening(HEALTHY, tls=tls) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match=r"no TLS connection to 127\.0\.0\.1:.*certificate"):
            await source.get("cat.jpg")
        assert not server.heads
        await source.close()


async def test_a_certificate_of_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, "pictures.example")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    async with hostile_server.listening(HEALTHY, tls=tls) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match="not valid for"):
            await source.get("cat.jpg")
        assert not server.heads
        await source.close()


def test_a_connection_that_the_server_has_closed_costs_no_failure(run: Any) -> None:
    async def work() -> None:
        async with hostile_server.listening(answer(200, b"a cat", then_close=True)) as server:
            source = source_at(server.url)
            for _ in range(5):
                assert await body_of(source) == b"a cat"
            assert server.connections == 5
            await source.close()

    run(work())


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hostile_server.listening(HEALTHY) as server:
        source = source_at(server.url)
        await body_of(source)
        loop = asyncio.get_running_loop()
        now = loop.time() + KEEP_ALIVE + 1
        monkeypatch.setattr(loop, "time", lambda: now)
        assert await body_of(source) == b"a cat"
        assert server.connections == 2
        await source.close()


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\nETag: early\r\n\r\n" * 2],
    ids=["100", "103"],
)
async def test_what_a_server_says_before_its_answer_is_passed_over(before: bytes) -> None:
    async with hostile_server.listening(
        says(before + head(200, Content_Length="5", ETag='"1"') + b"a cat")
    ) as server:
        source = source_at(server.url)
        for _ in range(2):
            original = await source.get("cat.jpg")
            assert original is not None
            assert (bytes(original.body), original.etag) == (b"a cat", '"1"')
        assert server.connections == 1
        await source.close()


async def test_what_a_server_says_unasked_answers_nothing() -> None:
    late = head(200, Content_Length="5") + b"a dog"

    async def script(writer: asyncio.StreamWriter) -> None:
        await HEALTHY(writer)
        await asyncio.sleep(0.01)
        writer.write(late)

    async with hostile_server.listening(script) as server:
        source = source_at(server.url)
        assert await body_of(source) == b"a cat"
        await server.all_closed()
        assert await body_of(source) == b"a cat"
        await source.close()


async def test_a_header_with_a_line_end_is_not_sent() -> None:
    async with hostile_server.listening(HEALTHY) as server:
        source = source_at(server.url, session_token="a-token\r\nx-injected: 1")
        with pytest.raises(SourceUnavailable, match="line end") as caught:
            await source.get("cat.jpg")
        assert "injected" not in str(caught.value)
        assert not server.heads
        await source.close()


def test_the_answer_to_a_head_has_no_body_whatever_its_length(run: Any) -> None:
    async def work() -> None:
        async with hostile_server.listening(HEALTHY) as server:
            source = source_at(server.url)
            await source.open()
            assert source.getter is not None
            for fields in ({"Content_Length": "9000"}, {"Transfer_Encoding": "chunked"}):
                server.plays(says(head(200, ETag='"1"', **fields)))
                assert await source.getter.version("cat.jpg") == '"1"'
                server.plays(HEALTHY)
                assert await body_of(source) == b"a cat"
            assert server.connections == 1
            server.plays(says(head(200, ETag='"1"', Content_Length="5") + b"a dog"))
            assert await source.getter.version("cat.jpg") == '"1"'
            server.plays(HEALTHY)
            assert await body_of(source) == b"a cat"
            await source.close()

    run(work())
