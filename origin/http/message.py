"""Requests and responses as ASGI has them, without a framework's objects: a hit takes microseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import MutableMapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import quote
from urllib.parse import unquote_to_bytes

from origin.http.caching import NO_STORE
from origin.http.caching import cache_status

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

CUT = "origin.cut"
"""The extension of ASGI by which our listener lets the app close a connection: a function under `cut`."""

LARGE_BODY = 262_144  # bytes; what is smaller is little beside the buffers of its connection
PIECE = 65_536  # bytes of a body that a connection over TLS is given at once

# On every answer, failures and refusals included. The policy makes an SVG or a mislabelled file inert when
# it is opened on its own; CORS and CORP let any page embed what is public anyway, under COEP too.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)

RETRY_AFTER = (b"retry-after", b"2")
"""For those who find us too busy: seconds after which another try is welcome."""


class ClientGone(Exception):
    """The client closed the connection; nobody reads an answer."""


class Request:
    """One HTTP request."""

    __slots__ = ("_headers", "_receive", "method", "query", "raw_path", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.raw_path = _below_root(scope)
        self.query: bytes = scope["query_string"]
        self._receive = receive
        self._headers: dict[bytes, bytes] | None = None

    @property
    def target(self) -> bytes:
        """Path and query as they came."""
        return self.raw_path + b"?" + self.query if self.query else self.raw_path

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers by lower-case name; repeated ones are joined by commas."""
        if self._headers is None:
            self._headers = fold_headers(self.scope["headers"])
        return self._headers

    def header(self, name: bytes) -> str | None:
        return header_value(self.headers, name)

    @property
    def client(self) -> str:
        """The address of the other end of the connection; empty where the server does not tell."""
        address: str = (self.scope.get("client") or ("",))[0]
        return address

    @property
    def cut(self) -> Callable[[], None] | None:
        """Closes the connection at once; None where the server has no such extension."""
        extension = self.scope.get("extensions", {}).get(CUT)
        return None if extension is None else extension["cut"]

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the body as they arrive. Raises ClientGone."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            yield message.get("body", b"")

    async def gone(self) -> None:
        """Returns when the client has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _below_root(scope: Scope) -> bytes:
    """The path as it came, without the `root_path` below which another program has mounted this one."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    root = scope.get("root_path", "").strip("/")
    if not root:
        return raw_path
    pieces = raw_path.split(b"/", root.count("/") + 2)
    above, below = b"/".join(pieces[1:-1]), b"/" + pieces[-1]
    return below if unquote_to_bytes(above) in (root.encode(), unquote_to_bytes(root)) else raw_path


def fold_headers(pairs: RawHeaders) -> dict[bytes, bytes]:
    """The headers by name, repeated ones joined by commas (RFC 9110 section 5.3)."""
    headers = dict(pairs)
    if len(headers) < len(pairs):
        headers = {}
        for name, value in pairs:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def header_value(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


@dataclass(slots=True)
class Response:
    """What goes back, and what the log and the metrics need to know of it."""

    status: int
    headers: RawHeaders
    body: bytes
    handler: str = ""
    error: BaseException | None = None  # why it is a fallback
    kind: str = ""  # the class of that error
    cache: str = ""  # hit, miss, stale, revalidated, or error
    stages: dict[str, float] = field(default_factory=dict)  # seconds spent in source, queue, render, cache
    serialized: bytes = b""  # the headers as HTTP/1.1 writes them; where they are here, `headers` is empty
    key: str = ""  # of what came in, or was removed, where the path does not tell it

    async def send(self, send: Send, method: str, *, in_pieces: bool = False) -> None:
        """`in_pieces`: the body goes out as its client takes it. Over TLS each connection has a copy of
        what it was given, encrypted; without TLS all share the body itself."""
        headers = self.headers or parse_headers(self.serialized)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if method == "HEAD" else self.body
        size = PIECE if in_pieces else LARGE_BODY
        if len(body) >= size:  # the end waits until the client has taken what goes before
            size = size if in_pieces else len(body)
            for start in range(0, len(body), size):
                piece = body[start : start + size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            body = b""
        await send({"type": "http.response.body", "body": body})


def serialize_headers(headers: RawHeaders) -> bytes:
    """The headers as HTTP/1.1 writes them. Raises ValueError where one would become more than one."""
    lines = b"".join([b"%s: %s\r\n" % pair for pair in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ValueError("a line end in a header")
    return lines


def parse_headers(serialized: bytes) -> RawHeaders:
    """The headers that `serialize_headers` wrote."""
    parts = (line.partition(b": ") for line in serialized.split(b"\r\n") if line)
    return [(name, value) for name, _, value in parts]


def text_response(status: int, phrase: str, *more: tuple[bytes, bytes]) -> Response:
    """A short answer in plain text that no cache keeps."""
    body = f"{status} {phrase}\n".encode()
    reason = phrase.lower().replace(" ", "-")
    return Response(
        status,
        [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", NO_STORE.encode()),
            (b"cache-status", cache_status(detail=reason).encode()),
            *SECURITY_HEADERS,
            *more,
        ],
        body,
    )
