"""From the bytes of an original to an image that decodes when it is pulled.

The header is read and judged before a pixel is decoded: format by content, size against the limits,
memory against the budget, the end of the file where libvips would not miss it.
"""

from __future__ import annotations

from collections.abc import Sequence

from origin.errors import BadRequest
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import MAX_SIDE
from origin.formats import Format
from origin.formats import refusal
from origin.formats import sniff
from origin.imaging import decoders
from origin.imaging.apng import count_frames
from origin.imaging.frame import Frame
from origin.imaging.frame import Header
from origin.imaging.gif import read_gif
from origin.imaging.gif import with_alpha
from origin.imaging.jpeg import is_lossless_jpeg
from origin.imaging.protocol import Job
from origin.imaging.tiff import Tiff
from origin.imaging.tiff import read_tiff
from origin.imaging.vendor import pyvips
from origin.imaging.vips import field

_LARGE_SAMPLES = {("float", "scrgb"), ("float", "lab"), ("short", "labs")}  # that libvips makes sRGB of
_APNG_FRAME = 8  # bytes a pixel: a frame on its canvas, and in the strip of all
_PNG_END = b"IEND\xaeB`\x82"  # the closing chunk and its checksum


def identify(original: bytes, allowed: Sequence[str]) -> Format:
    """The format of an original, by its content. Raises UnsupportedFormat where it is not allowed."""
    format = sniff(original)
    if format is None or format.name not in allowed:
        raise UnsupportedFormat(refusal(original))
    return format


def for_decoder(original: bytes, format: Format) -> bytes:
    """The bytes to decode: the original, but for a field that libheif misreads.

    Where an AVIF leaves primaries, transfer and matrix unspecified (2), libheif also ignores that its range
    is full, though the box wins over the bitstream (AV1 Image File Format, section 2.2.1). What unspecified
    ones stand for is written in their place: primaries of BT.709, sRGB's transfer, the matrix of BT.601.
    """
    if format is Format.AVIF:
        return original.replace(b"colrnclx\0\2\0\2\0\2\x80", b"colrnclx\0\1\0\x0d\0\6\x80")
    return original


def open_original(
    original: bytes, format: Format, job: Job, memory: int | None
) -> tuple[pyvips.Image, Header]:
    """The image of an original that may be decoded, and what its header says.

    `memory`: bytes that decoding may take. Raises pyvips.Error, Unprocessable and UnsupportedFormat, and
    BadRequest for a frame that it does not have.
    """
    if format.loader is None:
        image, page, pages = _decode(original, format, job, memory)
        memory_per_pixel = format.memory_per_pixel
    else:
        image, page, pages = _open(original, format, job, memory)
        memory_per_pixel = _memory_per_pixel(image, format, pages)
    # The end of a file, where libvips itself never misses it: in a GIF, and after the last pixel of a PNG.
    gif = read_gif(original) if format is Format.GIF else None
    if (format is Format.GIF and gif is None) or (format is Format.PNG and _PNG_END not in original):
        raise Unprocessable(f"{format.name}: truncated")
    tiff = read_tiff(original, page or 0) if format is Format.TIFF else Tiff()
    if tiff.unsupported:
        raise Unprocessable(f"tiff: {tiff.unsupported} is not supported")
    _check_samples(image, format)
    return image, Header(
        format,
        image.width,
        image.height,
        pages if page is None else 1,
        int(field(image, "orientation", 1)),
        shrinks=format is not Format.JPG or not is_lossless_jpeg(original),
        gif=gif,
        colour_bands=tiff.colour_bands,
        palette_bits=_palette_bits(image) if format is Format.PNG else 0,
        page=page,
        alpha=bool(image.hasalpha()),
        decoding=image.width * image.height * memory_per_pixel,
    )


def _open(
    original: bytes, format: Format, job: Job, memory: int | None
) -> tuple[pyvips.Image, int | None, int]:
    """The image of an original that libvips decodes when it is pulled, the page that was asked for, and how
    many there are."""
    image = decoders.open_image(original, format)
    codec = field(image, "heif-compression", "av1")
    if codec != "av1":
        raise UnsupportedFormat(f"{codec} cannot be decoded")
    # get_n_pages() answers 1 from 10,000 pages on.
    pages = count_frames(original) if format is Format.PNG else int(field(image, "n-pages", 1))
    page = _page(job.options.frame, pages)
    needed = _memory_per_pixel(image, format, pages)
    _check_size(format, image.width, image.height, needed, job, memory, pages)
    if page is not None:
        image = decoders.open_image(original, format, page=page)
        needed = _memory_per_pixel(image, format, pages)
        _check_size(format, image.width, image.height, needed, job, memory, pages)
    return image, page, pages


def _decode(
    original: bytes, format: Format, job: Job, memory: int | None
) -> tuple[pyvips.Image, int | None, int]:
    """What `_open` gives, of an original that another library decodes now: one page and no other."""
    pages = decoders.count_pages(original, format)
    page = _page(job.options.frame, pages)
    size = decoders.read_size(original, format, page or 0)
    _check_size(format, *size, format.memory_per_pixel, job, memory)
    return decoders.open_image(original, format, page=page), page, pages


def _page(wanted: int | None, pages: int) -> int | None:
    """The page to open; None where the original has one alone. Raises BadRequest for one that it lacks."""
    if wanted is None:
        return None
    if wanted >= pages:
        raise BadRequest(f"option frame: expected a number from 0 to {pages - 1}, got {wanted}")
    return wanted if pages > 1 else None


def _check_size(
    format: Format,
    width: int,
    height: int,
    memory_per_pixel: int,
    job: Job,
    memory: int | None,
    pages: int = 1,
) -> None:
    if max(width, height) > MAX_SIDE:
        raise Unprocessable(f"{format.name} with a side of {max(width, height)} pixels, more than {MAX_SIDE}")
    pixels = width * height * pages
    if pixels > job.max_pixels:
        raise Unprocessable(
            f"{format.name} of {pixels} pixels, more than {job.max_pixels} (limits.max_original_pixels)"
        )
    needed = width * height * memory_per_pixel
    if memory is not None and needed > memory:
        raise Unprocessable(
            f"{format.name} that takes {needed} bytes to decode, more than {memory} of limits.render_memory"
        )


def _check_samples(image: pyvips.Image, format: Format) -> None:
    """Refuse the kinds of numbers that would be shown wrongly, all of them in TIFFs."""
    kind = (image.format, image.interpretation)
    if image.format not in ("uchar", "ushort") and kind not in _LARGE_SAMPLES:
        raise Unprocessable(f"{format.name}: samples of {' in '.join(kind)} are not supported")
    if image.interpretation in ("lab", "labs") and image.bands > 3:
        raise Unprocessable(f"{format.name}: Lab with alpha is not supported")


def _palette_bits(image: pyvips.Image) -> int:
    return int(field(image, "bits-per-sample", 8)) if field(image, "palette", 0) else 0


def _memory_per_pixel(image: pyvips.Image, format: Format, pages: int) -> int:
    """Bytes that the decoder takes for each pixel, where it holds the whole picture."""
    if format is Format.PNG and pages > 1:
        return _APNG_FRAME * pages
    if format.memory_per_interlaced_band and field(image, "interlaced", 0):
        return int(image.bands) * format.memory_per_interlaced_band
    return format.memory_per_pixel


def reopen(original: bytes, header: Header) -> pyvips.Image:
    """The image of an original whose header is known, to be decoded once more. Raises pyvips.Error."""
    return decoders.open_image(original, header.format, **header.loader_options)


def load(original: bytes, image: pyvips.Image, frame: Frame) -> pyvips.Image:
    """The image to take the pixels from: opened anew where more than the first page is wanted, or where the
    decoder can shrink the picture; otherwise the one whose header was read."""
    header = frame.original
    if header.gif is not None and header.gif.uncovered:
        whole = with_alpha(original, header.gif)
        return decoders.open_image(whole, header.format, n=frame.pages, **header.loader_options)
    if frame.pages > 1:
        return decoders.open_image(original, header.format, n=frame.pages)
    if header.colour_bands:
        return image.extract_band(0, n=header.colour_bands)
    if frame.shrink > 1:
        return decoders.open_image(original, header.format, shrink=frame.shrink)
    if frame.scale != 1:
        return decoders.open_image(original, header.format, scale=frame.scale)
    return image
