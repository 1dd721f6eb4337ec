"""`origin rebuild HANDLER`: makes the files of `derive` for what is stored already."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import click

from origin.cli.common import FAILED
from origin.cli.common import end_as_failed
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.model import Config
from origin.config.model import Handler
from origin.delivery.admission import FetchAdmission
from origin.delivery.watermarks import load_watermarks
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.ingest.deriving_store import DerivingStore
from origin.ingest.rebuild import Outcome
from origin.ingest.rebuild import Rebuild
from origin.ingest.rebuild import Shard
from origin.parts.rendering import pool_arguments
from origin.parts.rendering import render_settings
from origin.parts.write import make_picture_store
from origin.render.pool import RenderPool
from origin.render.process import RendererBroken
from origin.sources import make_store
from origin.sources.manifest import Manifest
from origin.sources.manifest import WrongManifest

MAX_IN_A_ROW = 50  # originals that the store fails at before the rebuild ends
TIMEOUT = 300.0  # seconds for one operation of the store
PATIENCE = 600.0  # seconds for which a render waits for a renderer, and an original for memory


@click.command()
@takes_config
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option(
    "--jobs", default=4, show_default=True, type=click.IntRange(1, 256), help="Originals at a time."
)
@click.option("--shard", "shard_text", default="0/1", help="K/N: the part K, from 0, of N parts of all keys.")
@click.option(
    "--resume",
    "manifest_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A record of what has been done; the same one takes a rebuild up again.",
)
@click.argument("handler_name", metavar="HANDLER")
def rebuild(
    config_path: str, prefix: str, jobs: int, shard_text: str, manifest_path: Path | None, handler_name: str
) -> None:
    """Make the files that `derive` of HANDLER names, for the originals that are stored already.

    Files that fit their original are left as they are, and those of originals that are no more are removed.
    """
    config = read_config(config_path)
    handler = next((each for each in config.handlers if each.name == handler_name), None)
    if handler is None or handler.write is None or not handler.write.derive:
        names = [each.name for each in config.handlers if each.write and each.write.derive]
        end_as_misused(
            f"{handler_name}: expected a handler with derive: {', '.join(names) or 'there is none'}"
        )
    shard = _read_shard(shard_text)
    try:
        failed = asyncio.run(_rebuild(config, handler, prefix, jobs, shard, manifest_path))
    except (WrongManifest, ConfigError) as error:
        end_as_misused(str(error))
    except (OriginError, RendererBroken, OSError) as error:
        end_as_failed(str(error))
    if failed:
        sys.exit(FAILED)


def _read_shard(text: str) -> Shard:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        end_as_misused(f"--shard: expected K/N with K from 0 to N-1, such as 0/4, got {text}")
    return Shard(int(number), int(count))


async def _rebuild(
    config: Config, handler: Handler, prefix: str, jobs: int, shard: Shard, manifest_path: Path | None
) -> int:
    """Rebuild, with a bar on stderr and a line of totals on stdout. Returns how many originals failed."""
    async with _opened(config, handler, jobs) as store, contextlib.AsyncExitStack() as stack:
        manifest = None
        if manifest_path is not None:
            head = {"of": handler.source.describe(), "with": store.describe_files(), "shard": str(shard)}
            manifest = stack.enter_context(Manifest(manifest_path, head, "rebuild"))
        work, totals = Rebuild(store, manifest, shard), _Totals()
        total = await work.count(prefix)
        with click.progressbar(length=total, label="looked at", file=sys.stderr, show_pos=True) as bar:
            async for outcome in work.run(prefix, jobs):
                totals.add(outcome)
                bar.update(1)
    click.echo(totals)
    return totals.failed


@contextlib.asynccontextmanager
async def _opened(config: Config, handler: Handler, jobs: int) -> AsyncIterator[DerivingStore]:
    limits = config.limits.within(handler.limits)
    watermarks = load_watermarks(config.watermarks)
    pool = RenderPool(**{**pool_arguments(config), "queue": max(jobs, 64), "queue_timeout": PATIENCE})
    store = make_store(handler.source, max_bytes=limits.max_original_bytes, timeout=TIMEOUT)
    pictures = make_picture_store(
        handler,
        store,
        _nothing_to_purge,
        settings=render_settings(config, handler, watermarks),
        defaults=config.option_defaults(handler),
        pool=pool,
        admission=FetchAdmission(timeout=PATIENCE),
    )
    assert isinstance(pictures, DerivingStore)
    await pool.start()
    try:
        await store.open()
        yield pictures
    finally:
        await store.close()
        await pool.close()


async def _nothing_to_purge(key: str) -> None:
    """An origin that is running looks at originals alone, and they stay as they are."""


@dataclass
class _Totals:
    """What became of all keys so far."""

    made: int = 0
    fitting: int = 0
    removed: int = 0
    failed: int = 0
    bytes: int = 0
    in_a_row: int = 0  # of those that failed

    def add(self, outcome: Outcome) -> None:
        """Raises SourceUnavailable where it is no use to go on."""
        if outcome.failure is None:
            self.in_a_row = 0
            self.made += bool(outcome.done.made)
            self.fitting += bool(outcome.done.fitting)
            self.removed += outcome.done.removed
            self.bytes += outcome.done.bytes
            return
        self.failed += 1
        self.in_a_row += not outcome.is_refused
        click.echo(f"origin: {outcome.failure}", err=True)
        if self.in_a_row >= MAX_IN_A_ROW:
            raise SourceUnavailable(f"{self.in_a_row} originals failed in a row")

    def __str__(self) -> str:
        return (
            f"originals: rebuilt {self.made}, up to date {self.fitting}, failed {self.failed}; "
            f"files removed {self.removed}; {self.bytes} bytes written"
        )
