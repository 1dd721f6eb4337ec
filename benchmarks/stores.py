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

from benchmarks import servers
from origin.app import create_app
from origin.cache.disk_store import DiskStore
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_version
from origin.cache.records import pack
from origin.cache.records import prefix_of_results
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
    store, rest = DiskStore(folder, 10**12), iter(numbers)
    while chunk := list(islice(rest, _CHUNK)):
        records: dict[str, Record] = {}
        for number in chunk:
            records |= _records(samples[number % VARIANTS], number)
        store.put_all([(name, pack(record)) for name, record in records.items()])
    store.close()


@dataclass(frozen=True)
class _Sample:
    """What the origin keeps of one variant."""

    original: str  # its name in the cache
    etag: str
    name: str  # of the result, beneath the original
    result: Result


async def _samples(folder: Path, originals: Path) -> list[_Sample]:
    """What the origin keeps when it is asked for the variants of the first original."""
    app = create_app(
        {
            "handlers": [servers.handler(originals)],
            "cache": {"path": str(folder)},
            "renderers": 1,
        }
    )
    samples: list[_Sample] = []
    seen: set[str] = set()
    handler = app.origin.handlers["p"]
    async with app.router.lifespan_context(app):
        (cache,) = app.origin.caches.by_folder.values()
        [disk] = cache.below.tiers
        for number in range(VARIANTS):
            path, _, query = target(number).partition("?")
            plan = handler.read(path.removeprefix("/p/"), query.encode())
            scope = {"method": "GET", "path": path, "query_string": query.encode(), "headers": []}
            answer = await handler.respond(plan, Request(scope, _silence))
            assert answer.status == 200, answer.error
            await cache.flush()
            [name] = {name async for name in disk.names(prefix_of_results(plan.original))} - seen
            seen.add(name)
            version, result = await disk.get(name_version(plan.original)), await disk.get(name)
            assert isinstance(version, Version)
            assert isinstance(result, Result)
            samples.append(_Sample(plan.original, version.etag, name.removeprefix(plan.original), result))
    return samples


async def _silence() -> Any:
    await asyncio.Event().wait()


def _records(sample: _Sample, number: int) -> dict[str, Record]:
    """The result of this number and the version of its original, by name."""
    original = f"{sample.original.removesuffix(_FIRST)}{number // VARIANTS}{_FIRST[1:]}"
    modified = sample.result.last_modified
    body = marked(sample.result.body, number)
    digest = number.to_bytes(16)  # the origin's are hashes; a client sees that they differ
    return {
        name_version(original): Version(sample.etag, modified, time.time()),
        original + sample.name: Result(body, sample.result.format, digest, modified),
    }
