"""`origin check`: whether the configuration works, handler by handler, against the real sources."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator

from origin.app import make_source
from origin.config.model import Config
from origin.config.model import Handler
from origin.delivery.fallback import FORMATS
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.render.pool import Renderer
from origin.render.pool import RendererBroken


async def run(config: Config) -> list[tuple[str, bool]]:
    """Lines for people, and whether what each tells of works."""
    return [line async for handler in _all(config) for line in handler]


async def _all(config: Config) -> AsyncIterator[list[tuple[str, bool]]]:
    try:
        renderer = await Renderer.start(("--render-memory", str(config.limits.render_memory)))
    except RendererBroken as error:
        renderer = None
        yield [(f"renderer: FAILED: {error}", False)]
    for handler in config.handlers:
        yield [await _source(handler, config)]
        if renderer is not None:
            yield await _error_image(handler, renderer)
    yield _shared_keys(config)
    yield _certificate(config)
    yield _folders(config)
    if renderer is not None:
        yield [_locks(renderer)]
        await renderer.kill()


async def _source(handler: Handler, config: Config) -> tuple[str, bool]:
    limits = config.limits.within(handler.limits)
    name = f"handler {handler.name} at /{handler.prefix}/"
    try:
        source, _ = make_source(handler, limits.max_original_bytes, limits.source_timeout)
        try:
            await source.open()
            await source.check()
        finally:
            await source.close()
    except (OriginError, ConfigError) as error:
        return f"{name}: FAILED: {error}", False
    return f"{name}: ok", True


async def _error_image(handler: Handler, renderer: Renderer) -> list[tuple[str, bool]]:
    path = handler.error_image
    if path is None:
        return []
    where = f"handler {handler.name}: error_image {path}"
    try:
        image = path.read_bytes()
        job = Job(64, 64, False, "png", {}, FORMATS, 10**9, 1)
        head, _ = await renderer.run(job, image)
    except OSError as exc:
        return [(f"{where}: FAILED: {exc.strerror}", False)]
    reason = "it is not a picture" if sniff(image) is None else head.get("reason")
    return [] if head["ok"] else [(f"{where}: FAILED: {reason}", False)]


def _certificate(config: Config) -> list[tuple[str, bool]]:
    if not config.https_enabled:
        return []
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            str(config.https_cert), str(config.https_key)
        )
    except OSError as exc:  # an SSLError is one
        return [(f"https: FAILED: https_cert and https_key cannot be used: {exc}", False)]
    return [("https: ok", True)]


def _folders(config: Config) -> list[tuple[str, bool]]:
    """The cache folders that are there already, or could not be made."""
    lines: list[tuple[str, bool]] = []
    if not config.cache.max_size:
        return lines
    for path in sorted(
        {handler.cache_path or config.cache.path for handler in config.handlers if handler.caches}
    ):
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            lines.append((f"cache {path}: FAILED: {there} is no folder that this user may write to", False))
    return lines


def _shared_keys(config: Config) -> list[tuple[str, bool]]:
    """A grant names keys of pictures and no prefix, so it opens every handler that holds its secret."""
    holders: dict[str, str] = {}
    lines = []
    for handler in config.handlers:
        for secret in handler.signing.keys if handler.signing else ():
            other = holders.setdefault(secret.get_secret_value(), handler.name)
            if other != handler.name:
                lines.append(
                    (f"handler {handler.name}: a signing key of {other}'s: grants hold for both", True)
                )
    return lines


def _locks(renderer: Renderer) -> tuple[str, bool]:
    """Which of the locks of a render process hold on this machine."""
    locks = renderer.hello.get("sandbox") or {}
    states = ", ".join(f"{name} {'on' if active else 'OFF'}" for name, active in locks.items())
    return f"renderer: ok, libvips {renderer.hello.get('libvips')}; {states}", True
