"""A registry of URLs in Redis or Valkey, in the keys and fields of img-LinuxFr.org.

img/{url}          hash: created_at, status ("Blocked"), type, checksum, etag
img/err/{url}      string: why the last answer was not taken; expires
img/updated/{url}  string: when the picture was changed, as HTTP writes it; expires
img/latest         list: the last hundred URLs that were registered
img/blocked        list: the URLs that are blocked
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from origin.errors import ConfigError
from origin.errors import RegistryDown
from origin.http.dates import http_date
from origin.sources.url_registry import BLOCKED
from origin.sources.url_registry import FetchedRecord
from origin.sources.url_registry import RedisRegistrySettings
from origin.sources.url_registry import Refusal
from origin.sources.url_registry import RegisteredUrl
from origin.sources.url_registry import UrlState

try:
    from redis.asyncio import BlockingConnectionPool
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.exceptions import ResponseError
except ImportError:  # an extra: most origins have no use for it
    raise ConfigError(
        "a registry of the type redis needs the Redis client: pip install 'image-origin[fleet]'"
    ) from None

LATEST = 100  # URLs in img/latest
CONNECTIONS = 32  # more questions at once wait for one of them
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0  # for one answer, and for a connection that is free

_PAGE = 500  # keys that one visit brings
_FIELDS = frozenset({"created_at", "status", "type", "checksum", "etag"})
# What img-LinuxFr.org takes for a type, and those that this origin adds.
_TYPES = frozenset(
    [
        "jpeg",
        "png",
        "gif",
        "svg+xml",
        "webp",
        "tiff",
        "avif",
        "x-ms-bmp",
        "bmp",
        "x-icon",
        "vnd.microsoft.icon",
    ]
)
_TIMERS = ("img/err/", "img/updated/")


def make(settings: RedisRegistrySettings) -> RedisRegistry:
    return RedisRegistry(settings.url.reveal())


class RedisRegistry:
    """The registry at a URL of Redis. `clock` gives Unix seconds."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        pool = BlockingConnectionPool.from_url(
            url,
            decode_responses=True,
            encoding_errors="surrogateescape",
            max_connections=CONNECTIONS,
            timeout=ANSWER_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1),  # a connection that the server closed meanwhile
        )
        self._redis: Any = Redis.from_pool(pool)

    async def close(self) -> None:
        await self._redis.aclose()

    async def state(self, url: str) -> UrlState:
        with _errors_become_ours():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hmget(f"img/{url}", "created_at", "status")
                pipeline.get(f"img/err/{url}")
                record, err = await pipeline.execute(raise_on_error=False)
            for answer in (record, err):
                if isinstance(answer, ResponseError):
                    if "WRONGTYPE" in str(answer):
                        return UrlState()  # no record of a URL; those of other URLs are well
                    raise answer
        created_at, status = record
        return UrlState(created_at is not None, status == BLOCKED, None if err is None else _refusal(err))

    async def add(self, url: str) -> bool:
        with _errors_become_ours():
            is_new = bool(await self._redis.hsetnx(f"img/{url}", "created_at", int(self._clock())))
            async with self._redis.pipeline() as pipeline:
                pipeline.delete(f"img/err/{url}")
                if is_new:
                    pipeline.lpush("img/latest", url)
                    pipeline.ltrim("img/latest", 0, LATEST - 1)
                await pipeline.execute()
        return is_new

    async def block(self, url: str) -> None:
        with _errors_become_ours():
            async with self._redis.pipeline() as pipeline:
                pipeline.hsetnx(f"img/{url}", "created_at", int(self._clock()))
                pipeline.hset(f"img/{url}", "status", BLOCKED)
                pipeline.lrem("img/blocked", 0, url)
                pipeline.lpush("img/blocked", url)
                await pipeline.execute()

    async def unblock(self, url: str) -> None:
        with _errors_become_ours():
            async with self._redis.pipeline() as pipeline:
                pipeline.hdel(f"img/{url}", "status")
                pipeline.lrem("img/blocked", 0, url)
                await pipeline.execute()

    async def urls(self) -> AsyncIterator[RegisteredUrl]:
        async for url, record in self._records():
            yield RegisteredUrl(url, _number(record.get("created_at")), record.get("status") == BLOCKED)

    async def note_fetched(self, url: str, record: FetchedRecord, seconds: int) -> None:
        fields = {"type": record.type, "checksum": record.checksum}
        with _errors_become_ours():
            async with self._redis.pipeline() as pipeline:
                pipeline.hset(f"img/{url}", mapping=fields | ({"etag": record.etag} if record.etag else {}))
                if not record.etag:
                    pipeline.hdel(f"img/{url}", "etag")
                pipeline.delete(f"img/err/{url}")
                pipeline.set(f"img/updated/{url}", http_date(record.modified), ex=max(1, seconds))
                await pipeline.execute()

    async def note_unchanged(self, url: str, modified: float, seconds: int) -> None:
        with _errors_become_ours():
            await self._redis.set(f"img/updated/{url}", http_date(modified), ex=max(1, seconds))

    async def note_refused(self, url: str, refusal: Refusal, seconds: int) -> None:
        with _errors_become_ours():
            await self._redis.set(f"img/err/{url}", refusal.value, ex=max(1, seconds))

    async def mistakes(self) -> AsyncIterator[str]:
        with _errors_become_ours():
            blocked = set(await self._redis.lrange("img/blocked", 0, -1))
        async for url, record in self._records():
            for mistake in _mistakes_of(record, url in blocked):
                yield f"{url}: {mistake}"
        for prefix in _TIMERS:
            async for key in self._keys(f"{prefix}http*"):
                with _errors_become_ours():
                    if await self._redis.ttl(key) == -1:
                        yield f"{key}: it never expires"

    async def _records(self) -> AsyncIterator[tuple[str, dict[str, str]]]:
        async for key in self._keys("img/http*"):
            with _errors_become_ours():
                record = await self._redis.hgetall(key)
            yield key.removeprefix("img/"), record

    async def _keys(self, pattern: str) -> AsyncIterator[str]:
        with _errors_become_ours():
            async for key in self._redis.scan_iter(match=pattern, count=_PAGE):
                yield key


def _mistakes_of(record: dict[str, str], is_listed: bool) -> Iterator[str]:
    for field in sorted(record.keys() - _FIELDS):
        yield f"the field {field} is not known"
    if "created_at" not in record:
        yield "no created_at"
    if record.get("type", "png") not in _TYPES:
        yield f"the type {record['type']!r} is not known"
    if record.get("status") not in (None, BLOCKED):
        yield f"the status {record['status']!r} is not known"
    if (record.get("status") == BLOCKED) != is_listed:
        yield "blocked and not in img/blocked" if not is_listed else "in img/blocked and not blocked"


def _refusal(text: str) -> Refusal:
    """The reason, which other writers may word in another way."""
    return next((refusal for refusal in Refusal if refusal.value == text), Refusal.STATUS)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


@contextlib.contextmanager
def _errors_become_ours() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise RegistryDown(f"the registry in Redis: {type(error).__name__}: {error}") from error
