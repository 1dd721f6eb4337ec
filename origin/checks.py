"""`origin check`: whether the configuration works, handler by handler, against the real sources."""

from __future__ import annotations

from collections.abc import AsyncIterator

from .app import make_source
from .config import Config
from .config import Handler
from .errors import ConfigError
from .errors import OriginError
from .formats import sniff
from .renderer import Renderer
from .renderer import RendererBroken


async def run(config: Config) -> list[tuple[str, bool]]:
    """Lines for people, and whether what each tells of works."""
    return [line async for handler in _all(config) for line in handler]


async def _all(config: Config) -> AsyncIterator[list[tuple[str, bool]]]:
    for handler in config.handlers:
        yield [await _source(handler, config), *_error_image(handler)]
    yield _shared_keys(config)
    yield [await _renderer(config)]


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


def _error_image(handler: Handler) -> list[tuple[str, bool]]:
    path = handler.error_image
    if path is None:
        return []
    try:
        image = path.read_bytes()
    except OSError as exc:
        return [(f"handler {handler.name}: error_image {path}: FAILED: {exc.strerror}", False)]
    if sniff(image) is None:
        return [(f"handler {handler.name}: error_image {path}: FAILED: it is not a picture", False)]
    return []


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


async def _renderer(config: Config) -> tuple[str, bool]:
    """Start one renderer and tell which of its locks hold on this machine."""
    try:
        renderer = await Renderer.start(("--render-memory", str(config.limits.render_memory)))
    except RendererBroken as error:
        return f"renderer: FAILED: {error}", False
    locks = renderer.hello.get("jail") or {}
    await renderer.kill()
    states = ", ".join(f"{name} {'on' if active else 'OFF'}" for name, active in locks.items())
    return f"renderer: ok, libvips {renderer.hello.get('libvips')}; {states}", True
