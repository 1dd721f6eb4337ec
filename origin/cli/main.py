"""The command line, one file for each command. Results go to stdout, messages for people to stderr.

A command is imported when it is asked for, and imports what is heavy (libvips, the S3 client, the server)
only when it runs, so that signing a URL takes no longer than it must.
"""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any

import click

from origin import __version__
from origin.cli.common import FAILED

COMMANDS = (
    "check",
    "convert",
    "copy",
    "demo",
    "explain",
    "purge",
    "rebuild",
    "registry",
    "schema",
    "serve",
    "sign",
)


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class _Program(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno not in _FULL or error.filename is not None:
                raise
            # Commands say themselves what files they cannot write; this is stdout.
            click.echo(f"origin: the output cannot be written: {error.strerror}", err=True)
            sys.exit(FAILED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"origin.cli.{name}"), name)
        return command


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="origin")
def main() -> None:
    """An image origin for CDNs: originals from S3, rendered with libvips, cached on disk."""
