"""The life of the server's process: start, signals, reload, drain and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from origin import __version__
from origin.app import OriginApp
from origin.app import create_admin_app
from origin.config.model import Config
from origin.ops import logs
from origin.ops.error_reports import end_reports
from origin.ops.error_reports import start_reports
from origin.ops.sent_metrics import start_sending
from origin.ops.tracing import start_tracing
from origin.parts.telemetry import telemetry_settings
from origin.server.activation import InheritedSockets
from origin.server.activation import inherited_sockets
from origin.server.bounds import Connections
from origin.server.listener import Listener
from origin.server.listener import bind
from origin.server.listener import make_listener
from origin.server.memory import freeze_gc
from origin.server.memory import tune_malloc
from origin.server.tls import Certificate
from origin.server.tls import check_certificate
from origin.urls.path import path_above

log = logging.getLogger(__name__)

FIXED = (
    "http_host",
    "http_port",
    "https_enabled",
    "https_port",
    "admin.host",
    "admin.port",
    "cache",
    "telemetry",
)
"""Keys that a reload cannot change, and warns of. It refuses another `shared`."""


class _Signals:
    """SIGTERM or SIGINT: the first asks to stop, the second to hurry. SIGHUP asks to reload."""

    def __init__(self, reload: Callable[[], None]) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, reload)

    def _on_stop(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


@dataclass
class _Server:
    """What runs in the process: the app, and what listens for it."""

    app: OriginApp
    connections: Connections
    listeners: list[Listener]
    certificate: Certificate | None


def run(
    app: OriginApp,
    load: Callable[[], Config] | None = None,
    on_listening: Callable[[], None] = lambda: None,
    port_name: str = "http_port",
) -> None:
    """Run an app of `create_app` until SIGTERM or SIGINT, then let what is in flight end; a second signal
    cuts it short. SIGHUP reads the configuration again by `load`, and the certificate.

    `on_listening` is called when the first request can be answered. Raises ConfigError where a listener
    cannot be opened, with `port_name` for what the person who started this calls its port; RendererBroken
    where nothing can be rendered.
    """
    _raise_file_limit()
    tune_malloc()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, load, on_listening, port_name))


async def _serve(
    app: OriginApp, load: Callable[[], Config] | None, on_listening: Callable[[], None], port_name: str
) -> None:
    server = _server(app, port_name)
    app.load_again = None if load is None else lambda: _load_again(server, load)
    app.on_reload = lambda config: _follow(server, config)
    tasks: set[asyncio.Task[Any]] = set()

    def reload() -> None:
        task = asyncio.ensure_future(app.reload_configuration())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    signals = _Signals(reload)
    with contextlib.ExitStack() as sockets:
        inherited = inherited_sockets(os.environ)
        bound = [sockets.enter_context(_open_socket(listener, inherited)) for listener in server.listeners]
        for port in inherited.close():
            log.warning(
                "systemd has opened port %d, which the configuration does not name; it is closed", port
            )
        # One lifespan for all listeners, and before them: no request meets an app that has not started.
        async with _observed(app), app.router.lifespan_context(app):
            freeze_gc()
            serving = [
                asyncio.create_task(listener.serve([sock]))
                for listener, sock in zip(server.listeners, bound, strict=True)
            ]
            stopped = asyncio.create_task(signals.stop.wait())
            opened = asyncio.gather(*(listener.opened.wait() for listener in server.listeners))
            first: set[asyncio.Future[Any]] = {opened, stopped, *serving}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if opened.done():
                _log_start(server)
                on_listening()
            opened.cancel()
            await asyncio.wait({stopped, *serving}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if signals.stop.is_set():
                app.draining = True
                await _drain(server.connections, signals, app.origin.config.drain)
            await _close(server, serving, signals)
    log.info("stopped")


def _open_socket(listener: Listener, inherited: InheritedSockets) -> socket.socket:
    """The one that systemd has opened for this port, else one of our own. Raises ConfigError."""
    config = listener.config
    return inherited.take(config.port) or bind(config.host, config.port, listener.port_name)


@contextlib.asynccontextmanager
async def _observed(app: OriginApp) -> AsyncIterator[None]:
    """Send traces, metrics and errors where the environment or the configuration says, until the end."""
    settings = telemetry_settings(app.origin.config)
    reports = start_reports(os.environ)
    tracer = start_tracing(settings, os.environ)
    if tracer is not None:
        app.trace(tracer)
    sender = start_sending(app.metrics, settings, os.environ)
    try:
        yield
    finally:
        if sender is not None:
            await sender.close()
        if tracer is not None:
            await asyncio.to_thread(tracer.close)
        if reports:
            await asyncio.to_thread(end_reports)


def _log_start(server: _Server) -> None:
    """What an operator wants to see first: version, handlers, cache, renderers, locks, addresses."""
    origin = server.app.origin
    config, pool = origin.config, origin.pool
    mounted = origin.handlers.items()
    handlers = ", ".join(f"{handler.name} at {path_above(prefix)}" for prefix, handler in mounted)
    locks = pool.hello.get("sandbox") or {}
    holds = ", ".join(f"{name} {'on' if active else 'OFF'}" for name, active in locks.items())
    log.info("origin %s: handlers %s", __version__, handlers)
    log.info(
        "cache in %s: %d bytes on disk, %d in memory",
        config.cache.path,
        config.cache.max_size,
        config.cache.memory,
    )
    log.info("%d renderers, libvips %s: %s", pool.size, pool.hello.get("libvips"), holds or "no sandbox")
    for listener in server.listeners:
        scheme = "https" if listener.config.ssl else "http"
        host = listener.config.host
        address = f"[{host}]" if ":" in host else host
        log.info("listening on %s://%s:%d", scheme, address, listener.config.port)


def _load_again(server: _Server, load: Callable[[], Config]) -> Config:
    """The configuration as it is now, none of which counts yet. Raises ConfigError."""
    config, old = load(), server.app.origin.config
    for name in FIXED:
        if _value(config, name) != _value(old, name):
            log.warning("reload: %s has changed; that takes a restart", name)
    if server.certificate is not None and (files := _certificate_files(config)):
        check_certificate(*files)
    return config


def _follow(server: _Server, config: Config) -> None:
    """Take what belongs to the process from a configuration that is in force. Raises ConfigError."""
    logs.configure(config.log.format, config.log.level)
    if server.certificate is not None and (files := _certificate_files(config)):
        server.certificate.load(*files)


def _certificate_files(config: Config) -> tuple[Path, Path] | None:
    """Certificate and key; None where the configuration names none any more."""
    if config.https_cert is None or config.https_key is None:
        return None
    return config.https_cert, config.https_key


def _value(config: Config, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


async def _drain(connections: Connections, signals: _Signals, seconds: float) -> None:
    """Go on answering, once a connection, until load balancers have seen that the origin is not ready."""
    log.info("stopping: not ready from now on, and closed in %g s", seconds)
    connections.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await signals.hurry.wait()


async def _close(server: _Server, serving: list[asyncio.Task[None]], signals: _Signals) -> None:
    """Close the listeners and wait for what is in flight. Raises what a listener raised."""
    for listener in server.listeners:
        listener.should_exit = True
    hurry = asyncio.create_task(signals.hurry.wait())
    ended = asyncio.gather(*serving, return_exceptions=True)
    either: set[asyncio.Future[Any]] = {hurry, ended}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    while not ended.done():
        for listener in server.listeners:
            listener.force_exit = True
        server.connections.cut()
        await asyncio.wait({ended}, timeout=0.05)
    for outcome in await ended:
        if isinstance(outcome, BaseException):
            raise outcome


def _server(app: OriginApp, port_name: str) -> _Server:
    """Raises ConfigError."""
    config, connections = app.origin.config, Connections()
    host = config.http_host
    listeners = [
        make_listener(app, config.http_port, host=host, connections=connections, port_name=port_name)
    ]
    certificate = _certificate(config)
    if certificate is not None:
        app.metrics.add_part(certificate.numbers)
        listeners.append(
            make_listener(
                app, config.https_port, certificate, host, connections=connections, port_name="https_port"
            )
        )
    if config.admin.port is not None:
        admin, host = create_admin_app(app), config.admin.host or host
        listeners.append(
            make_listener(
                admin, config.admin.port, host=host, connections=connections, port_name="admin.port"
            )
        )
    return _Server(app, connections, listeners, certificate)


def _certificate(config: Config) -> Certificate | None:
    """Raises ConfigError."""
    if not config.https_enabled:
        return None
    assert config.https_cert is not None
    assert config.https_key is not None
    if config.https_cert.is_file() and config.https_key.is_file():
        return Certificate(config.https_cert, config.https_key)
    # Only a configuration of s3imageserver comes this far, which started without.
    log.error("https_cert or https_key is not there: https is off")
    return None


def _raise_file_limit() -> None:
    """Every connection is a descriptor, and the usual limit is one for interactive programs."""
    _, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and does not mean it
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
