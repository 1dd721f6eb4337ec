"""The command line, one file for each command. Results go to stdout, messages for people to stderr.

A command imports what is heavy (libvips, the S3 client, the server) only when it runs, so that signing a URL
takes no longer than it must.
"""

from __future__ import annotations

import click

from origin import __version__
from origin.cli.check import check
from origin.cli.convert import convert
from origin.cli.copy import copy
from origin.cli.demo import demo
from origin.cli.explain import explain
from origin.cli.purge import purge
from origin.cli.rebuild import rebuild
from origin.cli.registry import registry
from origin.cli.schema import schema
from origin.cli.serve import serve
from origin.cli.sign import sign


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="origin")
def main() -> None:
    """An image origin for CDNs: originals from S3, rendered with libvips, cached on disk."""


for command in (serve, demo, check, explain, sign, purge, registry, convert, copy, rebuild, schema):
    main.add_command(command)
