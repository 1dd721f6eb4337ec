"""`origin convert`: the configuration that takes an old system's place."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from origin.cli.common import end_as_misused
from origin.config.load import parse_config
from origin.config.load import parse_json
from origin.convert.c2corg import convert as convert_c2corg
from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.linuxfr import convert as convert_linuxfr
from origin.convert.s3imageserver import config_path
from origin.convert.s3imageserver import convert as convert_s3imageserver
from origin.convert.v2ex import convert as convert_v2ex
from origin.convert.webcompat import convert as convert_webcompat
from origin.errors import ConfigError


@click.group()
def convert() -> None:
    """Read the settings of an old system, and print the configuration that takes its place.

    What differs is told on stderr. `origin convert ... | origin serve -c -` serves at once.
    """


@convert.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def s3imageserver(flags: tuple[str, ...]) -> None:
    """s3imageserver, by its file of settings: -c config.json."""
    _convert(lambda: convert_s3imageserver(_read_json(config_path(flags))))


@convert.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def linuxfr(flags: tuple[str, ...]) -> None:
    """img-LinuxFr.org, by its FLAGS: -a -l -r -d -u -e."""
    _convert(lambda: convert_linuxfr(flags))


@convert.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def c2corg(arguments: tuple[str, ...]) -> None:
    """camptocamp.org's image service, by its environment; -b HOST:PORT to listen at."""
    _convert(lambda: convert_c2corg(arguments, os.environ))


@convert.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def v2ex(arguments: tuple[str, ...]) -> None:
    """v2ex/remote, by its environment, its settings file (config.py) and gunicorn's -b and -w."""
    _convert_python(convert_v2ex, arguments)


@convert.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def webcompat(arguments: tuple[str, ...]) -> None:
    """The uploads of webcompat.com, by its environment or its settings file; -b HOST:PORT to listen at."""
    _convert_python(convert_webcompat, arguments)


def _convert(convert_settings: Callable[[], Conversion]) -> None:
    try:
        conversion = convert_settings()
        parse_config(json.dumps(conversion.config), name="what these settings become")
    except (CannotConvert, ConfigError) as error:
        end_as_misused(str(error))
    _show(conversion)


def _read_json(path: str) -> Any:
    """What is in a file of JSON, or on stdin for `-`. Raises CannotConvert."""
    try:
        return parse_json(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotConvert(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CannotConvert(f"{path}: not JSON: {str(error).replace('<string>:', 'line ')}") from None


def _convert_python(
    convert_settings: Callable[[Sequence[str], str, Mapping[str, str]], Conversion], arguments: Sequence[str]
) -> None:
    """Convert what a program in Python was given: arguments that end in .py are its settings."""
    files = [argument for argument in arguments if argument.endswith(".py")]
    flags = [argument for argument in arguments if argument not in files]
    try:
        settings = "\n".join(Path(file).read_text(encoding="utf-8") for file in files)
        conversion = convert_settings(flags, settings, os.environ)
    except (CannotConvert, OSError, UnicodeDecodeError) as error:
        end_as_misused(str(error))
    _show(conversion)


def _show(conversion: Conversion) -> None:
    for note in conversion.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(json.dumps(conversion.config, indent=2))
