"""`limits`: what one request may cost, at the top and for one handler."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import Count
from origin.config.types import Duration
from origin.config.types import Size
from origin.config.types import Whole
from origin.config.types import expects


class HandlerLimits(Part):
    """Limits that make sense for one handler; absent ones are those of the top level."""

    max_dimension: Annotated[Count | None, meaning("pixels of one side of a result")] = None
    max_original_bytes: Annotated[Size | None, meaning("bytes of an original, counted while reading")] = None
    max_original_pixels: Annotated[
        Count | None, meaning("width x height x frames of an original, before a pixel is decoded")
    ] = None
    max_frames: Annotated[Count | None, meaning("frames of an animation; it ends there")] = None
    source_timeout: Annotated[
        Duration | None, meaning("seconds to fetch an original: connect, headers and body together")
    ] = None
    render_timeout: Annotated[
        Duration | None, meaning("seconds of a render; then its process is killed and replaced")
    ] = None


class Limits(Part):
    """What one request may cost."""

    max_dimension: Annotated[Count, meaning("pixels of one side of a result")] = 4096
    max_original_bytes: Annotated[Size, meaning("bytes of an original, counted while reading")] = 50_000_000
    max_original_pixels: Annotated[
        Count, meaning("width x height x frames of an original, before a pixel is decoded")
    ] = 100_000_000
    max_frames: Annotated[Count, meaning("frames of an animation; it ends there")] = 100
    source_timeout: Annotated[
        Duration, meaning("seconds to fetch an original: connect, headers and body together")
    ] = 10.0
    render_timeout: Annotated[
        Duration, meaning("seconds of a render; then its process is killed and replaced")
    ] = 10.0
    render_memory: Annotated[
        Size, Field(ge=200_000_000), expects("200MB or more"), meaning("memory of one render process")
    ] = 1_000_000_000
    queue: Annotated[Whole, meaning("renders that may wait")] = 64
    queue_timeout: Annotated[Duration, meaning("seconds that a render waits for its turn")] = 5.0

    def within(self, own: HandlerLimits) -> Limits:
        """These limits with a handler's own over them."""
        return self.model_copy(update=own.model_dump(exclude_none=True))
