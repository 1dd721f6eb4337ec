"""From the bytes of an original to an image that decodes when it is pulled.

The header is read and judged before a pixel is decoded: format by content, size against the limits,
memory against the budget, the end of the file where libvips would not miss it.
"""

from __future__ import annotations

from collections.abc import Sequence

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import MAX_SIDE
from origin.formats import Format
from origin.formats import describe
from origin.formats import sniff
from origin.imaging.frame import Frame
from origin.imaging.frame import Header
from origin.imaging.gif import read_gif
from origin.imaging.gif import with_alpha
from origin.imaging.jpeg import is_lossless_jpeg
from origin.imaging.protocol import Job
from origin.imaging.vendor import pyvips
from origin.imaging.vips import field

_WEBP_HEADROOM = 1.5  # left to Lanczos, as for JPEG
_PNG_END = b"IEND\xaeB`\x82"  # the closing chunk and its checksum


def identify(original: bytes, allowed: Sequence[str]) -> Format:
    """The format of an original, by its content. Raises UnsupportedFormat where it is not allowed."""
    format = sniff(original)
    if format is None or format.name not in allowed:
        raise UnsupportedFormat(f"{describe(original)}: not {'allowed here' if format else 'supported'}")
    return format


def open_image(original: bytes, format: Format, **options: object) -> pyvips.Image:
    """The image, of which the header alone has been read. Raises pyvips.Error.

    The loader is called by its name: libvips itself does not find the one for sequences of AVIF.
    """
    return pyvips.Operation.call(
        format.loader, original, access="sequential", fail_on=format.fail_on, **options
    )


def read_header(original: bytes, image: pyvips.Image, format: Format, job: Job, memory: int | None) -> Header:
    """What the header of an original says. `memory`: bytes that decoding may take.

    Raises Unprocessable and UnsupportedFormat for what the limits forbid and for what is not whole.
    """
    pages = int(field(image, "n-pages", 1))  # get_n_pages() answers 1 from 10,000 pages on
    _check_limits(image, format, pages, job, memory)
    # The end of a file, where libvips itself never misses it: in a GIF, and after the last pixel of a PNG.
    gif = read_gif(original) if format is Format.GIF else None
    if (format is Format.GIF and gif is None) or (format is Format.PNG and _PNG_END not in original):
        raise Unprocessable(f"{format.name}: truncated")
    return Header(
        format,
        image.width,
        image.height,
        pages,
        int(field(image, "orientation", 1)),
        shrinks=format is not Format.JPG or not is_lossless_jpeg(original),
        gif=gif,
    )


def _check_limits(image: pyvips.Image, format: Format, pages: int, job: Job, memory: int | None) -> None:
    codec = field(image, "heif-compression", "av1")
    if codec != "av1":
        raise UnsupportedFormat(f"{codec} cannot be decoded")
    side = max(image.width, image.height)
    if side > MAX_SIDE:
        raise Unprocessable(f"{format.name} with a side of {side} pixels, more than {MAX_SIDE}")
    pixels = image.width * image.height * pages
    if pixels > job.max_pixels:
        raise Unprocessable(f"{format.name} of {pixels} pixels, more than {job.max_pixels}")
    needed = image.width * image.height * _memory_per_pixel(image, format)
    if memory is not None and needed > memory:
        raise Unprocessable(f"{format.name} that takes {needed} bytes to decode, more than {memory}")


def _memory_per_pixel(image: pyvips.Image, format: Format) -> int:
    """Bytes that the decoder takes for each pixel, where it holds the whole picture."""
    if format.memory_per_interlaced_band and field(image, "interlaced", 0):
        return int(image.bands) * format.memory_per_interlaced_band
    return format.memory_per_pixel


def load(original: bytes, image: pyvips.Image, frame: Frame) -> pyvips.Image:
    """The image to take the pixels from: opened anew where more than the first page is wanted, or where the
    decoder can shrink the picture; otherwise the one whose header was read."""
    header = frame.original
    if header.gif is not None and header.gif.uncovered:
        return open_image(with_alpha(original, header.gif), header.format, n=frame.pages)
    if frame.pages > 1:
        return open_image(original, header.format, n=frame.pages)
    if frame.shrink > 1:
        return open_image(original, header.format, shrink=frame.shrink)
    if header.format is Format.WEBP and not header.animated:
        scale = frame.geometry.scale(header.width, header.height) * _WEBP_HEADROOM
        if scale < 1:
            return open_image(original, header.format, scale=scale)
    return image
