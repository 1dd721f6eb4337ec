"""Answers to what is written: JSON from templates, and failures by their class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import StoreUnavailable
from origin.errors import Unauthorized
from origin.errors import WriteRefused
from origin.http.caching import NO_STORE
from origin.http.caching import cache_status
from origin.http.message import RETRY_AFTER
from origin.http.message import SECURITY_HEADERS
from origin.http.message import RawHeaders
from origin.http.message import Response
from origin.urls.templates import REPLY_PLACEHOLDER

DEFAULT_JSON: Mapping[str, Any] = {
    "key": "{key}",
    "url": "{url}",
    "width": "{width}",
    "height": "{height}",
}


@dataclass(frozen=True)
class Reply:
    """What a success says."""

    status: int = 201
    json: Any = field(default_factory=lambda: dict(DEFAULT_JSON))


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture that was stored. `url` is a path; `format` its name; sides in pixels."""

    key: str
    url: str
    format: str
    bytes: int
    width: int
    height: int
    etag: str | None
    is_new: bool = True

    def values(self) -> dict[str, str | int]:
        name = self.key.rpartition("/")[2]
        stem, dot, extension = name.rpartition(".")
        return {
            "key": self.key,
            "name": name,
            "stem": stem if dot else name,
            "ext": extension if dot else "",
            "url": self.url,
            "format": self.format,
            "bytes": self.bytes,
            "width": self.width,
            "height": self.height,
        }


def fill(template: Any, values: Mapping[str, str | int]) -> Any:
    """The template with its placeholders filled. A text that is one placeholder keeps its type: a number
    stays a number."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    whole = REPLY_PLACEHOLDER.fullmatch(template)
    if whole is not None:
        return values[whole[1]]
    return REPLY_PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)


def json_response(handler: str, status: int, content: Any, *more: tuple[bytes, bytes]) -> Response:
    """The content as JSON; nothing where the status has no content (RFC 9110 sections 15.3.5 and 15.3.6)."""
    if status in (204, 205):
        return _response(handler, status, b"", *more)
    body = json.dumps(content, ensure_ascii=False).encode() + b"\n"
    return _response(handler, status, body, (b"content-type", b"application/json"), *more)


def empty_response(handler: str, status: int) -> Response:
    return _response(handler, status, b"")


def _response(handler: str, status: int, body: bytes, *more: tuple[bytes, bytes]) -> Response:
    headers: RawHeaders = [
        (b"cache-control", NO_STORE.encode()),
        (b"cache-status", cache_status(detail="write").encode()),
        *SECURITY_HEADERS,
        *more,
    ]
    if status != 204:  # RFC 9110 section 8.6
        headers.append((b"content-length", b"%d" % len(body)))
    return Response(status, headers, body, handler)


def headers_of_posted(body: bytes, type: str) -> RawHeaders:
    """The headers of an answer made of a posted picture, which nobody may keep (RFC 9110 section 9.3.3)."""
    return [
        (b"content-type", type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", NO_STORE.encode()),
        (b"cache-status", cache_status(fwd="method").encode()),
        *SECURITY_HEADERS,
    ]


def failure(handler: str, error: OriginError, statuses: Mapping[str, int]) -> Response:
    """The answer to what was refused or failed. `statuses` are a handler's own, by class."""
    refused = for_client(error)
    headers: RawHeaders = [(b"x-origin-error", refused.kind.encode())]
    if isinstance(refused, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    if refused.status in (503, 507):
        headers.append(RETRY_AFTER)
    status = statuses.get(refused.kind, refused.status)
    response = json_response(handler, status, {"error": refused.kind, "message": str(refused)}, *headers)
    response.error, response.kind = error, refused.kind
    return response


def for_client(error: OriginError) -> OriginError:
    """The failure in words that hold nothing of ours."""
    if isinstance(error, WriteRefused):
        return error
    if isinstance(error, Overloaded):
        return Overloaded("too much is being done already; try again soon")
    if error.kind == StoreUnavailable.kind:
        return StoreUnavailable("the store does not answer")
    return StoreUnavailable("the picture could not be stored")
