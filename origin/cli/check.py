"""`origin check`: whether the configuration works, handler by handler, against the real sources."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from origin.cache.bucket import BucketFailed
from origin.cache.mark_log import BusDown
from origin.cli.common import FAILED
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.cdn import TAG_HEADERS
from origin.config.cdn import CloudFrontCdn
from origin.config.certificate import certificate_fault
from origin.config.handler import Handler
from origin.config.model import Config
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import OPTIONAL
from origin.formats import describe
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.render.pool import Renderer
from origin.render.pool import RendererBroken
from origin.sources import Source
from origin.sources import make_key_reader
from origin.sources import make_source
from origin.sources.base import Access
from origin.sources.http import HttpSettings
from origin.urls.options import Options

Finding = tuple[str, bool]  # a line for people, and whether what it tells of works


@click.command()
@takes_config
@click.option(
    "--key", help="An original: fetch, decode and render it. Needs --handler where there are several."
)
@click.option("--handler", "handler_name", help="The handler that --key is of.")
def check(config_path: str, key: str | None, handler_name: str | None) -> None:
    """Say, handler by handler, whether the configuration and the source work."""
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
    allowed = {format for handler in config.handlers for format in handler.allowed_formats}
    formats = ",".join(sorted({format.name for format in (*allowed, *DEFAULT_ORIGINALS, *OPTIONAL)}))
    memory = str(config.limits.render_memory)
    try:
        renderer = await Renderer.start(("--render-memory", memory, "--formats", formats))
    except RendererBroken as error:
        renderer = None
        yield [(f"renderer: FAILED: {error}", False)]
    for handler in config.handlers:
        yield await _check_source(handler, config)
        if renderer is not None:
            yield await _check_error_image(handler, renderer)
    if renderer is not None:
        yield [finding async for finding in _check_watermarks(config, renderer)]
    if original is not None and renderer is not None:
        yield [await _check_original(*original, config, renderer)]
    yield _check_keys(config)
    yield _check_variants(config)
    yield _check_open(config)
    yield [finding async for finding in _check_writes(config)]
    yield _check_certificate(config)
    yield [finding async for finding in _check_events(config)]
    yield _check_cdn(config)
    yield _check_folders(config)
    yield await _check_shared(config)
    if renderer is not None:
        yield [_list_locks(renderer)]
        yield _list_decoders(renderer, config)
        await renderer.kill()


async def _check_source(handler: Handler, config: Config) -> list[Finding]:
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


async def _check_original(handler: Handler, key: str, config: Config, renderer: Renderer) -> Finding:
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


async def _check_watermarks(config: Config, renderer: Renderer) -> AsyncIterator[Finding]:
    from origin.delivery.watermarks import load_watermarks
    from origin.delivery.watermarks import trial

    for name, watermark in load_watermarks(config.watermarks).items():
        head, _ = await renderer.run(trial(name, watermark), watermark.picture)
        if not head["ok"]:
            yield f"watermark {name}: FAILED: {head.get('reason')}", False


def _check_certificate(config: Config) -> list[Finding]:
    if not config.https_enabled:
        return []
    assert config.https_cert is not None
    assert config.https_key is not None
    fault = certificate_fault(config.https_cert, config.https_key)
    return [("https: ok", True) if fault is None else (f"https: FAILED: {fault}", False)]


async def _check_events(config: Config) -> AsyncIterator[Finding]:
    """Who may tell of changes, and whether the queue can be read."""
    if config.events.topics and config.admin.token is None:
        yield "events: warning: topics without admin.token: nobody may post to /-/events/s3", True
    queue = config.events.queue
    if queue is None:
        return
    from origin.parts.cdn import aws_access
    from origin.sources.event_queue import EventQueue

    async def refuse(_: str) -> None: ...

    try:
        await EventQueue(queue.url, aws_access(queue), refuse).check()
    except OriginError as error:
        yield f"events: FAILED: {error}", False
    else:
        yield f"events: ok: {queue.url} can be read", True


def _check_cdn(config: Config) -> list[Finding]:
    """Handlers whose pictures carry no tag that the CDN looks for."""
    if config.cdn is None:
        return []
    wanted = TAG_HEADERS.get(config.cdn.type)
    by_path = isinstance(config.cdn, CloudFrontCdn) and config.cdn.by == "paths"
    return [
        (
            f"handler {handler.name}: warning: cdn {config.cdn.type} purges by tag; set tag_header"
            + (f" to {wanted}" if wanted else ""),
            True,
        )
        for handler in config.handlers
        if not by_path
        and config.cdn.type != "http"
        and (handler.tag_header is None or (wanted and handler.tag_header.lower() != wanted.lower()))
    ]


def _check_variants(config: Config) -> list[Finding]:
    """Handlers where strangers can take the places of the page's own sizes."""
    return [
        (
            f"handler {handler.name}: warning: `variants` without `widths` or `signing`: anyone can ask for "
            "odd sizes until there is no place for those of the pages",
            True,
        )
        for handler in config.handlers
        if handler.variants and not handler.widths and not (handler.signing and handler.signing.required)
    ]


def _check_open(config: Config) -> list[Finding]:
    """Handlers through which anybody can fetch what he likes."""
    return [
        (f"handler {handler.name}: warning: open: anybody can fetch any public URL through this origin", True)
        for handler in config.handlers
        if isinstance(handler.source, HttpSettings) and handler.source.open and not handler.signing
    ]


async def _check_writes(config: Config) -> AsyncIterator[Finding]:
    """Handlers where strangers may write, and the places where uploads wait."""
    for handler in config.handlers:
        write = handler.write
        if write is None:
            continue
        if write.list_open():
            what = " and ".join(write.list_open())
            yield f"handler {handler.name}: warning: write.auth is open: anybody may send {what}", True
        if write.list_futile():
            what = " and ".join(write.list_futile())
            yield f"handler {handler.name}: warning: nobody may send {what}: upload grants permit none", True
        if write.list_off():
            what = " and ".join(write.list_off())
            told = f"{what} is off: write.auth says who may send it, write.methods does not name it"
            yield f"handler {handler.name}: warning: {told}", True
        served = [format.name for format in handler.allowed_formats]
        unread = [name for name in write.accept if name not in served]
        if unread:
            what = " and ".join(unread)
            told = f"pictures in {what} are taken in and not served: see allowed_formats"
            yield f"handler {handler.name}: warning: {told}", True
        if write.derive:
            files = ", ".join(f"{suffix} ({names})" for suffix, names in write.derive.items())
            yield f"handler {handler.name}: ok: derive stores with each original: {files}", True
        if write.stage is not None:
            waiting = handler.model_copy(
                update={"name": f"{handler.name}, stage", "source": write.stage.source}
            )
            for finding in await _check_source(waiting, config):
                yield finding


def _check_folders(config: Config) -> list[Finding]:
    """The cache folders that exist, or that could not be made."""
    findings: list[Finding] = []
    if not config.cache.max_size:
        return findings
    for path in sorted({h.cache_path or config.cache.path for h in config.handlers if h.caches}):
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        fault = _folder_fault(existing)
        if fault is not None:
            findings.append((f"cache {path}: FAILED: {fault}", False))
    return findings


def _folder_fault(folder: Path) -> str | None:
    """Why nothing can be made in it. Tried, since root is allowed what /proc refuses."""
    try:
        with tempfile.TemporaryDirectory(prefix=".check-", dir=folder):
            return None
    except OSError as exc:
        return f"nothing can be made in {folder}: {exc.strerror}"


async def _check_shared(config: Config) -> list[Finding]:
    """Whether the bucket of results can be written to, read, listed and deleted from; and Valkey answers."""
    if config.shared is None:
        return []
    from origin.parts.shared import try_bucket
    from origin.parts.shared import try_valkey

    findings = []
    place, url = config.shared.results.describe(), config.shared.url
    try:
        await try_bucket(config.shared)
        findings.append((f"shared results: ok: {place} can be written, listed, read and deleted from", True))
    except BucketFailed as error:
        findings.append((f"shared results: FAILED: {error}", False))
    if url is None:
        return findings
    try:
        await try_valkey(config.shared)
        findings.append(("shared url: ok: Valkey answers", True))
    except (BusDown, ConfigError) as error:
        findings.append((f"shared url: FAILED: {error}", False))
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


def _list_decoders(renderer: Renderer, config: Config) -> list[Finding]:
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


def _list_locks(renderer: Renderer) -> Finding:
    """Which of the locks of a render process hold on this machine, and why others do not."""
    locks, reasons = renderer.hello.get("sandbox") or {}, renderer.hello.get("sandbox_missing") or {}
    states = ", ".join(f"{name} {'on' if on else f'OFF ({reasons.get(name)})'}" for name, on in locks.items())
    return f"renderer: ok, libvips {renderer.hello.get('libvips')}; {states}", True
