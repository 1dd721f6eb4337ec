"""An S3 of a few lines that notes every request and answers what a test puts there, whatever that is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer


@dataclass(frozen=True)
class Thing:
    """What the bucket answers for one path."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


MISSING = Thing(b"<Error><Code>NoSuchKey</Code></Error>", 404, {"Content-Type": "application/xml"})


class Bucket(ThreadingHTTPServer):
    """`things` by their path on the wire; `asked` holds method and target of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.things: dict[str, Thing] = {}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def source(self, **more: str) -> dict[str, object]:
        """The settings of a handler's source."""
        place = {"bucket": "hidden-bucket", "folder": "hidden-folder", "addressing_style": "path"}
        return {"type": "s3", "endpoint_url": self.url, "region": "us-east-1", **place, **more}

    def put(self, key: str, body: bytes, status: int = 200, **headers: str) -> None:
        """`key` as it is escaped on the wire. An underscore in a header's name stands for a dash."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.things[f"/hidden-bucket/hidden-folder/{key}"] = Thing(body, status, fields)


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        thing = self.server.things.get(self.path, MISSING)
        self.send_response(thing.status)
        for name, value in {"ETag": f'"{hash(thing.body):x}"', **thing.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(thing.body)))
        self.end_headers()
        self.wfile.write(thing.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Bucket]:
    with Bucket() as bucket:
        thread = threading.Thread(target=bucket.serve_forever, args=(0.05,), name="bucket")
        thread.start()
        try:
            yield bucket
        finally:
            bucket.shutdown()
            thread.join()
