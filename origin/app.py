"""The composition root: `create_app` turns a configuration into the ASGI app, and knows every class."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import logging
import os
import time
import traceback
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest

from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.memory import MemoryTier
from origin.cache.results import ResultCache
from origin.cache.tier import Tier
from origin.config.load import build_config
from origin.config.load import load_config
from origin.config.model import S3
from origin.config.model import Config
from origin.config.model import Handler as HandlerConfig
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import load_image
from origin.delivery.handler import Handler
from origin.delivery.originals import FetchAdmission
from origin.delivery.originals import Originals
from origin.delivery.request import Authorizer
from origin.delivery.request import Pairs
from origin.delivery.request import RenderSettings
from origin.delivery.request import allow_all
from origin.delivery.responses import Freshness
from origin.delivery.router import Router
from origin.errors import ConfigError
from origin.errors import Forbidden
from origin.errors import SourceUnavailable
from origin.http.message import RawHeaders
from origin.http.message import Receive
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import Scope
from origin.http.message import Send
from origin.http.message import text_response
from origin.ops.metrics import Metrics
from origin.ops.routes import on_http_error
from origin.ops.routes import private_routes
from origin.ops.routes import public_routes
from origin.render.pool import RenderPool
from origin.signing import Verifier
from origin.signing import decode_query
from origin.sources import LocalSource
from origin.sources import S3Source
from origin.sources import Source
from origin.urls.options import OptionDefaults

log = logging.getLogger(__name__)

Verify = Callable[[str, StarletteRequest], bool | int | Awaitable[bool | int]]


class Origin:
    """Every part of one running origin."""

    def __init__(self, config: Config, verify: Verify | None = None) -> None:
        self.config = config
        self.metrics = Metrics()
        self.draining = False
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
        self.fallbacks: dict[tuple[bytes, str], Fallback] = {}
        self.handlers = {handler.prefix: self._handler(handler, verify) for handler in config.handlers}
        self._gauges()

    async def open(self) -> None:
        """Start what has to run before the first request. Raises RendererBroken, and ConfigError where a
        cache folder cannot be used."""
        for cache in self.caches.values():
            await cache.open()
        await self.pool.start()
        for handler in self.handlers.values():
            try:
                await handler.open()
            except SourceUnavailable as error:
                log.error("handler %s: its source does not work yet: %s", handler.name, error)

    async def close(self) -> None:
        for handler in self.handlers.values():
            await handler.close()
        await self.pool.close()
        for cache in self.caches.values():
            await cache.close()

    def _handler(self, config: HandlerConfig, verify: Verify | None) -> Handler:
        limits = self.config.limits.within(config.limits)
        source, identity = make_source(config, limits.max_original_bytes, limits.source_timeout)
        return Handler(
            name=config.name,
            source_id=identity,
            originals=Originals(
                config.name,
                source,
                self._cache(config),
                self.admission,
                cache_time=config.cache_time,
                error_max_age=config.error_max_age,
            ),
            pool=self.pool,
            fallback=self._fallback(config),
            rules=OptionDefaults(
                format=config.output_format,
                crop=config.crop,
                max_dimension=limits.max_dimension,
                widths=tuple(sorted(config.widths or ())),
                quality=config.quality,
            ),
            recipe=RenderSettings(
                quality=config.quality,
                allowed=tuple(format.value for format in config.allowed_formats),
                max_pixels=limits.max_original_pixels,
                max_frames=limits.max_frames,
                timeout=limits.render_timeout,
            ),
            freshness=Freshness(
                max_age=config.max_age,
                stale_while_revalidate=config.stale_while_revalidate,
                stale_if_error=config.stale_if_error,
                error_max_age=config.error_max_age,
                cdn_max_age=config.cdn_max_age,
            ),
            check=_check(config, verify),
            check_lasts=verify is None,
            decode_query=decode_query,
            exact_status=config.error_status == "exact",
            tag_header=config.tag_header,
            variants=config.variants,
        )

    def _fallback(self, config: HandlerConfig) -> Fallback:
        """Handlers with the same image and quality share it, since preparing it takes a while."""
        image = load_image(config.error_image)
        name = (image, str(sorted(config.quality.items())))
        if name not in self.fallbacks:
            self.fallbacks[name] = Fallback(image, self.pool, config.quality)
        return self.fallbacks[name]

    def _cache(self, config: HandlerConfig) -> ResultCache | None:
        """The cache of the folder that the handler names; handlers share it with its limits."""
        settings = self.config.cache
        if not config.caches or not (settings.max_size or settings.memory):
            return None
        path = config.cache_path or settings.path
        if path not in self.caches:
            tiers: list[Tier] = []
            if settings.max_size:
                tiers.append(DiskTier(DiskStore(path, settings.max_size, shared=settings.shared)))
            self.caches[path] = ResultCache(MemoryTier(settings.memory), tiers)
        return self.caches[path]

    def _gauges(self) -> None:
        gauge, pool = self.metrics.gauge, self.pool
        gauge("origin_render_queue", "Renders that wait for a renderer.", lambda: pool.waiting)
        gauge("origin_renders", "Renders under way.", lambda: pool.busy)
        gauge(
            "origin_renderer_restarts", "Renderers replaced after a death or a kill.", lambda: pool.restarts
        )
        gauge("origin_fetches", "Originals being fetched.", lambda: self.admission.fetching)
        gauge(
            "origin_original_bytes",
            "Bytes of originals in memory, and room kept for those on their way.",
            lambda: self.admission.held,
        )
        measures = [measure for cache in self.caches.values() for measure in cache.measures()]
        for name, text in {measure.name: measure.help for measure in measures}.items():
            reads = [measure.read for measure in measures if measure.name == name]
            gauge(name.removesuffix("_total"), text, functools.partial(_sum, reads))


def _sum(reads: list[Callable[[], float]]) -> float:
    return sum(read() for read in reads)


class OriginApp(Starlette):
    """Starlette for all but the pictures, which are answered before its middleware: that would wrap every
    message of every hit."""

    pictures: Router

    def try_cached(self, method: str, scheme: str, target: bytes, fields: RawHeaders) -> Response | None:
        return self.pictures.try_cached(method, scheme, target, fields)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.pictures(scope, receive, send)

    async def without_pictures(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(
    config: Config | Mapping[str, Any] | str | os.PathLike[str], verify: Verify | None = None
) -> Starlette:
    """The origin as an ASGI app, from a configuration, its dictionary or its file.

    With `verify`, an embedding program decides who sees a picture: it gets the token (the option `t`,
    or empty) and the request, and stands in the place of `signing` on every handler. It answers False,
    True, or the Unix second (an int) until which it is true, past which no cache is told to keep the
    picture.

    Raises ConfigError.
    """
    if isinstance(config, str | os.PathLike):
        config = load_config(Path(config))
    elif not isinstance(config, Config):
        config = build_config(dict(config))
    origin = Origin(config, verify)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            await origin.open()
            yield
        finally:
            await origin.close()

    routes = public_routes(lambda: not origin.draining)
    if config.admin.port is None:
        routes += admin_routes(origin)
    app = OriginApp(routes=routes, lifespan=lifespan)
    app.pictures = Router(
        app.without_pictures,
        handlers=origin.handlers,
        metrics=origin.metrics,
        hosts=config.hosts,
        https_port=config.https_port if config.https_enabled and config.https_strict else None,
    )
    app.state.origin = origin
    return _configure(app)


def create_admin_app(origin: Origin) -> Starlette:
    """The routes for operators alone, for a listener of their own."""
    routes = [*public_routes(lambda: not origin.draining), *admin_routes(origin)]
    return _configure(Starlette(routes=routes))


def _configure(app: Starlette) -> Starlette:
    app.router.redirect_slashes = False  # a redirect would repeat the Host of the request
    app.router.default = _not_found
    app.add_exception_handler(HTTPException, on_http_error)
    return app


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await text_response(404, "not found").send(send, scope["method"])


def admin_routes(origin: Origin) -> list[Any]:
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


def _check(config: HandlerConfig, verify: Verify | None) -> Authorizer:
    if verify is not None:
        return _embedded(verify)
    if config.signing is None:
        return allow_all
    keys = [key.get_secret_value() for key in config.signing.keys]
    verifier = Verifier(config.prefix, keys, config.signing.required)

    def signed(key: str, pairs: Pairs, request: Request) -> int | None:
        verdict = verifier.verify(key, pairs, time.time())
        if not verdict.accepted:
            raise Forbidden(str(verdict))
        return verdict.expires

    return signed


def _embedded(verify: Verify) -> Authorizer:
    """The check by a function of the embedding program, sync or async."""

    async def asked(key: str, pairs: Pairs, request: Request) -> int | None:
        tokens = [value for name, value in pairs if name in (b"t", b"token")]
        if len(tokens) > 1:
            raise Forbidden("the token comes twice")
        token = tokens[0].decode("utf-8", "replace") if tokens else ""
        try:
            verdict = verify(token, StarletteRequest(request.scope))
            allowed = await verdict if inspect.isawaitable(verdict) else verdict
        except Exception as exc:
            # The program's own text may hold what it was given.
            report = "".join(traceback.format_exception(exc))
            log.error("verify failed: %s", report.replace(token, "[token]") if token else report)
            raise Forbidden(f"verify failed: {type(exc).__name__}") from exc
        if allowed is True:
            return None
        if type(allowed) is int and allowed > time.time():
            return allowed
        raise Forbidden("verify refused the token")

    return asked
