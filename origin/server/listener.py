"""Listeners, TLS and shutdown: uvicorn with one app on every port, drained before it stops."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import logging
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from origin.app import create_admin_app
from origin.config.model import Config
from origin.errors import ConfigError
from origin.server.bounds import Bounds
from origin.server.bounds import Connections
from origin.server.connection import HttpConnection
from origin.server.memory import freeze_gc
from origin.server.memory import tune_malloc

log = logging.getLogger(__name__)

KEEP_ALIVE = 75  # seconds, longer than the load balancers in front keep theirs
GRACE = 30  # seconds for requests in flight to end
DRAIN = 1.0  # seconds between "not ready" and the closed listener
BACKLOG = 2048
BOUNDS = Bounds()
_OWN_FILES = 512  # descriptors kept from connections: cache, source, renderers


class _Listener(uvicorn.Server):
    """One listener. Signals are the process' own business, see `_serve`."""

    def __init__(self, settings: uvicorn.Config, connections: Connections, place: str) -> None:
        super().__init__(settings)
        self.server_state: Connections = connections
        self.place = place  # the key of its port in the configuration

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises ConfigError where the port was taken since `_bind`."""
        bounds = dataclasses.replace(BOUNDS, connections=_connection_limit())
        app = self.config.app  # one of ours may answer without a task, and bounds the bodies it takes
        protocol = functools.partial(
            HttpConnection,
            self.config,
            self.server_state,
            bounds,
            try_cached=getattr(app, "try_cached", None),
            body_limit=getattr(app, "body_limit", None),
        )
        loop = asyncio.get_running_loop()
        # uvicorn's own would let a client take a minute over the TLS handshake.
        handshake = bounds.arrival if self.config.is_ssl else None
        try:
            self.servers = [
                await loop.create_server(
                    protocol, sock=sock, ssl=self.config.ssl, ssl_handshake_timeout=handshake, backlog=BACKLOG
                )
                for sock in sockets or ()
            ]
        except OSError as exc:
            raise _bind_error(exc, self.config.host, self.config.port, self.place) from exc
        self.started = True


class _Stop:
    """SIGTERM or SIGINT: the first asks to stop, the second to hurry."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.urgent = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        (self.urgent if self.asked.is_set() else self.asked).set()


def run(app: Starlette) -> None:
    """Run an app of `create_app` until SIGTERM or SIGINT, then let what is in flight end; a second signal
    cuts it short.

    Raises ConfigError where a listener cannot be opened, RendererBroken where nothing can be rendered.
    """
    _raise_file_limit()
    tune_malloc()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app))


async def _serve(app: Starlette) -> None:
    origin = app.state.origin
    connections = Connections()
    listeners = _listeners(origin.config, app, connections)
    stop = _Stop()
    with contextlib.ExitStack() as sockets:
        bound = [
            sockets.enter_context(_bind(origin.config.http_host, listener.config.port, listener.place))
            for listener in listeners
        ]
        # One lifespan for all listeners, and before them: no request meets an app that has not started.
        async with app.router.lifespan_context(app):
            freeze_gc()
            serving = [
                asyncio.create_task(listener.serve([sock]))
                for listener, sock in zip(listeners, bound, strict=True)
            ]
            for listener in listeners:
                scheme = "https" if listener.config.is_ssl else "http"
                log.info("listening on %s://%s:%d", scheme, origin.config.http_host, listener.config.port)
            stopped = asyncio.create_task(stop.asked.wait())
            await asyncio.wait({stopped, *serving}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if stop.asked.is_set():
                origin.draining = True
                await _drain(connections, stop)
            await _close(listeners, serving, connections, stop)
    log.info("stopped")


async def _drain(connections: Connections, stop: _Stop) -> None:
    """Go on answering, once a connection, until load balancers have seen that we are not ready."""
    log.info("stopping: not ready from now on")
    connections.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            await stop.urgent.wait()


async def _close(
    listeners: list[_Listener], serving: list[asyncio.Task[None]], connections: Connections, stop: _Stop
) -> None:
    """Close the listeners and wait for what is in flight. Raises what a listener raised."""
    for listener in listeners:
        listener.should_exit = True
    hurry = asyncio.create_task(stop.urgent.wait())
    ended = asyncio.gather(*serving, return_exceptions=True)
    either: set[asyncio.Future[Any]] = {hurry, ended}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    while not ended.done():
        for listener in listeners:
            listener.force_exit = True
        connections.cut()
        await asyncio.wait({ended}, timeout=0.05)
    for outcome in await ended:
        if isinstance(outcome, BaseException):
            raise outcome


def _listeners(config: Config, app: Starlette, connections: Connections) -> list[_Listener]:
    host = config.http_host
    listeners = [_listener(app, config.http_port, host=host, connections=connections)]
    if config.https_enabled:
        assert config.https_cert is not None
        assert config.https_key is not None
        if config.https_cert.is_file() and config.https_key.is_file():
            pair = (config.https_cert, config.https_key)
            listeners.append(
                _listener(app, config.https_port, pair, host, connections=connections, place="https_port")
            )
        else:  # only a configuration of s3imageserver comes this far, which started without
            log.error("https_cert or https_key is not there: https is off")
    if config.admin.port is not None:
        admin = create_admin_app(app.state.origin)
        listeners.append(
            _listener(admin, config.admin.port, host=host, connections=connections, place="admin.port")
        )
    return listeners


def _listener(
    app: ASGIApp,
    port: int,
    pair: tuple[Path, Path] | None = None,
    host: str = "127.0.0.1",
    *,
    connections: Connections | None = None,
    place: str = "http_port",
) -> _Listener:
    """With TLS where there is a `pair` of certificate and key. Raises ConfigError."""
    cert, key = pair or (None, None)
    settings = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing we answer depends on who asks
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=cert,
        ssl_keyfile=key,
        ws="none",
    )
    try:
        settings.load()
    except OSError as exc:
        raise ConfigError(f"https_cert, https_key: {exc}") from exc
    return _Listener(settings, connections or Connections(), place)


def _bind(host: str, port: int, place: str = "http_port") -> socket.socket:
    """A bound socket. Raises ConfigError with what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise _bind_error(exc, host, port, place) from exc
    sock.setblocking(False)
    return sock


def _bind_error(error: OSError, host: str, port: int, place: str) -> ConfigError:
    cures = {
        errno.EADDRINUSE: f"something else listens there; choose another {place}",
        errno.EACCES: f"this port is for root or CAP_NET_BIND_SERVICE; choose a {place} above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address; choose another http_host",
    }
    cure = cures.get(error.errno or 0, f"{error.strerror}; look at http_host and {place}")
    return ConfigError(f"{place}: cannot listen on {host} port {port}: {cure}")


def _raise_file_limit() -> None:
    """Every connection is a descriptor, and the usual limit is one for interactive programs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and does not mean it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _connection_limit() -> int:
    """Connections that leave descriptors enough for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(BOUNDS.connections, files - min(_OWN_FILES, files // 4))
