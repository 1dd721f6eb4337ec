"""An S3 that knows no conditions of writes, as those from before 2024, in front of moto's; it can hold up."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

_NOT_PASSED_ON = {"if-match", "if-none-match", "connection", "transfer-encoding", "content-length", "date"}
_WRITES = {"PUT", "DELETE"}


class OldS3(ThreadingHTTPServer):
    """`hold` lets the writes of a path wait until `release`; `held` are those that do."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.behind = urlsplit(behind).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.held: list[str] = []
        self._path = ""
        self._gate = threading.Event()
        self._gate.set()

    def hold(self, path: str) -> None:
        self._path = path
        self.held.clear()
        self._gate.clear()

    def release(self) -> None:
        self._path = ""
        self._gate.set()

    def wait(self, method: str, path: str) -> None:
        if method in _WRITES and self._path and path.startswith(self._path):
            self.held.append(method)
            self._gate.wait(60)


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OldS3

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # an origin that was killed
            super().handle()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.wait(self.command, self.path)
        # A GET is asked with the conditions that it has.
        dropped = _NOT_PASSED_ON if self.command in _WRITES else _NOT_PASSED_ON - {"if-none-match"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        behind = http.client.HTTPConnection(self.server.behind, timeout=60)
        behind.request(self.command, self.path, body, headers)
        answer = behind.getresponse()
        found = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(found))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(found)
        behind.close()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _pass_on

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def old_s3(behind: str) -> Iterator[OldS3]:
    """In front of the S3 at that URL."""
    with OldS3(behind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.release()
            server.shutdown()
            thread.join()
