"""Web servers of pages, on a free port of this machine: of a folder of files, and of a program."""

from __future__ import annotations

import functools
import http.server
import socketserver
import threading
import wsgiref.simple_server
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


class _Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


class _Programs(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True  # a browser keeps connections open


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Where it answers, such as `http://127.0.0.1:4000`."""
    answer = functools.partial(_Files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server, _answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def serve_wsgi(app: WSGIApplication) -> Iterator[str]:
    """Where it answers."""
    with _Programs(("127.0.0.1", 0), _Quiet) as server, _answering(server):
        server.set_app(app)
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def _answering(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
