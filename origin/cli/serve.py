"""`origin serve`: pictures over HTTP until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.model import Config
from origin.errors import ConfigError


@click.command()
@takes_config
def serve(config_path: str) -> None:
    """Serve pictures until SIGTERM."""
    run_server(read_config(config_path))


def run_server(config: Config, prepare: Callable[[Any], None] = lambda app: None) -> None:
    """Serve until a signal ends it. `prepare` may add to the app, before anything listens."""
    from origin.app import create_app
    from origin.ops import logs
    from origin.render.pool import RendererBroken
    from origin.server import listener

    logs.configure(config.log.format)
    try:
        app = create_app(config)
        prepare(app)
        listener.run(app)
    except (ConfigError, RendererBroken) as error:
        end_as_misused(str(error))
