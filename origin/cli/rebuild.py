"""`origin rebuild HANDLER`: makes the files of `derive` for what is stored already."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from origin.cli.common import FAILED
from origin.cli.common import end_as_failed
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.errors import ConfigError
from origin.errors import OriginError


@click.command()
@takes_config
@click.option("--prefix", default="", help="Only keys that start with this.")
@click.option(
    "--jobs", default=4, show_default=True, type=click.IntRange(1, 256), help="Originals at a time."
)
@click.option("--shard", "shard_text", default="0/1", help="K/N: the part K, from 0, of N parts of all keys.")
@click.option(
    "--resume",
    "manifest_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A record of what has been done; the same one takes a rebuild up again.",
)
@click.argument("handler_name", metavar="HANDLER")
def rebuild(
    config_path: str, prefix: str, jobs: int, shard_text: str, manifest_path: Path | None, handler_name: str
) -> None:
    """Make the files that `derive` of HANDLER names, for the originals that are stored already.

    Files that fit their original are left as they are, and those of originals that are no more are removed.
    """
    config = read_config(config_path)
    handler = next((each for each in config.handlers if each.name == handler_name), None)
    if handler is None or handler.write is None or not handler.write.derive:
        names = [each.name for each in config.handlers if each.write and each.write.derive]
        end_as_misused(
            f"{handler_name}: expected a handler with derive: {', '.join(names) or 'there is none'}"
        )
    number, count = _read_shard(shard_text)

    from origin.cli.rebuilding import RendererBroken
    from origin.cli.rebuilding import Shard
    from origin.cli.rebuilding import WrongManifest
    from origin.cli.rebuilding import rebuild_files

    shard = Shard(number, count)
    try:
        failed = asyncio.run(rebuild_files(config, handler, prefix, jobs, shard, manifest_path))
    except (WrongManifest, ConfigError) as error:
        end_as_misused(str(error))
    except (OriginError, RendererBroken, OSError) as error:
        end_as_failed(str(error))
    if failed:
        sys.exit(FAILED)


def _read_shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        end_as_misused(f"--shard: expected K/N with K from 0 to N-1, such as 0/4, got {text}")
    return int(number), int(count)
