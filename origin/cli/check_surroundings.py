"""What `origin check` tries of what stands around an origin: certificate, events, folders, what is shared."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from origin.cache.bucket import BucketFailed
from origin.cache.mark_log import BusDown
from origin.cli.common import Finding
from origin.config.certificate import certificate_fault
from origin.config.model import Config
from origin.errors import ConfigError
from origin.errors import OriginError


def check_certificate(config: Config) -> list[Finding]:
    if not config.https_enabled:
        return []
    assert config.https_cert is not None
    assert config.https_key is not None
    fault = certificate_fault(config.https_cert, config.https_key)
    return [("https: ok", True) if fault is None else (f"https: FAILED: {fault}", False)]


async def check_events(config: Config) -> AsyncIterator[Finding]:
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


def check_folders(config: Config) -> list[Finding]:
    """The cache folders that exist, or that could not be made."""
    findings: list[Finding] = []
    if not config.cache.max_size:
        return findings
    for path in sorted({h.cache_path or config.cache.path for h in config.handlers if h.caches}):
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        fault = _folder_fault(existing)
        if fault is not None:
            findings.append((f"cache {path}: FAILED: {fault}", False))
        elif (total := shutil.disk_usage(existing).total) < config.cache.max_size:
            wanted, there = (f"{size / 1e9:.1f} GB" for size in (config.cache.max_size, total))
            sizes = f"max_size is {wanted}, and the disk has {there} in all"
            findings.append((f"cache {path}: warning: {sizes}", True))
    return findings


def _folder_fault(folder: Path) -> str | None:
    """Why nothing can be made in it. Tried, since root is allowed what /proc refuses."""
    try:
        with tempfile.TemporaryDirectory(prefix=".check-", dir=folder):
            return None
    except OSError as exc:
        return f"nothing can be made in {folder}: {exc.strerror}"


async def check_shared(config: Config) -> list[Finding]:
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
        findings.append(("shared url: ok: Valkey answers, and lets leases and purges through", True))
    except (BusDown, ConfigError) as error:
        findings.append((f"shared url: FAILED: {error}", False))
    return findings
