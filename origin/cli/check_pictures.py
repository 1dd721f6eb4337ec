"""What `origin check` tries of the way of a picture: sources, the renderer, one original from end to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from origin.cli.common import Finding
from origin.config.handler import Handler
from origin.config.model import Config
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.formats import OPTIONAL
from origin.formats import describe
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.render.pool import Renderer
from origin.sources import Source
from origin.sources import make_key_reader
from origin.sources import make_source
from origin.sources.base import Access
from origin.urls.options import Options


async def check_source(handler: Handler, config: Config) -> list[Finding]:
    name = f"handler {handler.name} at {handler.path_above}"
    if not handler.has_source:
        return _tell_of_posting(handler, name)
    try:
        async with _open_source(handler, config) as source:
            result = await source.check()
    except (OriginError, ConfigError) as error:
        return [(f"{name}: FAILED: {error}", False)]
    if result.access is Access.REFUSED:
        return [(f"{name}: FAILED: {result}", False)]
    warnings = [(f"handler {handler.name}: warning: {warning}", True) for warning in result.warnings]
    is_ok = result.access in (Access.READABLE, Access.ON_DEMAND)
    source_line = f"{name}: {'ok' if is_ok else 'warning'}: {result}"
    return [(source_line, True), *warnings, *_tell_of_posting(handler, name)]


def _tell_of_posting(handler: Handler, name: str) -> list[Finding]:
    """What is answered to posted pictures, and whose."""
    if handler.transform is None:
        return []
    is_open = handler.auth is None or handler.auth.is_open
    who = "warning: posting needs no authentication" if is_open else "ok: posting needs authentication"
    return [(f"{name}: {who}: {', '.join(handler.transform)}", True)]


async def check_stage(handler: Handler, config: Config) -> list[Finding]:
    """The place where uploads wait."""
    if handler.write is None or handler.write.stage is None:
        return []
    update = {"name": f"{handler.name}, stage", "source": handler.write.stage.source}
    return await check_source(handler.model_copy(update=update), config)


async def check_original(handler: Handler, key: str, config: Config, renderer: Renderer) -> Finding:
    """Fetch one original and render it as the handler does, and say what that took."""
    limits = config.limits.within(handler.limits)
    where = f"handler {handler.name}: {key}"
    try:
        async with _open_source(handler, config) as source:
            start = time.perf_counter()
            read_key = make_key_reader(handler.source, signed=handler.signing is not None)
            original = await source.get(read_key(key, (), b""))
            fetched = time.perf_counter()
    except OriginError as error:
        return f"{where}: FAILED: {error}", False
    assert original is not None  # no version was named
    format = sniff(original.body)
    if format is None or format not in handler.allowed_formats:
        return f"{where}: FAILED: {describe(original.body)} is not one of allowed_formats", False
    allowed = tuple(format.name for format in handler.allowed_formats)
    options = Options(width=min(500, limits.max_dimension))
    job = Job(options, "original", handler.quality, allowed, limits.max_original_pixels, limits.max_frames)
    try:
        async with asyncio.timeout(limits.render_timeout):
            head, body = await renderer.run(job, original.body)
    except TimeoutError:
        return f"{where}: FAILED: no result within {limits.render_timeout:g} s", False
    if not head["ok"]:
        return f"{where}: FAILED: {head.get('reason')}", False
    milliseconds = [1000 * (fetched - start), 1000 * (time.perf_counter() - fetched)]
    size = f"{head['width']}x{head['height']}"
    return (
        f"{where}: ok: {format.name} of {len(original.body)} bytes fetched in {milliseconds[0]:.0f} ms, "
        f"{head['format']} of {size} and {len(body)} bytes rendered in {milliseconds[1]:.0f} ms"
    ), True


@asynccontextmanager
async def _open_source(handler: Handler, config: Config) -> AsyncIterator[Source]:
    limits = config.limits.within(handler.limits)
    source = make_source(handler.source, max_bytes=limits.max_original_bytes, timeout=limits.source_timeout)
    try:
        await source.open()
        yield source
    finally:
        await source.close()


async def check_error_image(handler: Handler, renderer: Renderer) -> list[Finding]:
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


async def check_watermarks(config: Config, renderer: Renderer) -> AsyncIterator[Finding]:
    from origin.delivery.watermarks import load_watermarks
    from origin.delivery.watermarks import trial

    for name, watermark in load_watermarks(config.watermarks).items():
        head, _ = await renderer.run(trial(name, watermark), watermark.picture)
        if not head["ok"]:
            yield f"watermark {name}: FAILED: {head.get('reason')}", False


def list_locks(renderer: Renderer) -> Finding:
    """Which of the locks of a render process hold on this machine, and why others do not."""
    locks, reasons = renderer.hello.get("sandbox") or {}, renderer.hello.get("sandbox_missing") or {}
    states = ", ".join(f"{name} {'on' if on else f'OFF ({reasons.get(name)})'}" for name, on in locks.items())
    return f"renderer: ok, libvips {renderer.hello.get('libvips')}; {states}", True


def list_decoders(renderer: Renderer, config: Config) -> list[Finding]:
    """Which of the decoders are there that extras of this package bring, and who would need the others."""
    absent = [format for format in OPTIONAL if format.name in (renderer.hello.get("absent") or ())]
    states = [
        f"{format.name} missing (pip install 'image-origin[{format.extra}]')"
        if format in absent
        else f"{format.name} installed"
        for format in OPTIONAL
    ]
    warnings = [
        (f"handler {handler.name}: warning: originals in {format.name} are unprocessable: no decoder", True)
        for handler in config.handlers
        for format in handler.allowed_formats
        if format in absent
    ]
    return [(f"optional decoders: {', '.join(states)}", True), *warnings]
