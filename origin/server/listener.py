"""Listeners: uvicorn with an app of ours on a port, with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from collections.abc import Iterator
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from origin.errors import ConfigError
from origin.ingest.spool import most_files
from origin.server.bounds import Bounds
from origin.server.bounds import Connections
from origin.server.connection import HttpConnection
from origin.server.handshakes import TlsSocket
from origin.server.tls import Certificate

log = logging.getLogger(__name__)

KEEP_ALIVE = 75  # seconds, longer than the load balancers in front keep theirs
GRACE = 30  # seconds for requests in flight to end
BACKLOG = 2048
BOUNDS = Bounds()
_OWN_FILES = 512  # descriptors kept from connections: cache, source, renderers
_SHARE_OF_HANDSHAKES = 16  # one descriptor in so many is for a handshake


class Listener(uvicorn.Server):
    """One listener. The signals of the process are handled in `run`."""

    def __init__(self, settings: uvicorn.Config, connections: Connections, port_name: str) -> None:
        super().__init__(settings)
        self.server_state: Connections = connections
        self.port_name = port_name  # what people call its port: the key of the configuration, or an option
        self.opened = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises ConfigError where the port was taken since `bind`."""
        connections, handshakes = _connection_limits()
        bounds = dataclasses.replace(BOUNDS, connections=connections, handshakes=handshakes)
        app = self.config.app  # one of ours may answer without a task, and bounds the bodies it takes
        protocol = functools.partial(
            HttpConnection,
            self.config,
            self.server_state,
            bounds,
            try_cached=getattr(app, "try_cached", None),
            body_limit=getattr(app, "body_limit", None),
        )
        try:
            self.servers = [
                await _open_server(sock, protocol, self.config.ssl, bounds) for sock in sockets or ()
            ]
        except OSError as exc:
            raise _bind_error(exc, self.config.host, self.config.port, self.port_name) from exc
        self.started = True
        self.opened.set()


async def _open_server(
    sock: socket.socket,
    protocol: Callable[[], HttpConnection],
    context: ssl.SSLContext | None,
    bounds: Bounds,
) -> asyncio.Server:
    """What takes the connections of a bound socket. Raises OSError."""
    if context is None:
        return await asyncio.get_running_loop().create_server(protocol, sock=sock, backlog=BACKLOG)
    taking = TlsSocket(
        sock, protocol, context, seconds=bounds.arrival, most=bounds.handshakes, backlog=BACKLOG
    )
    return cast(asyncio.Server, taking)  # of which uvicorn closes it alone


def make_listener(
    app: ASGIApp,
    port: int,
    certificate: Certificate | None = None,
    host: str = "127.0.0.1",
    *,
    connections: Connections | None = None,
    port_name: str = "http_port",
) -> Listener:
    """A listener that is not open yet, with TLS where there is a certificate."""
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
        ws="none",
    )
    settings.load()
    settings.ssl = certificate.context if certificate else None
    return Listener(settings, connections or Connections(), port_name)


def bind(host: str, port: int, port_name: str = "http_port") -> socket.socket:
    """A bound socket. Raises ConfigError with what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise _bind_error(exc, host, port, port_name) from exc
    sock.setblocking(False)
    return sock


def _bind_error(error: OSError, host: str, port: int, port_name: str) -> ConfigError:
    cures = {
        errno.EADDRINUSE: f"something else listens there; choose another {port_name}",
        errno.EACCES: f"this port is for root or CAP_NET_BIND_SERVICE; choose a {port_name} above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address; choose another http_host",
    }
    cure = cures.get(error.errno or 0, f"{error.strerror}; look at http_host and {port_name}")
    return ConfigError(f"{port_name}: cannot listen on {host} port {port}: {cure}")


def _connection_limits() -> tuple[int, int]:
    """Connections, and handshakes beside them, that leave descriptors enough for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    handshakes = min(BOUNDS.handshakes, files // _SHARE_OF_HANDSHAKES)
    left = files - min(_OWN_FILES, files // 4) - most_files() - handshakes
    return min(BOUNDS.connections, left), handshakes
