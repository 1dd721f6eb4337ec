"""The step that makes sRGB of whatever colours an original has."""

from __future__ import annotations

import contextlib

from origin.imaging.frame import Frame
from origin.imaging.profiles import color_space
from origin.imaging.profiles import is_srgb
from origin.imaging.vendor import pyvips
from origin.imaging.vips import field
from origin.urls.options import Options

_PROFILE = "icc-profile-data"
# Of libvips' interpretations. The others, such as Lab and linear light, are what they are without a profile.
_SPACES = {
    "b-w": "GRAY",
    "grey16": "GRAY",
    "cmyk": "CMYK",
    "srgb": "RGB",
    "rgb": "RGB",
    "rgb16": "RGB",
}


def to_srgb(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Eight bits of sRGB or grey. After the resize, since few pixels are left then."""
    return convert(image)


def convert(image: pyvips.Image) -> pyvips.Image:
    """The image in eight bits of sRGB or grey."""
    space = _SPACES.get(image.interpretation)
    profile = field(image, _PROFILE, b"")
    if color_space(profile) == space and not is_srgb(profile):
        # A profile that does not parse, or of which no transform can be made, counts as none.
        with contextlib.suppress(pyvips.Error):
            return image.icc_transform("srgb", embedded=True, depth=8)
    if space == "CMYK":
        return image.icc_transform("srgb", input_profile="cmyk", depth=8)
    if image.format == "uchar" and image.interpretation in ("srgb", "b-w"):
        return image
    return image.colourspace("b-w" if space == "GRAY" else "srgb")
