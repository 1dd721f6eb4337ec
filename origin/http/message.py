"""Requests and answers as ASGI has them, without a framework's objects: a hit is served in microseconds."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import MutableMapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from origin.http.caching import NO_STORE
from origin.http.caching import cache_status

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]
TryCached = Callable[[str, str, bytes, RawHeaders], "Response | None"]
"""Method, scheme, target and headers of a request, for an app that may have the answer without waiting."""

# On every answer, failures and refusals included. The policy makes an SVG or a mislabelled file inert when
# it is opened on its own; CORS and CORP let any page embed what is public anyway, under COEP too.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)


class ClientGone(Exception):
    """The client went away; nobody reads an answer."""


class Request:
    """One request for a picture."""

    __slots__ = ("_fields", "_receive", "method", "query", "raw_path", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.query: bytes = scope["query_string"]
        self._receive = receive
        self._fields: dict[bytes, bytes] | None = None

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The headers by lower-case name; those that are repeated, joined by commas."""
        if self._fields is None:
            self._fields = fold_headers(self.scope["headers"])
        return self._fields

    def header(self, name: bytes) -> str | None:
        return header_value(self.fields, name)

    async def gone(self) -> None:
        """Returns when the client has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def fold_headers(pairs: RawHeaders) -> dict[bytes, bytes]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        fields = {}
        for name, value in pairs:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def header_value(fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = fields.get(name)
    return None if value is None else value.decode("latin-1")


@dataclass(slots=True)
class Response:
    """What goes back, and what the log and the metrics are told of it."""

    status: int
    headers: RawHeaders
    body: bytes
    handler: str = ""
    error: BaseException | None = None  # why it is a fallback
    kind: str = ""  # the class of that error
    outcome: str = ""  # hit, miss, stale, revalidated
    stages: dict[str, float] = field(default_factory=dict)  # seconds spent in source, queue, render, cache
    lines: bytes = b""  # the headers as HTTP/1.1 writes them, where they are there instead of `headers`

    async def send(self, send: Send, method: str) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else self.body})


def serialize_headers(fields: RawHeaders) -> bytes:
    """The fields as HTTP/1.1 writes them. Raises ValueError where one would be more than one."""
    lines = b"".join([b"%s: %s\r\n" % field for field in fields])
    if lines.count(b"\n") != len(fields) or lines.count(b"\r") != len(fields):
        raise ValueError("a line end in a header")
    return lines


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
