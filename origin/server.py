"""Listeners, TLS and the end: uvicorn with one app on every port, drained before it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from .app import create_admin_app
from .config import Config
from .errors import ConfigError

log = logging.getLogger("origin.server")

KEEP_ALIVE = 75  # seconds, longer than the load balancers in front keep theirs
GRACE = 30  # seconds for requests in flight to end
DRAIN = 1.0  # seconds between "not ready" and the closed listener
BACKLOG = 2048


class _Listener(uvicorn.Server):
    """One listener. Signals are the process' own business, see `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(app: Starlette) -> None:
    """Run an app of `create_app` until SIGTERM or SIGINT, then let what is in flight end.

    Raises ConfigError where a listener cannot be opened, RendererBroken where nothing can be rendered.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app))


async def _serve(app: Starlette) -> None:
    origin = app.state.origin
    config = origin.config
    listeners = _listeners(config, app)
    sockets = [_bind(config.http_host, listener.config.port) for listener in listeners]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # One lifespan for all listeners, and before them: no request meets an app that has not started.
    async with app.router.lifespan_context(app):
        serving = [
            asyncio.create_task(listener.serve([sock]))
            for listener, sock in zip(listeners, sockets, strict=True)
        ]
        for listener, sock in zip(listeners, sockets, strict=True):
            scheme = "https" if listener.config.is_ssl else "http"
            log.info("listening on %s://%s:%d", scheme, config.http_host, sock.getsockname()[1])
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, *serving}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        origin.draining = True
        log.info("stopping: not ready from now on")
        await asyncio.sleep(DRAIN)  # load balancers look at readiness and send no more
        for listener in listeners:
            listener.should_exit = True
        await asyncio.gather(*serving)
    log.info("stopped")


def _listeners(config: Config, app: Starlette) -> list[_Listener]:
    listeners = [_listener(app, config.http_port)]
    if config.https_enabled:
        assert config.https_cert is not None
        assert config.https_key is not None
        if config.https_cert.is_file() and config.https_key.is_file():
            listeners.append(_listener(app, config.https_port, config.https_cert, config.https_key))
        else:  # only a configuration of s3imageserver comes this far, which started without
            log.error("https_cert or https_key is not there: https is off")
    if config.admin.port is not None:
        listeners.append(_listener(create_admin_app(app.state.origin), config.admin.port))
    return listeners


def _listener(app: ASGIApp, port: int, cert: Path | None = None, key: Path | None = None) -> _Listener:
    settings = uvicorn.Config(
        app,
        port=port,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing we answer depends on who asks
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        backlog=BACKLOG,
        ssl_certfile=cert,
        ssl_keyfile=key,
        ws="none",
    )
    try:
        settings.load()
    except OSError as exc:
        raise ConfigError(f"https_cert, https_key: {exc}") from exc
    return _Listener(settings)


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError with what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, OverflowError) as exc:
        sock.close()
        raise ConfigError(f"cannot listen on {host} port {port}: {exc}; choose another http_port") from exc
    sock.setblocking(False)
    return sock
