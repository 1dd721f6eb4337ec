"""HEIC and the other pictures in HEIF files but AVIF, decoded by libheif through `pillow-heif`."""

from __future__ import annotations

import pillow_heif

from origin.formats import Format
from origin.imaging.raw import from_pixels
from origin.imaging.raw import unprocessable
from origin.imaging.vendor import pyvips

pillow_heif.options.DECODE_THREADS = 1  # one core a renderer
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False
# What it raises for a file that it cannot read.
_BROKEN = (OSError, SyntaxError, ValueError, RuntimeError, LookupError, EOFError, TypeError)


def count_pages(data: bytes, format: Format) -> int:
    """How many pictures there are, the primary one first. Raises Unprocessable."""
    try:
        return len(_pictures(data))
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc


def read_size(data: bytes, format: Format, page: int = 0) -> tuple[int, int]:
    """Width and height of one; nothing is decoded. Raises Unprocessable."""
    try:
        width, height = _pictures(data)[page].size
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc
    return width, height


def decode(data: bytes, format: Format, page: int = 0) -> pyvips.Image:
    """One picture, upright, as its own properties turn it. Raises Unprocessable."""
    try:
        picture = _pictures(data)[page].to_pillow()
        mode = "RGBA" if picture.mode in ("RGBA", "RGBa", "LA") else picture.mode
        picture = picture if picture.mode == mode else picture.convert(mode)
        image = from_pixels(picture.tobytes(), *picture.size, mode, picture.info.get("icc_profile"))
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc
    return image


def _pictures(data: bytes) -> list[pillow_heif.HeifImage]:
    file = pillow_heif.open_heif(data)
    first = file.primary_index
    return [file[first], *(file[number] for number in range(len(file)) if number != first)]
