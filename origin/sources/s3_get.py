"""GETs and HEADs of objects: sent and read here, where botocore has found out from where.

A GET through botocore takes 1 ms of CPU beside the body: it finds endpoint, region and kind of signature anew
each time, and reads every header that an object can have. So botocore is asked once, when the source
connects; a GET of 1.2 MB then takes a fifth of the CPU. A bucket whose requests are signed in a way of its
own (S3 Express, access points of many regions), or that is behind a proxy, is read through botocore;
`FAST = False` switches that on for every bucket.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol
from urllib.parse import quote
from urllib.parse import urlsplit

import botocore
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError
from botocore.utils import get_environ_proxies

from origin import __version__
from origin.http.dates import parse_http_date
from origin.http.trace_context import trace_headers
from origin.sources.base import PROBE_KEY
from origin.sources.base import is_utf8
from origin.sources.object_metadata import object_version
from origin.sources.s3_connection import AnswerBroken
from origin.sources.s3_connection import AnswerHead
from origin.sources.s3_connection import Connection
from origin.sources.s3_connection import ConnectionFailed
from origin.sources.s3_connection import ConnectionPool
from origin.sources.s3_errors import code_of
from origin.sources.s3_errors import parsed
from origin.sources.s3_errors import status_of
from origin.sources.s3_session import RedirectRefused
from origin.sources.s3_signature import Credentials
from origin.sources.s3_signature import GetSigner

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

FAST = True
RETRY_PAUSE = 1.0  # seconds at most before the second try, at random, so that clients do not come all at once
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_RETRIED_CODES = frozenset({"RequestTimeout", "PriorRequestNotComplete"})
_CHUNK = 65_536  # bytes read at once from botocore, whose own default is 1024
_ERROR_BYTES = 65_536  # read of an error answer; those of S3 are under 1 kB
_AGENT = f"image-origin/{__version__}"
_PORTS = {"http": 80, "https": 443}
_CODE = re.compile(rb"<Code>\s*(\w{1,100})\s*</Code>")
_METADATA = "x-amz-meta-"


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """An object on its way. What the server does not tell is None."""

    is_whole: bool  # all of the object is announced, with an end that can be told from a cut
    etag: str | None
    last_modified: float | None  # Unix seconds
    length: int | None  # bytes
    metadata: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    receive: Callable[[memoryview], Awaitable[None]] | None = None
    """Where it is there, it reads a body of known length into memory of that length, in place of `chunks`."""


class Getter(Protocol):
    """Asks one bucket for objects."""

    def get(self, path: str) -> AbstractAsyncContextManager[ObjectAnswer]:
        """Raises ClientError and what the libraries raise."""

    async def version(self, path: str) -> str | None:
        """The version of an object, of its ETag and its metadata; None where the server names none.

        Raises as `get`, and a ClientError may be without the code that says why.
        """

    def close(self) -> None: ...


async def find_getter(
    client: S3Client,
    bucket: str,
    make_pool: Callable[[str, int, bool], ConnectionPool],
    credentials: Callable[[], Awaitable[Credentials]] | None,
) -> Getter:
    """The fastest way to the objects of this bucket. `make_pool` takes host and port, and whether TLS is
    spoken; `credentials` is None where nothing is signed."""
    told = await _ask_botocore(client, bucket) if FAST else None
    if told is None or get_environ_proxies(told.url):
        return BotocoreGetter(client, bucket)
    place = told.url.removesuffix(PROBE_KEY)
    is_plain = place != told.url and place.endswith("/") and "?" not in place
    url = urlsplit(place)
    is_unsigned = told.signature_version == botocore.UNSIGNED
    is_usual = told.signature_version == "s3v4" and told.signing_name == "s3" and credentials is not None
    if not is_plain or not (is_unsigned or is_usual) or url.hostname is None:
        return BotocoreGetter(client, bucket)
    pool = make_pool(url.hostname, url.port or _PORTS[url.scheme], url.scheme == "https")
    if is_unsigned:
        return FastGetter(place, pool, None, None)
    return FastGetter(place, pool, GetSigner(_host(place), told.region), credentials)


class FastGetter:
    """Asks without botocore. `place` is the URL that the key is written behind."""

    def __init__(
        self,
        place: str,
        pool: ConnectionPool,
        signer: GetSigner | None,
        credentials: Callable[[], Awaitable[Credentials]] | None,
    ) -> None:
        self.place = place
        self._path = urlsplit(place).path
        self._host = _host(place)
        self._pool = pool
        self._signer = signer
        self._credentials = credentials

    def close(self) -> None:
        self._pool.close()

    @contextlib.asynccontextmanager
    async def get(self, path: str) -> AsyncIterator[ObjectAnswer]:
        async with contextlib.AsyncExitStack() as stack:
            yield _answer(*await self._ask("GET", path, stack))

    async def version(self, path: str) -> str | None:
        async with contextlib.AsyncExitStack() as stack:
            answer = _answer(*await self._ask("HEAD", path, stack))
            return _version(answer.etag, answer.metadata)

    async def _ask(
        self, method: str, path: str, stack: contextlib.AsyncExitStack
    ) -> tuple[AnswerHead, Connection]:
        """The answer with an object; asked for again where that may help. Raises as `_ask_once`."""
        try:
            return await self._ask_once(method, path, stack)
        except (AnswerBroken, ConnectionFailed, TimeoutError, ClientError) as error:
            if not _may_pass(error):
                raise
        await asyncio.sleep(random.uniform(0, RETRY_PAUSE))
        return await self._ask_once(method, path, stack)

    async def _ask_once(
        self, method: str, path: str, stack: contextlib.AsyncExitStack
    ) -> tuple[AnswerHead, Connection]:
        """The connection is let go with the stack. Raises ClientError for an answer with an error."""
        answering = self._pool.ask(await self._request(method, path), has_body=method != "HEAD")
        head, connection = await answering.__aenter__()
        if head.status < 300:
            stack.push_async_exit(answering)
            return head, connection
        try:
            body = await _read_beginning(connection)
        finally:
            await answering.__aexit__(None, None, None)
        if head.status < 400 and head.status != 304:
            raise RedirectRefused(head.status, head.headers.get("x-amz-bucket-region"))
        code = _CODE.search(body)
        raise ClientError(
            {
                "Error": {"Code": code[1].decode() if code else ""},
                "ResponseMetadata": {"HTTPStatusCode": head.status},
            },
            f"{method.title()}Object",
        )

    async def _request(self, method: str, path: str) -> bytes:
        """The head of the request. Raises ValueError where one of its fields would become more than one."""
        target = self._path + quote(path, safe="/~")
        headers = {"host": self._host, "accept-encoding": "identity", "user-agent": _AGENT}
        headers |= trace_headers()
        if self._signer is not None and self._credentials is not None:
            headers |= self._signer.headers(method, target, await self._credentials())
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("a line end in a header")
        return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape")


class BotocoreGetter:
    """Asks as botocore does."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def close(self) -> None:
        pass

    @contextlib.asynccontextmanager
    async def get(self, path: str) -> AsyncIterator[ObjectAnswer]:
        answer = await parsed(self._client.get_object(Bucket=self._bucket, Key=path))
        told = answer["ResponseMetadata"]
        async with answer["Body"] as stream:
            yield ObjectAnswer(
                _is_whole(told["HTTPStatusCode"], told["HTTPHeaders"]),
                answer.get("ETag"),
                answer["LastModified"].timestamp() if "LastModified" in answer else None,
                answer.get("ContentLength"),
                answer.get("Metadata", {}),
                stream.iter_chunks(_CHUNK),
            )

    async def version(self, path: str) -> str | None:
        answer = await parsed(self._client.head_object(Bucket=self._bucket, Key=path))
        return _version(answer.get("ETag"), answer.get("Metadata", {}))


@dataclass(frozen=True, slots=True)
class _Told:
    """What botocore would ask, and how it would sign that."""

    url: str
    signature_version: Any
    signing_name: str
    region: str


class _NothingIsSent(Exception):
    """Ends a call of botocore once it has told what it would ask."""


async def _ask_botocore(client: S3Client, bucket: str) -> _Told | None:
    told: list[_Told] = []

    def listen(
        request: Any, signing_name: str, region_name: str, signature_version: Any, **_others: object
    ) -> None:
        context = request.context.get("signing", {})
        name = context.get("signing_name") or signing_name
        told.append(_Told(request.url, signature_version, name, context.get("region") or region_name))
        raise _NothingIsSent

    client.meta.events.register_last("before-sign.s3.GetObject", listen)
    try:
        await client.get_object(Bucket=bucket, Key=PROBE_KEY)
    except _NothingIsSent:
        return told[0]
    except BotoCoreError:  # which it will say again of each GET
        return None
    finally:
        client.meta.events.unregister("before-sign.s3.GetObject", listen)
    return None


def _answer(head: AnswerHead, connection: Connection) -> ObjectAnswer:
    """Raises ValueError where ETag or metadata are not UTF-8, as botocore does of any header: no name of a
    result could hold such a version."""
    headers = head.headers
    modified, etag = headers.get("last-modified"), headers.get("etag")
    metadata = {
        name.removeprefix(_METADATA): value for name, value in headers.items() if name.startswith(_METADATA)
    }
    if not all(map(is_utf8, (etag or "", *metadata.values()))):
        raise ValueError("ETag or metadata that are not UTF-8")
    return ObjectAnswer(
        _is_whole(head.status, headers),
        etag,
        None if modified is None else parse_http_date(modified),
        head.length,
        metadata,
        connection.pieces(),
        connection.receive,
    )


async def _read_beginning(connection: Connection) -> bytes:
    """Of the body of an error answer, which may be of any size."""
    body = bytearray()
    async for piece in connection.pieces():
        body += piece
        if len(body) > _ERROR_BYTES:
            break  # the connection is not used again
    return bytes(body[:_ERROR_BYTES])


def _host(url: str) -> str:
    """The Host header: with a port where that is not the scheme's own (RFC 9110 section 7.2)."""
    parts = urlsplit(url)
    return parts.netloc.removesuffix(f":{_PORTS[parts.scheme]}")


def _version(etag: str | None, metadata: Mapping[str, str]) -> str | None:
    return None if etag is None else object_version(etag, metadata)


def _is_whole(status: int, headers: Mapping[str, Any]) -> bool:
    """Not a 206 nobody asked for, nor a body that ends where the connection does (RFC 9112 section 6.3)."""
    return status == 200 and ("content-length" in headers or "transfer-encoding" in headers)


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, ClientError):
        return status_of(error) in _RETRIED_STATUSES or code_of(error) in _RETRIED_CODES
    return not isinstance(error, RedirectRefused)
