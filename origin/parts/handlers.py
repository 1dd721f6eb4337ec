"""The handlers of an origin, built from a configuration: source, originals, results, answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from origin.config.handler import Handler as HandlerConfig
from origin.config.model import Config
from origin.delivery.admission import FetchAdmission
from origin.delivery.authorize import Authorizer
from origin.delivery.authorize import EmbeddedAuthorizer
from origin.delivery.authorize import ForeignAuthorizer
from origin.delivery.authorize import TokenAuthorizer
from origin.delivery.authorize import Verify
from origin.delivery.authorize import allow_all
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import load_image
from origin.delivery.handler import Handler
from origin.delivery.idle import IdleQueue
from origin.delivery.later import LaterAvif
from origin.delivery.on_error import OnError
from origin.delivery.originals import Originals
from origin.delivery.renditions import Renditions
from origin.delivery.responses import ResponseBuilder
from origin.delivery.settings import Freshness
from origin.delivery.settings import RenderSettings
from origin.delivery.watermarks import load_watermarks
from origin.errors import ConfigError
from origin.imaging.protocol import Watermark
from origin.parts.caches import Caches
from origin.parts.dialects import begins_with_signature
from origin.parts.dialects import make_reader
from origin.parts.dialects import make_token_verifier
from origin.parts.dialects import make_translate
from origin.parts.dialects import make_verifier
from origin.parts.machine import OwnMachine
from origin.parts.rendering import render_settings
from origin.parts.shared import Fleet
from origin.render.pool import RenderPool
from origin.sources import Original
from origin.sources import ReserveMemory
from origin.sources import Source
from origin.sources import make_server_of
from origin.sources import make_source
from origin.sources import make_store
from origin.sources.base import CheckResult
from origin.sources.base import no_limit
from origin.sources.http import HttpSettings
from origin.sources.watched_registry import WatchedRegistry
from origin.urls.dialects import SIGNING

Clock = Callable[[], float]


class Fallbacks:
    """Handlers with the same image and quality share a fallback, since preparing it takes a while."""

    def __init__(self, pool: RenderPool, before: Fallbacks | None = None) -> None:
        """`before` are those of the configuration before, which are good as long as the pool is the same."""
        self._pool = pool
        self._slot: asyncio.Semaphore = asyncio.Semaphore(1) if before is None else before._slot
        is_same = before is not None and before._pool is pool
        self._made: dict[tuple[bytes, str], Fallback] = dict(before._made) if before and is_same else {}

    def of(self, config: HandlerConfig) -> Fallback:
        image = load_image(config.error_image)
        name = (image, str(sorted(config.quality.items())))
        if name not in self._made:
            self._made[name] = Fallback(image, self._pool, config.quality, self._slot)
        return self._made[name]


class HandlerBuilder:
    """Builds the handlers of one configuration after the other. `sources` are those that a program gives."""

    def __init__(
        self,
        *,
        verify: Verify | None,
        sources: Mapping[str, Source],
        admission: FetchAdmission,
        idle: IdleQueue,
        caches: Caches,
        machine: OwnMachine,
        fleet: Fleet | None,
        clock: Clock,
    ) -> None:
        self.lent: dict[int, Source] = {}  # those of `sources` that a handler uses, which outlive a reload
        self.has_new_sources = False  # since the last purges were made
        self._verify = verify
        self._sources = sources
        self._admission = admission
        self._idle = idle
        self._caches = caches
        self._machine = machine
        self._fleet = fleet
        self._clock = clock
        self._registries: dict[str, WatchedRegistry] = {}  # by handler

    def build(self, config: Config, pool: RenderPool, fallbacks: Fallbacks) -> dict[str, Handler]:
        """All handlers of a configuration, by prefix. Raises ConfigError."""
        watermarks = load_watermarks(config.watermarks)
        return {
            handler.prefix: self._build_handler(config, handler, watermarks, pool, fallbacks)
            for handler in config.handlers
        }

    def registry_numbers(self) -> Iterator[tuple[str, str, float]]:
        text = "Times that a registry of URLs did not answer."
        failures = sum(registry.failures for registry in self._registries.values())
        yield "origin_registry_failures_total", text, failures

    def _build_handler(
        self,
        whole: Config,
        config: HandlerConfig,
        watermarks: Mapping[str, Watermark],
        pool: RenderPool,
        fallbacks: Fallbacks,
    ) -> Handler:
        source, registry = self._source(whole, config)
        freshness = _freshness(config)
        settings = render_settings(whole, config, watermarks)
        originals = self._originals(whole, config, source)
        self.has_new_sources |= self._machine.note(config.name, config.source.identity())
        renditions = self._renditions(config, originals, pool, settings, freshness)
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
            fallback=fallbacks.of(config),
            defaults=whole.option_defaults(config),
            authorizer=self._authorizer(config),
            translate=make_translate(config),
            read_key=make_reader(config, signed=bool(config.signing or self._verify)),
            signs_in_path=begins_with_signature(config),
            registry=registry,
            later=LaterAvif(renditions, self._idle, pool) if config.avif == "later" else None,
            passthrough=config.passthrough,
            refuses_loops=isinstance(config.source, HttpSettings),
            fleet=self._fleet.purges if self._fleet is not None else None,
            debug=config.debug,
            is_written=config.write is not None,
            clock=self._clock,
        )

    def _source(self, whole: Config, config: HandlerConfig) -> tuple[Source, WatchedRegistry | None]:
        """The source of a handler, and its registry where it has one. Raises ConfigError."""
        limits = whole.limits.within(config.limits)
        make = make_source if config.write is None else make_store
        source: Source = make(
            config.source, max_bytes=limits.max_original_bytes, timeout=limits.source_timeout
        )
        registry: WatchedRegistry | None = getattr(source, "registry", None)
        lent = self._sources.get(config.name)
        if lent is not None:
            if config.write is not None:
                raise ConfigError(f"{config.name}: a source that a program gives cannot be written to")
            source, registry = _Lent(lent), getattr(lent, "registry", None)
            self.lent[id(lent)] = lent
        if registry is not None:
            self._registries[config.name] = registry
            registry.turns = self._fleet.locks if self._fleet is not None else None
        return source, registry

    def _originals(self, whole: Config, config: HandlerConfig, source: Source) -> Originals:
        return Originals(
            config.name,
            source,
            self._caches.of(whole, config, self._fleet),
            self._admission,
            cache_time=config.cache_time,
            error_max_age=config.error_max_age,
            server_of=make_server_of(config.source),
            clock=self._clock,
        )

    def _renditions(
        self,
        config: HandlerConfig,
        originals: Originals,
        pool: RenderPool,
        settings: RenderSettings,
        freshness: Freshness,
    ) -> Renditions:
        return Renditions(
            config.name,
            originals,
            pool,
            settings,
            freshness,
            max_variants=config.variants,
            clock=self._clock,
            leases=self._fleet.leases if self._fleet is not None else None,
        )

    def _authorizer(self, config: HandlerConfig) -> Authorizer:
        if self._verify is not None:
            return EmbeddedAuthorizer(self._verify, self._clock)
        if config.dialect is not None and config.dialect in SIGNING:
            return ForeignAuthorizer(*make_verifier(config, config.dialect), self._clock)
        if config.signing is None:
            return allow_all
        translated = None if config.dialect is None else config.prefix
        return TokenAuthorizer(make_token_verifier(config), self._clock, translated=translated)


class _Lent:
    """A source that a program has given to `create_app`. The handlers of a configuration do not close it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> CheckResult:
        return await self._source.check()

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        return await self._source.get(key, if_none_match, reserve_memory)


def _freshness(config: HandlerConfig) -> Freshness:
    return Freshness(
        max_age=config.max_age,
        stale_while_revalidate=config.stale_while_revalidate,
        stale_if_error=config.stale_if_error,
        error_max_age=config.error_max_age,
        cdn_max_age=config.cdn_max_age,
    )


def _on_error(config: HandlerConfig) -> OnError:
    own = config.on_error
    return OnError() if own is None else OnError(own.redirect, own.text, own.json_)
