"""Originals in S3, through aiobotocore: the one module that knows its errors."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import aiohttp
import botocore
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectTimeoutError
from botocore.exceptions import ReadTimeoutError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError

from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources.base import MAX_BYTES
from origin.sources.base import PROBE
from origin.sources.base import TIMEOUT
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import no_limit
from origin.sources.base import reserve
from origin.sources.base import segments
from origin.sources.s3_session import NoRedirectSession

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

# One for all sources: botocore's model of S3 takes 14 MB and 0.14 s of CPU to load.
_MODELS = create_loader()
_PIECE = 65_536  # bytes read at once; aiobotocore's own default is 1024

# Refusals that are about the bucket or about us, not about one key. S3 API reference, "Error responses".
_HINTS = dict.fromkeys(
    ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "NotSignedUp", "AccountProblem"),
    "check access_key and secret_key",
) | {
    "NoSuchBucket": "there is no such bucket; check bucket, region and endpoint_url",
    "InvalidBucketName": "that cannot be the name of a bucket; check bucket",
    "AllAccessDisabled": "the bucket is switched off at the provider",
    "AuthorizationHeaderMalformed": "check region",
    "IllegalLocationConstraintException": "check region",
    "ExpiredToken": "the session token has expired; renew the credentials",
    "TokenRefreshRequired": "the session token has expired; renew the credentials",
    "InvalidToken": "check session_token",
    "RequestTimeTooSkewed": "set this machine's clock",
    "RequestTimeout": "the source gave up waiting",
}
_NO_CREDENTIALS = "no AWS credentials found; give access_key and secret_key, or say anonymous"
_KEY_REFUSED_CODES = frozenset({"AccessDenied", "InvalidObjectState"})  # the latter: archived in Glacier
_KEY_REFUSED_STATUSES = frozenset({400, 404, 410, 414})


class S3Source:
    """Originals in an S3 bucket, or in anything that speaks its protocol, below `folder`.

    `timeout` is the whole time of one `get`: credentials, a place in the pool of `connections`, connect,
    headers and body, a retry included. Without keys the usual AWS credential chain is asked.

    Raises ValueError for a folder that has `.` or `..` in it.
    """

    def __init__(
        self,
        bucket: str,
        folder: str = "",
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        addressing_style: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
        anonymous: bool = False,
        connect_timeout: float = 2.0,
        timeout: float = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        connections: int = 64,
    ) -> None:
        self._bucket = bucket
        self._folder = folder.strip("/")
        if not {".", ".."}.isdisjoint(self._folder.split("/")):
            raise ValueError(f"a folder without . and .. segments, got {folder!r}")
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._asks_the_chain = not (anonymous or access_key or secret_key)
        self._client_arguments: dict[str, Any] = {
            "region_name": region,
            "endpoint_url": endpoint_url,
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "aws_session_token": session_token,
            "config": AioConfig(
                # Bucket names as host names need DNS that most servers of one's own do not have.
                s3={"addressing_style": addressing_style or ("path" if endpoint_url else "auto")},
                connect_timeout=connect_timeout,
                read_timeout=timeout,
                max_pool_connections=connections,
                retries={"mode": "standard", "total_max_attempts": 2},
                # Stores other than AWS may know nothing of the checksum headers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                signature_version=botocore.UNSIGNED if anonymous else None,
                http_session_cls=NoRedirectSession,
                warm_up_loader_caches=True,  # otherwise opening reads 100 ms of files in the event loop
            ),
        }
        self._client: S3Client | None = None
        self._opening = asyncio.Lock()
        self._exits = contextlib.AsyncExitStack()

    async def open(self) -> None:
        with _library_errors_become_ours(f"s3://{self._bucket}"):
            async with asyncio.timeout(self._timeout):
                await self._connected()

    async def close(self) -> None:
        self._client = None
        await self._exits.aclose()

    async def check(self) -> None:
        try:
            await self.get(PROBE)
        except NotFound as missing:
            # A web server's own 404 page would make every key "missing".
            if isinstance(missing.__cause__, ClientError) and not _code(missing.__cause__):
                raise SourceUnavailable(
                    f"s3://{self._bucket}: the endpoint answers, but not as S3 does; check endpoint_url"
                ) from missing

    async def get(
        self, key: str, if_none_match: str | None = None, room: ReserveMemory = no_limit
    ) -> Original | None:
        path = "/".join(([self._folder] if self._folder else []) + segments(key))
        with _library_errors_become_ours(f"s3://{self._bucket}/{path}"):
            async with asyncio.timeout(self._timeout) as deadline:
                client = await self._connected()
                return await self._fetch(
                    client, path, if_none_match, lambda size: reserve(room, size, deadline)
                )

    async def _connected(self) -> S3Client:
        async with self._opening:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> S3Client:
        if not self._bucket:  # s3imageserver started without one
            raise SourceUnavailable("the configuration names no bucket")
        session = get_session()
        session.register_component("data_loader", _MODELS)
        # A client made without credentials would never look for them again.
        if self._asks_the_chain and await session.get_credentials() is None:
            raise SourceUnavailable(f"s3://{self._bucket}: {_NO_CREDENTIALS}")
        creation = session.create_client("s3", **self._client_arguments)
        client: S3Client = await self._exits.enter_async_context(creation)
        return client

    async def _fetch(
        self, client: S3Client, path: str, if_none_match: str | None, room: ReserveMemory
    ) -> Original | None:
        conditions: Any = {"IfNoneMatch": if_none_match} if if_none_match else {}
        try:
            answer = await client.get_object(Bucket=self._bucket, Key=path, **conditions)
        except ClientError as error:
            if if_none_match and _status(error) == 304:
                return None
            raise
        async with answer["Body"] as stream:
            if not _is_whole(answer["ResponseMetadata"]):
                raise SourceUnavailable(f"s3://{self._bucket}/{path}: perhaps not the whole object")
            body = await self._read(stream, answer.get("ContentLength"), room)
        modified = answer["LastModified"].timestamp() if "LastModified" in answer else None
        original = Original(body, answer.get("ETag") or _digest(body), modified)
        # There are servers that answer every conditional GET with a 200.
        return None if original.etag == if_none_match else original

    async def _read(self, stream: Any, announced: int | None, room: ReserveMemory) -> bytes:
        """The body to its end. The stream itself raises when it ends before `Content-Length`."""
        body = bytearray()
        if (announced or 0) > self._max_bytes:
            raise Unprocessable(f"an original of {announced} bytes; {self._max_bytes} are allowed")
        await room(self._max_bytes if announced is None else announced)
        async for piece in stream.iter_chunks(_PIECE):
            body += piece
            if len(body) > self._max_bytes:
                raise Unprocessable(f"an original of more than {self._max_bytes} bytes")
        return bytes(body)


def _is_whole(metadata: Any) -> bool:
    """Whether this is an answer with all of the object, and with an end that can be told from a cut.

    Not a 206 nobody asked for, and not a body that ends where the connection does (RFC 9112 section 6.3).
    """
    delimiters = {"content-length", "transfer-encoding"}
    return metadata["HTTPStatusCode"] == 200 and not delimiters.isdisjoint(metadata["HTTPHeaders"])


def _digest(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


@contextlib.contextmanager
def _library_errors_become_ours(where: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _refusal(where, error) from error
    except (TimeoutError, ReadTimeoutError, ConnectTimeoutError) as error:
        raise SourceTimeout(f"{where}: no complete answer in time") from error
    except (BotoCoreError, ResponseParserError, aiohttp.ClientError, ValueError) as error:
        reason = getattr(error, "kwargs", {}).get("error", error)
        line = " ".join(str(reason).split())
        raise SourceUnavailable(f"{where}: {type(error).__name__}: {line}") from error


def _refusal(where: str, error: ClientError) -> OriginError:
    """What a refusal by S3 means. Not its message: that differs between servers, and may echo a secret."""
    status, code = _status(error), _code(error)
    if code in _HINTS:
        return SourceUnavailable(f"{where}: {status} {code}: {_HINTS[code]}")
    if status in _KEY_REFUSED_STATUSES or code in _KEY_REFUSED_CODES:
        return NotFound(f"{where}: {status} {code}".rstrip())
    return SourceUnavailable(f"{where}: {status} {code}".rstrip())


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _code(error: ClientError) -> str:
    """S3's name for the refusal; empty where the body was none of S3's, then botocore puts the status."""
    code = str(error.response["Error"].get("Code", ""))
    return "" if code.isdecimal() else code
