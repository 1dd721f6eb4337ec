"""`origin convert`: the configuration that takes an old system's place."""

from __future__ import annotations

import json

import click

from origin.cli.common import end_as_misused
from origin.config.load import parse_config
from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.linuxfr import convert as convert_linuxfr
from origin.errors import ConfigError


@click.group()
def convert() -> None:
    """Read the settings of an old system, and print the configuration that takes its place.

    What differs is told on stderr. `origin convert ... | origin serve -c -` serves at once.
    """


@convert.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def linuxfr(flags: tuple[str, ...]) -> None:
    """img-LinuxFr.org, by its FLAGS: -a -l -r -d -u -e."""
    try:
        conversion = convert_linuxfr(flags)
        parse_config(json.dumps(conversion.config), name="what these settings become")
    except (CannotConvert, ConfigError) as error:
        end_as_misused(str(error))
    _show(conversion)


def _show(conversion: Conversion) -> None:
    for note in conversion.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(json.dumps(conversion.config, indent=2))
