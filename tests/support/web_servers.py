"""Web servers of other people: pages in memory, in a thread of this process.

with web_server() as web:
    web.put("/a/cat.jpg", body, {"Content-Type": "image/jpeg"})
    ... f"{web.url}/a/cat.jpg"
"""

from __future__ import annotations

import hashlib
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass
class Page:
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Asked:
    """A request that arrived; header names are in lower case."""

    path: str
    headers: Mapping[str, str]


class WebServer:
    """`asked` holds every request. `has_etags` and `has_dates` say which validators its answers have."""

    def __init__(self, host: str, scheme: str) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.has_etags = True
        self.has_dates = True
        self.gate = threading.Event()  # answers wait for it
        self.gate.set()
        self.host = host
        self.scheme = scheme
        self.port = 0

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.asked]

    def put(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, status: int = 200
    ) -> str:
        """Answer this path so; its URL. `path` is not escaped."""
        now = formatdate(time.time(), usegmt=True)
        own = {"ETag": f'"{hashlib.md5(body).hexdigest()}"', "Last-Modified": now}
        if not self.has_etags:
            del own["ETag"]
        if not self.has_dates:
            del own["Last-Modified"]
        self.pages[path] = Page(body, {"Content-Type": "image/png", **own, **(headers or {})}, status)
        return self.url + path


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: WebServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.web.asked.append(Asked(self.path, headers))
        self.web.gate.wait(60)
        page = self.web.pages.get(unquote(self.path.partition("?")[0]), Page(b"none", {}, 404))
        if page.status == 200 and self._is_current(page, headers):
            page = Page(b"", page.headers, 304)
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if page.status != 304:
            self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        self.wfile.write(page.body)

    def _is_current(self, page: Page, headers: Mapping[str, str]) -> bool:
        if "if-none-match" in headers:
            return headers["if-none-match"] == page.headers.get("ETag")
        return headers.get("if-modified-since") == page.headers.get("Last-Modified", "none")

    def log_message(self, format: str, *args: Any) -> None: ...


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None: ...  # clients go away


class _Server6(_Server):
    address_family = socket.AF_INET6


@contextmanager
def web_server(host: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None) -> Iterator[WebServer]:
    """A server on a free port; with a certificate and its key, over TLS."""
    web = WebServer(host, "http" if certificate is None else "https")
    handler = type("Handler", (_Handler,), {"web": web})
    kind = _Server6 if ":" in host else _Server
    with kind((host, 0), handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        web.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield web
        finally:
            web.gate.set()
            server.shutdown()
            thread.join()
