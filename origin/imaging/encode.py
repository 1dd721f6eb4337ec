"""From the pixels of the result to the bytes of its file."""

from __future__ import annotations

from origin.formats import Format
from origin.imaging.frame import Frame
from origin.imaging.vendor import pyvips
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
    body = bytes(image.write_to_buffer(format.writer.suffix, keep="none", **settings))
    if format is Format.WEBP and frame.pages > 1 and image.hasalpha():
        body = _flag_alpha(body)
    return body, format


def _flag_alpha(body: bytes) -> bytes:
    """An animated WebP with the flag that it has transparency (WebP container, "Extended File Format").

    libwebp sets it only where a frame has an alpha channel of its own. Where opaque frames leave a part of
    the canvas free, decoders that go by the flag show black there.
    """
    if body[12:16] != b"VP8X":
        return body
    return body[:20] + bytes([body[20] | 0x10]) + body[21:]


def _shows_through(image: pyvips.Image) -> bool:
    """Whether a pixel is transparent."""
    return bool(image[image.bands - 1].min() < 255)
