"""A server that notes every request and answers as it is told: in the place of a CDN's interface."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections import deque
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any


@dataclass(frozen=True)
class Recorded:
    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass
class RecordingServer:
    """`answers` are given first, in order: status, headers, body. Then every answer is `default`."""

    port: int = 0
    requests: list[Recorded] = field(default_factory=list)
    answers: deque[tuple[int, dict[str, str], bytes]] = field(default_factory=deque)
    default: tuple[int, dict[str, str], bytes] = (200, {}, b'{"success": true}')

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def recording_server() -> Iterator[RecordingServer]:
    recording = RecordingServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def parse_request(self) -> bool:
            """Take every method, PURGE too."""
            understood = super().parse_request()
            if understood:
                setattr(self, f"do_{self.command}", self._answer)
            return understood

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            named = {name.lower(): value for name, value in self.headers.items()}
            recording.requests.append(Recorded(self.command, self.path, named, body))
            answer = recording.answers.popleft() if recording.answers else recording.default
            self.send_response(answer[0])
            for name, value in {**answer[1], "Content-Length": str(len(answer[2]))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer[2])

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        recording.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        server.daemon_threads = True  # or a client that failed keeps the test waiting with its connection
        thread.start()
        try:
            yield recording
        finally:
            server.shutdown()
            thread.join()
