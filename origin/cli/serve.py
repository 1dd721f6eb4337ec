"""`origin serve`: pictures over HTTP until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import click

from origin.cli.common import ENVIRONMENT
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.errors import ConfigError
from origin.render.template import Template
from origin.render.template import make_template
from origin.server.memory import pause_gc

if TYPE_CHECKING:
    from origin.config.model import Config


@click.command()
@takes_config
def serve(config_path: str) -> None:
    """Serve pictures until SIGTERM. SIGHUP reads the configuration again."""
    pause_gc()
    template = make_template()  # first of all, so that it is ready when this process is
    try:
        path = config_path.removeprefix("=")
        is_file = path != "-" and not path.startswith(ENVIRONMENT) and Path(path).exists()
        run_server(read_config(config_path), _load(path) if is_file else None, template=template)
    finally:
        if template is not None:
            template.end()


def _load(path: str) -> Callable[[], Config]:
    from origin.config.load import load_config

    return lambda: load_config(Path(path))


def run_server(
    config: Config,
    reload: Callable[[], Config] | None = None,
    *,
    template: Template | None = None,
    prepare: Callable[[Any], None] = lambda app: None,
    on_listening: Callable[[], None] = lambda: None,
    port_name: str = "http_port",
) -> None:
    """Serve until a signal ends it.

    `reload` reads the configuration again. Renderers are forked from `template`, where there is one already.
    `prepare` may add to the app before anything listens; `on_listening` is called when the first request can
    be answered. `port_name` is what the person at the terminal calls the port.
    """
    from origin.app import create_app
    from origin.ops import logs
    from origin.render.pool import RendererBroken
    from origin.server.run import run

    logs.configure(config.log.format, config.log.level)
    try:
        app = create_app(config)
        app.origin.pool.fork_from(template)
        prepare(app)
        run(app, reload, on_listening, port_name)
    except (ConfigError, RendererBroken) as error:
        end_as_misused(str(error))
