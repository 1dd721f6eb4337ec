"""The work of `origin rebuild`. It brings the whole server with it: only the command imports it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import click

from origin.cli.walk import Failures
from origin.cli.walk import show_walk
from origin.config.handler import Handler
from origin.config.model import Config
from origin.delivery.admission import FetchAdmission
from origin.delivery.watermarks import load_watermarks
from origin.ingest.deriving_store import DerivingStore
from origin.ingest.rebuild import Outcome
from origin.ingest.rebuild import Rebuild
from origin.ingest.rebuild import Shard
from origin.ingest.store import purge_nothing
from origin.parts.rendering import pool_arguments
from origin.parts.rendering import render_settings
from origin.parts.shared import locks_of
from origin.parts.write import Common
from origin.parts.write import make_picture_store
from origin.render.pool import RenderPool
from origin.render.process import RendererBroken
from origin.sources import make_store
from origin.sources.manifest import Manifest
from origin.sources.manifest import WrongManifest

__all__ = ["RendererBroken", "Shard", "WrongManifest", "rebuild_files"]

TIMEOUT = 300.0  # seconds for one operation of the store
PATIENCE = 600.0  # seconds for which a render waits for a renderer, and an original for memory


async def rebuild_files(
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
        await show_walk("looked at", total, work.run(prefix, jobs), totals.add)
    click.echo(totals)
    return totals.failures.count


@contextlib.asynccontextmanager
async def _opened(config: Config, handler: Handler, jobs: int) -> AsyncIterator[DerivingStore]:
    limits = config.limits.within(handler.limits)
    watermarks = load_watermarks(config.watermarks)
    pool = RenderPool(**{**pool_arguments(config), "queue": max(jobs, 64), "queue_timeout": PATIENCE})
    store = make_store(handler.source, max_bytes=limits.max_original_bytes, timeout=TIMEOUT)
    async with locks_of(config.shared) as hold:
        pictures = make_picture_store(
            handler,
            Common(pool, FetchAdmission(timeout=PATIENCE), hold),
            store,
            purge_nothing,  # an origin that is running looks at originals alone, and they stay as they are
            settings=render_settings(config, handler, watermarks),
            defaults=config.option_defaults(handler),
        )
        assert isinstance(pictures, DerivingStore)
        await pool.start()
        try:
            await store.open()
            yield pictures
        finally:
            await store.close()
            await pool.close()


@dataclass
class _Totals:
    """What became of all keys so far."""

    made: int = 0
    fitting: int = 0
    removed: int = 0
    bytes: int = 0
    failures: Failures = field(default_factory=lambda: Failures("originals"))

    def add(self, outcome: Outcome) -> None:
        """Raises SourceUnavailable where it is no use to go on."""
        if outcome.failure is not None:
            self.failures.add(outcome.failure, of_store=not outcome.is_refused)
            return
        self.failures.end_row()
        self.made += bool(outcome.done.made)
        self.fitting += bool(outcome.done.fitting)
        self.removed += outcome.done.removed
        self.bytes += outcome.done.bytes

    def __str__(self) -> str:
        return (
            f"originals: rebuilt {self.made}, up to date {self.fitting}, failed {self.failures.count}; "
            f"files removed {self.removed}; {self.bytes} bytes written"
        )
