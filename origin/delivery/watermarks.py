"""The watermarks of a configuration: read once, and tried before the first request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from origin.errors import ConfigError
from origin.errors import OriginError
from origin.formats import OUTPUTS
from origin.imaging.protocol import Job
from origin.imaging.protocol import Watermark
from origin.render.pool import RenderPool
from origin.urls.options import Options

_TRIAL_SECONDS = 30.0
_MAX_PIXELS = 100_000_000


class WatermarkSettings(Protocol):
    """What the configuration says of one."""

    @property
    def picture(self) -> Path: ...
    @property
    def gravity(self) -> tuple[float, float]: ...
    @property
    def size(self) -> float: ...
    @property
    def opacity(self) -> float: ...
    @property
    def tile(self) -> bool: ...
    @property
    def margin(self) -> float: ...


def load_watermarks(settings: Mapping[str, WatermarkSettings]) -> dict[str, Watermark]:
    """The watermarks, by name. Raises ConfigError for a picture that cannot be read."""
    watermarks: dict[str, Watermark] = {}
    for name, each in settings.items():
        try:
            picture = each.picture.read_bytes()
        except OSError as exc:
            raise ConfigError(f"watermarks.{name}.picture: {each.picture}: {exc.strerror}") from exc
        digest = hashlib.sha256(picture).hexdigest()
        x, y = each.gravity
        watermarks[name] = Watermark(picture, digest, x, y, each.size, each.opacity, each.tile, each.margin)
    return watermarks


def trial(name: str, watermark: Watermark) -> Job:
    """A job that lays a watermark, over its own picture for instance."""
    allowed = tuple(format.name for format in OUTPUTS)
    options = Options(width=64, watermark=name)
    return Job(options, "png", {}, allowed, _MAX_PIXELS, 1, watermark=watermark)


async def check_watermarks(watermarks: Mapping[str, Watermark], pool: RenderPool) -> None:
    """Lay each over itself. Raises ConfigError for one that cannot be used."""
    for name, watermark in watermarks.items():
        try:
            await pool.render(watermark.picture, trial(name, watermark), _TRIAL_SECONDS)
        except OriginError as exc:
            raise ConfigError(
                f"watermarks.{name}.picture: expected a picture that can be laid over others, got: {exc}"
            ) from exc
