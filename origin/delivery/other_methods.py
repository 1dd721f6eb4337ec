"""What answers other methods than GET and HEAD of a picture: endpoints, and preflights of browsers."""

from __future__ import annotations

import logging

from origin.delivery.body_admission import BodyAdmission
from origin.delivery.cors import Cors
from origin.delivery.mounts import READ_METHODS
from origin.delivery.mounts import Endpoint
from origin.delivery.mounts import Mount
from origin.delivery.mounts import Mounts
from origin.errors import BadRequest
from origin.http.caching import NO_STORE
from origin.http.caching import cache_status
from origin.http.message import RETRY_AFTER
from origin.http.message import SECURITY_HEADERS
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import text_response

log = logging.getLogger(__name__)

_ANY_PAGE = Cors(("*",))  # may read pictures


class OtherMethods:
    """Gives requests to the endpoints of mounts."""

    def __init__(self, mounts: Mounts, bodies: BodyAdmission) -> None:
        self._mounts = mounts
        self._bodies = bodies

    async def respond(self, request: Request) -> Response | None:
        """The answer to another method than GET and HEAD; None where the request belongs to no mount."""
        try:
            mount, key = self._mounts.find(request.raw_path, request.method)
        except BadRequest as error:
            return self._refuse_path(error, request)
        if mount is None:
            return None
        if request.method == "OPTIONS" and _is_preflight(mount, request):
            return _preflight(mount, request)
        endpoint = mount.endpoints.get(request.method)
        refused = self.refuse_route(request) if endpoint is None else None
        if refused is not None:
            return refused
        if endpoint is None:
            response = refuse_method(mount)
        else:
            response = await self.ask(endpoint, mount, key, request)
        if mount.cors is not None:
            mount.cors.apply(request, response)
        return response

    def refuse_route(self, request: Request) -> Response | None:
        """The answer to a method that a route does not have (RFC 9110 section 15.5.6); None where there is no
        route."""
        route = self._mounts.find_route(request.raw_path)
        if route is None:
            return None
        mount, _ = self._mounts.find(request.raw_path, READ_METHODS[0])  # that has the path as a key
        methods = [] if mount is None else mount.methods.split(", ")
        allow = ", ".join(dict.fromkeys([*methods, route.method]))
        response = text_response(405, "method not allowed", (b"allow", allow.encode()))
        if route.mount.cors is not None:
            route.mount.cors.apply(request, response)
        return response

    def _refuse_path(self, error: BadRequest, request: Request) -> Response:
        """The answer to a path that cannot be decoded, from what its beginning leads to."""
        mount, _ = self._mounts.find_undecodable(request.raw_path)
        endpoint = None if mount is None else mount.endpoints.get(request.method)
        if mount is None or endpoint is None or endpoint.refuse is None:
            return text_response(400, "bad request")
        response = endpoint.refuse(error)
        if mount.cors is not None:
            mount.cors.apply(request, response)
        return response

    async def ask(self, endpoint: Endpoint, mount: Mount, key: str, request: Request) -> Response:
        """What an endpoint answers. Raises ClientGone."""
        try:
            response = await endpoint.respond(key, request)
        except ClientGone:
            raise
        except Exception as exc:
            log.exception("unexpected error; the client gets a 500")
            response = answer_mistake(mount, exc)
        mount.handler.tell_reason(response)
        if not self._bodies.admits(response.body, request.client):
            return text_response(503, "overloaded", RETRY_AFTER)
        return response


def answer_mistake(mount: Mount, error: Exception) -> Response:
    """The answer to a request at which a mistake of ours has come up."""
    response = text_response(500, "internal server error")
    response.handler, response.error = mount.handler.name, error
    return response


def refuse_method(mount: Mount) -> Response:
    """The answer to a method that nothing at the mount takes."""
    return text_response(405, "method not allowed", (b"allow", mount.methods.encode()))


def _is_preflight(mount: Mount, request: Request) -> bool:
    """Where pages of other sites may write, whatever names its page: old clients say no more than that."""
    asks = b"access-control-request-method" in request.headers
    return asks or (mount.cors is not None and b"origin" in request.headers)


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
    method = request.header(b"access-control-request-method")
    reads = method in READ_METHODS
    if mount.cors is None or (reads and not mount.cors.admits(request, method)):
        # Browsers let POST pass whatever the methods are, and only headers that are not admitted stop it.
        if reads:
            response.headers += _ANY_PAGE.preflight_headers(request, READ_METHODS)
        return response
    mount.cors.apply(request, response)
    if mount.cors.origin_for(request) is not None:
        response.headers += mount.cors.preflight_headers(request, mount.methods.split(", "))
    return response
