"""`origin copy FROM TO --manifest FILE`: copies pictures from one store to another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import click

from origin.cli.common import FAILED
from origin.cli.common import end_as_failed
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.walk import Failures
from origin.cli.walk import show_walk
from origin.config.model import Config
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.sources import Store
from origin.sources import make_store
from origin.sources.base import ObjectSettings
from origin.sources.base import SourceSettings
from origin.sources.copying import Copier
from origin.sources.copying import Outcome
from origin.sources.local import LocalSettings
from origin.sources.manifest import Manifest
from origin.sources.manifest import WrongManifest
from origin.sources.s3 import S3Settings

MAX_BYTES = 1_000_000_000  # of an object
TIMEOUT = 300.0  # seconds for one operation
_S3 = "s3://"


@click.command("copy")
@click.option("-c", "--config", "config_path", help="A configuration, for the names of its sources.")
@click.option(
    "--manifest",
    "manifest_path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The record of what has been copied; the same one takes a copy up again.",
)
@click.option("--prefix", default="", help="Only keys that start with this.")
@click.option("--jobs", default=8, show_default=True, type=click.IntRange(1, 256), help="Objects at a time.")
@click.option("--replace", "may_replace", is_flag=True, help="Replace what has other bytes under its name.")
@click.option("--cache-control", help="Cache-Control of the objects that are made, on S3.")
@click.option("--acl", help="Canned ACL of the objects that are made, on S3, such as public-read.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(
    config_path: str | None,
    manifest_path: Path,
    prefix: str,
    jobs: int,
    may_replace: bool,
    cache_control: str | None,
    acl: str | None,
    source: str,
    target: str,
) -> None:
    """Copy the pictures FROM one store TO another: s3://BUCKET/FOLDER, a folder, or a name of `sources`.

    Each is read back and compared, and nothing is removed. With the same manifest a copy that ended early
    goes on.
    """
    config = read_config(config_path) if config_path is not None else None
    places = _settings(source, config), _settings(target, config)
    kept = ObjectSettings(cache_control=cache_control, acl=acl)
    try:
        failed = asyncio.run(_copy(*places, manifest_path, kept, prefix, jobs, may_replace))
    except (WrongManifest, ConfigError) as error:
        end_as_misused(str(error))
    except (OriginError, OSError) as error:
        end_as_failed(f"{error}; the same manifest takes the copy up again")
    if failed:
        sys.exit(FAILED)


def _settings(place: str, config: Config | None) -> SourceSettings:
    """The store that a word on the command line means."""
    if config is not None:
        named = {handler.name: handler.source for handler in config.handlers} | config.sources
        if place in named:
            return named[place]
    try:
        if place.startswith(_S3):
            bucket, _, folder = place.removeprefix(_S3).partition("/")
            return S3Settings(bucket=bucket, folder=folder)
    except ValueError as error:
        end_as_misused(f"{place}: {error}")
    if "/" not in place and not Path(place).is_dir():
        end_as_misused(f"{place}: expected s3://BUCKET/FOLDER, a folder, or with -c a name of its sources")
    return LocalSettings(Path(place))


async def _copy(
    source: SourceSettings,
    target: SourceSettings,
    manifest_path: Path,
    kept: ObjectSettings,
    prefix: str,
    jobs: int,
    may_replace: bool,
) -> int:
    """Copy, with a bar on stderr and a line of totals on stdout. Returns how many objects failed."""
    if source.identity() == target.identity():
        end_as_misused("FROM and TO are one place")
    with Manifest(manifest_path, {"from": source.describe(), "to": target.describe()}) as manifest:
        async with _opened(source) as from_store, _opened(target) as to_store:
            total = await _count(from_store, prefix)
            copier = Copier(from_store, to_store, manifest, kept, may_replace)
            totals = _Totals()
            await show_walk("copied", total, copier.copy_all(prefix, jobs), totals.add)
    click.echo(totals)
    return totals.failures.count


@dataclass
class _Totals:
    """What became of all objects so far."""

    copied: int = 0
    there: int = 0  # before
    bytes: int = 0
    failures: Failures = field(default_factory=lambda: Failures("objects"))

    def add(self, outcome: Outcome) -> None:
        """Raises SourceUnavailable where it is no use to go on."""
        if outcome.failure is not None:
            self.failures.add(outcome.failure)
            return
        self.failures.end_row()
        self.copied += outcome.size is not None
        self.there += outcome.size is None
        self.bytes += outcome.size or 0

    def __str__(self) -> str:
        return (
            f"copied {self.copied}, there already {self.there}, failed {self.failures.count}; "
            f"{self.bytes} bytes"
        )


async def _count(store: Store, prefix: str) -> int:
    count = 0
    async for _ in store.objects(prefix):
        count += 1
    return count


@asynccontextmanager
async def _opened(settings: SourceSettings) -> AsyncIterator[Store]:
    store = make_store(settings, max_bytes=MAX_BYTES, timeout=TIMEOUT)
    try:
        await store.open()
        yield store
    finally:
        await store.close()
