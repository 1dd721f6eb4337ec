"""From what another library has decoded, or could not, to an image of libvips or an error of ours."""

from __future__ import annotations

from typing import Any

from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging.vendor import pyvips

# By Pillow's name of the mode: bands, type of a sample, what the bands mean.
_MODES = {
    "L": (1, "uchar", "b-w"),
    "LA": (2, "uchar", "b-w"),
    "RGB": (3, "uchar", "srgb"),
    "RGBA": (4, "uchar", "srgb"),
    "CMYK": (4, "uchar", "cmyk"),
    "I;16": (1, "ushort", "grey16"),
}
MODES = frozenset(_MODES)


def from_pixels(
    pixels: Any, width: int, height: int, mode: str, profile: bytes | None = None
) -> pyvips.Image:
    """The image of these samples, line by line, with the ICC profile that they are in. It keeps `pixels`."""
    bands, sample, interpretation = _MODES[mode]
    image = pyvips.Image.new_from_memory(pixels, width, height, bands, sample)
    image = image.copy(interpretation=interpretation)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def unprocessable(format: Format, exc: Exception) -> Unprocessable:
    """What is said of an original that the library could not decode."""
    return Unprocessable(f"{format.name}: {exc}".strip(": "))
