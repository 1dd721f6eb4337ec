"""From a request to the handler mounted at its longest prefix, and the log line behind the answer."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import NamedTuple
from urllib.parse import unquote
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp

from origin.cache.memory import Lru
from origin.delivery.answers import FixedAnswers
from origin.delivery.body_admission import BodyAdmission
from origin.delivery.cors import Cors
from origin.delivery.handler import Handler
from origin.delivery.request import ImageRequest
from origin.errors import BadRequest
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.http.caching import NO_STORE
from origin.http.caching import cache_status
from origin.http.message import LARGE_BODY
from origin.http.message import SECURITY_HEADERS
from origin.http.message import ClientGone
from origin.http.message import Message
from origin.http.message import RawHeaders
from origin.http.message import Receive
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import Scope
from origin.http.message import Send
from origin.http.message import fold_headers
from origin.http.message import text_response
from origin.http.request_id import request_id
from origin.ops import logs
from origin.ops.logs import RequestLine
from origin.ops.metrics import Metrics
from origin.ops.routes import MAX_PURGE
from origin.ops.routes import S3_EVENTS
from origin.ops.s3_events import MAX_EVENT
from origin.ops.tracing import RequestTracer
from origin.urls.path import decode_path
from origin.urls.path import find_mount

log = logging.getLogger(__name__)

MAX_REMEMBERED = 4096  # URLs that hit, of which is remembered what they mean
MAX_REMEMBERED_URL = 1024  # bytes
MAX_REMEMBERED_PAIRS = 20  # of a query
MAX_URL = 8192  # bytes of path and query
CLIENT_GONE_STATUS = 499  # in the log only, as nginx has it
_ADDRESSES = re.compile(r"[0-9A-Fa-f.:,\[\] ]{1,200}")  # as X-Forwarded-For lists them
READ_METHODS = ("GET", "HEAD")
_ANY_PAGE = Cors(("*",))  # may read pictures


class BodyLimit(NamedTuple):
    """What the body of a request may cost a connection."""

    bytes: int
    seconds: float  # from the request's first byte to its last


NO_BODY = BodyLimit(0, 5.0)
ADMIN_BODY = BodyLimit(MAX_PURGE, 5.0)
EVENT_BODY = BodyLimit(MAX_EVENT, 10.0)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a method at a prefix; for GET and HEAD, in place of pictures. `respond` gets the decoded
    key, which is empty for the prefix itself."""

    respond: Callable[[str, Request], Awaitable[Response]]
    body: BodyLimit
    refuse: Callable[[BadRequest], Response] | None = None  # answers a path that cannot be decoded


@dataclass(frozen=True, slots=True)
class Mount:
    """What is mounted at one prefix."""

    handler: Handler
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)  # by method
    cors: Cors | None = None  # for the endpoints; None: no page of another site may use them from a script

    @property
    def methods(self) -> str:
        """The value of Allow."""
        return ", ".join(dict.fromkeys((*READ_METHODS, *self.endpoints)))


class Route(NamedTuple):
    """Another path for one of a mount's endpoints."""

    mount: Mount
    method: str
    key: str


class _Remembered(NamedTuple):
    """What a request target means."""

    handler: Handler
    image: ImageRequest
    redacted: str  # for the log


class Router:
    """Answers what belongs to a mount, and leaves the rest to the app behind it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        mounts: Mapping[str, Mount],
        metrics: Metrics,
        hosts: tuple[str, ...] = (),
        https_port: int | None = None,
        log_probes: bool = False,
        bodies: BodyAdmission | None = None,
        routes: Mapping[str, Route] | None = None,
        answers: FixedAnswers | None = None,
        tracer: RequestTracer | None = None,
    ) -> None:
        """`routes` are other paths for what is written, decoded and without the leading slash."""
        self._app = app
        self._mounts = mounts
        self._routes = {} if routes is None else routes
        self._metrics = metrics
        self._hosts = tuple(host.lower() for host in hosts)
        self._https_port = https_port  # every plain request is redirected there
        self._log_probes = log_probes
        self._bodies = BodyAdmission() if bodies is None else bodies
        self._answers = FixedAnswers({}) if answers is None else answers
        self._tracer = tracer
        self._in_flight = 0
        self._became_idle: asyncio.Event | None = None
        self._remembered: Lru[bytes, _Remembered] = Lru(MAX_REMEMBERED, lambda _: 1)  # by target

    # What a listener asks before it makes a task of a request

    def try_cached(
        self, method: str, scheme: str, target: bytes, headers: RawHeaders, client: str
    ) -> Response | None:
        """The answer to a hit in memory, logged and counted; None for everything else."""
        remembered = self._remembered.get(target)
        if remembered is None or method not in READ_METHODS:
            return None
        start = time.perf_counter()
        folded = fold_headers(headers)
        if self._tracer is not None and self._tracer.is_asked_for(folded):
            return None
        try:
            if self._hosts and self._refuse(_request(method, scheme, target, headers)):
                return None
            response = remembered.handler.try_cached(remembered.image, folded)
        except Exception:
            log.exception("an answer failed")
            return None
        if response is None or len(response.body) >= LARGE_BODY:
            return None  # large bodies are counted, on the way through ASGI
        self._record(method, remembered.redacted, response, start, client, folded)
        return response

    def body_limit(self, method: str, target: bytes) -> BodyLimit:
        """What the body of this request may cost."""
        if method in READ_METHODS:
            return NO_BODY
        try:
            mount, _ = self._find(target.partition(b"?")[0], method)
        except BadRequest:
            mount = None
        if mount is None:
            return EVENT_BODY if target.partition(b"?")[0] == S3_EVENTS.encode() else ADMIN_BODY
        endpoint = mount.endpoints.get(method)
        return ADMIN_BODY if endpoint is None else endpoint.body

    async def idle(self) -> None:
        """Returns when no request is in flight. For a router that gets no more of them."""
        self._became_idle = asyncio.Event()
        if self._in_flight:
            await self._became_idle.wait()

    # The request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if self._tracer is None or _is_probe(request.raw_path):
            await self._answer(scope, request, receive, send)
            return
        with self._tracer.request(request, logs.redact_url(request.raw_path, b"")) as answered:
            answered.append(await self._answer(scope, request, receive, send))

    async def _answer(self, scope: Scope, request: Request, receive: Receive, send: Send) -> Response:
        """What was sent, counted and logged."""
        start = time.perf_counter()
        self._metrics.in_flight += 1
        self._in_flight += 1
        try:
            response = await self._respond(request)
            if response is None:
                response = await self._pass_on(scope, receive, send)
            elif request.method == "HEAD":
                await response.send(send, request.method)
            else:
                with self._bodies.sending(response.body, request.client, request.cut):
                    await response.send(send, request.method)
        except ClientGone:
            response = Response(CLIENT_GONE_STATUS, [], b"")
        finally:
            self._metrics.in_flight -= 1
            self._in_flight -= 1
            if not self._in_flight and self._became_idle is not None:
                self._became_idle.set()
        redacted = ""
        if self._log_probes or not _is_probe(request.raw_path):
            query = b"" if request.raw_path == S3_EVENTS.encode() else request.query  # it may be the token
            redacted = logs.redact_url(request.raw_path, query)
        self._record(request.method, redacted, response, start, request.client, request.headers)
        return response

    async def _respond(self, request: Request) -> Response | None:
        """The answer; None where the request belongs to no mount."""
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        answer = self._answers.find(request.method, request.raw_path)
        if answer is not None:
            return answer
        read = request.method in READ_METHODS
        response = await self._read(request) if read else await self._write(request)
        if response is None and _is_disguised(request.raw_path):
            return text_response(404, "not found")
        return response

    async def _read(self, request: Request) -> Response | None:
        """A GET or HEAD of a picture."""
        remembered = self._remembered.get(request.target)
        if remembered is not None:
            handler, image, _ = remembered
        else:
            error = None
            try:
                mount, key = self._find(request.raw_path, request.method)
            except BadRequest as exc:
                # A path that cannot be decoded still tells whose fallback image it gets.
                error = exc
                path = unquote(request.raw_path.decode("latin-1"), errors="replace").removeprefix("/")
                mount, key = find_mount(path, self._mounts) or (None, "")
            if mount is None:
                return None
            read = mount.endpoints.get(request.method)
            if read is not None:
                return (
                    text_response(400, "bad request") if error else await self._ask(read, mount, key, request)
                )
            handler = mount.handler
            image = handler.read(key, request.query, error, request.raw_path)
        try:
            response = await handler.respond(image, request)
        except ClientGone:
            raise
        except Exception as exc:  # whatever it is, the page still gets a picture
            log.exception("an answer failed")
            return await handler.fail(OriginError(repr(exc)), image, request)
        if request.method == "GET" and not self._bodies.admits(response.body, request.client):
            busy = Overloaded(f"{self._bodies.bytes} bytes wait for clients to take them")
            return await handler.fail(busy, image, request)
        if remembered is None and response.cache == "hit" and _is_worth_remembering(request, image):
            redacted = logs.redact_url(request.raw_path, request.query)
            self._remembered.put(request.target, _Remembered(handler, image, redacted))
        return response

    async def _write(self, request: Request) -> Response | None:
        """Any other method."""
        try:
            mount, key = self._find(request.raw_path, request.method)
        except BadRequest as error:
            return self._refuse_path(error, request)
        if mount is None:
            return None
        if request.method == "OPTIONS" and b"access-control-request-method" in request.headers:
            return _preflight(mount, request)
        endpoint = mount.endpoints.get(request.method)
        if endpoint is None:
            response = text_response(405, "method not allowed", (b"allow", mount.methods.encode()))
        else:
            response = await self._ask(endpoint, mount, key, request)
        if mount.cors is not None:
            mount.cors.apply(request, response)
        return response

    def _refuse_path(self, error: BadRequest, request: Request) -> Response:
        """The answer to a path that cannot be decoded, from what its beginning leads to."""
        path = unquote(request.raw_path.decode("latin-1"), errors="replace").removeprefix("/")
        mount, _ = find_mount(path, self._mounts) or (None, "")
        endpoint = None if mount is None else mount.endpoints.get(request.method)
        if mount is None or endpoint is None or endpoint.refuse is None:
            return text_response(400, "bad request")
        response = endpoint.refuse(error)
        if mount.cors is not None:
            mount.cors.apply(request, response)
        return response

    async def _ask(self, endpoint: Endpoint, mount: Mount, key: str, request: Request) -> Response:
        try:
            response = await endpoint.respond(key, request)
        except ClientGone:
            raise
        except Exception as exc:
            log.exception("an answer failed")
            response = text_response(500, "internal server error")
            response.handler, response.error = mount.handler.name, exc
        if not self._bodies.admits(response.body, request.client):
            return text_response(503, "overloaded", (b"retry-after", b"2"))
        return response

    def _find(self, raw_path: bytes, method: str) -> tuple[Mount | None, str]:
        """The mount with the longest prefix, and the key in it. Raises BadRequest.

        A prefix itself, without a key, is found only for what is written to it.
        """
        path = decode_path(raw_path)
        if method not in READ_METHODS:
            route = self._routes.get(path)
            if route is not None and method in (route.method, "OPTIONS"):
                return route.mount, route.key
            if path in self._mounts:
                return self._mounts[path], ""
        return find_mount(path, self._mounts) or (None, "")

    def _refuse(self, request: Request) -> Response | None:
        """The refusal of a request that no mount may answer."""
        if len(request.raw_path) + len(request.query) > MAX_URL:
            return text_response(414, "URI too long")
        if not self._hosts or _is_probe(request.raw_path):
            return None  # load balancers ask by address
        host = (request.header(b"host") or "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if self._https_port is not None and request.scope.get("scheme") == "http":
            return self._redirect_to_https(name if name in self._hosts else self._hosts[0], request)
        if name not in self._hosts:
            return text_response(421, "misdirected request")
        return None

    def _redirect_to_https(self, host: str, request: Request) -> Response:
        """301 to the same URL; the host is always one of the configured ones."""
        port = "" if self._https_port == 443 else f":{self._https_port}"
        query = b"?" + request.query if request.query else b""
        # A second slash at the front would make the path a host name.
        location = f"https://{host}{port}".encode() + b"/" + request.raw_path.lstrip(b"/") + query
        return text_response(301, "moved to https", (b"location", location))

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Response:
        """Let the app behind answer; its status is noted for the log."""
        response = Response(500, [], b"")

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
            await send(message)

        await self._app(scope, receive, note_status)
        return response

    def _record(
        self,
        method: str,
        redacted: str,
        response: Response,
        start: float,
        client: str,
        headers: Mapping[bytes, bytes],
    ) -> None:
        """Count an answer, and log it unless `redacted`, its path and query, is empty."""
        seconds = time.perf_counter() - start
        self._metrics.observe(response, 0 if method == "HEAD" else len(response.body), seconds)
        if not redacted:
            return
        forwarded = ""
        if addresses := headers.get(b"x-forwarded-for"):
            forwarded = addresses.decode("latin-1")
            forwarded = forwarded if _ADDRESSES.fullmatch(forwarded) else ""
        id = request_id(headers)
        logs.log_request(RequestLine(method, redacted, response, seconds, client, id, forwarded))


def _is_worth_remembering(request: Request, image: ImageRequest) -> bool:
    """Long URLs take much memory, and no page writes them."""
    return len(request.target) <= MAX_REMEMBERED_URL and len(image.pairs) <= MAX_REMEMBERED_PAIRS


def _preflight(mount: Mount, request: Request) -> Response:
    """The answer to OPTIONS, which a browser sends before a script's request with headers of its own."""
    headers = [
        (b"allow", f"{mount.methods}, OPTIONS".encode()),
        (b"vary", b"Access-Control-Request-Headers"),
        (b"cache-control", NO_STORE.encode()),
        (b"cache-status", cache_status(detail="preflight").encode()),
        *SECURITY_HEADERS,
    ]
    response = Response(204, headers, b"", mount.handler.name)
    if mount.cors is None:
        # Browsers let POST pass whatever the methods are, and only headers that are not admitted stop it.
        if request.header(b"access-control-request-method") in READ_METHODS:
            response.headers += _ANY_PAGE.preflight_headers(request, READ_METHODS)
        return response
    mount.cors.apply(request, response)
    if mount.cors.origin_for(request) is not None:
        response.headers += mount.cors.preflight_headers(request, mount.methods.split(", "))
    return response


def _is_disguised(raw_path: bytes) -> bool:
    """Whether this is a path below `/-/` in another spelling, which what stands in front has not seen."""
    return not raw_path.startswith(b"/-/") and unquote_to_bytes(raw_path).startswith(b"/-/")


def _is_probe(raw_path: bytes) -> bool:
    """Whether a load balancer or an operator's program asks."""
    return raw_path == b"/status" or raw_path.startswith(b"/-/")


def _request(method: str, scheme: str, target: bytes, headers: RawHeaders) -> Request:
    """A request of which the listener has read no more than the head."""
    path, _, query = target.partition(b"?")
    scope = {"method": method, "scheme": scheme, "raw_path": path, "query_string": query, "headers": headers}
    return Request(scope, _no_body)


async def _no_body() -> Message:
    return {"type": "http.disconnect"}
