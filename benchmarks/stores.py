"""Fills an origin's cache before it starts, as if it had served for weeks: 200,000 results in seconds.

The ten results of one original are made by the origin itself; all others are copies of them under the
names that the origin would give them, each with its number in a JPEG comment, so that an answer that
holds the picture of another URL is seen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from origin.app import create_app
from origin.cache.disk import DiskTier
from origin.cache.diskcache_safe import SafeCache
from origin.cache.results import Result
from origin.cache.results import ResultCache
from origin.cache.results import Version
from origin.http.message import Request

VARIANTS = 10  # results of each original
WIDTH = 400  # of variant 0; each one further is a pixel wider
_CHUNK = 2000  # results for each transaction, 50 MB
_FIRST = "0.jpg\0"  # how the cache's name of the first original ends
_MARK = b"\xff\xfe\x00\x0c"  # a JPEG comment of ten bytes


def target(number: int) -> str:
    """The URL of a result. wrk.lua makes the same of "%o" and "%v"."""
    return TEMPLATE.replace("%o", str(number // VARIANTS)).replace("%v", str(number % VARIANTS))


TEMPLATE = f"/p/%o.jpg?w={WIDTH // 10}%v&f=jpg&q=80"


def width(number: int) -> int:
    return WIDTH + number % VARIANTS


def marked(body: bytes, number: int) -> bytes:
    return body[:2] + _MARK + b"%010d" % number + body[2:]


def is_marked(body: bytes, number: int) -> bool:
    return body[2:16] == _MARK + b"%010d" % number


def fill(folder: Path, originals: Path, numbers: Iterable[int]) -> None:
    """Put these results into the cache in `folder`. The originals are links to one file."""
    logging.getLogger("origin").setLevel(logging.ERROR)
    samples = asyncio.run(_samples(folder, originals))
    store, rest = _Bulk(folder), iter(numbers)
    while chunk := list(islice(rest, _CHUNK)):
        cache = ResultCache(store, memory=0)
        for number in chunk:
            _keep(cache, samples[number % VARIANTS], number)
        asyncio.run(cache.close())


class _Bulk(DiskTier):
    """Writes what it is given in one transaction, when it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 10**12)
        self._held: dict[str, bytes] = {}

    def put(self, key: str, value: bytes) -> None:
        self._held[key] = value

    def _cull(self, cache: SafeCache, room: int) -> None:
        """There is room; to ask SQLite each time takes as long as the rest."""

    def close(self) -> None:
        with self._opened().transact():
            for key, value in self._held.items():
                super().put(key, value)
        self._held.clear()
        super().close()


@dataclass(frozen=True)
class _Sample:
    """What the origin keeps of one variant."""

    original: str  # its name in the cache
    etag: str
    variant: str
    result: Result
    since: int


async def _samples(folder: Path, originals: Path) -> list[_Sample]:
    """What the origin keeps when it is asked for the variants of the first original."""
    app = create_app(
        {
            "handlers": [{"name": "p", "source": {"type": "local", "root": str(originals)}}],
            "cache": {"path": str(folder)},
            "renderers": 1,
        }
    )
    samples: list[_Sample] = []
    handler = app.origin.handlers["p"]
    (cache,) = app.origin.caches.values()
    setattr(cache, "keep_result", lambda *call: samples.append(_Sample(*call)))  # noqa: B010
    async with app.router.lifespan_context(app):
        for number in range(VARIANTS):
            path, _, query = target(number).partition("?")
            plan = handler.read(path.removeprefix("/p/"), query.encode())
            scope = {"method": "GET", "path": path, "query_string": query.encode(), "headers": []}
            answer = await handler.respond(plan, Request(scope, _silence))
            assert answer.status == 200, answer.error
    return samples


async def _silence() -> Any:
    await asyncio.Event().wait()


def _keep(cache: ResultCache, sample: _Sample, number: int) -> None:
    name = f"{sample.original.removesuffix(_FIRST)}{number // VARIANTS}{_FIRST[1:]}"
    modified = sample.result.last_modified
    if number % VARIANTS == 0 or cache.versions.get(name) is None:
        cache.keep_version(name, Version(sample.etag, modified, time.time()), sample.since)
    body = marked(sample.result.body, number)
    digest = number.to_bytes(16)  # the origin's are hashes; a client sees that they differ
    result = Result(body, sample.result.format, digest, modified)
    cache.keep_result(name, sample.etag, sample.variant, result, sample.since)
