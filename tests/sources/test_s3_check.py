"""What `check` tells of a bucket, and what errors tell the operator to do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import ports
from origin.errors import KeyRefused
from origin.errors import SourceUnavailable
from origin.sources.base import Access
from origin.sources.base import CheckResult
from tests.support import certificates
from tests.support import hostile_server
from tests.support.hostile_server import answer
from tests.support.s3_sources import s3_source
from tests.support.stream_server import hang_up
from tests.support.stream_server import stream_server

MISSING = answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
DENIED = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
MODIFIED = "2024-05-06T07:08:09.000Z"


def listing(*keys: str, truncated: str = "false") -> hostile_server.Script:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>{MODIFIED}</LastModified><ETag>&quot;1&quot;</ETag>"
        "<Size>3</Size></Contents>"
        for key in keys
    )
    text = f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{entries}</ListBucketResult>"
    return answer(200, text.encode(), Content_Type="application/xml")


async def checked(*scripts: hostile_server.Script, **words: str) -> tuple[CheckResult, list[bytes]]:
    async with hostile_server.listening(*scripts) as server:
        source = s3_source("photos", endpoint_url=server.url, access_key="a", secret_key="b", **words)
        try:
            return await source.check(), [head.split(b" HTTP")[0] for head in server.heads]
        finally:
            await source.close()


async def test_where_neither_listing_nor_the_key_is_allowed_nothing_can_be_told() -> None:
    result, asked = await checked(DENIED, DENIED, folder="originals")
    assert result == CheckResult(Access.UNKNOWN, "s3://photos/originals/")
    assert str(result) == (
        "s3://photos/originals/ is reachable; access denied or no such key, cannot tell; try --key"
    )
    assert len(asked) == 2
    assert b"list-type=2" in asked[1]
    assert b"prefix=originals%2F" in asked[1]


@pytest.mark.slow
async def test_the_original_that_was_found_is_asked_for_without_its_body() -> None:
    result, asked = await checked(MISSING, listing("originals/", "originals/a/cat.jpg"), answer(200))
    assert result == CheckResult(Access.READABLE, "s3://photos/", "originals/a/cat.jpg")
    assert asked[2] == b"HEAD /photos/originals/a/cat.jpg"


async def test_a_bucket_that_may_be_listed_and_not_read_is_told() -> None:
    result, _ = await checked(MISSING, listing("cat.jpg"), answer(403))
    assert (result.access, result.example) == (Access.REFUSED, "cat.jpg")
    assert str(result) == "s3://photos/ may be listed, but reading 'cat.jpg' is refused"


async def test_the_marks_of_folders_are_no_originals() -> None:
    result, _ = await checked(MISSING, listing("originals/"), folder="originals")
    assert result.access is Access.EMPTY
    result, _ = await checked(MISSING, listing("a/", "b/", truncated="true"))
    assert result.access is Access.UNKNOWN


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [answer(501), answer(200, b"<html></html>"), answer(200, b"not XML")],
    ids=["501", "HTML", "text"],
)
async def test_a_server_that_cannot_list_may_still_give_originals(script: hostile_server.Script) -> None:
    result, _ = await checked(MISSING, script)
    assert result.access in (Access.UNKNOWN, Access.EMPTY)


# --- what is wrong with the endpoint -----------------------------------------------------------------


async def failure(url: str, **words: object) -> str:
    source = s3_source("photos", endpoint_url=url, access_key="a", secret_key="b", **words)
    with pytest.raises(SourceUnavailable) as error:
        await source.get("cat.jpg")
    await source.close()
    line = str(error.value)
    assert "ssl:default" not in line
    assert "\n" not in line
    return line


@pytest.mark.slow
async def test_a_port_nobody_listens_on_is_told_in_the_words_of_the_system() -> None:
    port = ports.closed_port()
    line = await failure(f"http://127.0.0.1:{port}")
    assert line == f"s3://photos/cat.jpg: cannot connect to 127.0.0.1:{port}: Connection refused"


@pytest.mark.slow
async def test_a_name_that_does_not_resolve_is_named() -> None:
    line = await failure("http://s3.invalid")  # RFC 6761 section 6.4
    assert "cannot connect to s3.invalid:80: " in line or "no complete answer in time" in line


@pytest.mark.slow
async def test_https_to_a_port_that_speaks_http_says_so() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with stream_server(plain) as server:
        port = server.port
        line = await failure(f"https://127.0.0.1:{port}")
    assert line == (
        f"s3://photos/cat.jpg: 127.0.0.1:{port} speaks http, not https; write http:// in endpoint_url"
    )


@pytest.mark.slow
async def test_a_certificate_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    cert, key = certificates.self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with stream_server(hang_up, tls=context) as server:
        port = server.port
        line = await failure(f"https://127.0.0.1:{port}")
    assert line.startswith(f"s3://photos/cat.jpg: no TLS connection to 127.0.0.1:{port}: self")


@pytest.fixture
def no_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """AWS as it is without settings, but at a port of this machine."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    return lambda url: monkeypatch.setenv("https_proxy", url)


@pytest.mark.slow
async def test_without_region_and_endpoint_a_failure_says_that_region_is_missing(
    no_region: Callable[[str], None],
) -> None:
    no_region(f"http://127.0.0.1:{ports.closed_port()}")  # AWS is out of reach
    source = s3_source("photos", access_key="a", secret_key="b")
    with pytest.raises(SourceUnavailable, match=r"region is missing, .*; set region$"):
        await source.check()
    await source.close()


@pytest.mark.slow
async def test_with_a_region_a_failure_says_nothing_of_it(no_region: Callable[[str], None]) -> None:
    no_region(f"http://127.0.0.1:{ports.closed_port()}")
    source = s3_source("photos", access_key="a", secret_key="b", region="eu-central-1")
    with pytest.raises(SourceUnavailable) as error:
        await source.check()
    assert "region" not in str(error.value)
    await source.close()


async def test_a_key_that_is_refused_says_no_more_than_status_and_code() -> None:
    async with hostile_server.listening(DENIED) as server:
        source = s3_source("photos", endpoint_url=server.url, access_key="a", secret_key="b")
        with pytest.raises(KeyRefused, match=r"^s3://photos/cat\.jpg: 403 AccessDenied$"):
            await source.get("cat.jpg")
        await source.close()
