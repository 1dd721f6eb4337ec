"""GETs without botocore: the same requests, signed in the same way, and botocore where that is not known."""

from __future__ import annotations

import datetime
import itertools
import random
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.sources import s3_get
from origin.sources.s3_get import BotocoreGetter
from origin.sources.s3_get import FastGetter
from origin.sources.s3_signature import GetSigner
from origin.sources.s3_source import S3Source
from tests.support import hostile_server
from tests.support.hostile_server import answer
from tests.support.hostile_server import head
from tests.support.hostile_server import says
from tests.support.s3_sources import s3_source

HEALTHY = answer(200, b"a cat", ETag='"1"', Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT")
ODD_KEYS = ["cat.jpg", "a b/c+d.jpg", "ü/ß&=?#%.jpg", "~!'()*;:@$,[]/x.jpg", "日本.png", "a%20b.jpg"]


@pytest.fixture(params=[True, False], ids=["fast", "botocore"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(s3_get, "FAST", request.param)
    return bool(request.param)


def source_at(url: str, **words: Any) -> S3Source:
    keys = {} if words.get("anonymous") else {"access_key": "AKIATEST", "secret_key": "k" * 40}
    return s3_source("photos", folder="h", endpoint_url=url, region="us-east-1", **keys, **words)


def signed_by_botocore(
    moment: float, url: str, credentials: ReadOnlyCredentials, method: str = "GET"
) -> dict[str, str]:
    request = AWSRequest(method, url)
    signer = S3SigV4Auth(credentials, "s3", "eu-west-1")
    request.context["timestamp"] = datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime(
        "%Y%m%dT%H%M%SZ"
    )
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    if credentials.token:
        request.headers["X-Amz-Security-Token"] = credentials.token
    request.headers["X-Amz-Content-SHA256"] = signer.payload(request)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return {name.lower(): value for name, value in request.headers.items()}


def test_signatures_are_those_of_botocore() -> None:
    rng = random.Random(7)
    alphabet = "abcXYZ019-_.~/ +&=%ü日'()*!@:,;$"
    for number in range(200):
        credentials = ReadOnlyCredentials(
            f"AKIA{number}", rng.randbytes(20).hex(), "t" * (number % 3) or None
        )
        path = "/photos/" + quote("".join(rng.choices(alphabet, k=rng.randint(1, 60))), safe="/~")
        moment = rng.uniform(1, 4e9)
        signer = GetSigner("s3.example:9000", "eu-west-1", itertools.repeat(moment).__next__)
        method = ("GET", "HEAD")[number % 2]
        expected = signed_by_botocore(moment, f"http://s3.example:9000{path}", credentials, method)
        assert signer.headers(method, path, credentials) == expected


def test_a_signing_key_is_of_its_day_and_its_secret() -> None:
    now = [86_399.0]
    signer = GetSigner("s3.example", "eu-west-1", lambda: now[0])
    for moment, secret in ((86_399.0, "a"), (86_400.0, "a"), (86_400.0, "b"), (86_399.0, "a")):
        now[0] = moment
        credentials = ReadOnlyCredentials("AKIA", secret, None)
        expected = signed_by_botocore(moment, "https://s3.example/cat.jpg", credentials)
        assert signer.headers("GET", "/cat.jpg", credentials) == expected


async def test_both_ask_for_the_same_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[bool, list[bytes]] = {}
    for fast in (True, False):
        monkeypatch.setattr(s3_get, "FAST", fast)
        async with hostile_server.listening(HEALTHY) as server:
            source = source_at(server.url)
            for key in ODD_KEYS:
                assert await source.get(key) is not None
            asked[fast] = [request.split(b"\r\n")[0] for request in server.heads]
            await source.close()
    assert asked[True] == asked[False]
    assert len(asked[True]) == len(ODD_KEYS)


async def test_an_original_comes_with_its_version_and_date(fast: bool) -> None:
    async with hostile_server.listening(HEALTHY) as server:
        source = source_at(server.url)
        original = await source.get("cat.jpg")
        assert original is not None
        assert (original.body, original.etag) == (b"a cat", '"1"')
        assert original.last_modified == 784111777.0  # RFC 9110 section 5.6.7
        await source.close()


@pytest.mark.parametrize("field", ["ETag", "x-amz-meta-origin-crop"])
async def test_a_version_that_is_no_text_is_none(field: str) -> None:
    """No name of a result could hold it: each request would fail, for as long as it is kept."""
    told = head(200, Content_Length="5").replace(b"\r\n\r\n", b'\r\n%s: "\xff"\r\n\r\n' % field.encode())
    async with hostile_server.listening(says(told + b"a cat")) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match="UTF-8"):
            await source.get("cat.jpg")
        await source.close()


SAME = says(head(200, Content_Length="5", ETag='"1"', Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT"))
CUT = says(head(200, Content_Length="5", ETag='"1"', x_amz_meta_origin_crop="20x10+1+2"))
NAMELESS = says(head(200, Content_Length="5"))


@pytest.mark.parametrize(
    ("scripts", "expected", "asked"),
    [
        ((SAME,), None, "HEAD"),
        (
            (CUT, answer(200, b"a cat", ETag='"1"', x_amz_meta_origin_crop="20x10+1+2")),
            '"1-20x10+1+2"',
            "HEAD GET",
        ),
        ((NAMELESS, HEALTHY), None, "HEAD GET"),
        ((says(head(405, Content_Length="0")), HEALTHY), None, "HEAD GET"),
        ((says(head(404, Content_Length="0")), answer(200, b"a dog", ETag='"2"')), '"2"', "HEAD GET"),
    ],
    ids=["unchanged", "cut by another origin", "no version", "no HEAD", "put back meanwhile"],
)
async def test_a_version_is_compared_by_head_which_tells_metadata_too(
    fast: bool, scripts: tuple[hostile_server.Script, ...], expected: str | None, asked: str
) -> None:
    """The ETag of S3 is that of the bytes: by it alone a part that was cut by another origin is not seen."""
    async with hostile_server.listening(*scripts) as server:
        source = source_at(server.url)
        original = await source.get("cat.jpg", '"1"')
        assert (original and original.etag) == expected
        assert " ".join(request.split()[0].decode() for request in server.heads) == asked
        await source.close()


async def test_why_a_version_cannot_be_compared_is_told_by_the_get(fast: bool) -> None:
    """The answer to a HEAD has no code: these would be a key that is not there, and drop what is cached."""
    for status, code in (404, b"NoSuchBucket"), (403, b"InvalidAccessKeyId"), (400, b"ExpiredToken"):
        why = answer(status, b"<Error><Code>%s</Code></Error>" % code)
        async with hostile_server.listening(says(head(status, Content_Length="0")), why) as server:
            source = source_at(server.url)
            with pytest.raises(SourceUnavailable, match=code.decode()):
                await source.get("cat.jpg", '"1"')
            await source.close()


@pytest.mark.many
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (answer(404, b"<Error><Code>NoSuchKey</Code></Error>"), NotFound),
        (answer(404, b"<Error><Code>NoSuchBucket</Code></Error>"), SourceUnavailable),
        (says(head(200, Content_Length="9") + b"x", then_close=True), SourceUnavailable),
        (answer(206, b"x", Content_Range="bytes 0-0/9"), SourceUnavailable),
        (answer(302, Location="http://127.0.0.1:1/"), SourceUnavailable),
    ],
    ids=["missing", "no bucket", "cut", "206", "redirect"],
)
async def test_both_tell_the_same_errors(
    fast: bool, script: hostile_server.Script, expected: type[OriginError]
) -> None:
    async with hostile_server.listening(script) as server:
        source = source_at(server.url)
        with pytest.raises(expected):
            await source.get("cat.jpg")
        await source.close()


async def test_an_anonymous_source_signs_nothing(fast: bool) -> None:
    async with hostile_server.listening(HEALTHY) as server:
        source = source_at(server.url, anonymous=True)
        assert await source.get("cat.jpg") is not None
        assert b"authorization" not in server.heads[0].lower()
        await source.close()


async def test_a_session_token_is_sent_and_signed(fast: bool) -> None:
    async with hostile_server.listening(HEALTHY) as server:
        source = source_at(server.url, session_token="a-token")
        assert await source.get("cat.jpg") is not None
        request = server.heads[0].lower()
        assert b"x-amz-security-token: a-token" in request
        assert b"signedheaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token" in request
        await source.close()


async def getter_of(bucket: str, **words: Any) -> Any:
    source = s3_source(bucket, region="eu-west-1", access_key="AKIATEST", secret_key="k" * 40, **words)
    await source.open()
    await source.close()
    return source.getter


@pytest.mark.parametrize(
    ("bucket", "words", "place"),
    [
        ("photos", {}, "https://photos.s3.eu-west-1.amazonaws.com/"),
        ("photos", {"addressing_style": "path"}, "https://s3.eu-west-1.amazonaws.com/photos/"),
        ("photos", {"endpoint_url": "http://10.0.0.1:9000/s3/"}, "http://10.0.0.1:9000/s3/photos/"),
        (
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine",
            {},
            "https://mine-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/",
        ),
    ],
    ids=["virtual", "path", "own server", "access point"],
)
async def test_objects_are_where_botocore_says(bucket: str, words: dict[str, Any], place: str) -> None:
    getter = await getter_of(bucket, **words)
    assert isinstance(getter, FastGetter)
    assert getter.place == place


@pytest.mark.parametrize(
    "bucket",
    ["photos--euw1-az1--x-s3", "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"],
    ids=["a signature of its own", "a package is missing for it"],
)
async def test_what_is_signed_in_another_way_is_left_to_botocore(bucket: str) -> None:
    assert isinstance(await getter_of(bucket), BotocoreGetter)


async def test_a_bucket_behind_a_proxy_is_left_to_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert isinstance(await getter_of("photos"), BotocoreGetter)
    monkeypatch.setenv("NO_PROXY", "amazonaws.com")
    assert isinstance(await getter_of("photos"), FastGetter)
