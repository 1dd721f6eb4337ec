"""How handlers render, read from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from origin.config.handler import Handler as HandlerConfig
from origin.config.model import Config
from origin.delivery.settings import RenderSettings
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import Format
from origin.imaging.protocol import Watermark


def render_settings(
    whole: Config, config: HandlerConfig, watermarks: Mapping[str, Watermark]
) -> RenderSettings:
    limits = whole.limits.within(config.limits)
    return RenderSettings(
        quality=config.quality,
        allowed=tuple(format.name for format in config.allowed_formats),
        max_pixels=limits.max_original_pixels,
        max_frames=limits.max_frames,
        timeout=limits.render_timeout,
        max_dimension=limits.max_dimension,
        auto_quality=config.auto_quality,
        watermarks=watermarks,
        effort=config.effort,
    )


def pool_arguments(config: Config) -> dict[str, Any]:
    """What the pool of renderers is made with."""
    allowed = {format for handler in config.handlers for format in handler.allowed_formats}
    allowed |= {
        Format.named(name) for handler in config.handlers if handler.write for name in handler.write.accept
    }
    return {
        "size": config.renderers,
        "formats": sorted({format.name for format in (*allowed, *DEFAULT_ORIGINALS)}),
        "memory": config.limits.render_memory,
        "queue": config.limits.queue,
        "queue_timeout": config.limits.queue_timeout,
    }
