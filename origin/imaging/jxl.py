"""JPEG XL, decoded by libjxl through `pillow-jxl-plugin`. Of an animation the first frame."""

from __future__ import annotations

import struct

from pillow_jxl import Decoder

from origin.formats import Format
from origin.imaging.jxl_size import read_jxl_size
from origin.imaging.raw import MODES
from origin.imaging.raw import from_pixels
from origin.imaging.raw import unprocessable
from origin.imaging.vendor import pyvips
from origin.imaging.vips import load

_IN_THIS_THREAD = 0
_BROKEN = (ValueError, RuntimeError, TypeError, struct.error)


def count_pages(data: bytes, format: Format) -> int:
    return 1


def read_size(data: bytes, format: Format, page: int = 0) -> tuple[int, int]:
    """Width and height by the header; no pixel is decoded. Raises Unprocessable."""
    try:
        return read_jxl_size(data)
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc


def decode(data: bytes, format: Format, page: int = 0) -> pyvips.Image:
    """The picture, upright. Raises Unprocessable, and pyvips.Error where it is a JPEG inside."""
    try:
        is_jpeg, info, pixels, profile, _ = Decoder(num_threads=_IN_THIS_THREAD)(data)
        if is_jpeg:  # what was made of a JPEG without a loss, and is one again
            return load("jpegload_source", pixels, fail_on="truncated")
        if info.mode not in MODES:
            raise ValueError(f"samples of {info.mode} are not supported")
        return from_pixels(pixels, info.width, info.height, info.mode, profile)
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc
