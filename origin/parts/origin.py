"""The parts of a running origin, put together from a configuration."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.memory import MemoryTier
from origin.cache.results import ResultCache
from origin.cache.tier import Tier
from origin.config.model import Config
from origin.config.model import Handler as HandlerConfig
from origin.config.signing import foreign_verifier
from origin.delivery.admission import FetchAdmission
from origin.delivery.authorize import Authorizer
from origin.delivery.authorize import EmbeddedAuthorizer
from origin.delivery.authorize import ForeignAuthorizer
from origin.delivery.authorize import TokenAuthorizer
from origin.delivery.authorize import Verify
from origin.delivery.authorize import allow_all
from origin.delivery.body_admission import BodyAdmission
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import load_image
from origin.delivery.handler import Handler
from origin.delivery.idle import IdleQueue
from origin.delivery.later import LaterAvif
from origin.delivery.mounts import Mount
from origin.delivery.mounts import Route
from origin.delivery.on_error import OnError
from origin.delivery.originals import Originals
from origin.delivery.renditions import Renditions
from origin.delivery.responses import ResponseBuilder
from origin.delivery.settings import Freshness
from origin.delivery.singleflight import SingleFlight
from origin.delivery.watermarks import check_watermarks
from origin.delivery.watermarks import load_watermarks
from origin.errors import ConfigError
from origin.errors import SourceUnavailable
from origin.imaging.protocol import Watermark
from origin.ingest.store import Purge
from origin.ops.cdn.purge import CdnPurge
from origin.ops.metrics import Metrics
from origin.ops.outgoing import OutgoingHttp
from origin.ops.purge import SPREAD_SECONDS
from origin.ops.purge import PurgeNotSpread
from origin.ops.s3_events import ObjectChange
from origin.parts.cdn import make_cdn
from origin.parts.events import EventListeners
from origin.parts.machine import OwnMachine
from origin.parts.rendering import pool_arguments
from origin.parts.rendering import render_settings
from origin.parts.shared import Fleet
from origin.parts.transform import transform_mount
from origin.parts.write import Writer
from origin.parts.write import make_writer
from origin.parts.write import warn_of_open_doors
from origin.render.pool import RenderPool
from origin.signing import Verifier
from origin.sources import Original
from origin.sources import ReserveMemory
from origin.sources import Source
from origin.sources import Store
from origin.sources import make_key_reader
from origin.sources import make_server_of
from origin.sources import make_source
from origin.sources import make_store
from origin.sources.base import CheckResult
from origin.sources.base import no_limit
from origin.sources.http import HttpSettings
from origin.sources.watched_registry import WatchedRegistry
from origin.urls.dialects import DIALECTS
from origin.urls.dialects.dialect import keep_words
from origin.urls.path import ROOT

log = logging.getLogger(__name__)

Clock = Callable[[], float]


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
        self._verify = verify
        self._sources = {} if sources is None else sources
        self._lent: dict[int, Source] = {}  # those of `sources` that a handler uses, which outlive a reload
        self._clock = clock
        self.pool = _pool(config)
        self.admission = FetchAdmission(timeout=config.limits.queue_timeout)
        self.bodies = BodyAdmission()
        self.idle = IdleQueue()
        self.caches: dict[Path, ResultCache] = {}
        self._open_cache_paths: set[Path] = set()
        self.machine = OwnMachine(
            self.caches, lambda: self.handlers.values(), lambda: bool(self.config.cache.max_size)
        )
        self._has_new_sources = False  # since the last purges were made
        self.fleet = None if config.shared is None else Fleet(config.shared, self.machine, clock)
        self._registries: dict[str, WatchedRegistry] = {}  # by handler
        self._fallback_slot = asyncio.Semaphore(1)
        self._fallbacks: dict[tuple[bytes, str], Fallback] = {}
        self._http = OutgoingHttp()
        self.cdn = make_cdn(config, self._http)
        self._for_cdn: deque[CdnPurge] = deque()  # which every origin has to know first
        self.events = EventListeners(self._purge_change, self._http)
        self.metrics = Metrics(
            [
                self._pool_numbers,
                self.admission.numbers,
                self.bodies.numbers,
                self.idle.numbers,
                self._cache_numbers,
                self._registry_numbers,
                self.fleet_numbers,
                self._cdn_numbers,
                self.events.numbers,
            ]
        )
        self.handlers = self._build_handlers(config)
        self.writers = self._build_writers(config, self.handlers)

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
        await self._open_caches()
        if self.fleet is not None:
            await self.fleet.open()
            self._has_new_sources = False
        await self.pool.start()
        await check_watermarks(load_watermarks(self.config.watermarks), self.pool)
        for source in self._lent.values():
            await source.open()
        await _open(self.handlers, self.writers)
        await self.events.follow(self.config)
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False
        await self.events.close()
        while self._for_cdn:
            self._tell_cdn_now()
        await self.cdn.close()
        await self._http.close()
        await _close(self.handlers, self.writers)
        for source in self._lent.values():
            await source.close()
        await self.pool.close()
        if self.fleet is not None:
            await self.fleet.close()
        for cache in self.caches.values():
            await cache.close()
        if self.fleet is not None:
            await self.fleet.close_bucket()

    async def replace(self, config: Config) -> Callable[[], Awaitable[None]]:
        """Take a new configuration; returns what closes the parts of the old one, once nothing needs them.

        What is in the caches stays, as far as the new configuration makes the same results. Raises
        ConfigError or RendererBroken, and then the old configuration stays.
        """
        if config.shared != self.config.shared:
            raise ConfigError("shared: what origins share changes with a restart alone")
        old_pool, old_handlers, old_fallbacks = self.pool, self.handlers, self._fallbacks
        is_new_pool = pool_arguments(config) != pool_arguments(self.config)
        if is_new_pool:
            self.pool = _pool(config)
        self._fallbacks = {} if is_new_pool else dict(old_fallbacks)
        try:
            handlers = self._build_handlers(config)
            writers = self._build_writers(config, handlers)
            has_new_caches = not self.caches.keys() <= self._open_cache_paths
            await self._open_caches()
            if self.fleet is not None and (has_new_caches or self._has_new_sources):
                self.fleet.purges.adopt()
                self._has_new_sources = False
            if is_new_pool:
                await self.pool.start()
            await check_watermarks(load_watermarks(config.watermarks), self.pool)
            await _open(handlers, writers)
        except BaseException:
            self.pool, new_pool, self._fallbacks = old_pool, self.pool, old_fallbacks
            if is_new_pool:
                await new_pool.close()
            raise
        old_cdn = self.cdn
        if config.cdn != self.config.cdn:
            self.cdn = make_cdn(config, self._http)
        self.config, self.handlers = config, handlers
        old_writers, self.writers = self.writers, writers
        await self.events.follow(config)

        async def close_old() -> None:
            await _close(old_handlers, old_writers)
            if old_cdn is not self.cdn:
                await old_cdn.close()
            if is_new_pool:
                await old_pool.close()

        return close_old

    async def _open_caches(self) -> None:
        """Open the caches that no configuration has used until now. Raises ConfigError."""
        for path, cache in self.caches.items():
            if path not in self._open_cache_paths:
                await cache.open()
                self._open_cache_paths.add(path)

    def _build_handlers(self, config: Config) -> dict[str, Handler]:
        watermarks = load_watermarks(config.watermarks)
        return {
            handler.prefix: self._build_handler(config, handler, watermarks) for handler in config.handlers
        }

    def _build_handler(
        self, whole: Config, config: HandlerConfig, watermarks: Mapping[str, Watermark]
    ) -> Handler:
        limits = whole.limits.within(config.limits)
        make = make_source if config.write is None else make_store
        source: Source = make(
            config.source, max_bytes=limits.max_original_bytes, timeout=limits.source_timeout
        )
        registry: WatchedRegistry | None = getattr(source, "registry", None)  # of sources that have one
        lent = self._sources.get(config.name)
        if lent is not None:
            if config.write is not None:
                raise ConfigError(f"{config.name}: a source that a program gives cannot be written to")
            source, registry = _Lent(lent), getattr(lent, "registry", None)
            self._lent[id(lent)] = lent
        if registry is not None:
            self._registries[config.name] = registry
        freshness = Freshness(
            max_age=config.max_age,
            stale_while_revalidate=config.stale_while_revalidate,
            stale_if_error=config.stale_if_error,
            error_max_age=config.error_max_age,
            cdn_max_age=config.cdn_max_age,
        )
        originals = Originals(
            config.name,
            source,
            self._cache(whole, config),
            self.admission,
            cache_time=config.cache_time,
            error_max_age=config.error_max_age,
            server_of=make_server_of(config.source),
            clock=self._clock,
            flights=SingleFlight(),
        )
        self._has_new_sources |= self.machine.note(config.name, config.source.identity())
        renditions = Renditions(
            config.name,
            originals,
            self.pool,
            render_settings(whole, config, watermarks),
            freshness,
            max_variants=config.variants,
            clock=self._clock,
            flights=SingleFlight(),
            leases=self.fleet.leases if self.fleet is not None else None,
        )
        return Handler(
            name=config.name,
            source_id=config.source.identity(),
            renditions=renditions,
            responses=ResponseBuilder(
                config.name,
                freshness,
                config.error_status,
                config.tag_header,
                on_error=_on_error(config),
                debug=config.debug,
            ),
            fallback=self._fallback(config),
            defaults=whole.option_defaults(config),
            authorizer=self._authorizer(config),
            translate=keep_words if config.dialect is None else DIALECTS[config.dialect].translate,
            read_key=make_key_reader(config.source, signed=bool(config.signing or self._verify)),
            registry=registry,
            later=LaterAvif(renditions, self.idle, self.pool) if config.avif == "later" else None,
            passthrough=config.passthrough,
            refuses_loops=isinstance(config.source, HttpSettings),
            fleet=self.fleet.purges if self.fleet is not None else None,
            debug=config.debug,
            is_written=config.write is not None,
            clock=self._clock,
        )

    def _build_writers(self, config: Config, handlers: Mapping[str, Handler]) -> dict[str, Writer]:
        """What takes pictures in, by prefix."""
        writers: dict[str, Writer] = {}
        for own in config.handlers:
            if own.write is None:
                continue
            handler = handlers[own.prefix]
            writers[own.prefix] = make_writer(
                handler,
                own,
                limits=config.limits.within(own.limits),
                defaults=config.option_defaults(own),
                store=cast(Store, handler.renditions.originals.source),
                purge=self._purge_of(own),
                pool=self.pool,
                admission=self.admission,
                clock=self._clock,
            )
            warn_of_open_doors(own)
        return writers

    def _purge_of(self, writer: HandlerConfig) -> Purge:
        """Forgets a key of this handler in every handler that reads the same bucket or folder."""
        own = writer.source.place()
        others = [(self.handlers[other.prefix], other.source.place()) for other in self.config.handlers]

        async def purge(key: str) -> None:
            for handler, place in others:
                if not f"{own}{key}".startswith(place):
                    continue
                try:
                    await self.purge(handler, f"{own}{key}".removeprefix(place), None, counts=False)
                except PurgeNotSpread as error:
                    log.error("handler %s: %s changed, and %s", handler.name, key, error)

        return purge

    async def purge(
        self, handler: Handler, key: str | None, prefix: str | None, *, counts: bool = True
    ) -> int:
        """Forget results and originals of a handler as `Handler.purge` does, and tell the CDN.

        Raises PurgeNotSpread; the CDN is not told then, or it would fetch the old picture again.
        """
        count = await handler.purge(key, prefix, counts=counts)
        self.tell_cdn(handler, key, prefix)
        return count

    def tell_cdn(self, handler: Handler, key: str | None, prefix: str | None) -> None:
        """Have the CDN forget what this origin has forgotten. It follows behind the answer."""
        mount = next(mount for mount, each in self.handlers.items() if each.name == handler.name)
        source_key = "" if key is None else handler.source_key(key)
        purge = CdnPurge(handler.name, mount, key, prefix, source_key)
        if self.fleet is None:
            self.cdn.add(purge)
            return
        # First every origin, then the CDN: it might ask one that does not know yet.
        self._for_cdn.append(purge)
        asyncio.get_running_loop().call_later(SPREAD_SECONDS, self._tell_cdn_now)

    def _tell_cdn_now(self) -> None:
        if self._for_cdn:
            self.cdn.add(self._for_cdn.popleft())

    async def _purge_change(self, change: ObjectChange) -> int:
        """Forget an object of a bucket in every handler that reads it.

        Raises SourceUnavailable where not every origin could be told.
        """
        changed, count = f"s3://{change.bucket}/{change.key}", 0
        for own in self.config.handlers:
            handler, place = self.handlers[own.prefix], own.source.place()
            if changed.startswith(place) and changed != place:
                key = changed.removeprefix(place)
                named: tuple[str | None, str | None] = (None, key) if change.is_folder else (key, None)
            elif change.is_folder and place.startswith(changed):
                named = (None, None)
            else:
                continue
            try:
                count += await self.purge(handler, *named)
            except PurgeNotSpread as error:
                raise SourceUnavailable(str(error)) from error
        self.metrics.purged(count)
        return count

    def _authorizer(self, config: HandlerConfig) -> Authorizer:
        if self._verify is not None:
            return EmbeddedAuthorizer(self._verify, self._clock)
        if config.dialect is not None:
            behind = config.prefix if config.signing and config.signing.signed_path == "key" else ROOT
            return ForeignAuthorizer(foreign_verifier(config.signing, config.dialect), behind, self._clock)
        if config.signing is None:
            return allow_all
        keys = [key.get_secret_value() for key in config.signing.keys]
        return TokenAuthorizer(Verifier(config.prefix, keys, config.signing.required), self._clock)

    def _fallback(self, config: HandlerConfig) -> Fallback:
        """Handlers with the same image and quality share it, since preparing it takes a while."""
        image = load_image(config.error_image)
        name = (image, str(sorted(config.quality.items())))
        if name not in self._fallbacks:
            self._fallbacks[name] = Fallback(image, self.pool, config.quality, self._fallback_slot)
        return self._fallbacks[name]

    def _cache(self, whole: Config, config: HandlerConfig) -> ResultCache | None:
        """The cache of the folder that the handler names; handlers share it with its limits."""
        settings = whole.cache
        if not config.caches or not (settings.max_size or settings.memory or self.fleet):
            return None
        path = config.cache_path or settings.path
        if path not in self.caches:
            tiers: list[Tier] = []
            if settings.max_size:
                tiers.append(DiskTier(DiskStore(path, settings.max_size, shared=settings.shared)))
            bucket = None if self.fleet is None else self.fleet.tier
            self.caches[path] = ResultCache(MemoryTier(settings.memory), tiers, bucket)
            if self.fleet is not None:
                self.fleet.caches.append(self.caches[path])
        return self.caches[path]

    def _pool_numbers(self) -> Iterator[tuple[str, str, float]]:
        return self.pool.numbers()  # of the pool that is there now

    def _cache_numbers(self) -> Iterator[tuple[str, str, float]]:
        for cache in self.caches.values():
            for measure in cache.measures():
                yield measure.name, measure.help, measure.read()

    def fleet_numbers(self) -> Iterator[tuple[str, str, float]]:
        """What is counted of what origins share."""
        return iter(()) if self.fleet is None else self.fleet.numbers()

    def _cdn_numbers(self) -> Iterator[tuple[str, str, float]]:
        return self.cdn.numbers()  # of the CDN that is told now

    def _registry_numbers(self) -> Iterator[tuple[str, str, float]]:
        text = "Times that a registry of URLs did not answer."
        failures = sum(registry.failures for registry in self._registries.values())
        yield "origin_registry_failures_total", text, failures


class _Lent:
    """A source that a program has given to `create_app`. The handlers of a configuration do not close it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> CheckResult:
        return await self._source.check()

    async def get(
        self, key: str, if_none_match: str | None = None, reserve: ReserveMemory = no_limit
    ) -> Original | None:
        return await self._source.get(key, if_none_match, reserve)


def _on_error(config: HandlerConfig) -> OnError:
    own = config.on_error
    return OnError() if own is None else OnError(own.redirect, own.text, own.json_)


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
