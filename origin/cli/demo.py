"""`origin demo`: the pictures that come with the program, served without a configuration and without S3."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from origin.cli.serve import run_server
from origin.config.load import build_config
from origin.config.model import Config

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
_YOURS = "yours"  # the handler of the user's folder
_PRESETS = {
    "card": {"w": 320, "h": 200, "fit": "cover", "f": "auto"},
    "faded": {"saturation": 0.3, "brightness": 1.1},
}


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="The port on 127.0.0.1."
)
@click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    metavar="FOLDER",
    help="A folder of yours, served at /yours/ and tried in the playground, too.",
)
def demo(port: int, pictures: Path | None) -> None:
    """Serve pictures of its own: no configuration, no S3."""
    from origin.pages.demo import add_demo_page

    with demo_config(port, pictures) as config:
        run_server(
            config,
            prepare=add_demo_page,
            on_listening=lambda: click.echo("\n".join(demo_urls(port, pictures))),
            port_name="--port",
        )


@contextlib.contextmanager
def demo_config(port: int, pictures: Path | None = None) -> Iterator[Config]:
    """The demo's configuration, with the user's folder if there is one. Its cache is deleted at the end."""
    from origin.pages.demo import HANDLERS
    from origin.pages.demo import pictures_folder

    plain, signed = HANDLERS
    with tempfile.TemporaryDirectory(prefix="origin-demo-") as folder:
        brief = {"cache_time": 60, "max_age": 60}
        handler = {"source": {"type": "local", "root": str(pictures_folder())}, **brief}
        yours = {"name": _YOURS, "source": {"type": "local", "root": str(pictures)}, **brief}
        signing = {"keys": [secrets.token_urlsafe(32)]}  # of this run alone
        yield build_config(
            {
                "handlers": [
                    {"name": plain, **handler},
                    {"name": signed, "signing": signing, **handler},
                    *([yours] if pictures else []),
                ],
                "presets": _PRESETS,
                "watermarks": {"logo": {"picture": str(pictures_folder() / "logo.png"), "opacity": 0.8}},
                "admin": {"playground": True},
                "http_host": "127.0.0.1",
                "http_port": port,
                "drain": 0,  # no load balancer has to notice
                "cache": {"path": str(Path(folder) / "cache"), "max_size": "500MB"},
            },
            name="the demo",
        )


def demo_urls(port: int, pictures: Path | None = None) -> list[str]:
    """What to open: the page and the playground first, and there the user's folder, if there is one."""
    yours = [f"-/playground#/{_YOURS}/?w=600&f=auto"] if pictures else []
    paths = ("", "-/playground", *yours, *(f"demo/{query}" for query in _QUERIES))
    return [f"http://127.0.0.1:{port}/{path}" for path in paths]
