"""`origin serve`: pictures over HTTP until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from origin.cli.common import ENVIRONMENT
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.load import load_config
from origin.config.model import Config
from origin.errors import ConfigError


@click.command()
@takes_config
def serve(config_path: str) -> None:
    """Serve pictures until SIGTERM. SIGHUP reads the configuration again."""
    path = config_path.removeprefix("=")
    is_file = path != "-" and not path.startswith(ENVIRONMENT) and Path(path).exists()
    reload = (lambda: load_config(Path(path))) if is_file else None
    run_server(read_config(config_path), reload)


def run_server(
    config: Config,
    reload: Callable[[], Config] | None = None,
    *,
    prepare: Callable[[Any], None] = lambda app: None,
    on_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal ends it.

    `reload` reads the configuration again. `prepare` may add to the app before anything listens;
    `on_listening` is called when the first request can be answered.
    """
    from origin.app import create_app
    from origin.ops import logs
    from origin.render.pool import RendererBroken
    from origin.server.run import run

    logs.configure(config.log.format, config.log.level)
    try:
        app = create_app(config)
        prepare(app)
        run(app, reload, on_listening)
    except (ConfigError, RendererBroken) as error:
        end_as_misused(str(error))
