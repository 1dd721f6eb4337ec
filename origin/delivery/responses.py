"""Answers with a picture or its fallback: status, headers and the part of the body that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Literal

from origin.cache.records import Result
from origin.delivery.on_error import OnError
from origin.delivery.on_error import Substitute
from origin.delivery.request import Hit
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.delivery.request import VariantHeaders
from origin.delivery.settings import Freshness
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.formats import Format
from origin.formats import ResultFormat
from origin.http.caching import NO_STORE
from origin.http.caching import cache_control
from origin.http.caching import cache_status
from origin.http.caching import missing_cache_control
from origin.http.caching import surrogate_tags
from origin.http.conditional import UnsatisfiableRange
from origin.http.conditional import byte_range
from origin.http.conditional import etag
from origin.http.conditional import not_modified
from origin.http.conditional import precondition_failed
from origin.http.dates import http_date
from origin.http.disposition import attachment
from origin.http.disposition import content_disposition
from origin.http.message import RETRY_AFTER
from origin.http.message import SECURITY_HEADERS
from origin.http.message import RawHeaders
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import header_value
from origin.http.message import serialize_headers
from origin.ops.redaction import redact_text

STALE_MAX_AGE = 10  # seconds: CDNs ask again soon for what is stale here, or will soon be another

_HIT = b"%scache-status: origin; hit; ttl=%d; detail=memory\r\n%s%s"  # as `cache_status` writes it
_MAX_REASON = 500  # characters
_TIMING = (b"timing-allow-origin", b"*")  # or a page sees no sizes and times of pictures from here
_NO_STORE = (b"cache-control", NO_STORE.encode())

ErrorStatus = Literal[404, "exact"] | Mapping[str, int]
"""404 for every failure, the status of each class, or a status by class and 404 for those not named."""


class ResponseBuilder:
    """How one handler answers."""

    def __init__(
        self,
        handler: str,
        freshness: Freshness,
        error_status: ErrorStatus = 404,
        tag_header: str | None = "Surrogate-Key",
        *,
        on_error: OnError | None = None,
        debug: bool = False,
    ) -> None:
        self._handler = handler
        self._freshness = freshness
        self._error_status = error_status
        self._on_error = OnError() if on_error is None else on_error
        self._debug = debug
        self._tag_header = tag_header.lower().encode() if tag_header else None
        self._control_serialized = serialize_headers(self._control(False, None))

    def variant_headers(self, outcome: Outcome, image: ImageRequest) -> VariantHeaders:
        result = outcome.result
        tag = outcome.version if image.is_plain else etag(result.digest)
        always = [
            (b"etag", tag.encode()),
            (b"accept-ranges", b"bytes"),
            (b"content-disposition", _disposition(image, result.format).encode()),
            *self._common(image),
        ]
        if result.last_modified is not None:
            always.append((b"last-modified", http_date(result.last_modified).encode()))
        of_body = [(b"content-type", result.format.mime.encode()), _length(result.body)]
        return VariantHeaders(result.digest, result.last_modified, tag, always, of_body, outcome.version)

    def picture(
        self, outcome: Outcome, headers: VariantHeaders, expires_in: int | None, request: Request
    ) -> Response:
        """200, 304, 206, 412 or 416. `expires_in` counts the seconds until the token's end, if it has one."""
        result = outcome.result
        control = self._control(outcome.cache == "stale" or outcome.is_brief, expires_in)
        head = [*control, (b"cache-status", outcome.cache_status.encode()), *headers.always]
        response = Response(200, head, result.body, self._handler, cache=outcome.cache, stages=outcome.stages)
        if _is_another_version(headers, request):
            _refuse(response, 412)
            head.append(_length(b""))
            return response
        if _is_not_modified(headers, expires_in, request.headers):
            response.status, response.body = 304, b""
            return response
        content_type, _ = headers.of_body
        head.append(content_type)
        if request.method == "GET" and b"range" in request.headers:
            _apply_range(response, headers, request)
        head.append(_length(response.body))
        if outcome.stages:
            head.append((b"server-timing", _server_timing(outcome.stages)))
        return response

    def cached(
        self,
        hit: Hit,
        headers: VariantHeaders,
        expires_in: int | None,
        request_headers: Mapping[bytes, bytes],
    ) -> Response | None:
        """The 200 or 304 of `picture` to a hit in memory, with its headers serialized already; None where
        the request asks for a range, or for one version alone."""
        if b"if-match" in request_headers or b"if-unmodified-since" in request_headers:
            return None
        control = self._control_serialized
        if expires_in is not None:
            control = serialize_headers(self._control(False, expires_in))
        always, of_body = headers.serialized
        if _is_not_modified(headers, expires_in, request_headers):
            status, body, of_body = 304, b"", b""
        elif b"range" in request_headers:
            return None
        else:
            status, body = 200, hit.result.body
        serialized = _HIT % (control, hit.ttl, always, of_body)
        return Response(status, [], body, self._handler, None, "", "hit", {}, serialized)

    @property
    def needs_fallback(self) -> bool:
        """Whether failures are answered with a picture."""
        return self._on_error.is_image

    def fallback(
        self, error: OriginError, result: Result, image: ImageRequest, expires_in: int | None
    ) -> Response:
        """The fallback image, as the answer to an error."""
        substitute = Substitute(self._status(error), result.body, result.format.mime)
        return self._failure(error, substitute, image, expires_in)

    def without_picture(self, error: OriginError, image: ImageRequest, expires_in: int | None) -> Response:
        """A redirect, a line of text or JSON, as the answer to an error."""
        is_named = self._named(error) is not None
        substitute = self._on_error.answer(error, self._status(error), is_named=is_named)
        return self._failure(error, substitute, image, expires_in)

    def _failure(
        self, error: OriginError, substitute: Substitute, image: ImageRequest, expires_in: int | None
    ) -> Response:
        control = NO_STORE
        if error.remembered and substitute.location is None:
            control = missing_cache_control(self._freshness.error_max_age, expires_in)
        headers: RawHeaders = [
            _length(substitute.body),
            (b"cache-control", control.encode()),
            (b"x-origin-error", error.kind.encode()),
            (b"cache-status", cache_status(detail=error.kind).encode()),
            *self._common(image),
        ]
        if substitute.content_type is not None:
            headers.insert(0, (b"content-type", substitute.content_type.encode()))
        if substitute.location is not None:
            headers.append((b"location", substitute.location.encode()))
        if isinstance(error, Overloaded):
            headers.append(RETRY_AFTER)
        if self._debug:
            headers.append(_reason(error))
        return Response(
            substitute.status,
            headers,
            substitute.body,
            self._handler,
            error=error,
            kind=error.kind,
            cache="error",
        )

    def _status(self, error: OriginError) -> int:
        named = self._named(error)
        if named is not None:
            return named
        return error.status if isinstance(error, Overloaded) or self._error_status == "exact" else 404

    def tell_reason(self, response: Response) -> None:
        """Under `debug`, put why it failed into an answer that is not made here."""
        if self._debug and response.error is not None:
            response.headers.append(_reason(response.error))

    def _named(self, error: OriginError) -> int | None:
        """The status that the configuration names for the error's case or class."""
        if not isinstance(self._error_status, Mapping):
            return None
        by_class = self._error_status.get(error.kind)
        return self._error_status.get(error.case, by_class) if error.case else by_class

    def _common(self, image: ImageRequest) -> RawHeaders:
        """What pictures and fallbacks of one URL share."""
        headers: RawHeaders = list(SECURITY_HEADERS)
        headers.append(_TIMING)
        if image.options.format == "auto":
            headers.append((b"vary", b"Accept"))
        if self._debug and image.ignored:
            headers.append(ignored_header(image.ignored))
        if self._tag_header is not None:
            # Fastly and Varnish separate tags by spaces, Cloudflare and the others by commas.
            separator = " " if self._tag_header in (b"surrogate-key", b"xkey") else ","
            headers.append(
                (self._tag_header, separator.join(surrogate_tags(self._handler, image.source_key)).encode())
            )
        return headers

    def _control(self, is_brief: bool, expires_in: int | None) -> RawHeaders:
        fresh = self._freshness
        windows = (fresh.stale_while_revalidate, fresh.stale_if_error)
        control = cache_control(_shorten(fresh.max_age, is_brief), *windows, expires_in)
        if fresh.cdn_max_age is None:
            return [(b"cache-control", control.encode())]
        cdn = cache_control(_shorten(fresh.cdn_max_age, is_brief), *windows, expires_in)
        return [(b"cache-control", control.encode()), (b"cdn-cache-control", cdn.encode())]


def _shorten(max_age: int, is_brief: bool) -> int:
    return min(max_age, STALE_MAX_AGE) if is_brief else max_age


def _disposition(image: ImageRequest, format: ResultFormat) -> str:
    if image.options.download is not None and isinstance(format, Format):
        return attachment(image.options.download, format)
    return content_disposition(image.file_name, format.name)


def _apply_range(response: Response, headers: VariantHeaders, request: Request) -> None:
    """Reduce the answer to the part that was asked for (RFC 9110 section 14.2)."""
    length = len(response.body)
    wanted, condition = request.header(b"range"), request.header(b"if-range")
    try:
        part = byte_range(wanted, condition, headers.etag, headers.last_modified, length)
    except UnsatisfiableRange as exc:
        _refuse(response, 416)
        response.headers.append((b"content-range", exc.content_range.encode()))
        return
    if part is not None:
        response.status = 206
        response.headers.append((b"content-range", part.content_range(length).encode()))
        response.body = response.body[part.first : part.last + 1]


def _refuse(response: Response, status: int) -> None:
    """Make the answer one without a picture, which nothing keeps."""
    dropped = (b"content-type", b"cache-control", b"cdn-cache-control")
    response.status, response.body = status, b""
    response.headers[:] = [pair for pair in response.headers if pair[0] not in dropped]
    response.headers.append(_NO_STORE)


def _is_another_version(headers: VariantHeaders, request: Request) -> bool:
    """Whether the client asked for a version that the result is not."""
    match, since = request.header(b"if-match"), request.header(b"if-unmodified-since")
    return precondition_failed(headers.etag, headers.last_modified, match, since)


def _is_not_modified(
    headers: VariantHeaders, expires_in: int | None, request_headers: Mapping[bytes, bytes]
) -> bool:
    """Whether the client has the result already."""
    if b"if-none-match" not in request_headers and b"if-modified-since" not in request_headers:
        return False
    # A 304 makes nginx renew what it has for the max-age it had, `no-store` or not. So there is none
    # in the seconds of leeway behind a token's end.
    if expires_in is not None and expires_in <= 0:
        return False
    none_match = header_value(request_headers, b"if-none-match")
    modified_since = header_value(request_headers, b"if-modified-since")
    return not_modified(headers.etag, headers.last_modified, none_match, modified_since)


def _server_timing(stages: Mapping[str, float]) -> bytes:
    """Where the time went, in milliseconds, for the browser's developer tools (W3C Server Timing)."""
    return ", ".join(f"{stage};dur={1000 * took:.1f}" for stage, took in stages.items()).encode()


def ignored_header(names: Iterable[str]) -> tuple[bytes, bytes]:
    """Names in a query that changed nothing."""
    return b"x-origin-ignored", _visible(redact_text(", ".join(names)))


def _reason(error: BaseException) -> tuple[bytes, bytes]:
    return b"x-origin-reason", _visible(redact_text(str(error)))


def _visible(text: str) -> bytes:
    """One line of ASCII for a header, whatever is in the text."""
    safe = "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in text)
    return safe[:_MAX_REASON].encode("ascii", "backslashreplace")


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)
