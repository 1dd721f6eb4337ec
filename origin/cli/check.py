"""`origin check`: whether the configuration works, handler by handler, against the real sources."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator

import click

from origin.cli.common import FAILED
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.model import Config
from origin.config.model import Handler
from origin.errors import OriginError
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.render.pool import Renderer
from origin.render.pool import RendererBroken
from origin.sources import make_source
from origin.urls.options import Options

Finding = tuple[str, bool]  # a line for people, and whether what it tells of works


@click.command()
@takes_config
def check(config_path: str) -> None:
    """Say, handler by handler, whether the configuration and the source work."""
    findings = asyncio.run(check_config(read_config(config_path)))
    for line, _ in findings:
        click.echo(line)
    if not all(works for _, works in findings):
        sys.exit(FAILED)


async def check_config(config: Config) -> list[Finding]:
    return [finding async for findings in _check_parts(config) for finding in findings]


async def _check_parts(config: Config) -> AsyncIterator[list[Finding]]:
    try:
        renderer = await Renderer.start(("--render-memory", str(config.limits.render_memory)))
    except RendererBroken as error:
        renderer = None
        yield [(f"renderer: FAILED: {error}", False)]
    for handler in config.handlers:
        yield [await _check_source(handler, config)]
        if renderer is not None:
            yield await _check_error_image(handler, renderer)
    yield _check_keys(config)
    yield _check_certificate(config)
    yield _check_folders(config)
    if renderer is not None:
        yield [_list_locks(renderer)]
        await renderer.kill()


async def _check_source(handler: Handler, config: Config) -> Finding:
    limits = config.limits.within(handler.limits)
    name = f"handler {handler.name} at /{handler.prefix}/"
    try:
        source = make_source(
            handler.source, max_bytes=limits.max_original_bytes, timeout=limits.source_timeout
        )
        try:
            await source.open()
            await source.check()
        finally:
            await source.close()
    except OriginError as error:
        return f"{name}: FAILED: {error}", False
    return f"{name}: ok", True


async def _check_error_image(handler: Handler, renderer: Renderer) -> list[Finding]:
    path = handler.error_image
    if path is None:
        return []
    from origin.delivery.fallback import FORMATS

    where = f"handler {handler.name}: error_image {path}"
    try:
        image = path.read_bytes()
        job = Job(Options(width=64, height=64), "png", {}, FORMATS, 10**9, 1)
        head, _ = await renderer.run(job, image)
    except OSError as exc:
        return [(f"{where}: FAILED: {exc.strerror}", False)]
    reason = "it is not a picture" if sniff(image) is None else head.get("reason")
    return [] if head["ok"] else [(f"{where}: FAILED: {reason}", False)]


def _check_certificate(config: Config) -> list[Finding]:
    if not config.https_enabled:
        return []
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            str(config.https_cert), str(config.https_key)
        )
    except OSError as exc:  # an SSLError is one
        return [(f"https: FAILED: https_cert and https_key cannot be used: {exc}", False)]
    return [("https: ok", True)]


def _check_folders(config: Config) -> list[Finding]:
    """The cache folders that exist, or that could not be made."""
    findings = []
    for path in sorted({h.cache_path or config.cache.path for h in config.handlers if h.caches}):
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            reason = f"{existing} is not a folder that this user may write to"
            findings.append((f"cache {path}: FAILED: {reason}", False))
    return findings


def _check_keys(config: Config) -> list[Finding]:
    """Handlers with the same signing key: a grant names no prefix, so it opens all of them."""
    holders: dict[str, str] = {}
    findings = []
    for handler in config.handlers:
        for secret in handler.signing.keys if handler.signing else ():
            other = holders.setdefault(secret.get_secret_value(), handler.name)
            if other != handler.name:
                line = f"handler {handler.name}: has a signing key of handler {other}; grants hold for both"
                findings.append((line, True))
    return findings


def _list_locks(renderer: Renderer) -> Finding:
    """Which of the locks of a render process hold on this machine."""
    locks = renderer.hello.get("sandbox") or {}
    states = ", ".join(f"{name} {'on' if active else 'OFF'}" for name, active in locks.items())
    return f"renderer: ok, libvips {renderer.hello.get('libvips')}; {states}", True
