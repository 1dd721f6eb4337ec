"""Reading originals from S3."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from typing import Any

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
from origin.sources.reused_memory import MEMORY
from origin.sources.s3 import S3Settings
from origin.sources.s3_client import connect
from origin.sources.s3_errors import REGION_IS_MISSING
from origin.sources.s3_errors import ReadErrorAnswer
from origin.sources.s3_errors import code_of
from origin.sources.s3_errors import head_refusal
from origin.sources.s3_errors import library_errors_become_ours
from origin.sources.s3_errors import parsed
from origin.sources.s3_errors import status_of
from origin.sources.s3_get import Getter
from origin.sources.s3_get import ObjectAnswer

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

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
            raise SourceUnavailable(f"s3://{self._bucket}/{path}: the answer has no {missing}") from missing

    @contextlib.asynccontextmanager
    async def _connected(
        self, path: str = "", refusal: ReadErrorAnswer | None = None
    ) -> AsyncIterator[tuple[S3Client, asyncio.Timeout]]:
        """The client, for one operation within the deadline. Every error in the block becomes ours."""
        where = f"s3://{self._bucket}/{path}".removesuffix("/")
        try:
            with library_errors_become_ours(where, refusal):
                async with asyncio.timeout(self._timeout) as deadline:
                    async with self._opening:
                        if self._client is None:
                            made = await connect(self._settings, self._connections, self._exits)
                            self._client, self.getter, self._region_is_missing = made
                        client = self._client
                    yield client, deadline
        except SourceUnavailable as error:
            no_answer = error.__cause__ is not None and not isinstance(error.__cause__, ClientError)
            if self._region_is_missing and no_answer:
                raise type(error)(f"{error}; {REGION_IS_MISSING}") from error
            raise

    async def _read_whole(self, path: str) -> bytes:
        """The object under this path, which is its key there."""
        async with self._connected(path):
            return bytes((await self._fetch(path, no_limit)).body)

    async def _fetch(self, path: str, reserve_memory: ReserveMemory) -> Original:
        assert self.getter is not None  # connected
        async with self.getter.get(path) as answer:
            if not answer.is_whole:
                raise SourceUnavailable(
                    f"s3://{self._bucket}/{path}: the answer does not tell its end, so it may be cut"
                )
            body = await self._read(answer, reserve_memory)
        etag = object_version(answer.etag or body_etag(body), answer.metadata)
        return Original(body, etag, answer.last_modified)

    async def _read(self, answer: ObjectAnswer, reserve_memory: ReserveMemory) -> bytes | memoryview:
        """The body to its end. The chunks themselves raise where it ends before the announced length."""
        if (answer.length or 0) > self._max_bytes:
            raise Unprocessable(
                f"an original of {answer.length} bytes; limits.max_original_bytes is {self._max_bytes}"
            )
        await reserve_memory(self._max_bytes if answer.length is None else answer.length)
        if answer.length is not None:
            memory = MEMORY.take(answer.length)
            if answer.receive is not None:
                await answer.receive(memory)
                return memory.toreadonly()
            return await _fill(memory, answer.chunks)
        body = bytearray()  # a list of chunks would take 60 bytes for each, and they may be small
        async for chunk in answer.chunks:
            body += chunk
            if len(body) > self._max_bytes:
                raise Unprocessable(
                    f"an original of more than {self._max_bytes} bytes (limits.max_original_bytes)"
                )
        return memoryview(body).toreadonly()


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


def body_etag(body: bytes | memoryview) -> str:
    """The version where the server names none."""
    return f'"{hashlib.sha256(body).hexdigest()}"'
