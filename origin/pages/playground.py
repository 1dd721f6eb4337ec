"""`/-/playground`: a page on which to try every option, and from which to copy URLs and tags.

The page holds no secret: it is files of this package, and lists names from the configuration, as the metrics
do. What needs a handler's keys, or tells where originals are, asks for the admin token, as a purge does.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from importlib import resources
from typing import Any
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from origin.errors import OriginError
from origin.http.caching import NO_STORE
from origin.http.caching import cache_status
from origin.ops.routes import Action
from origin.ops.routes import HasToken
from origin.ops.routes import Refused
from origin.ops.routes import answering
from origin.ops.routes import read_object
from origin.ops.routes import with_token
from origin.pages.code import Wanted
from origin.pages.code import write_code
from origin.pages.controls import list_controls

log = logging.getLogger(__name__)

PATH = "/-/playground"
PICTURES = f"{PATH}/pictures"  # where a listener for operators has the pictures of the public one
_FILES = {
    "index.html": "text/html; charset=utf-8",
    "playground.css": "text/css; charset=utf-8",
    "playground.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# Nothing from elsewhere, no script or style in the page itself, and no text that becomes HTML.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
# The names of this machine for its own browsers. Another site may point a name of its own here, and its pages
# are then of the playground's origin (DNS rebinding), but their requests carry that name.
_OWN_NAMES = ("127.0.0.1", "localhost", "::1")
_HEADERS = {
    "cache-control": NO_STORE,
    "cache-status": cache_status(detail="playground"),
    "content-security-policy": _POLICY,
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PlayedHandler:
    """What the page may know of a handler, and its keys, which it may not."""

    name: str
    prefix: str
    options: tuple[str, ...]  # that its URLs may use
    max_dimension: int  # device pixels
    signing: str  # "none", "optional" or "required"
    rests: Mapping[str, str]  # by option, what counts where a URL has none
    qualities: Mapping[str, int]  # by format, the same for `q`
    preset: str = ""  # names, of every URL
    keys: tuple[str, ...] | None = field(default=None, repr=False)
    is_listed: bool = False  # the keys of its source can be listed
    pictures: tuple[str, ...] = ()  # keys that are offered without a listing

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "prefix": self.prefix,
            "options": self.options,
            "max_dimension": self.max_dimension,
            "signing": self.signing,
            "rests": dict(self.rests),
            "qualities": dict(self.qualities),
            "preset": self.preset,
            "is_listed": self.is_listed,
            "pictures": self.pictures,
        }


@dataclass(frozen=True, slots=True)
class Playground:
    """One configuration, as far as the page shows it."""

    handlers: Mapping[str, PlayedHandler]  # by name
    presets: Mapping[str, Mapping[str, str]]  # by name, the values of their options
    watermarks: tuple[str, ...]  # names
    explain: Callable[[str], list[str]]  # the account of a URL, line by line
    list_keys: Callable[
        [str, str], Awaitable[list[str]]
    ]  # the first ones, by the handler's name and a prefix
    public_url: str | None  # where there are hosts
    public_port: int
    now: float  # Unix seconds
    is_open: bool = False  # nobody on this machine needs the token


class Site(HasToken, Protocol):
    """Whose playground it is. It may change while it runs, so each request asks anew."""

    @property
    def playground(self) -> Playground | None:
        """None where the configuration has none."""


def playground_routes(site: Site, pictures: str = "") -> list[Route]:
    """`pictures` is below which path this listener has the pictures; empty where they have their own."""

    async def state(request: Request) -> Response:
        playground = _playground(site)
        return _json(_describe(playground, pictures, _who_signs(playground, site, request)))

    async def code(request: Request) -> Response:
        return await _code(request, site)

    async def explain(request: Request) -> Response:
        url = (await _read(request)).get("url")
        if not isinstance(url, str):
            raise _refused("expected the text of a URL")
        return _json({"lines": _playground(site).explain(url)})

    async def keys(request: Request) -> Response:
        return await _keys(request, _playground(site))

    return [
        *(Route(path, _file(name, type, site)) for path, name, type in _list_files()),
        Route(f"{PATH}/state", state),
        Route(f"{PATH}/code", _posted(answering(code), site), methods=["POST"]),
        Route(f"{PATH}/explain", _posted(_guarded(explain, site), site), methods=["POST"]),
        Route(f"{PATH}/keys", _posted(_guarded(keys, site), site), methods=["POST"]),
    ]


def _list_files() -> list[tuple[str, str, str]]:
    own = [(f"{PATH}/{name}", name, type) for name, type in _FILES.items() if name != "index.html"]
    return [(PATH, "index.html", _FILES["index.html"]), *own]


def _file(name: str, type: str, site: Site) -> Action:
    body = resources.files("origin.pages").joinpath("playground_files", name).read_bytes()

    async def answer(_: Request) -> Response:
        _playground(site)
        return Response(body, headers={**_HEADERS, "content-type": type})

    return answer


def _playground(site: Site) -> Playground:
    """Raises HTTPException where there is none."""
    playground = site.playground
    if playground is None:
        raise HTTPException(404)
    return playground


def _posted(action: Action, site: Site) -> Action:
    """The action for the page itself. A page of another site can send no such type without asking first,
    and is never told that it may."""

    async def checked(request: Request) -> Response:
        _playground(site)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _json({"error": "expected application/json"}, 415)
        return await action(request)

    return checked


def _guarded(action: Action, site: Site) -> Action:
    """The action, for those who have the admin token, or in an open playground for all of this machine."""
    with_it, without = with_token(site, action), answering(action)

    async def checked(request: Request) -> Response:
        return await (without if _is_open_to(request, _playground(site)) else with_it)(request)

    return checked


def _is_open_to(request: Request, playground: Playground) -> bool:
    return playground.is_open and request.url.hostname in _OWN_NAMES


def _who_signs(playground: Playground, site: Site, request: Request) -> str:
    if _is_open_to(request, playground):
        return "for all"
    return "never" if site.admin_token is None else "with token"


async def _code(request: Request, site: Site) -> Response:
    """URLs and tags. Those of a handler that signs are for those who have the admin token, or a grant."""
    given = await _read(request)
    playground = _playground(site)
    handler = _find_handler(playground, given)

    async def write(_: Request) -> Response:
        try:
            return _json(write_code(Wanted.read(given), handler.prefix, keys, playground.now))
        except ValueError as error:
            raise _refused(str(error)) from None

    keys = None
    if not given.get("grant") and (handler.signing == "required" or given.get("sign") is True):
        keys = handler.keys
    if keys is None:
        return await write(request)
    return await _guarded(write, site)(request)


async def _keys(request: Request, playground: Playground) -> Response:
    """The first keys of a handler's source. They tell what there is, so they are for the admin token."""
    given = await _read(request)
    handler, prefix = _find_handler(playground, given), given.get("prefix", "")
    if not handler.is_listed or not isinstance(prefix, str):
        raise _refused("expected a handler whose source can be listed, and the text of a prefix")
    try:
        return _json({"keys": await playground.list_keys(handler.name, prefix)})
    except (OriginError, TimeoutError) as error:
        log.warning("playground: %s cannot be listed: %s", handler.name, error)
        return _json({"error": "the source cannot be listed"}, 502)


def _find_handler(playground: Playground, given: Mapping[str, Any]) -> PlayedHandler:
    """Raises Refused."""
    name = given.get("handler")
    handler = playground.handlers.get(name) if isinstance(name, str) else None
    if handler is None:
        raise _refused("no handler has that name")
    return handler


async def _read(request: Request) -> dict[str, Any]:
    """The object in the body. Raises Refused."""
    given = await read_object(request)
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # such as half a surrogate pair, which no answer could repeat
        raise _refused("expected text of Unicode, and few levels") from None
    return given


def _describe(playground: Playground, pictures: str, signs: str) -> dict[str, Any]:
    return {
        "handlers": [handler.describe() for handler in playground.handlers.values()],
        "controls": list_controls(),
        "names": {"presets": list(playground.presets), "watermarks": playground.watermarks},
        "presets": {name: dict(values) for name, values in playground.presets.items()},
        "pictures_at": pictures,
        "public_url": playground.public_url,
        "public_port": playground.public_port,
        "signs": signs,
    }


def _refused(text: str) -> Refused:
    return Refused(_json({"error": text}, 400))


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(value, status, headers=_HEADERS)
