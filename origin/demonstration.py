"""`origin demo`: the pictures that come with the program, served from its own folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.responses import Response
from starlette.routing import Route

from . import configfile
from . import headers
from .config import Config

_QUERIES = (
    "landscape.jpg?w=800",
    "landscape.jpg?w=800&f=auto",
    "landscape.jpg?w=300&h=300",
    "landscape.jpg?w=300&h=300&c=false",
    "landscape.jpg?w=400&dpr=2&f=avif&q=50",
    "portrait.jpg?h=400",
    "logo.png?w=200&f=webp",
    "spinner.gif?w=120&f=webp",
    "no-such-picture.jpg?w=300&h=200",
)
# The page shows pictures of this very server, which the policy for pictures forbids.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"


@contextlib.contextmanager
def configuration(port: int) -> Iterator[Config]:
    """The demo's configuration; its cache goes with it."""
    with tempfile.TemporaryDirectory(prefix="origin-demo-") as folder:
        handler = {
            "name": "demo",
            "source": {"type": "local", "root": str(_pictures())},
            "cache_time": 60,
            "max_age": 60,
        }
        yield configfile.build(
            {
                "handlers": [handler],
                "http_host": "127.0.0.1",
                "http_port": port,
                "cache": {"path": str(Path(folder) / "cache"), "max_size": "500MB"},
            },
            name="the demo",
        )


def urls(port: int) -> list[str]:
    """What to open: the page first."""
    return [f"http://127.0.0.1:{port}/", *(f"http://127.0.0.1:{port}/demo/{query}" for query in _QUERIES)]


def add_page(app: Starlette) -> None:
    """Show the page at `/`."""
    text = (_pictures() / "index.html").read_text(encoding="utf-8")

    async def page(_: Request) -> Response:
        common = {name.decode(): value.decode() for name, value in headers.SECURITY}
        own = {"content-security-policy": _POLICY, "cache-control": headers.NO_STORE}
        return HTMLResponse(text, headers={**common, **own, "cache-status": "origin; detail=demo"})

    app.router.routes.append(Route("/", page))


def _pictures() -> Path:
    return Path(str(resources.files("origin").joinpath("demo")))
