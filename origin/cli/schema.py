"""`origin schema`: what may stand in the configuration, for editors."""

from __future__ import annotations

import json

import click

from origin.config.schema import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    click.echo(json.dumps(json_schema(), indent=2))
