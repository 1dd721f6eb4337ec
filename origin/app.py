"""The composition root: `create_app` turns a configuration into the ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncGenerator
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from origin.config.load import build_config
from origin.config.load import load_config
from origin.config.model import Config
from origin.delivery.authorize import Verify
from origin.delivery.handler import Handler
from origin.delivery.mounts import READ_METHODS
from origin.delivery.mounts import BodyLimit
from origin.delivery.router import Router
from origin.errors import ConfigError
from origin.http.message import RawHeaders
from origin.http.message import Receive
from origin.http.message import Response
from origin.http.message import Scope
from origin.http.message import Send
from origin.http.message import text_response
from origin.ops.events import S3Events
from origin.ops.metrics import Metrics
from origin.ops.routes import on_http_error
from origin.ops.routes import private_routes
from origin.ops.routes import public_routes
from origin.ops.tracing import RequestTracer
from origin.pages.playground import PICTURES
from origin.pages.playground import Playground
from origin.pages.playground import playground_routes
from origin.parts.handlers import Clock
from origin.parts.origin import Origin
from origin.parts.other_paths import fixed_answers
from origin.parts.playground import make_playground
from origin.render.process import RendererBroken
from origin.sources import Source

log = logging.getLogger(__name__)


class OriginApp(Starlette):
    """Pictures are answered before Starlette's middleware, which would wrap every message of every hit.
    Everything else is Starlette's."""

    def __init__(self, make_origin: Callable[[], Origin]) -> None:
        """`make_origin` is called again where a start has failed: what was closed does not open again."""
        self.origin = origin = make_origin()
        self._make_origin = make_origin
        self._started = time.monotonic()
        self.draining = False
        # Keys of the demo's pictures, by handler. Nobody needs the token for its playground.
        self.demo_pictures: Mapping[str, tuple[str, ...]] | None = None
        self.load_again: Callable[[], Config] | None = None  # reads the configuration from where it came
        self.on_reload: Callable[[Config], None] = lambda config: None  # takes what of it is not the app's
        routes = public_routes(self)
        if origin.config.admin.port is None:
            routes += [*private_routes(self), *playground_routes(self)]
        super().__init__(routes=routes, lifespan=_lifespan)
        _configure(self)
        self._tracer: RequestTracer | None = None
        self.image_router = self._build_router()
        self._starting = asyncio.Lock()
        self._reloading = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._without_lifespan: AsyncGenerator[None, None] | None = None

    # What a listener asks before it makes a task of a request

    def try_cached(
        self, method: str, scheme: str, target: bytes, headers: RawHeaders, client: str
    ) -> Response | None:
        """The answer to a hit in memory; None for everything else."""
        return self.image_router.try_cached(method, scheme, target, headers, client)

    def body_limit(self, method: str, target: bytes) -> BodyLimit:
        """What the body of this request may cost a connection."""
        return self.image_router.mounts.body_limit(method, target)

    # The request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if scope["type"] == "http" and not self.origin.is_open and not await self._start():
            await text_response(503, "the origin cannot start").send(send, scope["method"])
            return
        await self.image_router(scope, receive, send)

    async def _start(self) -> bool:
        """Open the origin with the first request: a program that mounts this app runs no lifespan for it.

        Where that fails, the next request tries it again. The event loop closes it when it ends, with its
        other asynchronous generators.
        """
        async with self._starting:
            if not self.origin.is_open:
                self._without_lifespan = _run(self)
                try:
                    await anext(self._without_lifespan)
                except (ConfigError, RendererBroken) as error:
                    log.error("the origin cannot start: %s", error)
                    self.origin = self._make_origin()
                    self.image_router = self._build_router()
        return self.origin.is_open

    def _build_router(self) -> Router:
        config = self.origin.config
        return Router(
            super().__call__,
            mounts=self.origin.mounts,
            routes=self.origin.routes,
            metrics=self.origin.metrics,
            hosts=config.hosts,
            https_port=config.https_port if config.https_enabled and config.https_strict else None,
            log_probes=config.log.probes,
            bodies=self.origin.bodies,
            answers=fixed_answers(config, self._uptime),
            tracer=self._tracer,
        )

    def trace(self, tracer: RequestTracer) -> None:
        """Trace requests from now on."""
        self._tracer = tracer
        self.image_router = self._build_router()

    def _uptime(self) -> float:
        return time.monotonic() - self._started

    # What operators see and do

    @property
    def is_ready(self) -> bool:
        return not self.draining

    @property
    def admin_token(self) -> str | None:
        return self.origin.admin_token

    @property
    def handlers_by_name(self) -> dict[str, Handler]:
        return {handler.name: handler for handler in self.origin.handlers.values()}

    @property
    def metrics(self) -> Metrics:
        return self.origin.metrics

    @property
    def events(self) -> S3Events:
        return self.origin.events.s3

    async def purge(self, handler: str, key: str | None, prefix: str | None) -> int:
        return await self.origin.purges.purge(self.handlers_by_name[handler], key, prefix)

    def tell_cdn(self, handler: str, key: str) -> None:
        self.origin.purges.tell_cdn(self.handlers_by_name[handler], key, None)

    @property
    def playground(self) -> Playground | None:
        origin = self.origin
        pictures = self.demo_pictures
        return make_playground(origin.config, origin.now(), pictures or {}, is_open=pictures is not None)

    async def reload_configuration(self) -> str | None:
        """Read the configuration again. Returns what is wrong with it, and then the old one stays."""
        if self.load_again is None:
            return "this origin was not started from a file that can be read again"
        try:
            config = await asyncio.to_thread(self.load_again)
            await self.reload(config)
            self.on_reload(config)
        except (ConfigError, RendererBroken) as error:
            log.error("reload: %s; the old configuration goes on", error)
            return str(error)
        log.info("reload: the new configuration is in force")
        return None

    async def reload(self, config: Config) -> None:
        """Take a new configuration. Requests in flight end under the one they began with.

        Raises ConfigError or RendererBroken, and then the old configuration stays.
        """
        async with self._reloading:
            close_old = await self.origin.replace(config)
            old_router, self.image_router = self.image_router, self._build_router()

            async def retire() -> None:
                await old_router.idle()
                await close_old()

            task = asyncio.ensure_future(retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        await self.origin.close()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)


async def _run(app: OriginApp) -> AsyncGenerator[None, None]:
    """Open the origin, and close it when the generator is closed."""
    try:
        await app.origin.open()
        yield
    finally:
        await app.close()


_lifespan = contextlib.asynccontextmanager(_run)


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
    settings = _read(config)
    return OriginApp(lambda: Origin(settings, verify, sources=sources, clock=clock))


def _read(config: Config | Mapping[str, Any] | str | os.PathLike[str]) -> Config:
    """Raises ConfigError."""
    if isinstance(config, Config):
        return config
    return load_config(Path(config)) if isinstance(config, str | os.PathLike) else build_config(dict(config))


def create_admin_app(app: OriginApp) -> Starlette:
    """The routes for operators alone, for a listener of their own."""
    pages = playground_routes(app, pictures=PICTURES)
    pictures = Mount(PICTURES, app=_pictures_for_operators(app))
    admin = Starlette(routes=[*public_routes(app), *private_routes(app), *pages, pictures])
    _configure(admin)
    return admin


def _pictures_for_operators(app: OriginApp) -> ASGIApp:
    """The pictures of the public listener, so that the playground shows them from where it is itself."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if (
            not app.origin.config.admin.playground
            or scope["type"] != "http"
            or scope["method"] not in READ_METHODS
        ):
            await _not_found(scope, receive, send)
            return
        # What was asked of this listener says nothing of the names and the scheme of the public one.
        headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
        if hosts := app.origin.config.hosts:
            headers.append((b"host", hosts[0].encode()))
        await app({**scope, "scheme": "https", "headers": headers}, receive, send)

    return answer


def _configure(app: Starlette) -> None:
    app.router.redirect_slashes = False  # a redirect would repeat the Host of the request
    app.router.default = _not_found
    app.add_exception_handler(HTTPException, on_http_error)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await text_response(404, "not found").send(send, scope["method"])
