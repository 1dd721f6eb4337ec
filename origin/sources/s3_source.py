"""Reading originals from S3, through aiobotocore."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import botocore
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from botocore.loaders import create_loader

from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources.base import MAX_BYTES
from origin.sources.base import PROBE_KEY
from origin.sources.base import TIMEOUT
from origin.sources.base import Access
from origin.sources.base import CheckResult
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import StoredObject
from origin.sources.base import is_key
from origin.sources.base import no_limit
from origin.sources.base import reserve
from origin.sources.base import stored_segments
from origin.sources.marks import is_marked
from origin.sources.marks import marked
from origin.sources.s3 import S3Settings
from origin.sources.s3_errors import NO_CREDENTIALS
from origin.sources.s3_errors import REGION_IS_MISSING
from origin.sources.s3_errors import code_of
from origin.sources.s3_errors import head_refusal
from origin.sources.s3_errors import library_errors_become_ours
from origin.sources.s3_errors import parsed
from origin.sources.s3_errors import status_of
from origin.sources.s3_session import NoRedirectSession
from origin.sources.settings import reveal

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

# One for all sources: botocore's model of S3 takes 14 MB and 0.14 s of CPU to load.
_MODELS = create_loader()
_CHUNK = 65_536  # bytes read at once; aiobotocore's own default is 1024
_CHECKED_KEYS = 10  # listed by `check`: the first may be the marks that consoles leave for folders


class S3Source:
    """Originals in an S3 bucket, or in anything that speaks its protocol, below a folder.

    `timeout`, or that of the settings, is the whole time of one `get`: credentials, a place in the pool of
    `connections`, connect, headers and body, a retry included. Without keys the usual AWS credential chain
    is asked.
    """

    def __init__(
        self,
        settings: S3Settings,
        *,
        max_bytes: int = MAX_BYTES,
        timeout: float = TIMEOUT,
        connections: int = 64,
    ) -> None:
        self._settings = settings
        self._bucket = settings.bucket
        self._folder = settings.folder.strip("/")
        self._timeout = settings.timeout or timeout
        self._max_bytes = max_bytes
        self._client_arguments = _client_arguments(settings, connections)
        self._client: S3Client | None = None
        self._region_is_missing = False
        self._opening = asyncio.Lock()
        self._exits = contextlib.AsyncExitStack()

    async def open(self) -> None:
        async with self._connected():
            pass

    async def close(self) -> None:
        self._client = None
        await self._exits.aclose()

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        path = self._path(key)
        if if_none_match is not None and is_marked(if_none_match):
            # S3's own ETag, and so a conditional GET, tells nothing of metadata.
            if (await self._head(path)).etag == if_none_match:
                return None
            if_none_match = None
        async with self._connected(path) as (client, deadline):
            return await self._fetch(
                client, path, if_none_match, lambda size: reserve(reserve_memory, size, deadline)
            )

    async def check(self) -> CheckResult:
        try:
            await self.get(PROBE_KEY)
        except NotFound as missing:
            # A web server's own 404 page would make every key "missing".
            if isinstance(missing.__cause__, ClientError) and not code_of(missing.__cause__):
                raise SourceUnavailable(
                    f"s3://{self._bucket}: the endpoint answers, but not as S3 does; check endpoint_url"
                ) from missing
        access, example = await self._look_for_an_original()
        warnings = (REGION_IS_MISSING,) if self._region_is_missing else ()
        return CheckResult(access, self._settings.describe(), example, warnings)

    async def _look_for_an_original(self) -> tuple[Access, str | None]:
        beginning = f"{self._folder}/" if self._folder else ""
        try:
            async with self._connected() as (client, _):
                answer = await parsed(
                    client.list_objects_v2(Bucket=self._bucket, Prefix=beginning, MaxKeys=_CHECKED_KEYS)
                )
        except OriginError:  # reading may well be allowed where listing is not
            return Access.UNKNOWN, None
        paths = [entry["Key"] for entry in answer.get("Contents", ())]
        keys = [path.removeprefix(beginning) for path in paths]
        example = next(filter(is_key, keys), None)  # the mark of a folder is no key
        if example is None:
            return (Access.UNKNOWN if answer.get("IsTruncated") else Access.EMPTY), None
        try:
            await self._head(self._path(example))
        except KeyRefused:
            return Access.REFUSED, example
        except NotFound:
            return Access.UNKNOWN, None
        return Access.READABLE, example

    def _path(self, key: str) -> str:
        """The key in the bucket. Raises NotFound for a key that could leave the folder."""
        return "/".join(([self._folder] if self._folder else []) + stored_segments(key))

    async def _head(self, path: str) -> StoredObject:
        """The object under this path, which is its key there."""
        async with self._connected(path, head_refusal) as (client, _):
            answer = await parsed(client.head_object(Bucket=self._bucket, Key=path))
            modified, metadata = answer["LastModified"].timestamp(), answer.get("Metadata", {})
            etag = marked(answer["ETag"], metadata)
            return StoredObject(path, answer["ContentLength"], etag, modified, metadata)

    @contextlib.asynccontextmanager
    async def _connected(
        self, path: str = "", refusal: Callable[[str, ClientError], Exception] | None = None
    ) -> AsyncIterator[tuple[S3Client, asyncio.Timeout]]:
        """The client, for one operation within the deadline. Every error in the block becomes ours."""
        where = f"s3://{self._bucket}/{path}".removesuffix("/")
        try:
            with library_errors_become_ours(where, refusal):
                async with asyncio.timeout(self._timeout) as deadline:
                    async with self._opening:
                        if self._client is None:
                            self._client = await self._connect()
                        client = self._client
                    yield client, deadline
        except SourceUnavailable as error:
            no_answer = error.__cause__ is not None and not isinstance(error.__cause__, ClientError)
            if self._region_is_missing and no_answer:
                raise type(error)(f"{error}; {REGION_IS_MISSING}") from error
            raise

    async def _connect(self) -> S3Client:
        if not self._bucket:  # s3imageserver started without one
            raise SourceUnavailable("the configuration names no bucket")
        session = get_session()
        session.register_component("data_loader", _MODELS)
        settings = self._settings
        asks_the_chain = not (settings.anonymous or settings.access_key or settings.secret_key)
        # A client made without credentials would never look for them again.
        if asks_the_chain and await session.get_credentials() is None:
            raise SourceUnavailable(f"s3://{self._bucket}: {NO_CREDENTIALS}")
        creation = session.create_client("s3", **self._client_arguments)
        client: S3Client = await self._exits.enter_async_context(creation)
        has_region = bool(settings.region or session.get_config_variable("region"))
        self._region_is_missing = not has_region and client.meta.endpoint_url.endswith(".amazonaws.com")
        return client

    async def _fetch(
        self, client: S3Client, path: str, if_none_match: str | None, reserve_memory: ReserveMemory
    ) -> Original | None:
        conditions: Any = {"IfNoneMatch": if_none_match} if if_none_match else {}
        try:
            answer = await parsed(client.get_object(Bucket=self._bucket, Key=path, **conditions))
        except ClientError as error:
            if if_none_match and status_of(error) == 304:
                return None
            raise
        async with answer["Body"] as stream:
            if not _is_whole(answer["ResponseMetadata"]):
                raise SourceUnavailable(f"s3://{self._bucket}/{path}: perhaps not the whole object")
            body = await self._read(stream, answer.get("ContentLength"), reserve_memory)
        modified = answer["LastModified"].timestamp() if "LastModified" in answer else None
        etag = marked(answer.get("ETag") or body_etag(body), answer.get("Metadata", {}))
        original = Original(body, etag, modified)
        # There are servers that answer every conditional GET with a 200.
        return None if original.etag == if_none_match else original

    async def _read(self, stream: Any, announced: int | None, reserve_memory: ReserveMemory) -> bytes:
        """The body to its end. The stream itself raises when it ends before `Content-Length`."""
        body = bytearray()
        if (announced or 0) > self._max_bytes:
            raise Unprocessable(f"an original of {announced} bytes; {self._max_bytes} are allowed")
        await reserve_memory(self._max_bytes if announced is None else announced)
        async for chunk in stream.iter_chunks(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise Unprocessable(f"an original of more than {self._max_bytes} bytes")
        return bytes(body)


def _client_arguments(settings: S3Settings, connections: int) -> dict[str, Any]:
    # Bucket names as host names need DNS that most servers of one's own do not have.
    addressing_style = settings.addressing_style or ("path" if settings.endpoint_url else "auto")
    return {
        "region_name": settings.region,
        "endpoint_url": settings.endpoint_url,
        "aws_access_key_id": reveal(settings.access_key),
        "aws_secret_access_key": reveal(settings.secret_key),
        "aws_session_token": reveal(settings.session_token),
        "config": AioConfig(
            s3={"addressing_style": addressing_style},
            connect_timeout=settings.connect_timeout,
            read_timeout=None,  # each operation has one deadline, which stands still for `reserve_memory`
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 2},
            # Stores other than AWS may know nothing of the checksum headers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            signature_version=botocore.UNSIGNED if settings.anonymous else None,
            http_session_cls=NoRedirectSession,
            warm_up_loader_caches=True,  # otherwise opening reads 100 ms of files in the event loop
        ),
    }


def _is_whole(metadata: Any) -> bool:
    """Whether this is an answer with all of the object, and with an end that can be told from a cut.

    Not a 206 nobody asked for, and not a body that ends where the connection does (RFC 9112 section 6.3).
    """
    delimiters = {"content-length", "transfer-encoding"}
    return metadata["HTTPStatusCode"] == 200 and not delimiters.isdisjoint(metadata["HTTPHeaders"])


def body_etag(body: bytes) -> str:
    """The version where the server names none."""
    return f'"{hashlib.sha256(body).hexdigest()}"'
