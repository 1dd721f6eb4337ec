"""From the bytes of an original to an image that decodes when it is pulled.

The header is read and judged before a pixel is decoded: format by content, size against the limits,
memory against the budget, the end of the file where libvips would not miss it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyvips

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import MAX_SIDE
from origin.formats import Format
from origin.formats import sniff
from origin.imaging.frame import Frame
from origin.imaging.frame import Header
from origin.imaging.gif import is_whole_gif
from origin.imaging.jpeg import is_lossless_jpeg
from origin.imaging.protocol import Job
from origin.imaging.vips import field

_WEBP_HEADROOM = 1.5  # left to Lanczos, as for JPEG
_PNG_END = b"IEND\xaeB`\x82"  # the closing chunk and its checksum


def identify(original: bytes, allowed: Sequence[str]) -> Format:
    """The format of an original, by its content. Raises UnsupportedFormat where it is not allowed."""
    format = sniff(original)
    if format is None or format.name not in allowed:
        raise UnsupportedFormat(f"{format.name if format else 'unknown'} is not an allowed format")
    return format


def open_image(original: bytes, format: Format, **options: object) -> pyvips.Image:
    """The image, of which the header alone has been read. Raises pyvips.Error.

    The loader is called by its name: libvips itself does not find the one for sequences of AVIF.
    """
    return pyvips.Operation.call(
        format.loader, original, access="sequential", fail_on=format.fail_on, **options
    )


def read_header(original: bytes, image: pyvips.Image, format: Format) -> Header:
    return Header(
        format,
        image.width,
        image.height,
        int(field(image, "n-pages", 1)),  # get_n_pages() answers 1 from 10,000 pages on
        int(field(image, "orientation", 1)),
        shrinks=format is not Format.JPG or not is_lossless_jpeg(original),
    )


def check(original: bytes, image: pyvips.Image, header: Header, job: Job, memory: int | None) -> None:
    """Refuse what the limits forbid and what is not whole. `memory`: bytes that decoding may take.

    Raises Unprocessable and UnsupportedFormat.
    """
    name = header.format.name
    codec = field(image, "heif-compression", "av1")
    if codec != "av1":
        raise UnsupportedFormat(f"{codec} cannot be decoded")
    if max(header.width, header.height) > MAX_SIDE:
        side = max(header.width, header.height)
        raise Unprocessable(f"{name} with a side of {side} pixels, more than {MAX_SIDE}")
    pixels = header.width * header.height * header.pages
    if pixels > job.max_pixels:
        raise Unprocessable(f"{name} of {pixels} pixels, more than {job.max_pixels}")
    needed = header.width * header.height * _memory_per_pixel(image, header.format)
    if memory is not None and needed > memory:
        raise Unprocessable(f"{name} that takes {needed} bytes to decode, more than {memory}")
    if not _has_its_end(original, header.format):
        raise Unprocessable(f"{name}: truncated")


def _memory_per_pixel(image: pyvips.Image, format: Format) -> int:
    """Bytes that the decoder takes for each pixel, where it holds the whole picture."""
    if format.memory_per_interlaced_band and field(image, "interlaced", 0):
        return int(image.bands) * format.memory_per_interlaced_band
    return format.memory_per_pixel


def _has_its_end(original: bytes, format: Format) -> bool:
    """Where libvips itself never misses the end: in a GIF, and after the last pixel of a PNG."""
    if format is Format.GIF:
        return is_whole_gif(original)
    return format is not Format.PNG or _PNG_END in original


def load(original: bytes, image: pyvips.Image, frame: Frame) -> pyvips.Image:
    """The image to take the pixels from: opened anew where more than the first page is wanted, or where the
    decoder can shrink the picture; otherwise the one whose header was read."""
    header = frame.original
    if frame.pages > 1:
        return open_image(original, header.format, n=frame.pages)
    if frame.shrink > 1:
        return open_image(original, header.format, shrink=frame.shrink)
    if header.format is Format.WEBP and not header.animated:
        scale = frame.geometry.scale(header.width, header.height) * _WEBP_HEADROOM
        if scale < 1:
            return open_image(original, header.format, scale=scale)
    return image
