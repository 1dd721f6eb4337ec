"""From a request to the handler mounted at its longest prefix, and the log line behind the answer."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp

from origin.cache.memory import Lru
from origin.delivery.answers import FixedAnswers
from origin.delivery.asked_before import AskedBefore
from origin.delivery.body_admission import BodyAdmission
from origin.delivery.handler import Handler
from origin.delivery.hosts import Hosts
from origin.delivery.hosts import is_probe
from origin.delivery.mounts import READ_METHODS
from origin.delivery.mounts import Mount
from origin.delivery.mounts import Mounts
from origin.delivery.mounts import Route
from origin.delivery.other_methods import OtherMethods
from origin.delivery.other_methods import answer_mistake
from origin.delivery.other_methods import refuse_method
from origin.delivery.request import ImageRequest
from origin.errors import BadRequest
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.http.message import LARGE_BODY
from origin.http.message import PIECE
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
from origin.ops.logs import AccessLine
from origin.ops.metrics import Metrics
from origin.ops.redaction import redact_path
from origin.ops.redaction import redact_url
from origin.ops.routes import S3_EVENTS
from origin.ops.tracing import RequestTracer

log = logging.getLogger(__name__)

MAX_REMEMBERED = 4096  # URLs that hit again, of which is remembered what they mean
_LATELY_ASKED = 1 << 14  # URLs of which is told whether they come again
MAX_REMEMBERED_URL = 1024  # bytes
MAX_REMEMBERED_PAIRS = 20  # of a query
MAX_URL = 8192  # bytes of path and query
CLIENT_GONE_STATUS = 499  # in the log only, as nginx has it
_ADDRESSES = re.compile(r"[0-9A-Fa-f.:,\[\] ]{1,200}")  # as X-Forwarded-For lists them


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
        self.mounts = Mounts(mounts, routes)
        self._metrics = metrics
        self._hosts = Hosts(hosts, https_port) if hosts else None
        self._log_probes = log_probes
        self._bodies = BodyAdmission() if bodies is None else bodies
        self._other_methods = OtherMethods(self.mounts, self._bodies)
        self._answers = FixedAnswers({}) if answers is None else answers
        self._tracer = tracer
        self._in_flight = 0
        self._became_idle: asyncio.Event | None = None
        self._remembered: Lru[bytes, _Remembered] = Lru(MAX_REMEMBERED, lambda _: 1)  # by target
        self._asked = AskedBefore(_LATELY_ASKED)

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
            if self._hosts is not None and self._hosts.refuse(_request(method, scheme, target, headers)):
                return None
            response = remembered.handler.try_cached(remembered.image, folded)
        except Exception:
            log.exception("unexpected error in a hit in memory; the request is answered the ordinary way")
            return None
        if response is None or len(response.body) >= (PIECE if scheme == "https" else LARGE_BODY):
            return None  # large bodies are counted, or sent in pieces, on the way through ASGI
        self._record(method, remembered.redacted, response, start, client, folded)
        return response

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
        if self._tracer is None or is_probe(request.raw_path):
            await self._answer(scope, request, receive, send)
            return
        with self._tracer.request(request, self._redact(request.raw_path, b"")) as answered:
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
                    await response.send(send, request.method, in_pieces=scope.get("scheme") == "https")
        except ClientGone:
            response = Response(CLIENT_GONE_STATUS, [], b"")
        finally:
            self._metrics.in_flight -= 1
            self._in_flight -= 1
            if not self._in_flight and self._became_idle is not None:
                self._became_idle.set()
        redacted = ""
        if self._log_probes or not is_probe(request.raw_path):
            query = b"" if request.raw_path == S3_EVENTS.encode() else request.query  # it may be the token
            redacted = self._redact(request.raw_path, query)
        self._record(request.method, redacted, response, start, request.client, request.headers)
        return response

    async def _respond(self, request: Request) -> Response | None:
        """The answer; None where the request belongs to no mount."""
        if len(request.target) > MAX_URL:
            return text_response(414, "URI too long")
        refusal = None if self._hosts is None else self._hosts.refuse(request)
        if refusal is not None:
            return refusal
        answer = self._answers.find(request.method, request.raw_path)
        if answer is not None:
            return answer
        read = request.method in READ_METHODS
        response = await self._read(request) if read else await self._other_methods.respond(request)
        if response is None and _is_disguised(request.raw_path):
            return text_response(404, "not found")
        return response if response is not None else self._other_methods.refuse_route(request)

    async def _read(self, request: Request) -> Response | None:
        """The answer to a GET or HEAD; None where it belongs to no mount."""
        remembered = self._remembered.get(request.target)
        if remembered is not None:
            return await self._picture(remembered.handler, remembered.image, request)
        error = None
        try:
            mount, key = self.mounts.find(request.raw_path, request.method)
        except BadRequest as exc:
            # A path that cannot be decoded still tells whose fallback image it gets.
            error = exc
            mount, key = self.mounts.find_undecodable(request.raw_path)
        if mount is None:
            return None
        endpoint = mount.endpoints.get(request.method)
        if endpoint is not None:
            if error is not None:
                return text_response(400, "bad request")
            return await self._other_methods.ask(endpoint, mount, key, request)
        if not mount.takes(request.method):
            return refuse_method(mount)
        try:
            image = mount.handler.read(key, request.query, error, request.raw_path)
        except Exception as exc:
            log.exception("unexpected error; the client gets a 500")
            return answer_mistake(mount, exc)
        response = await self._picture(mount.handler, image, request)
        if (
            _is_worth_remembering(request, image)
            and self._asked.again(request.target)  # a miss counts: the first hit behind it is remembered
            and response.cache == "hit"
        ):
            redacted = self._redact(request.raw_path, request.query)
            self._remembered.put(request.target, _Remembered(mount.handler, image, redacted))
        return response

    async def _picture(self, handler: Handler, image: ImageRequest, request: Request) -> Response:
        """The picture, or what stands in its place. Raises ClientGone."""
        try:
            response = await handler.respond(image, request)
        except ClientGone:
            raise
        except Exception as exc:  # whatever it is, the page still gets a picture
            log.exception("unexpected error; the client gets the fallback image")
            return await handler.fail(OriginError(repr(exc)), image, request.headers)
        if request.method == "GET" and not self._bodies.admits(response.body, request.client):
            busy = Overloaded(f"{self._bodies.bytes} bytes wait for clients to take them")
            return await handler.fail(busy, image, request.headers)
        return response

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Response:
        """Let the app behind answer; its status and body are noted for the log and the metrics."""
        response = Response(500, [], b"")

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
            else:
                response.body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, note)
        return response

    def _redact(self, raw_path: bytes, query: bytes) -> str:
        """Path and query for logs and traces."""
        if self.mounts.signs_in_path:
            raw_path = redact_path(raw_path, self.mounts.find_signed_prefix(raw_path))
        return redact_url(raw_path, query)

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
        if not redacted or not logs.is_logged(response.status):
            return
        forwarded = ""
        if addresses := headers.get(b"x-forwarded-for"):
            forwarded = addresses.decode("latin-1")
            forwarded = forwarded if _ADDRESSES.fullmatch(forwarded) else ""
        id = request_id(headers)
        logs.log_request(AccessLine(method, redacted, response, seconds, client, id, forwarded))


def _is_worth_remembering(request: Request, image: ImageRequest) -> bool:
    """Long URLs take much memory, and no page writes them."""
    return len(request.target) <= MAX_REMEMBERED_URL and len(image.pairs) <= MAX_REMEMBERED_PAIRS


def _is_disguised(raw_path: bytes) -> bool:
    """Whether this is a path below `/-/` in another spelling, which what stands in front has not seen."""
    return not raw_path.startswith(b"/-/") and unquote_to_bytes(raw_path).startswith(b"/-/")


def _request(method: str, scheme: str, target: bytes, headers: RawHeaders) -> Request:
    """A request of which the listener has read no more than the head."""
    path, _, query = target.partition(b"?")
    scope = {"method": method, "scheme": scheme, "raw_path": path, "query_string": query, "headers": headers}
    return Request(scope, _no_body)


async def _no_body() -> Message:
    return {"type": "http.disconnect"}
