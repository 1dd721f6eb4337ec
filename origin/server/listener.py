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
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from origin.errors import ConfigError
from origin.ingest.spool import most_files
from origin.server.bounds import Bounds
from origin.server.bounds import Connections
from origin.server.connection import HttpConnection
from origin.server.tls import Certificate

log = logging.getLogger(__name__)

KEEP_ALIVE = 75  # seconds, longer than the load balancers in front keep theirs
GRACE = 30  # seconds for requests in flight to end
BACKLOG = 2048
BOUNDS = Bounds()
_OWN_FILES = 512  # descriptors kept from connections: cache, source, renderers


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
        handshake = bounds.arrival if self.config.ssl else None
        try:
            self.servers = [
                await loop.create_server(
                    protocol, sock=sock, ssl=self.config.ssl, ssl_handshake_timeout=handshake, backlog=BACKLOG
                )
                for sock in sockets or ()
            ]
        except OSError as exc:
            raise _bind_error(exc, self.config.host, self.config.port, self.port_name) from exc
        self.started = True
        self.opened.set()


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


def _connection_limit() -> int:
    """Connections that leave descriptors enough for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(BOUNDS.connections, files - min(_OWN_FILES, files // 4) - most_files())
