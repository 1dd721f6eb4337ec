"""The parts of a running origin, put together from a configuration."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import cast

from origin.config.handler import Handler as HandlerConfig
from origin.config.model import Config
from origin.delivery.admission import FetchAdmission
from origin.delivery.authorize import Verify
from origin.delivery.body_admission import BodyAdmission
from origin.delivery.handler import Handler
from origin.delivery.idle import IdleQueue
from origin.delivery.mounts import Mount
from origin.delivery.mounts import Route
from origin.delivery.watermarks import check_watermarks
from origin.delivery.watermarks import load_watermarks
from origin.errors import ConfigError
from origin.errors import SourceUnavailable
from origin.ops.metrics import Metrics
from origin.ops.outgoing import OutgoingHttp
from origin.ops.s3_events import ObjectChange
from origin.parts.caches import Caches
from origin.parts.events import EventListeners
from origin.parts.handlers import Clock
from origin.parts.handlers import Fallbacks
from origin.parts.handlers import HandlerBuilder
from origin.parts.machine import OwnMachine
from origin.parts.purges import Purges
from origin.parts.rendering import pool_arguments
from origin.parts.shared import Fleet
from origin.parts.transform import transform_mount
from origin.parts.write import Common
from origin.parts.write import Writer
from origin.parts.write import make_writer
from origin.parts.write import warn_of_open_writes
from origin.render.pool import RenderPool
from origin.sources import Source
from origin.sources import Store

log = logging.getLogger(__name__)


class Origin:
    """Every part of one running origin. `verify`, `sources` and `clock` are as in `create_app`."""

    def __init__(
        self,
        config: Config,
        verify: Verify | None = None,
        *,
        sources: Mapping[str, Source] | None = None,
        clock: Clock = time.time,
    ) -> None:
        self.config = config
        self.is_open = False
        self._clock = clock
        self.pool = _pool(config)
        self.admission = FetchAdmission(timeout=config.limits.queue_timeout)
        self.bodies = BodyAdmission()
        self.idle = IdleQueue()
        self.caches = Caches()
        self.machine = OwnMachine(
            self.caches.by_folder, lambda: self.handlers.values(), lambda: bool(self.config.cache.max_size)
        )
        self.fleet = None if config.shared is None else Fleet(config.shared, self.machine, clock)
        self._builder = HandlerBuilder(
            verify=verify,
            sources={} if sources is None else sources,
            admission=self.admission,
            idle=self.idle,
            caches=self.caches,
            machine=self.machine,
            fleet=self.fleet,
            clock=clock,
        )
        self._fallbacks = Fallbacks(self.pool)
        self.handlers = self._builder.build(config, self.pool, self._fallbacks)
        self._http = OutgoingHttp()
        self.purges = Purges(config, self.handlers, self._http, has_fleet=self.fleet is not None)
        self.events = EventListeners(self._purge_change, self._http)
        self.metrics = self._build_metrics()
        self.writers = self._build_writers(config, self.handlers, self.pool)

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    @property
    def mounts(self) -> dict[str, Mount]:
        """What is mounted at each prefix."""
        mounts = {prefix: Mount(handler) for prefix, handler in self.handlers.items()}
        mounts |= {prefix: writer.mount for prefix, writer in self.writers.items()}
        return mounts | {
            own.prefix: self._transform_mount(own) for own in self.config.handlers if own.transform
        }

    def _transform_mount(self, config: HandlerConfig) -> Mount:
        return transform_mount(
            self.handlers[config.prefix],
            config,
            max_bytes=self.config.limits.within(config.limits).max_original_bytes,
            defaults=self.config.option_defaults(config),
            pool=self.pool,
            admission=self.admission,
            clock=self._clock,
        )

    @property
    def routes(self) -> dict[str, Route]:
        """Other paths for what is written."""
        return {path: route for writer in self.writers.values() for path, route in writer.routes.items()}

    @property
    def admin_token(self) -> str | None:
        token = self.config.admin.token
        return token.get_secret_value() if token else None

    async def open(self) -> None:
        """Start what has to run before the first request. Raises RendererBroken and ConfigError."""
        renderers = asyncio.ensure_future(self.pool.start())  # on another core, meanwhile
        try:
            await self.caches.open()
            if self.fleet is not None:
                await self.fleet.open()
                self._builder.has_new_sources = False
        finally:
            await renderers
        await check_watermarks(load_watermarks(self.config.watermarks), self.pool)
        for source in self._builder.lent.values():
            await source.open()
        await _open(self.handlers, self.writers)
        await self.events.follow(self.config)
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False
        await self.events.close()
        await self.purges.close()
        await self._http.close()
        await _close(self.handlers, self.writers)
        for source in self._builder.lent.values():
            await source.close()
        await self.pool.close()
        if self.fleet is not None:
            await self.fleet.close()
        await self.caches.close()
        if self.fleet is not None:
            await self.fleet.close_bucket()

    async def replace(self, config: Config) -> Callable[[], Awaitable[None]]:
        """Take a new configuration; returns what closes the parts of the old one, once nothing needs them.

        What is in the caches stays, as far as the new configuration makes the same results. Raises
        ConfigError or RendererBroken, and then the old configuration stays.
        """
        if config.shared != self.config.shared:
            raise ConfigError("shared: what origins share changes with a restart alone")
        old_pool, old_handlers, old_writers = self.pool, self.handlers, self.writers
        is_new_pool = pool_arguments(config) != pool_arguments(self.config)
        pool = _pool(config) if is_new_pool else old_pool
        fallbacks = Fallbacks(pool, self._fallbacks)
        try:
            handlers = self._builder.build(config, pool, fallbacks)
            writers = self._build_writers(config, handlers, pool)
            has_new_caches = await self.caches.open()
            if self.fleet is not None and (has_new_caches or self._builder.has_new_sources):
                self.fleet.purges.adopt()
                self._builder.has_new_sources = False
            if is_new_pool:
                await pool.start()
            await check_watermarks(load_watermarks(config.watermarks), pool)
            await _open(handlers, writers)
        except BaseException:
            if is_new_pool:
                await pool.close()
            raise
        old_cdn = self.purges.follow(config, handlers)
        self.config, self.handlers, self.writers = config, handlers, writers
        self.pool, self._fallbacks = pool, fallbacks
        await self.events.follow(config)

        async def close_old() -> None:
            await _close(old_handlers, old_writers)
            if old_cdn is not None:
                await old_cdn.close()
            if is_new_pool:
                await old_pool.close()

        return close_old

    async def _purge_change(self, change: ObjectChange) -> int:
        """Raises SourceUnavailable where not every origin could be told."""
        count = await self.purges.purge_change(change)
        self.metrics.purged(count)
        return count

    def _build_writers(
        self, config: Config, handlers: Mapping[str, Handler], pool: RenderPool
    ) -> dict[str, Writer]:
        """What takes pictures in, by prefix."""
        writers: dict[str, Writer] = {}
        hold = self.fleet.locks.holding if self.fleet is not None and self.fleet.locks else None
        common = Common(pool, self.admission, hold, self._clock)
        for own in config.handlers:
            if own.write is None:
                continue
            handler = handlers[own.prefix]
            writers[own.prefix] = make_writer(
                handler,
                own,
                common,
                limits=config.limits.within(own.limits),
                defaults=config.option_defaults(own),
                store=cast(Store, handler.renditions.originals.source),
                purge=self.purges.of_writer(own),
            )
            warn_of_open_writes(own)
        return writers

    def _build_metrics(self) -> Metrics:
        return Metrics(
            [
                self._pool_numbers,
                self.admission.numbers,
                self.bodies.numbers,
                self.idle.numbers,
                self.caches.numbers,
                self._builder.registry_numbers,
                self.fleet_numbers,
                self.purges.numbers,
                self.events.numbers,
            ]
        )

    def _pool_numbers(self) -> Iterator[tuple[str, str, float]]:
        return self.pool.numbers()  # of the pool that is there now

    def fleet_numbers(self) -> Iterator[tuple[str, str, float]]:
        """What is counted of what origins share."""
        return iter(()) if self.fleet is None else self.fleet.numbers()


def _pool(config: Config) -> RenderPool:
    return RenderPool(**pool_arguments(config))


async def _open(handlers: Mapping[str, Handler], writers: Mapping[str, Writer]) -> None:
    for prefix, handler in handlers.items():
        parts = writers[prefix].parts if prefix in writers else ()
        for part in (handler, *parts):
            try:
                await part.open()
            except SourceUnavailable as error:
                log.error("handler %s: its source does not work yet: %s", handler.name, error)


async def _close(handlers: Mapping[str, Handler], writers: Mapping[str, Writer]) -> None:
    for writer in writers.values():
        for part in writer.parts:
            await part.close()
    for handler in handlers.values():
        await handler.close()
