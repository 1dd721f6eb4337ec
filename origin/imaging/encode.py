"""From the pixels of the result to the bytes of its file."""

from __future__ import annotations

import pyvips

from origin.formats import Format
from origin.imaging.frame import Frame
from origin.urls.options import Options

_WHITE = 255


def encode(image: pyvips.Image, options: Options, frame: Frame) -> tuple[bytes, Format]:
    """The bytes of the result, and the format they are in. Nothing but the picture is written: no metadata.

    Raises pyvips.Error, also for defects of the original: libvips decodes when the encoder pulls lines.
    """
    format = frame.format
    if frame.format_if_transparent is not format and image.hasalpha():
        image = image.copy_memory()  # looked at first, then encoded
        format = frame.format_if_transparent if _shows_through(image) else format
    if not format.holds_alpha and image.hasalpha():
        image = image.flatten(background=_WHITE)
    assert format.writer is not None, f"{format.name} is never written"
    settings = format.writer.options_for(alpha=bool(image.hasalpha()), pixels=image.width * image.height)
    if format.default_quality is not None:
        settings["Q"] = options.quality or frame.quality[format.name]
    return bytes(image.write_to_buffer(format.writer.suffix, keep="none", **settings)), format


def _shows_through(image: pyvips.Image) -> bool:
    """Whether a pixel is transparent."""
    return bool(image[image.bands - 1].min() < 255)
