"""The command line: one function a command. Results go to stdout, messages to people to stderr."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import NoReturn
from typing import TypeVar

import click

from . import __version__
from . import configfile
from .config import Config
from .errors import ConfigError

FAILED = 1  # a check that failed
MISUSED = 2  # wrong use, a wrong configuration among it

Command = TypeVar("Command", bound=Callable[..., Any])


def _takes_config(command: Command) -> Command:
    return click.option(
        "-c",
        "--config",
        "path",
        default="config.json",
        show_default=True,
        help="The configuration; - for stdin.",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="origin")
def main() -> None:
    """An image origin for CDNs: originals from S3, rendered with libvips, cached on disk."""


@main.command()
@_takes_config
def serve(path: str) -> None:
    """Serve pictures until SIGTERM."""
    _serve(_load(path))


@main.command()
@click.option("--port", default=8080, show_default=True, help="The port on 127.0.0.1.")
def demo(port: int) -> None:
    """Serve pictures of its own: no configuration, no S3."""
    from . import demonstration

    with demonstration.configuration(port) as config:
        for line in demonstration.urls(port):
            click.echo(line)
        _serve(config, demonstration.add_page)


@main.command()
@_takes_config
def check(path: str) -> None:
    """Say, handler by handler, whether the configuration and the source work."""
    from . import checks

    config = _load(path)
    failures = 0
    for line, works in asyncio.run(checks.run(config)):
        click.echo(line)
        failures += not works
    if failures:
        sys.exit(FAILED)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    click.echo(json.dumps(configfile.json_schema(), indent=2))


def _load(path: str) -> Config:
    try:
        if path == "-":
            return configfile.parse(sys.stdin.read(), name="stdin")
        return configfile.load(Path(path))
    except ConfigError as error:
        _misuse(str(error))


def _serve(config: Config, prepare: Callable[[Any], None] = lambda app: None) -> None:
    from . import logs
    from . import server
    from .app import create_app
    from .renderer import RendererBroken

    logs.configure(config.log.format)
    try:
        app = create_app(config)
        prepare(app)
        server.run(app)
    except (ConfigError, RendererBroken) as error:
        _misuse(str(error))


def _misuse(message: str) -> NoReturn:
    click.echo(f"origin: {message}", err=True)
    sys.exit(MISUSED)
