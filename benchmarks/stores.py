"""Fills an origin's cache before it starts, as if it had served for weeks: 200,000 results in a minute, two
million small ones in five.

The ten results of one original are made by the origin itself; all others are copies of them under the
names that the origin would give them, each with its number in a JPEG comment, so that an answer that
holds the picture of another URL is seen. What was filled is kept for later runs, as long as the origin would
still find it by these names.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bench
from benchmarks.rounds import stage
from origin.app import create_app
from origin.cache.disk_store import DiskStore
from origin.cache.diskcache_safe import DATABASE
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_version
from origin.cache.records import pack
from origin.cache.records import prefix_of_results
from origin.http.message import Request

VARIANTS = 10  # results of each original
FOLDER = "many"  # of originals
_PIECE = 1 << 20  # bytes
_CHUNK = 2000  # results for each transaction, 50 MB
_DAYS = 5  # for which a store is used: after a week its results are asked about at their source
_FIRST = "0.jpg\0"  # how the cache's name of the first original ends
_MARK = b"\xff\xfe\x00\x0c"  # a JPEG comment of ten bytes


@dataclass(frozen=True)
class Shape:
    """What the results of a store are: JPEGs of ten widths."""

    name: str
    width: int  # of variant 0; each one further is a pixel wider

    @property
    def template(self) -> str:
        """Of URLs, in which "%o" and "%v" are a number without its last digit, and that digit."""
        return f"/p/%o.jpg?w={self.width // 10}%v&f=jpg&q=80"

    def target(self, number: int) -> str:
        """The URL of a result. wrk.lua makes the same of the template."""
        return self.template.replace("%o", str(number // VARIANTS)).replace("%v", str(number % VARIANTS))

    def width_of(self, number: int) -> int:
        return self.width + number % VARIANTS


LARGE = Shape("large", 400)
"""20 kB, in a file each."""
SMALL = Shape("small", 20)
"""Under 1 kB, in the database."""


def marked(body: bytes, number: int) -> bytes:
    return body[:2] + _MARK + b"%010d" % number + body[2:]


def is_marked(body: bytes, number: int) -> bool:
    return body[2:16] == _MARK + b"%010d" % number


def filled(bench: Bench, shape: Shape, count: int) -> Path:
    """A cache folder with that many results: one of an earlier run where the origin would find them still."""
    home = bench.work / "stores" / f"{shape.name}-{count}"
    samples = asyncio.run(_samples(bench, shape))
    stamp, wanted = home / "stamp", _stamp(samples)
    if stamp.exists() and stamp.read_text() == wanted and _age(stamp) < _DAYS * 86_400:
        return home / "cache"
    shutil.rmtree(home, ignore_errors=True)
    with stage(f"filling a store with {count:,} {shape.name} entries"):
        _fill(home / "cache", samples, count)
    stamp.write_text(wanted)
    return home / "cache"


def copied(cache: Path, to: Path) -> None:
    """A copy that can be written to. Files of values are never changed in place, so they are links."""
    shutil.rmtree(to, ignore_errors=True)
    for folder, _, names in os.walk(cache):
        under = to / Path(folder).relative_to(cache)
        under.mkdir(mode=0o700, parents=True)
        for name in names:
            (shutil.copy2 if name.startswith(DATABASE) else os.link)(Path(folder) / name, under / name)


def warm(cache: Path) -> None:
    """Read all of it once, so that a store of an earlier run is in the system's cache like a new one."""
    for folder, _, names in os.walk(cache):
        for name in names:
            with open(Path(folder) / name, "rb") as file:
                while file.read(_PIECE):
                    pass


def bytes_of(cache: Path) -> int:
    """What a folder takes of the disk, in blocks."""
    return sum(
        (Path(folder) / name).stat().st_blocks * 512 for folder, _, names in os.walk(cache) for name in names
    )


@dataclass(frozen=True)
class _Sample:
    """What the origin keeps of one variant."""

    original: str  # its name in the cache
    etag: str
    name: str  # of the result, beneath the original
    result: Result


def _stamp(samples: list[_Sample]) -> str:
    """What the records of a store are named by and made of. A render may differ in its date alone."""
    told = [asdict(sample) | {"result": sample.result.digest.hex()} for sample in samples]
    return json.dumps(told, indent=1)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _fill(folder: Path, samples: list[_Sample], count: int) -> None:
    logging.getLogger("origin").setLevel(logging.ERROR)
    store, numbers = DiskStore(folder, 10**12), iter(range(count))
    while chunk := list(islice(numbers, _CHUNK)):
        records = [named for number in chunk for named in _records(samples[number % VARIANTS], number)]
        store.put_all([(name, pack(record)) for name, record in records])
    store.close()


async def _samples(bench: Bench, shape: Shape) -> list[_Sample]:
    """What the origin keeps when it is asked for the variants of the first original."""
    folder = bench.originals / FOLDER
    pictures.copies(pictures.original(bench.originals, "2MP"), folder, 1)
    with tempfile.TemporaryDirectory(prefix="origin-samples-") as cache_folder:
        app = create_app(
            {
                "handlers": [servers.handler(bench.source(FOLDER))],
                "cache": {"path": cache_folder},
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
                path, _, query = shape.target(number).partition("?")
                asked = handler.read(path.removeprefix("/p/"), query.encode())
                scope = {"method": "GET", "path": path, "query_string": query.encode(), "headers": []}
                answer = await handler.respond(asked, Request(scope, _silence))
                assert answer.status == 200, answer.error
                await cache.flush()
                [name] = {name async for name in disk.names(prefix_of_results(asked.original))} - seen
                seen.add(name)
                version, result = await disk.get(name_version(asked.original)), await disk.get(name)
                assert isinstance(version, Version)
                assert isinstance(result, Result)
                below = name.removeprefix(asked.original)
                samples.append(_Sample(asked.original, version.etag, below, result))
        return samples


async def _silence() -> Any:
    await asyncio.Event().wait()


def _records(sample: _Sample, number: int) -> Iterator[tuple[str, Record]]:
    """The result of this number, and the version of its original with the first of them, by name."""
    original = f"{sample.original.removesuffix(_FIRST)}{number // VARIANTS}{_FIRST[1:]}"
    modified = sample.result.last_modified
    if number % VARIANTS == 0:
        yield name_version(original), Version(sample.etag, modified, time.time())
    body = marked(sample.result.body, number)
    digest = number.to_bytes(16)  # the origin's are hashes; a client sees that they differ
    yield original + sample.name, Result(body, sample.result.format, digest, modified)
