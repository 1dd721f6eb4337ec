"""What is mounted where: handlers at prefixes, what answers other methods there, what its body may cost."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import NamedTuple
from urllib.parse import unquote

from origin.delivery.cors import Cors
from origin.delivery.handler import Handler
from origin.errors import BadRequest
from origin.http.message import Request
from origin.http.message import Response
from origin.ops.routes import MAX_PURGE
from origin.ops.routes import S3_EVENTS
from origin.ops.s3_events import MAX_EVENT
from origin.urls.path import decode_path
from origin.urls.path import find_mount

READ_METHODS = ("GET", "HEAD")


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
    serves: bool = True  # pictures, to GET and HEAD

    @property
    def methods(self) -> str:
        """The value of Allow."""
        return ", ".join(dict.fromkeys((*(READ_METHODS if self.serves else ()), *self.endpoints)))

    def takes(self, method: str) -> bool:
        return method in self.endpoints or (self.serves and method in READ_METHODS)


class Route(NamedTuple):
    """Another path for one of a mount's endpoints."""

    mount: Mount
    method: str
    key: str


class Mounts:
    """The mounts of one origin, by the paths that lead to them."""

    def __init__(self, by_prefix: Mapping[str, Mount], routes: Mapping[str, Route] | None = None) -> None:
        """`routes` are other paths for what is written, decoded and without the leading slash."""
        self.by_prefix = by_prefix
        self.signs_in_path = any(mount.handler.signs_in_path for mount in by_prefix.values())
        self._routes = {} if routes is None else routes

    def find(self, raw_path: bytes, method: str) -> tuple[Mount | None, str]:
        """The mount with the longest prefix, and the key in it. Raises BadRequest.

        A prefix itself, without a key, is found only for what is written to it, and where nothing is served.
        """
        path = decode_path(raw_path)
        if method not in READ_METHODS:
            route = self._routes.get(path)
            if route is not None and method in (route.method, "OPTIONS"):
                return route.mount, route.key
        mount = self.by_prefix.get(path)
        if mount is not None and (method not in READ_METHODS or not mount.takes(method)):
            return mount, ""
        return find_mount(path, self.by_prefix) or (None, "")

    def find_route(self, raw_path: bytes) -> Route | None:
        """The route at a path, for whatever method."""
        try:
            return self._routes.get(decode_path(raw_path))
        except BadRequest:
            return None

    def find_undecodable(self, raw_path: bytes) -> tuple[Mount | None, str]:
        """The mount that the beginning of a path leads to which cannot be decoded, and the key as far as it
        can be read."""
        path = unquote(raw_path.decode("latin-1"), errors="replace").removeprefix("/")
        return find_mount(path, self.by_prefix) or (None, "")

    def find_signed_prefix(self, raw_path: bytes) -> str | None:
        """The prefix that a path leads to, where what stands behind it is a signature."""
        path = unquote(raw_path.decode("latin-1"), errors="replace").removeprefix("/")
        found = find_mount(path, self.by_prefix)
        if found is None or not found[0].handler.signs_in_path:
            return None
        return path[: len(path) - len(found[1])].removesuffix("/")

    def body_limit(self, method: str, target: bytes) -> BodyLimit:
        """What the body of this request may cost."""
        if method in READ_METHODS:
            return NO_BODY
        try:
            mount, _ = self.find(target.partition(b"?")[0], method)
        except BadRequest:
            mount = None
        if mount is None:
            return EVENT_BODY if target.partition(b"?")[0] == S3_EVENTS.encode() else ADMIN_BODY
        endpoint = mount.endpoints.get(method)
        return ADMIN_BODY if endpoint is None else endpoint.body
