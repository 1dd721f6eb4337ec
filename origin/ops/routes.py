"""Status, readiness, metrics and purge: what operators and load balancers ask for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import PlainTextResponse
from starlette.responses import Response
from starlette.routing import Route

from origin.http import caching
from origin.http.message import SECURITY_HEADERS
from origin.ops.metrics import CONTENT_TYPE
from origin.ops.metrics import Metrics

MAX_PURGE = 16_384  # bytes of a request to purge
_PRIVATE = {
    "cache-control": caching.NO_STORE,
    "cache-status": caching.cache_status(detail="admin"),
    **{name.decode(): value.decode() for name, value in SECURITY_HEADERS},
}


class Purgeable(Protocol):
    async def purge(self, key: str | None, prefix: str | None) -> int: ...


def public_routes(is_ready: Callable[[], bool]) -> list[Route]:
    """For load balancers, on every listener."""

    async def status(_: Request) -> Response:
        return PlainTextResponse("OK", headers=_PRIVATE)

    async def ready(_: Request) -> Response:
        if is_ready():
            return PlainTextResponse("OK", headers=_PRIVATE)
        return PlainTextResponse("draining", 503, headers=_PRIVATE)

    return [Route("/status", status), Route("/-/live", status), Route("/-/ready", ready)]


def private_routes(handlers: Mapping[str, Purgeable], token: str | None, metrics: Metrics) -> list[Route]:
    """For operators; on a listener of their own where one is configured. Without a token, no purge."""

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.text(), headers={**_PRIVATE, "content-type": CONTENT_TYPE})

    async def purge(request: Request) -> Response:
        # A scheme has no case (RFC 9110 section 11.1).
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.encode(), str(token).encode()):
            return _refusal(401, "a bearer token is needed", **{"www-authenticate": "Bearer"})
        return await _purge(request, handlers, metrics)

    routes = [Route("/-/metrics", show_metrics)]
    return routes if token is None else [*routes, Route("/-/purge", purge, methods=["POST"])]


async def _purge(request: Request, handlers: Mapping[str, Purgeable], metrics: Metrics) -> Response:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_PURGE:
                return _refusal(413, f"a purge has at most {MAX_PURGE} bytes")
    except ClientDisconnect:
        return _refusal(400, "the body is not whole")  # nobody is left to read it
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError):
        return _refusal(400, "the body is not JSON")
    if not isinstance(wanted, dict) or not {"handler"} <= wanted.keys() <= {"handler", "key", "prefix"}:
        return _refusal(400, 'expected {"handler": NAME}, and "key" or "prefix" beside it')
    if not all(isinstance(value, str) and value for value in wanted.values()) or len(wanted) > 2:
        return _refusal(400, 'expected text, and not both "key" and "prefix"')
    if any(value.encode(errors="replace").decode() != value for value in wanted.values()):
        return _refusal(400, "half a surrogate pair is no text")
    if wanted["handler"] not in handlers:
        return _refusal(404, "no handler has that name")
    work: Awaitable[int] = handlers[wanted["handler"]].purge(wanted.get("key"), wanted.get("prefix"))
    count = await work
    metrics.purged(count)
    return JSONResponse({"purged": count}, headers=_PRIVATE)


async def on_http_error(_: Request, error: Exception) -> Response:
    """What Starlette refuses, a wrong method in the main, with the headers of every answer."""
    assert isinstance(error, HTTPException)
    text = f"{error.status_code} {error.detail}\n".lower()
    return PlainTextResponse(text, error.status_code, headers={**_PRIVATE, **(error.headers or {})})


def _refusal(status: int, text: str, **more: str) -> Response:
    return JSONResponse({"error": text}, status, headers={**_PRIVATE, **more})
