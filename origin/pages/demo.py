"""The page of `origin demo`: its pictures, and how each URL changes them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.responses import Response
from starlette.routing import Route
from starlette.routing import Router

from origin.http.caching import NO_STORE
from origin.http.message import SECURITY_HEADERS

# The page shows pictures of this very server and asks for their bytes, which the policy for pictures forbids.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


HANDLERS = ("demo", "signed")  # of the demo's own pictures
PICTURES = ("landscape.jpg", "portrait.jpg", "logo.png", "spinner.gif")


def pictures_folder() -> Path:
    """The folder of the demo's pictures and of its page."""
    return Path(str(resources.files("origin.pages").joinpath("pictures")))


class Demo(Protocol):
    """The app that gets the page."""

    demo_pictures: Mapping[str, tuple[str, ...]] | None

    @property
    def router(self) -> Router: ...


def add_demo_page(app: Demo) -> None:
    """Serve the page at `/`, and the icon that browsers ask for; let everybody use the playground."""
    app.demo_pictures = dict.fromkeys(HANDLERS, PICTURES)
    text = (pictures_folder() / "index.html").read_text(encoding="utf-8")
    script = (pictures_folder() / "demo.js").read_bytes()
    picture = (pictures_folder() / "icon.png").read_bytes()
    common = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
    common["cache-status"] = "origin; detail=demo"

    async def page(_: Request) -> Response:
        own = {"content-security-policy": _POLICY, "cache-control": NO_STORE}
        return HTMLResponse(text, headers={**common, **own})

    async def facts(_: Request) -> Response:
        own = {"cache-control": NO_STORE}
        return Response(script, headers={**common, **own}, media_type="text/javascript")

    async def icon(_: Request) -> Response:
        own = {"cache-control": "public, max-age=86400"}
        return Response(picture, headers={**common, **own}, media_type="image/png")

    app.router.routes += [Route("/", page), Route("/demo.js", facts), Route("/favicon.ico", icon)]
