"""Heads of requests: those that are refused, since they are too large or two parsers could read them in two
ways (RFC 9112 section 11.2), and which host counts."""

from __future__ import annotations

import http
import re
from typing import Protocol

from origin.http.message import RawHeaders
from origin.http.message import serialize_headers
from origin.http.message import text_response

MAX_URL = 8192  # bytes; a head that is too large because of a longer URL is answered 414
_WHOLE_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)([^#]*).*", re.DOTALL)
# A token (RFC 9110 section 5.6.2) that is none of the usual methods: behind those, something else was wrong.
_UNKNOWN_METHOD = re.compile(
    rb"(?!(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) )[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r?\n"
)
WITHOUT_BODY = (b"GET", b"HEAD")


class Refusal(Exception):
    """Why a request never reaches the app."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RequestLine(Protocol):
    """The parser, once it has read the request line."""

    def get_method(self) -> bytes: ...

    def get_http_version(self) -> str: ...


def serialize_refusal(status: int, headers: RawHeaders) -> bytes:
    """The answer to a request that never reaches the app, with the headers of every answer."""
    phrase = http.HTTPStatus(status).phrase
    response = text_response(status, phrase, (b"connection", b"close"))
    fields = serialize_headers([*headers, *response.headers])
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, phrase.encode(), fields, response.body)


def has_unknown_method(data: bytes) -> bool:
    """Whether the request that the parser has refused has a method that nobody knows, and no other fault
    (RFC 9110 section 15.6.2)."""
    return _UNKNOWN_METHOD.match(data) is not None


def check_fields(line: RequestLine, headers: RawHeaders) -> None:
    """Raises Refusal."""
    fields = dict(headers)
    if b"host" not in fields or len(fields) < len(headers):
        hosts = sum(name == b"host" for name, _ in headers)
        if hosts != 1 and (hosts or line.get_http_version() != "1.0"):
            raise Refusal(400, f"{hosts} Host fields")  # RFC 9112 section 3.2
    if b"transfer-encoding" in fields or b"content-length" in fields:
        _check_framing(line, fields)


def split_whole_url(url: bytes) -> tuple[bytes, bytes] | None:
    """Host and path of a target that is a whole URL (RFC 9112 section 3.2.2), with port and query; None for
    any other target. A scheme has no case."""
    whole = _WHOLE_URL.fullmatch(url)
    if whole is None:
        return None
    return whole[1].rpartition(b"@")[2], whole[2] if whole[2].startswith(b"/") else b"/" + whole[2]


def with_host(host: bytes, headers: RawHeaders) -> RawHeaders:
    """The fields with this host, whatever Host says."""
    return [(b"host", host), *(field for field in headers if field[0] != b"host")]


def _check_framing(line: RequestLine, headers: dict[bytes, bytes]) -> None:
    coded = b"transfer-encoding" in headers
    if coded and line.get_http_version() == "1.0":  # RFC 9112 section 6.1
        raise Refusal(400, "Transfer-Encoding in HTTP/1.0")
    if line.get_method() in WITHOUT_BODY and (coded or int(headers[b"content-length"])):
        raise Refusal(400, "a GET or HEAD with a body")


def head_size(line: RequestLine, url: bytes, headers: RawHeaders) -> int:
    """Bytes of a head, as it is written without needless space."""
    first = len(line.get_method()) + len(url) + len("  HTTP/1.1\r\n\r\n")
    return first + sum(len(name) + len(value) + len(": \r\n") for name, value in headers)


def too_large(url: bytes) -> Refusal:
    """The refusal of a head over its bound."""
    if len(url) > MAX_URL:
        return Refusal(414, "URI too long")
    return Refusal(431, "request header fields too large")
