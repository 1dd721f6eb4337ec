"""Commands of the program run inside the test process, which takes milliseconds instead of half a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from click.testing import Result

from origin.cli.main import main

KEY = "correct-horse-battery-staple-0123456789"


def invoke(*arguments: str, text: str | None = None, **environment: str) -> Result:
    """Run `origin ...` to its end, `text` being its stdin; its output is in `stdout` and `stderr`."""
    return CliRunner().invoke(main, arguments, input=text, env=dict(environment), catch_exceptions=False)


def command_named(name: str) -> click.Command:
    """One of the program's commands."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def write_config(folder: Path, config: dict[str, Any]) -> str:
    """The path of a configuration file in that folder."""
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return str(path)
