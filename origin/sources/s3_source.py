"""Reading originals from S3, through aiobotocore."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import botocore
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

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
from origin.sources.object_metadata import object_version
from origin.sources.reused_memory import ReusedMemory
from origin.sources.s3 import S3Settings
from origin.sources.s3_connection import ConnectionPool
from origin.sources.s3_errors import NO_CREDENTIALS
from origin.sources.s3_errors import REGION_IS_MISSING
from origin.sources.s3_errors import Refusal
from origin.sources.s3_errors import code_of
from origin.sources.s3_errors import head_refusal
from origin.sources.s3_errors import library_errors_become_ours
from origin.sources.s3_errors import parsed
from origin.sources.s3_errors import status_of
from origin.sources.s3_get import Getter
from origin.sources.s3_get import ObjectAnswer
from origin.sources.s3_get import find_getter
from origin.sources.s3_model import make_loader
from origin.sources.s3_session import NoRedirectSession
from origin.sources.s3_signature import Credentials
from origin.sources.settings import reveal

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_MODELS = make_loader()  # one for all sources
_MEMORY = ReusedMemory()  # for all sources, too
_CHECKED_KEYS = 10  # listed by `check`: the first may be the objects that consoles leave for folders


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
        self._connections = connections
        self._client: S3Client | None = None
        self.getter: Getter | None = None
        self._region_is_missing = False
        self._opening = asyncio.Lock()
        self._exits = contextlib.AsyncExitStack()

    async def open(self) -> None:
        async with self._connected():
            pass

    async def close(self) -> None:
        self._client = None
        if self.getter is not None:
            self.getter.close()
        await self._exits.aclose()

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        path = self._path(key)
        async with self._connected(path) as (_, deadline):
            if if_none_match is not None and await self._version(path) == if_none_match:
                return None
            original = await self._fetch(path, lambda size: reserve(reserve_memory, size, deadline))
        # Where the HEAD told no version, that of the body may be the one.
        return None if original.etag == if_none_match else original

    async def _version(self, path: str) -> str | None:
        """The version of an object; None where only a GET can tell.

        Asked by HEAD, since S3's own ETag, and so a conditional GET, tells nothing of metadata: any origin on
        the bucket may cut a picture anew at any time.
        """
        assert self.getter is not None  # connected
        try:
            return await self.getter.version(path)
        except ClientError as error:
            if status_of(error) >= 500:
                raise
            return None  # the answer to a HEAD has no body that could say why; that to a GET has

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
            await self._ask_head(self._path(example))
        except KeyRefused:
            return Access.REFUSED, example
        except NotFound:
            return Access.UNKNOWN, None
        return Access.READABLE, example

    def _path(self, key: str) -> str:
        """The key in the bucket. Raises NotFound for a key that could leave the folder."""
        return "/".join(([self._folder] if self._folder else []) + stored_segments(key))

    async def _ask_head(self, path: str) -> Any:
        async with self._connected(path, head_refusal) as (client, _):
            return await parsed(client.head_object(Bucket=self._bucket, Key=path))

    async def _head(self, path: str) -> StoredObject:
        """The object under this path, which is its key there."""
        answer = await self._ask_head(path)
        try:
            modified, metadata = answer["LastModified"].timestamp(), answer.get("Metadata", {})
            etag = object_version(answer["ETag"], metadata)
            return StoredObject(path, answer["ContentLength"], etag, modified, metadata)
        except KeyError as missing:
            raise SourceUnavailable(f"s3://{self._bucket}/{path}: told without {missing}") from missing

    @contextlib.asynccontextmanager
    async def _connected(
        self, path: str = "", refusal: Refusal | None = None
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
        chain = await session.get_credentials() if asks_the_chain else None
        # A client made without credentials would never look for them again.
        if asks_the_chain and chain is None:
            raise SourceUnavailable(f"s3://{self._bucket}: {NO_CREDENTIALS}")
        sessions: list[NoRedirectSession] = []

        def make_session(**arguments: Any) -> NoRedirectSession:
            sessions.append(NoRedirectSession(**arguments))
            return sessions[-1]

        creation = session.create_client("s3", **_client_arguments(settings, self._connections, make_session))
        client: S3Client = await self._exits.enter_async_context(creation)

        def make_pool(host: str, port: int, speaks_tls: bool) -> ConnectionPool:
            return ConnectionPool(
                host,
                port,
                limit=self._connections,
                connect_timeout=settings.connect_timeout,
                make_tls=sessions[0].make_tls if speaks_tls else None,
            )

        self.getter = await find_getter(client, self._bucket, make_pool, self._credentials(chain))
        has_region = bool(settings.region or session.get_config_variable("region"))
        self._region_is_missing = not has_region and client.meta.endpoint_url.endswith(".amazonaws.com")
        return client

    def _credentials(self, chain: Any) -> Callable[[], Awaitable[Credentials]] | None:
        """What tells the credentials of the moment: those of a chain may end and are renewed."""
        settings = self._settings
        if settings.anonymous:
            return None
        if chain is not None:
            renewed: Callable[[], Awaitable[Credentials]] = chain.get_frozen_credentials
            return renewed
        keys = (settings.access_key, settings.secret_key, settings.session_token)
        fixed: Credentials = ReadOnlyCredentials(*map(reveal, keys))

        async def same() -> Credentials:
            return fixed

        return same

    async def _read_whole(self, path: str) -> bytes:
        """The object under this path, which is its key there."""
        async with self._connected(path):
            return bytes((await self._fetch(path, no_limit)).body)

    async def _fetch(self, path: str, reserve_memory: ReserveMemory) -> Original:
        assert self.getter is not None  # connected
        async with self.getter.get(path) as answer:
            if not answer.is_whole:
                raise SourceUnavailable(f"s3://{self._bucket}/{path}: perhaps not the whole object")
            body = await self._read(answer, reserve_memory)
        etag = object_version(answer.etag or body_etag(body), answer.metadata)
        return Original(body, etag, answer.last_modified)

    async def _read(self, answer: ObjectAnswer, reserve_memory: ReserveMemory) -> bytes | memoryview:
        """The body to its end. The chunks themselves raise where it ends before the announced length."""
        if (answer.length or 0) > self._max_bytes:
            raise Unprocessable(f"an original of {answer.length} bytes; {self._max_bytes} are allowed")
        await reserve_memory(self._max_bytes if answer.length is None else answer.length)
        if answer.length is not None:
            memory = _MEMORY.take(answer.length)
            if answer.receive is not None:
                await answer.receive(memory)
                return memory.toreadonly()
            return await _fill(memory, answer.chunks)
        chunks, size = [], 0
        async for chunk in answer.chunks:
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                raise Unprocessable(f"an original of more than {self._max_bytes} bytes")
        return b"".join(chunks)


async def _fill(memory: memoryview, chunks: AsyncIterator[bytes]) -> memoryview:
    """The body, which is no larger than the memory."""
    size = 0
    async for chunk in chunks:
        end = size + len(chunk)
        if end > len(memory):
            raise Unprocessable(f"an original of more than the {len(memory)} bytes that were announced")
        memory[size:end] = chunk
        size = end
    return memory[:size].toreadonly()


def _client_arguments(
    settings: S3Settings, connections: int, session: Callable[..., NoRedirectSession]
) -> dict[str, Any]:
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
            http_session_cls=session,
            warm_up_loader_caches=True,  # otherwise opening reads 100 ms of files in the event loop
        ),
    }


def body_etag(body: bytes | memoryview) -> str:
    """The version where the server names none."""
    return f'"{hashlib.sha256(body).hexdigest()}"'
