"""From a request to the handler mounted at its longest prefix, and the log line behind the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import ASGIApp

from origin.cache.memory import Lru
from origin.delivery.handler import Handler
from origin.delivery.request import ImageRequest
from origin.errors import BadRequest
from origin.errors import OriginError
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
from origin.ops import logs
from origin.ops.metrics import Metrics
from origin.urls.path import decode_path
from origin.urls.path import find_mount

log = logging.getLogger(__name__)

MAX_PLANS = 4096  # URLs whose plan is kept, of those that hit
MAX_URL = 8192  # bytes of path and query
CLIENT_GONE_STATUS = 499  # in the log only, as nginx has it
_METHODS = (b"allow", b"GET, HEAD")


@dataclass(frozen=True, slots=True)
class _Known:
    """What a target has turned out to mean."""

    handler: Handler
    plan: ImageRequest
    shown: str  # in the log


class Router:
    """Answers what belongs to a handler, and leaves the rest to the app behind it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        handlers: Mapping[str, Handler],
        metrics: Metrics,
        hosts: tuple[str, ...] = (),
        https_port: int | None = None,
    ) -> None:
        self._app = app
        self._handlers = handlers
        self._metrics = metrics
        self._hosts = tuple(host.lower() for host in hosts)
        self._plans: Lru[bytes, _Known] = Lru(MAX_PLANS, lambda _: 1)  # by target
        self._https_port = https_port  # where everything in plain text is sent to

    def try_cached(self, method: str, scheme: str, target: bytes, fields: RawHeaders) -> Response | None:
        """The answer to a hit in memory, logged and counted; None for everything else. A listener of ours
        asks here before it makes a task of a request, which costs more than the answer."""
        known = self._plans.get(target)
        if known is None or method not in ("GET", "HEAD"):
            return None
        start = time.perf_counter()
        try:
            if self._hosts and self._refusal(_request(method, scheme, target, fields)):
                return None
            answer = known.handler.try_cached(known.plan, fold_headers(fields))
        except Exception:
            log.exception("an answer failed")
            return None
        if answer is not None:
            self._note(answer, method, known.shown, start)
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request = Request(scope, receive)
        self._metrics.in_flight += 1
        try:
            found = await self._answer(request)
            if found is None:
                answer = await self._pass_on(scope, receive, send)
            else:
                answer = found
                await answer.send(send, request.method)
        except ClientGone:
            answer = Response(CLIENT_GONE_STATUS, [], b"")
        finally:
            self._metrics.in_flight -= 1
        self._note(answer, request.method, logs.redact_url(request.raw_path, request.query), start)

    def _note(self, answer: Response, method: str, shown: str, start: float) -> None:
        seconds = time.perf_counter() - start
        self._metrics.observe(answer, 0 if method == "HEAD" else len(answer.body), seconds)
        logs.request_line(method, shown, answer, seconds)

    async def _answer(self, request: Request) -> Response | None:
        """The answer; None where the request belongs to no handler."""
        refused = self._refusal(request)
        if refused is not None:
            return refused
        target = request.raw_path + b"?" + request.query if request.query else request.raw_path
        known = self._plans.get(target)
        planned = (known.handler, known.plan) if known else self._read(request)
        if planned is None:
            return None
        if request.method not in ("GET", "HEAD"):
            return text_response(405, "method not allowed", _METHODS)
        handler, plan = planned
        try:
            answer = await handler.answer(plan, request)
        except ClientGone:
            raise
        except Exception as exc:  # whatever it is, the page still gets a picture
            log.exception("an answer failed")
            return await handler.refuse_broken(OriginError(repr(exc)), plan, request)
        if known is None and answer.outcome == "hit":
            self._plans.put(target, _Known(handler, plan, logs.redact_url(request.raw_path, request.query)))
        return answer

    def _read(self, request: Request) -> tuple[Handler, ImageRequest] | None:
        """The handler and what it is asked for."""
        error = None
        try:
            path = decode_path(request.raw_path)
        except BadRequest as exc:
            # A path that cannot be decoded still shows whose fallback image it gets.
            error = exc
            path = unquote(request.raw_path.decode("latin-1"), errors="replace").removeprefix("/")
        found = find_mount(path, self._handlers)
        if found is None:
            return None
        handler, key = found
        return handler, handler.read(key, request.query, error)

    def _refusal(self, request: Request) -> Response | None:
        """What is refused whatever is mounted."""
        if len(request.raw_path) + len(request.query) > MAX_URL:
            return text_response(414, "URI too long")
        if not self._hosts or request.raw_path == b"/status" or request.raw_path.startswith(b"/-/"):
            return None  # load balancers ask by address
        host = (request.header(b"host") or "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if self._https_port is not None and request.scope.get("scheme") == "http":
            return self._to_https(name if name in self._hosts else self._hosts[0], request)
        if name not in self._hosts:
            return text_response(421, "misdirected request")
        return None

    def _to_https(self, host: str, request: Request) -> Response:
        """301 to the same URL; the host is always one of the configured ones."""
        port = "" if self._https_port == 443 else f":{self._https_port}"
        query = b"?" + request.query if request.query else b""
        # A second slash at the front would make the path a host name.
        location = f"https://{host}{port}".encode() + b"/" + request.raw_path.lstrip(b"/") + query
        return text_response(301, "moved to https", (b"location", location))

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Response:
        """Let the app behind answer; what the log needs is noted as it passes."""
        noted = Response(500, [], b"")

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted.status = message["status"]
            await send(message)

        await self._app(scope, receive, note)
        return noted


def _request(method: str, scheme: str, target: bytes, fields: RawHeaders) -> Request:
    """What there is to know of a request before it has a scope."""
    path, _, query = target.partition(b"?")
    scope = {"method": method, "scheme": scheme, "raw_path": path, "query_string": query, "headers": fields}
    return Request(scope, _nothing)


async def _nothing() -> Message:
    """What comes after a request that is answered at once."""
    return {"type": "http.disconnect"}
