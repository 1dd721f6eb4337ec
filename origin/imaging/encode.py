"""From the pixels of the result to the bytes of its file."""

from __future__ import annotations

import math

from origin.errors import Unprocessable
from origin.formats import JPEG_FULL_COLOUR
from origin.formats import Format
from origin.formats.writers import Writer
from origin.imaging import search
from origin.imaging.apng_writer import write_apng
from origin.imaging.auto_quality import write_near
from origin.imaging.decoders import is_whole
from origin.imaging.frame import Frame
from origin.imaging.gif import copy_gif
from origin.imaging.protocol import largest_result
from origin.imaging.surround import make_opaque
from origin.imaging.vendor import pyvips
from origin.urls.options import Options

# A PNG that had a palette has one again. Without it, results are 1.5 to 2.3 times the original, with it 0.8
# to 1.1 times. At effort 4 the colours are the same, at 1 they are one level off. 2 MP take 80 to 300 ms
# instead of 12 to 66, and four bytes a pixel of memory.
_PALETTE = {"palette": True, "Q": 100, "effort": 4, "dither": 0, "compression": 6, "filter": "none"}
_PALETTE_PIXELS = 8_000_000
# Of a picture that may be encoded once more for want of fewer bytes. Noise, which is what that is for, takes
# five times as long as a photograph.
_TWICE_PIXELS = 2_000_000

Settings = dict[str, object]  # of a saver


def encode(
    image: pyvips.Image, options: Options, frame: Frame, unchanged: bytes | None = None
) -> tuple[bytes, Format]:
    """The bytes of the result, and the format they are in. Nothing but the picture is written: no metadata.

    `unchanged`: the original, where no step has changed a pixel of it.
    Raises pyvips.Error, also for defects of the original: libvips decodes when the encoder pulls lines; and
    Unprocessable where no quality is small enough.
    """
    body, format = _encode(image, options, frame, unchanged)
    if options.max_bytes is not None and len(body) > options.max_bytes:
        raise Unprocessable(
            f"no {format.name} of {image.width}x{image.get_page_height()} pixels has {options.max_bytes} "
            f"bytes or less; the smallest tried has {len(body)}"
        )
    return body, format


def _encode(
    image: pyvips.Image, options: Options, frame: Frame, unchanged: bytes | None
) -> tuple[bytes, Format]:
    if unchanged is not None and frame.format is Format.GIF:
        copied = _copied(unchanged, image, frame)
        if copied is not None:
            return copied, Format.GIF
    format = frame.format
    if frame.format_if_transparent is not format and image.hasalpha():
        image = image.copy_memory()  # looked at first, then encoded
        format = frame.format_if_transparent if _shows_through(image) else format
    if not format.holds_alpha and image.hasalpha():
        image = make_opaque(image, options, frame)
    if format is Format.PNG and frame.pages > 1:
        return write_apng(image, frame.pages, _effort(image, format, frame)), format
    if format.default_quality is None or (options.lossless and format.holds_lossless):
        body = _write(image, format, _settings(image, format, options, frame, unchanged))
    else:
        body = _write_at_quality(image, format, options, frame)
    if format is Format.WEBP and frame.pages > 1 and image.hasalpha():
        body = _flag_alpha(body)
    return body, format


def _settings(
    image: pyvips.Image, format: Format, options: Options, frame: Frame, unchanged: bytes | None
) -> Settings:
    """Those of a saver that has no quality to choose."""
    settings = _effort(image, format, frame, lossless=format.holds_lossless)
    if format.holds_lossless:
        settings["lossless"] = True
    if format is Format.PNG and unchanged is not None:
        settings |= _palette(image, frame)
    return settings


def _write_at_quality(image: pyvips.Image, format: Format, options: Options, frame: Frame) -> bytes:
    """The file in the quality that is asked for, or that a search finds."""
    if options.max_bytes is not None:
        return _best_within(image, format, options, frame, options.max_bytes)
    if options.quality == "auto":
        return _least_that_looks_good(image, format, frame)
    settings = {**_effort(image, format, frame), "Q": frame.quality[format.name]}
    if isinstance(options.quality, int):
        settings["Q"] = format.encoder_quality(options.quality)
        if options.quality < JPEG_FULL_COLOUR and _keeps_more_colour(image, format):
            return _no_larger_than_jpeg(image, format, options.quality, settings, frame)
    return _write(image, format, settings)


def _keeps_more_colour(image: pyvips.Image, format: Format) -> bool:
    """Whether the file has more of the colour than JPEG keeps, so that it may be larger."""
    small_enough = image.width * image.height <= _TWICE_PIXELS
    return bool(_writer(format).less_colour) and image.bands == 3 and small_enough


def _no_larger_than_jpeg(
    image: pyvips.Image, format: Format, quality: int, settings: Settings, frame: Frame
) -> bytes:
    """The file with all of its colour, or with as little as JPEG keeps where it is larger than the JPEG.

    That is so for noise and fine patterns in colour, which take up to a third more than the JPEG, and with
    less colour a sixth less.
    """
    image = image.copy_memory()  # encoded up to three times
    body = _write(image, format, settings)
    jpeg = _write(image, Format.JPG, {**_effort(image, Format.JPG, frame), "Q": quality})
    if len(body) <= len(jpeg):
        return body
    return min(body, _write(image, format, {**settings, **_writer(format).less_colour}), key=len)


def _best_within(image: pyvips.Image, format: Format, options: Options, frame: Frame, most: int) -> bytes:
    """The largest file found that is within so many bytes, and else the smallest that was tried."""
    image = image.copy_memory()
    bodies: dict[int, bytes] = {}
    # All tries together take as long as one of a picture that is so much larger.
    effort = _effort(image, format, frame, times=search.MAX_TRIES)
    pixels = image.width * image.height

    def measure(quality: int) -> float:
        body = _write(image, format, {**effort, "Q": format.encoder_quality(quality)})
        bodies[quality] = body
        return math.log(len(body) / pixels)

    found = search.find_highest_within(
        measure,
        math.log(most / pixels),
        search.SIZES[format.name],
        tolerance=search.SIZE_TOLERANCE,
        highest=options.quality if isinstance(options.quality, int) else search.HIGHEST,
    )
    return min(bodies.values(), key=len) if found is None else bodies[found]


def _least_that_looks_good(image: pyvips.Image, format: Format, frame: Frame) -> bytes:
    """The file of the least quality found that looks as good as it has to."""
    effort = _effort(image, format, frame)

    def write(picture: pyvips.Image, quality: int) -> bytes:
        return _write(picture, format, {**effort, "Q": format.encoder_quality(quality)})

    return write_near(image.copy_memory(), frame.auto_quality, format, write, hurried=frame.lowered > 0)


def _effort(
    image: pyvips.Image, format: Format, frame: Frame, *, times: int = 1, lossless: bool = False
) -> Settings:
    pixels = image.width * image.height * times
    level = frame.effort_of(format)
    writer = _writer(format)
    effort = writer.effort(level, pixels, lowered=frame.lowered, lossless=lossless)
    return writer.options_for(effort, alpha=bool(image.hasalpha()))


def _write(image: pyvips.Image, format: Format, settings: Settings) -> bytes:
    return bytes(image.write_to_buffer(_writer(format).suffix, keep="none", **settings))


def _writer(format: Format) -> Writer:
    assert format.writer is not None, f"{format.name} is never written"
    return format.writer


def _palette(image: pyvips.Image, frame: Frame) -> Settings:
    """Settings for the palette that the original had, if any."""
    bits = frame.original.palette_bits
    if not bits or image.width * image.height > _PALETTE_PIXELS:
        return {}
    return {**_PALETTE, "bitdepth": bits}


def _copied(original: bytes, image: pyvips.Image, frame: Frame) -> bytes | None:
    """The original's own frames, where it is a GIF that means the same to every decoder.

    100 frames of 978x720 take 0.4 s, where the quantizer takes 10, and lose nothing.
    """
    gif, width, height = frame.original.gif, image.width, image.get_page_height()
    if gif is None or gif.uncovered or (gif.width, gif.height) != (width, height):
        return None
    if frame.original.page is not None:
        return None  # not the first ones
    image.avg()  # all of it decodes
    if not is_whole(original, frame.pages):
        return None
    copied = copy_gif(original, frame.pages)
    return copied if len(copied) <= largest_result(width, height, frame.pages) else None


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
