"""Status, readiness, metrics, purge, registry and reload: what operators and load balancers ask for."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Protocol
from typing import get_args

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import PlainTextResponse
from starlette.responses import Response
from starlette.routing import Route

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import OriginError
from origin.errors import RegistryDown
from origin.http.caching import NO_STORE
from origin.http.caching import cache_status
from origin.http.message import SECURITY_HEADERS
from origin.ops.events import S3Events
from origin.ops.metrics import CONTENT_TYPE
from origin.ops.metrics import Metrics
from origin.ops.purge import PurgeNotSpread
from origin.ops.s3_events import MAX_EVENT
from origin.ops.s3_events import NotAnEvent
from origin.sources.url_registry import NoRegistry
from origin.sources.url_registry import RegistryAction

log = logging.getLogger(__name__)

MAX_PURGE = 16_384  # bytes of a request to purge
S3_EVENTS = "/-/events/s3"
ACTIONS: tuple[str, ...] = get_args(RegistryAction)
_HEADERS = {
    "cache-control": NO_STORE,
    "cache-status": cache_status(detail="admin"),
    **{name.decode(): value.decode() for name, value in SECURITY_HEADERS},
}


Action = Callable[[Request], Awaitable[Response]]


class Purgeable(Protocol):
    async def purge(self, key: str | None, prefix: str | None) -> int: ...

    async def moderate(self, action: RegistryAction, url: str) -> None:
        """Change the handler's registry of URLs.

        Raises NoRegistry, RegistryDown; BadRequest and Forbidden for what is no URL of a picture.
        """

    async def forget_blocked(self, url: str) -> None:
        """Forget the picture of a URL that a registry blocks."""


class HasToken(Protocol):
    @property
    def admin_token(self) -> str | None:
        """None where nobody may purge or reload."""


class Operated(HasToken, Protocol):
    """What operators look at and act on. It may change while it runs, so each request asks anew."""

    @property
    def is_ready(self) -> bool: ...

    @property
    def handlers_by_name(self) -> Mapping[str, Purgeable]: ...

    @property
    def metrics(self) -> Metrics: ...

    @property
    def events(self) -> S3Events: ...

    async def purge(self, handler: str, key: str | None, prefix: str | None) -> int:
        """Forget what `Purgeable.purge` forgets, here and in the CDN. Raises PurgeNotSpread."""

    def tell_cdn(self, handler: str, key: str) -> None:
        """Have the CDN forget the pictures of one key."""

    async def reload_configuration(self) -> str | None:
        """Read the configuration again; what is wrong with it, in which case the old one stays."""


def public_routes(origin: Operated) -> list[Route]:
    """For load balancers, on every listener."""

    async def status(_: Request) -> Response:
        return PlainTextResponse("OK", headers=_HEADERS)

    async def ready(_: Request) -> Response:
        if origin.is_ready:
            return PlainTextResponse("OK", headers=_HEADERS)
        return PlainTextResponse("draining", 503, headers=_HEADERS)

    return [Route("/status", status), Route("/-/live", status), Route("/-/ready", ready)]


def private_routes(origin: Operated) -> list[Route]:
    """For operators; on a listener of their own where one is configured."""

    async def show_metrics(_: Request) -> Response:
        return Response(origin.metrics.text(), headers={**_HEADERS, "content-type": CONTENT_TYPE})

    async def purge(request: Request) -> Response:
        return await _purge(request, origin)

    async def s3_event(request: Request) -> Response:
        return await _purge_what_changed(request, origin)

    async def moderate(request: Request) -> Response:
        return await _moderate(request, origin)

    async def reload(_: Request) -> Response:
        mistake = await origin.reload_configuration()
        if mistake is not None:
            return refusal(409, mistake)
        return JSONResponse({"reloaded": True}, headers=_HEADERS)

    return [
        Route("/-/metrics", show_metrics),
        Route("/-/purge", with_token(origin, purge), methods=["POST"]),
        Route(S3_EVENTS, with_token(origin, s3_event, in_query=True), methods=["POST"]),
        Route("/-/registry", with_token(origin, moderate), methods=["POST"]),
        Route("/-/reload", with_token(origin, reload), methods=["POST"]),
    ]


def with_token(origin: HasToken, action: Action, *, in_query: bool = False) -> Action:
    """The action, for those who have the token. Without a token in the configuration it is not there.

    With `in_query` the token may come as `?key=`, for senders that can set no header.
    """
    answer = answering(action)

    async def checked(request: Request) -> Response:
        token = origin.admin_token
        if token is None:
            raise HTTPException(404)
        # A scheme has no case (RFC 9110 section 11.1).
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        keys = request.query_params.getlist("key") if in_query else []
        if len(keys) == 1 and not scheme:
            scheme, given = "bearer", keys[0]
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.encode(), token.encode()):
            what = "the bearer token is wrong" if given else "a bearer token is needed"
            return refusal(401, what, **{"www-authenticate": "Bearer"})
        return await answer(request)

    return checked


def answering(action: Action) -> Action:
    """The action, which may raise Refused."""

    async def answered(request: Request) -> Response:
        try:
            return await action(request)
        except Refused as refused:
            return refused.answer

    return answered


class Refused(Exception):
    """A request that is answered with a refusal."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


async def read_object(request: Request) -> dict[str, Any]:
    """The object of JSON in the body, with text in every key. Raises Refused."""
    body = await _read_body(request, MAX_PURGE)
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(refusal(400, "the body is not JSON")) from None
    return wanted if isinstance(wanted, dict) else {}


async def _read_body(request: Request, limit: int) -> bytes:
    """Raises Refused."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise Refused(refusal(413, f"the body has at most {limit} bytes"))
    except ClientDisconnect:
        raise Refused(refusal(400, "the body is not whole")) from None  # nobody is left to read it
    return bytes(body)


def _check_texts(wanted: Mapping[str, Any]) -> None:
    """Raises Refused for a value that is no text."""
    if any(value.encode(errors="replace").decode() != value for value in wanted.values()):
        raise Refused(refusal(400, "expected Unicode text, got half a surrogate pair"))


def _find_handler(origin: Operated, name: str) -> Purgeable:
    """Raises Refused."""
    handler = origin.handlers_by_name.get(name)
    if handler is None:
        known = ", ".join(sorted(origin.handlers_by_name))
        raise Refused(refusal(404, f"no handler has that name; there are {known}"))
    return handler


async def _purge(request: Request, origin: Operated) -> Response:
    wanted = await read_object(request)
    if not {"handler"} <= wanted.keys() <= {"handler", "key", "prefix"}:
        return refusal(400, 'expected {"handler": NAME}, and "key" or "prefix" beside it')
    if not all(isinstance(value, str) and value for value in wanted.values()) or len(wanted) > 2:
        return refusal(400, 'expected text, and not both "key" and "prefix"')
    _check_texts(wanted)
    _find_handler(origin, wanted["handler"])
    what = " ".join(f"{name}={value!r}" for name, value in wanted.items())
    try:
        count = await origin.purge(wanted["handler"], wanted.get("key"), wanted.get("prefix"))
    except PurgeNotSpread as error:
        origin.metrics.purged(error.count)
        log.error("%s; the others learn of it when the bucket or Valkey is back: %s", error, what)
        told = {"error": "neither the bucket nor Valkey takes the purge; it is tried again"}
        return JSONResponse(
            {**told, "reached": [error.reached], "purged": error.count}, 503, headers=_HEADERS
        )
    origin.metrics.purged(count)
    log.info("purged %d results and originals: %s", count, what)
    return JSONResponse({"purged": count}, headers=_HEADERS)


async def _purge_what_changed(request: Request, origin: Operated) -> Response:
    """Purge what a store says was written or removed, before the answer."""
    body = await _read_body(request, MAX_EVENT)
    try:
        count = await origin.events.handle(body)
    except NotAnEvent as error:
        log.warning("events: a notification is refused: %s", error)
        return refusal(400, "expected a notification of S3, SNS, EventBridge, MinIO or SeaweedFS")
    except OriginError as error:
        log.error("events: a notification is not acted on, its sender may try again: %s", error)
        return refusal(503, "try again")
    return JSONResponse({"purged": count}, headers=_HEADERS)


async def _moderate(request: Request, origin: Operated) -> Response:
    wanted = await read_object(request)
    is_text = all(isinstance(value, str) and value for value in wanted.values())
    if wanted.keys() != {"handler", "action", "url"} or not is_text or wanted["action"] not in ACTIONS:
        return refusal(400, f'expected {{"handler": NAME, "action": {"|".join(ACTIONS)}, "url": URL}}')
    _check_texts(wanted)
    handler = _find_handler(origin, wanted["handler"])
    try:
        await handler.moderate(wanted["action"], wanted["url"])
        if wanted["action"] == "block":
            for name, each in origin.handlers_by_name.items():  # several may share a registry
                await each.forget_blocked(wanted["url"])
                origin.tell_cdn(name, wanted["url"])
    except NoRegistry:
        return refusal(404, "this handler has no registry")
    except (BadRequest, Forbidden):
        return refusal(400, "expected an http or https URL")
    except RegistryDown as error:
        log.error("registry: %s", error)
        return refusal(503, "the registry does not answer")
    log.info("registry: %s url=%r handler=%r", wanted["action"], wanted["url"], wanted["handler"])
    return JSONResponse({wanted["action"]: wanted["url"]}, headers=_HEADERS)


async def on_http_error(_: Request, error: Exception) -> Response:
    """What Starlette refuses, mostly a wrong method, with the headers of every answer."""
    assert isinstance(error, HTTPException)
    text = f"{error.status_code} {error.detail}\n".lower()
    return PlainTextResponse(text, error.status_code, headers={**_HEADERS, **(error.headers or {})})


def refusal(status: int, text: str, **more: str) -> Response:
    return JSONResponse({"error": text}, status, headers={**_HEADERS, **more})
