"""`origin explain URL`: what this origin understands of a URL and would do with it, without doing it."""

from __future__ import annotations

import sys
import time

import click

from origin.cli.common import FAILED
from origin.cli.common import read_config
from origin.cli.common import takes_config


@click.command()
@takes_config
@click.argument("url")
def explain(config_path: str, url: str) -> None:
    """Say what the origin understands of URL, and what would happen."""
    from origin.parts.explain import explain_url

    lines, goes_on = explain_url(read_config(config_path), url, time.time())
    for line in lines:
        click.echo(line)
    if not goes_on:
        sys.exit(FAILED)
