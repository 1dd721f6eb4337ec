"""Requests and answers as ASGI has them, without a framework's objects: a hit is served in microseconds."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import MutableMapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from . import headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]
AtOnce = Callable[[str, str, bytes, RawHeaders], "Answer | None"]
"""Method, scheme, target and headers of a request, for an app that may have the answer without waiting."""


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
            self._fields = gathered(self.scope["headers"])
        return self._fields

    def header(self, name: bytes) -> str | None:
        return text(self.fields, name)

    async def gone(self) -> None:
        """Returns when the client has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def gathered(pairs: RawHeaders) -> dict[bytes, bytes]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        fields = {}
        for name, value in pairs:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def text(fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = fields.get(name)
    return None if value is None else value.decode("latin-1")


@dataclass(slots=True)
class Answer:
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


def written(fields: RawHeaders) -> bytes:
    """The fields as HTTP/1.1 writes them. Raises ValueError where one would be more than one."""
    lines = b"".join([b"%s: %s\r\n" % field for field in fields])
    if lines.count(b"\n") != len(fields) or lines.count(b"\r") != len(fields):
        raise ValueError("a line end in a header")
    return lines


def plain(status: int, phrase: str, *more: tuple[bytes, bytes]) -> Answer:
    """A short answer in plain text that no cache keeps."""
    body = f"{status} {phrase}\n".encode()
    reason = phrase.lower().replace(" ", "-")
    return Answer(
        status,
        [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", headers.NO_STORE.encode()),
            (b"cache-status", headers.cache_status(detail=reason).encode()),
            *headers.SECURITY,
            *more,
        ],
        body,
    )
