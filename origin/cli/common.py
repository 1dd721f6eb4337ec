"""What commands share: the option for the configuration, reading it, exit codes, findings, misuse."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import NoReturn
from typing import TypeVar

import click

from origin.errors import ConfigError

if TYPE_CHECKING:
    from origin.config.model import Config

FAILED = 1  # a check that failed
ENVIRONMENT = "env:"  # before the name of a variable that holds the configuration
MISUSED = 2  # wrong use; a wrong configuration is wrong use

_HOW_TO_GET_ONE = (
    "name the configuration with -c, write one after config.example.json in the repository, or try "
    "`origin demo`, which needs none"
)

Finding = tuple[str, bool]  # a line for people, and whether what it tells of works
Command = TypeVar("Command", bound=Callable[..., Any])


def takes_config(command: Command) -> Command:
    """Give a command the option -c; it comes as `config_path`."""
    return click.option(
        "-c",
        "--config",
        "config_path",
        default="config.json",
        show_default=True,
        help="The configuration; - for stdin, env:NAME for a variable. ORIGIN__… variables win over it.",
    )(command)


def read_config(path: str) -> Config:
    """The configuration at that path; a mistake in it ends the program."""
    from origin.config.environment import PREFIX
    from origin.config.load import load_config
    from origin.config.load import only_variables
    from origin.config.load import parse_config

    path = path.removeprefix("=")  # s3imageserver was started with -c=config.json
    try:
        if path.startswith(ENVIRONMENT):
            return parse_config(_text_of_variable(path), name=path, environment=os.environ)
        if path == "-":
            return parse_config(sys.stdin.read(), name="stdin", environment=os.environ)
        if not Path(path).exists():
            config = only_variables(os.environ)
            if config is not None:
                click.echo(f"origin: {path}: there is no such file; the variables {PREFIX}… count", err=True)
                return config
            names_none = ""
            if any(name.startswith(PREFIX) for name in os.environ):
                names_none = f", and no variable names a handler, as {PREFIX}HANDLERS__PHOTOS__SOURCE does"
            end_as_misused(f"{path}: there is no such file{names_none}; {_HOW_TO_GET_ONE}")
        return load_config(Path(path))
    except ConfigError as error:
        end_as_misused(str(error))


def _text_of_variable(path: str) -> str:
    name = path.removeprefix(ENVIRONMENT)
    if name not in os.environ:
        end_as_misused(f"{path}: the environment has no {name}; set it to the configuration")
    return os.environ[name]


def end_as_misused(message: str) -> NoReturn:
    """End the program with one line on stderr, for wrong use."""
    click.echo(f"origin: {message}", err=True)
    sys.exit(MISUSED)


def end_as_failed(message: str) -> NoReturn:
    """End the program with one line on stderr, for work that failed."""
    click.echo(f"origin: {message}", err=True)
    sys.exit(FAILED)
