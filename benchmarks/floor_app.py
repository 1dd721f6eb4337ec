"""`python -m benchmarks.floor_app KIND LOOP FILE PORT`: the least that a server in Python can do for a hit.

Kinds: `constant` answers whatever comes with the same bytes; `parsed` has httptools read the request first;
`sendfile` does so too, and has the kernel take the body from a file in memory, past the transport.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from pathlib import Path
from typing import cast

import httptools
import uvloop

BODY = b""
HEAD = b""
FILE = -1  # a descriptor of a file in memory with the body
FIELDS = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 26 Nov 2026 20:00:00 GMT\r\ncache-control: public, max-age=86400, "
    b'stale-while-revalidate=86400\r\netag: "0123456789abcdef0123456789abcdef"\r\naccept-ranges: bytes\r\n'
    b"content-security-policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox\r\n"
    b"access-control-allow-origin: *\r\ncross-origin-resource-policy: cross-origin\r\n"
    b"content-type: image/jpeg\r\n"
)  # about as long as ours


class Constant(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.writelines([HEAD, BODY])


class Parsed(Constant):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.transport.writelines([HEAD, BODY])


class SentFile(Parsed):
    """No way to serve: a client that reads slowly would be sent parts."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))

    def on_message_complete(self) -> None:
        try:
            self.socket.send(HEAD, socket.MSG_MORE)
            os.sendfile(self.socket.fileno(), FILE, 0, len(BODY))
        except OSError:  # the load has ended
            self.transport.abort()


KINDS = {"constant": Constant, "parsed": Parsed, "sendfile": SentFile}


async def serve(kind: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(KINDS[kind], "127.0.0.1", port)
    gc.freeze()
    await server.serve_forever()


def main() -> None:
    global BODY, HEAD, FILE
    kind, loop, path, port = sys.argv[1:]
    BODY = Path(path).read_bytes()
    HEAD = FIELDS + b"content-length: %d\r\n\r\n" % len(BODY)
    if kind == "sendfile":
        FILE = os.memfd_create("body")
        os.write(FILE, BODY)
    runner = uvloop.run if loop == "uvloop" else asyncio.run
    runner(serve(kind, int(port)))


if __name__ == "__main__":
    main()
