"""Answers with a picture or its fallback: status, headers and the part of the body that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from origin.cache.results import Result
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.http import caching
from origin.http import conditional
from origin.http import dates
from origin.http import disposition
from origin.http.message import SECURITY_HEADERS
from origin.http.message import RawHeaders
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import header_value
from origin.http.message import serialize_headers
from origin.urls.options import Options

STALE_MAX_AGE = 10  # seconds: what is stale here is asked for again soon
RETRY_AFTER = b"2"  # seconds

_NO_STORE = (b"cache-control", caching.NO_STORE.encode())


@dataclass(frozen=True, slots=True)
class Freshness:
    """What caches are told, in seconds."""

    max_age: int = 86_400
    stale_while_revalidate: int = 86_400
    stale_if_error: int = 604_800
    error_max_age: int = 10
    cdn_max_age: int | None = None


@dataclass(slots=True)
class VariantHeaders:
    """The headers of a result that are the same in every answer to one URL. It does not hold the body,
    so that keeping it keeps no picture in memory."""

    digest: bytes
    last_modified: float | None
    etag: str
    head: RawHeaders
    type: tuple[bytes, bytes]  # for all answers but 304
    length: tuple[bytes, bytes]  # the same
    _lines: tuple[bytes, bytes] | None = None

    @property
    def lines(self) -> tuple[bytes, bytes]:
        """`head` as HTTP/1.1 writes it, and what all answers but 304 have beside it. Most URLs are asked for
        once, and need none."""
        if self._lines is None:
            self._lines = (serialize_headers(self.head), serialize_headers([self.type, self.length]))
        return self._lines

    def fits(self, result: Result) -> bool:
        return self.digest == result.digest and self.last_modified == result.last_modified


class ResponseBuilder:
    """How one handler answers."""

    def __init__(self, name: str, freshness: Freshness, exact_status: bool, tag_header: str | None) -> None:
        self._name = name
        self._freshness = freshness
        self._exact_status = exact_status
        self._tag_header = tag_header.lower().encode() if tag_header else None
        self._lasting = self._control(False, None)
        self._lines_lasting = serialize_headers(self._lasting)

    def variant_headers(self, result: Result, key: str, options: Options) -> VariantHeaders:
        etag = conditional.etag(result.digest)
        head = [
            (b"etag", etag.encode()),
            (b"accept-ranges", b"bytes"),
            (b"content-disposition", disposition.content_disposition(key, result.format.name).encode()),
            *self._common(key, options),
        ]
        if result.last_modified is not None:
            head.append((b"last-modified", dates.http_date(result.last_modified).encode()))
        mime = (b"content-type", result.format.mime.encode())
        return VariantHeaders(result.digest, result.last_modified, etag, head, mime, _length(result.body))

    def picture(
        self,
        result: Result,
        variant_headers: VariantHeaders,
        status: str,
        outcome: str,
        expires_in: int | None,
        request: Request,
    ) -> Response:
        """200, 304, 206 or 416. `status` is the Cache-Status; `expires_in` counts the seconds until the
        token's end, None where it has none."""
        control = self._control(outcome == "stale", expires_in)
        head = [*control, (b"cache-status", status.encode()), *variant_headers.head]
        answer = Response(200, head, result.body, self._name, outcome=outcome)
        if _not_modified(variant_headers, expires_in, request.fields):
            answer.status, answer.body = 304, b""
            return answer
        head.append(variant_headers.type)
        if request.method == "GET" and request.header(b"range") is not None:
            self._take_range(answer, result, variant_headers.etag, request)
        head.append(_length(answer.body))
        return answer

    def try_cached(
        self,
        result: Result,
        variant_headers: VariantHeaders,
        status: str,
        expires_in: int | None,
        fields: Mapping[bytes, bytes],
    ) -> Response | None:
        """The same 200 or 304 to a hit, written already; None for what is not worth it."""
        control = (
            self._lines_lasting if expires_in is None else serialize_headers(self._control(False, expires_in))
        )
        always, of_body = variant_headers.lines
        lines = b"%scache-status: %s\r\n%s" % (control, status.encode(), always)
        if _not_modified(variant_headers, expires_in, fields):
            return Response(304, [], b"", self._name, outcome="hit", lines=lines)
        if b"range" in fields:
            return None
        return Response(200, [], result.body, self._name, outcome="hit", lines=lines + of_body)

    def fallback(
        self, error: OriginError, result: Result, key: str, options: Options, expires_in: int | None
    ) -> Response:
        """The fallback image, as the answer to an error."""
        busy = isinstance(error, Overloaded)
        control = caching.NO_STORE
        if error.remembered:
            control = caching.missing_cache_control(self._freshness.error_max_age, expires_in)
        head: RawHeaders = [
            (b"content-type", result.format.mime.encode()),
            _length(result.body),
            (b"cache-control", control.encode()),
            (b"x-origin-error", error.kind.encode()),
            (b"cache-status", caching.cache_status(detail=error.kind).encode()),
            *self._common(key, options),
        ]
        if busy:
            head.append((b"retry-after", RETRY_AFTER))
        status = error.status if self._exact_status or busy else 404
        return Response(status, head, result.body, self._name, error=error, kind=error.kind, outcome="error")

    def _take_range(self, answer: Response, result: Result, etag: str, request: Request) -> None:
        """Make the answer the part that was asked for (RFC 9110 section 14.2)."""
        length = len(result.body)
        asked, condition = request.header(b"range"), request.header(b"if-range")
        try:
            part = conditional.byte_range(asked, condition, etag, result.last_modified, length)
        except conditional.UnsatisfiableRange as exc:
            answer.status, answer.body = 416, b""
            answer.headers[:] = [h for h in answer.headers if h[0] not in (b"content-type", b"cache-control")]
            answer.headers += [(b"content-range", exc.content_range.encode()), _NO_STORE]
            return
        if part is not None:
            answer.status = 206
            answer.headers.append((b"content-range", part.content_range(length).encode()))
            answer.body = result.body[part.first : part.last + 1]

    def _common(self, key: str, options: Options) -> RawHeaders:
        """What pictures and fallbacks of one URL have alike."""
        head: RawHeaders = list(SECURITY_HEADERS)
        if options.format == "auto":
            head.append((b"vary", b"Accept"))
        if self._tag_header is not None:
            # Fastly and Varnish part their tags by spaces, Cloudflare and the others by commas.
            between = " " if self._tag_header in (b"surrogate-key", b"xkey") else ","
            head.append((self._tag_header, between.join(caching.surrogate_tags(self._name, key)).encode()))
        return head

    def _control(self, stale: bool, expires_in: int | None) -> RawHeaders:
        fresh = self._freshness
        max_age = min(fresh.max_age, STALE_MAX_AGE) if stale else fresh.max_age
        windows = (fresh.stale_while_revalidate, fresh.stale_if_error)
        control = caching.cache_control(max_age, *windows, expires_in)
        if fresh.cdn_max_age is None:
            return [(b"cache-control", control.encode())]
        cdn_max_age = min(fresh.cdn_max_age, max_age) if max_age < fresh.max_age else fresh.cdn_max_age
        cdn = caching.cache_control(cdn_max_age, *windows, expires_in)
        return [(b"cache-control", control.encode()), (b"cdn-cache-control", cdn.encode())]


def _not_modified(
    variant_headers: VariantHeaders, expires_in: int | None, fields: Mapping[bytes, bytes]
) -> bool:
    """Whether the client has it already."""
    if b"if-none-match" not in fields and b"if-modified-since" not in fields:
        return False
    # A 304 makes nginx renew what it has for the max-age it had, `no-store` or not. So there is none
    # in the seconds of leeway behind a token's end.
    if expires_in is not None and expires_in <= 0:
        return False
    conditions = header_value(fields, b"if-none-match"), header_value(fields, b"if-modified-since")
    return conditional.not_modified(variant_headers.etag, variant_headers.last_modified, *conditions)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)
