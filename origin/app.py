"""The composition root: `create_app` turns a configuration into the ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import AsyncGenerator
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from origin.cache.disk import DiskTier
from origin.cache.results import ResultCache
from origin.config.load import build_config
from origin.config.load import load_config
from origin.config.model import S3
from origin.config.model import Config
from origin.config.model import Handler as HandlerConfig
from origin.delivery.admission import FetchAdmission
from origin.delivery.authorize import Authorizer
from origin.delivery.authorize import EmbeddedAuthorizer
from origin.delivery.authorize import TokenAuthorizer
from origin.delivery.authorize import Verify
from origin.delivery.authorize import allow_all
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import load_image
from origin.delivery.handler import Handler
from origin.delivery.originals import Originals
from origin.delivery.renditions import Renditions
from origin.delivery.responses import ResponseBuilder
from origin.delivery.router import BodyLimit
from origin.delivery.router import Mount
from origin.delivery.router import Router
from origin.delivery.settings import Freshness
from origin.delivery.settings import RenderSettings
from origin.delivery.singleflight import SingleFlight
from origin.errors import ConfigError
from origin.errors import SourceUnavailable
from origin.http.message import RawHeaders
from origin.http.message import Receive
from origin.http.message import Response
from origin.http.message import Scope
from origin.http.message import Send
from origin.http.message import text_response
from origin.ops.metrics import Metrics
from origin.ops.routes import on_http_error
from origin.ops.routes import private_routes
from origin.ops.routes import public_routes
from origin.render.pool import RenderPool
from origin.render.process import RendererBroken
from origin.signing import Verifier
from origin.sources import LocalSource
from origin.sources import S3Source
from origin.sources import Source
from origin.urls.options import OptionDefaults

log = logging.getLogger(__name__)

Clock = Callable[[], float]


class Origin:
    """Every part of one running origin.

    `verify`, `sources` and `clock` are as in `create_app`.
    """

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
        self.draining = False
        self._verify = verify
        self._sources = {} if sources is None else sources
        self._clock = clock
        limits = config.limits
        formats = sorted({f.value for handler in config.handlers for f in handler.allowed_formats})
        self.pool = RenderPool(
            config.renderers,
            formats=sorted({*formats, "jpg", "png", "webp", "gif", "avif"}),
            memory=limits.render_memory,
            queue=limits.queue,
            queue_timeout=limits.queue_timeout,
        )
        self.admission = FetchAdmission(timeout=limits.queue_timeout)
        self.caches: dict[Path, ResultCache] = {}
        self._fallback_slot = asyncio.Semaphore(1)
        self._fallbacks: dict[tuple[bytes, str], Fallback] = {}
        self.handlers = {handler.prefix: self._handler(handler) for handler in config.handlers}
        self.metrics = Metrics([self.pool.numbers, self.admission.numbers, self._cache_numbers])

    async def open(self) -> None:
        """Start what has to run before the first request. Raises RendererBroken."""
        await self.pool.start()
        for handler in self.handlers.values():
            try:
                await handler.open()
            except SourceUnavailable as error:
                log.error("handler %s: its source does not work yet: %s", handler.name, error)
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False
        for handler in self.handlers.values():
            await handler.close()
        await self.pool.close()
        for cache in self.caches.values():
            await cache.close()

    def _handler(self, config: HandlerConfig) -> Handler:
        limits = self.config.limits.within(config.limits)
        source, source_id = make_source(config, limits.max_original_bytes, limits.source_timeout)
        freshness = Freshness(
            max_age=config.max_age,
            stale_while_revalidate=config.stale_while_revalidate,
            stale_if_error=config.stale_if_error,
            error_max_age=config.error_max_age,
            cdn_max_age=config.cdn_max_age,
        )
        originals = Originals(
            config.name,
            self._sources.get(config.name, source),
            self._cache(config),
            self.admission,
            cache_time=config.cache_time,
            error_max_age=config.error_max_age,
            clock=self._clock,
            flights=SingleFlight(),
        )
        settings = RenderSettings(
            quality=config.quality,
            allowed=tuple(format.value for format in config.allowed_formats),
            max_pixels=limits.max_original_pixels,
            max_frames=limits.max_frames,
            timeout=limits.render_timeout,
        )
        return Handler(
            name=config.name,
            source_id=source_id,
            renditions=Renditions(
                config.name,
                originals,
                self.pool,
                settings,
                freshness,
                max_variants=config.variants,
                clock=self._clock,
                flights=SingleFlight(),
            ),
            responses=ResponseBuilder(config.name, freshness, config.error_status, config.tag_header),
            fallback=self._fallback(config),
            defaults=OptionDefaults(
                format=config.output_format,
                crop=config.crop,
                max_dimension=limits.max_dimension,
                widths=tuple(sorted(config.widths or ())),
                quality=config.quality,
            ),
            authorizer=self._authorizer(config),
            clock=self._clock,
        )

    def _authorizer(self, config: HandlerConfig) -> Authorizer:
        if self._verify is not None:
            return EmbeddedAuthorizer(self._verify, self._clock)
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

    def _cache(self, config: HandlerConfig) -> ResultCache | None:
        """The cache of the folder that the handler names; handlers share it with its limits."""
        if not config.caches:
            return None
        shared = self.config.cache
        path = config.cache_path or shared.path
        if path not in self.caches:
            self.caches[path] = ResultCache(DiskTier(path, shared.max_size), shared.memory)
        return self.caches[path]

    def _cache_numbers(self) -> list[tuple[str, str, float]]:
        caches = self.caches.values()
        return [
            (
                "origin_cache_bytes",
                "Bytes of the caches' folders.",
                sum(cache.store.volume() for cache in caches),
            ),
            (
                "origin_cache_entries",
                "Entries in the caches' folders.",
                sum(cache.store.count() for cache in caches),
            ),
            (
                "origin_cache_memory_bytes",
                "Bytes of the caches' memory tiers.",
                sum(cache.results.weight for cache in caches),
            ),
            (
                "origin_cache_failures_total",
                "Reads and writes of the caches' folders that failed.",
                sum(cache.store.failures for cache in caches),
            ),
        ]


class OriginApp(Starlette):
    """Pictures are answered before Starlette's middleware, which would wrap every message of every hit.
    Everything else is Starlette's."""

    def __init__(self, origin: Origin, routes: list[Route], lifespan: Any) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        config = origin.config
        self.origin = self.state.origin = origin
        self._starting = asyncio.Lock()
        self._lazy_lifespan: AsyncGenerator[None, None] | None = None
        self.image_router = Router(
            super().__call__,
            mounts={prefix: Mount(handler) for prefix, handler in origin.handlers.items()},
            metrics=origin.metrics,
            hosts=config.hosts,
            https_port=config.https_port if config.https_enabled and config.https_strict else None,
        )

    def try_cached(
        self, method: str, scheme: str, target: bytes, headers: RawHeaders, client: str
    ) -> Response | None:
        """The answer to a hit in memory, for a listener that asks before it makes a task of a request."""
        return self.image_router.try_cached(method, scheme, target, headers, client)

    def body_limit(self, method: str, target: bytes) -> BodyLimit:
        """What the body of this request may cost a connection."""
        return self.image_router.body_limit(method, target)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if scope["type"] == "http" and not self.origin.is_open and not await self._start():
            await text_response(503, "the origin cannot start").send(send, scope["method"])
            return
        await self.image_router(scope, receive, send)

    async def _start(self) -> bool:
        """Open the origin with the first request: a program that mounts this app runs no lifespan for it.

        The event loop closes it when it ends, with its other asynchronous generators.
        """
        async with self._starting:
            if not self.origin.is_open:
                self._lazy_lifespan = self._run_until_the_loop_ends()
                try:
                    await anext(self._lazy_lifespan)
                except RendererBroken as error:
                    log.error("the origin cannot start: %s", error)
        return self.origin.is_open

    async def _run_until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            await self.origin.open()
            yield
        finally:
            await self.origin.close()


def create_app(
    config: Config | Mapping[str, Any] | str | os.PathLike[str],
    verify: Verify | None = None,
    *,
    sources: Mapping[str, Source] | None = None,
    clock: Clock = time.time,
) -> OriginApp:
    """The origin as an ASGI app, from a configuration, its dictionary or its file.

    With `verify`, an embedding program decides who sees a picture: it gets the token (the option `t`,
    or empty) and the request, and stands in the place of `signing` on every handler. It answers False,
    True, or the Unix second (an int) until which it is true, past which no cache is told to keep the
    picture.

    `sources` replaces the source of a handler, by the handler's name; `clock` gives Unix seconds.

    Raises ConfigError.
    """
    if isinstance(config, str | os.PathLike):
        config = load_config(Path(config))
    elif not isinstance(config, Config):
        config = build_config(dict(config))
    origin = Origin(config, verify, sources=sources, clock=clock)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            await origin.open()
            yield
        finally:
            await origin.close()

    routes = public_routes(lambda: not origin.draining)
    if config.admin.port is None:
        routes += _admin_routes(origin)
    app = OriginApp(origin, routes, lifespan)
    _configure(app)
    return app


def create_admin_app(origin: Origin) -> Starlette:
    """The routes for operators alone, for a listener of their own."""
    app = Starlette(routes=[*public_routes(lambda: not origin.draining), *_admin_routes(origin)])
    _configure(app)
    return app


def _configure(app: Starlette) -> None:
    app.router.redirect_slashes = False  # a redirect would repeat the Host of the request
    app.router.default = _not_found
    app.add_exception_handler(HTTPException, on_http_error)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await text_response(404, "not found").send(send, scope["method"])


def _admin_routes(origin: Origin) -> list[Route]:
    token = origin.config.admin.token
    by_name = {handler.name: handler for handler in origin.handlers.values()}
    return private_routes(by_name, token.get_secret_value() if token else None, origin.metrics)


def make_source(config: HandlerConfig, max_bytes: int, timeout: float) -> tuple[Source, str]:
    """A handler's source, and a digest that tells it from any other. Raises ConfigError."""
    settings = config.source
    if not isinstance(settings, S3):
        return LocalSource(settings.root, max_bytes=max_bytes, timeout=timeout), _identity(str(settings.root))
    try:
        source = S3Source(
            settings.bucket,
            settings.folder,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            addressing_style=settings.addressing_style,
            anonymous=settings.anonymous,
            connect_timeout=settings.connect_timeout,
            timeout=settings.timeout or timeout,
            max_bytes=max_bytes,
            access_key=_plain(settings.access_key),
            secret_key=_plain(settings.secret_key),
            session_token=_plain(settings.session_token),
        )
    except ValueError as exc:
        raise ConfigError(f"handler {config.name}: source: {exc}") from exc
    return source, _identity(settings.endpoint_url, settings.bucket, settings.folder.strip("/"))


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _identity(*parts: str | None) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
