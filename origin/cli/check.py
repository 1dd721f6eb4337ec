"""`origin check`: whether the configuration works, handler by handler, against the real sources."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import click

from origin.cli.check_pictures import check_error_image
from origin.cli.check_pictures import check_original
from origin.cli.check_pictures import check_source
from origin.cli.check_pictures import check_stage
from origin.cli.check_pictures import check_watermarks
from origin.cli.check_pictures import list_decoders
from origin.cli.check_pictures import list_locks
from origin.cli.check_settings import check_cdn
from origin.cli.check_settings import check_keys
from origin.cli.check_settings import check_open
from origin.cli.check_settings import check_root
from origin.cli.check_settings import check_variants
from origin.cli.check_settings import check_writing
from origin.cli.check_settings import list_variables
from origin.cli.check_surroundings import check_certificate
from origin.cli.check_surroundings import check_events
from origin.cli.check_surroundings import check_folders
from origin.cli.check_surroundings import check_shared
from origin.cli.common import FAILED
from origin.cli.common import Finding
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.handler import Handler
from origin.config.model import Config
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import OPTIONAL
from origin.render.pool import Renderer
from origin.render.pool import RendererBroken


@click.command()
@takes_config
@click.option(
    "--key", help="An original: fetch, decode and render it. Needs --handler where there are several."
)
@click.option("--handler", "handler_name", help="The handler that --key is of.")
def check(config_path: str, key: str | None, handler_name: str | None) -> None:
    """Say, handler by handler, whether the configuration and the source work."""
    logging.getLogger("origin").addHandler(logging.NullHandler())  # what fails is told as a finding
    config = read_config(config_path)
    if key is None and handler_name is not None:
        end_as_misused("--handler says whose key it is; give --key too")
    handler = None if key is None else _handler_of_key(config, handler_name)
    findings = asyncio.run(check_config(config, None if handler is None else (handler, str(key))))
    for line, _ in findings:
        click.echo(line)
    if not all(works for _, works in findings):
        sys.exit(FAILED)


def _handler_of_key(config: Config, name: str | None) -> Handler:
    handlers = {handler.name: handler for handler in config.handlers}
    if name is None and len(handlers) == 1:
        (name,) = handlers
    if name not in handlers:
        end_as_misused(f"--handler: expected one of {', '.join(handlers)}, got {name or 'none'}")
    return handlers[name]


async def check_config(config: Config, original: tuple[Handler, str] | None = None) -> list[Finding]:
    """Check every part; and `original`, a key of a handler, from its source to a rendered result."""
    return [finding async for findings in _check_parts(config, original) for finding in findings]


async def _check_parts(config: Config, original: tuple[Handler, str] | None) -> AsyncIterator[list[Finding]]:
    yield list_variables(config)
    allowed = {format for handler in config.handlers for format in handler.allowed_formats}
    formats = ",".join(sorted({format.name for format in (*allowed, *DEFAULT_ORIGINALS, *OPTIONAL)}))
    memory = str(config.limits.render_memory)
    try:
        renderer = await Renderer.start(("--render-memory", memory, "--formats", formats))
    except RendererBroken as error:
        renderer = None
        yield [(f"renderer: FAILED: {error}", False)]
    # At once: where a store hangs, each waits for its timeout.
    sources, stages = await asyncio.gather(
        asyncio.gather(*(check_source(handler, config) for handler in config.handlers)),
        asyncio.gather(*(check_stage(handler, config) for handler in config.handlers)),
    )
    for handler, findings in zip(config.handlers, sources, strict=True):
        yield findings
        if renderer is not None:
            yield await check_error_image(handler, renderer)
    if renderer is not None:
        yield [finding async for finding in check_watermarks(config, renderer)]
    if original is not None and renderer is not None:
        yield [await check_original(*original, config, renderer)]
    yield check_keys(config)
    yield check_root(config)
    yield check_variants(config)
    yield check_open(config)
    for handler, findings in zip(config.handlers, stages, strict=True):
        if handler.write is not None:
            yield check_writing(handler, handler.write)
            yield findings
    yield check_certificate(config)
    yield [finding async for finding in check_events(config)]
    yield check_cdn(config)
    yield check_folders(config)
    yield await check_shared(config)
    if renderer is not None:
        yield [list_locks(renderer)]
        yield list_decoders(renderer, config)
        await renderer.kill()
