"""`origin registry`: which URLs of other sites may be fetched."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from collections.abc import Callable
from datetime import UTC
from datetime import datetime

import click

from origin.cli.common import FAILED
from origin.cli.common import end_as_failed
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.model import Config
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.errors import RegistryDown
from origin.sources.http import HttpSettings
from origin.sources.remote_url import parse_url
from origin.sources.url_registry import RegistrySettings
from origin.sources.url_registry import UrlRegistry
from origin.sources.url_registry import make_registry

Work = Callable[[UrlRegistry], Awaitable[None]]


@click.group()
def registry() -> None:
    """Register, block and list the URLs that a handler may fetch."""


def _takes_url(command: Callable[[str, tuple[str, ...]], None]) -> click.Command:
    described = click.argument("handler_and_url", nargs=-1, required=True, metavar="[HANDLER] URL")(command)
    return registry.command()(takes_config(described))


_may_take_url = click.argument("words", nargs=-1, metavar="[HANDLER] [URL]")


@_takes_url
def add(config_path: str, handler_and_url: tuple[str, ...]) -> None:
    """Register URL, so that it may be fetched."""
    settings, url = _registry_and_url(config_path, handler_and_url)

    async def work(urls: UrlRegistry) -> None:
        is_new = await urls.add(url)
        click.echo("added" if is_new else "was there already")

    _run(settings, work)


@_takes_url
def block(config_path: str, handler_and_url: tuple[str, ...]) -> None:
    """Refuse URL from the next request on, cached or not."""
    settings, url = _registry_and_url(config_path, handler_and_url)
    _run(settings, lambda urls: urls.block(url))


@_takes_url
def unblock(config_path: str, handler_and_url: tuple[str, ...]) -> None:
    """Take a block of URL back."""
    settings, url = _registry_and_url(config_path, handler_and_url)
    _run(settings, lambda urls: urls.unblock(url))


@registry.command(name="list")
@takes_config
@_may_take_url
def list_urls(config_path: str, words: tuple[str, ...]) -> None:
    """Print every URL, or this one, with the time it was registered; `blocked` behind those that are."""
    settings, wanted = _registry_and_maybe_url(config_path, words)

    async def work(urls: UrlRegistry) -> None:
        async for entry in urls.urls():
            if wanted not in (None, entry.url):
                continue
            time = (
                "-" if entry.created_at is None else f"{datetime.fromtimestamp(entry.created_at, UTC):%FT%TZ}"
            )
            click.echo(f"{time} {entry.url}{' blocked' if entry.is_blocked else ''}")

    _run(settings, work)


@registry.command()
@takes_config
@_may_take_url
def check(config_path: str, words: tuple[str, ...]) -> None:
    """Look for mistakes in the records of the registry; or say whether URL may be fetched."""
    settings, wanted = _registry_and_maybe_url(config_path, words)
    fails = False

    async def look_for_mistakes(urls: UrlRegistry) -> None:
        nonlocal fails
        async for line in urls.mistakes():
            fails = True
            click.echo(line)

    async def look_up(urls: UrlRegistry) -> None:
        nonlocal fails
        state = await urls.state(str(wanted))
        fails = state.is_blocked or not state.is_registered
        refusal = f", and its server was refused: {state.refusal.value}" if state.refusal else ""
        known = f"registered{refusal}" if state.is_registered else "not registered"
        click.echo("blocked" if state.is_blocked else known)

    _run(settings, look_for_mistakes if wanted is None else look_up)
    if fails:
        sys.exit(FAILED)
    click.echo("ok", err=True)


def _registry_and_url(config_path: str, words: tuple[str, ...]) -> tuple[RegistrySettings, str]:
    if len(words) > 2:
        end_as_misused("expected a URL, and the name of a handler before it where several have a registry")
    url = words[-1]
    try:
        parse_url(url)
    except OriginError as error:
        end_as_misused(f"URL: {error}")
    return _settings(read_config(config_path), words[0] if len(words) == 2 else None), url


def _registry_and_maybe_url(config_path: str, words: tuple[str, ...]) -> tuple[RegistrySettings, str | None]:
    """A single word is a URL where it is written as one."""
    if len(words) > 1 or (words and "://" in words[0]):
        return _registry_and_url(config_path, words)
    return _settings(read_config(config_path), words[0] if words else None), None


def _settings(config: Config, handler: str | None) -> RegistrySettings:
    """The registry of a handler; the only one there is where none is named."""
    found: dict[str, RegistrySettings] = {}
    for each in config.handlers:
        if isinstance(each.source, HttpSettings) and each.source.registry is not None:
            found[each.name] = each.source.registry
    if handler is None and len(set(found.values())) == 1:
        return next(iter(found.values()))
    if handler not in found:
        names = ", ".join(found) or "none, in this configuration"
        end_as_misused(f"HANDLER: expected one with a registry ({names}), got {handler or 'none'}")
    return found[handler]


def _run(settings: RegistrySettings, work: Work) -> None:
    async def run() -> None:
        urls = make_registry(settings)
        try:
            await work(urls)
        finally:
            await urls.close()

    try:
        asyncio.run(run())
    except (ConfigError, RegistryDown) as error:
        end_as_failed(str(error))
