"""The step that makes sRGB of whatever colours an original has."""

from __future__ import annotations

import pyvips

from origin.imaging.frame import Frame
from origin.imaging.profiles import color_space
from origin.imaging.profiles import is_srgb
from origin.imaging.vips import field
from origin.urls.options import Options

_PROFILE = "icc-profile-data"
_SPACES = {"b-w": "GRAY", "grey16": "GRAY", "cmyk": "CMYK"}  # of libvips' interpretations; the rest is RGB


def to_srgb(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Eight bits of sRGB or grey. After the resize, since few pixels are left then."""
    space = _SPACES.get(image.interpretation, "RGB")
    profile = field(image, _PROFILE, b"")
    if space == "CMYK" or (color_space(profile) == space and not is_srgb(profile)):
        # The named profile is for pictures whose own is missing or broken; there is none for grey.
        fallback = {"input_profile": space.lower().replace("rgb", "srgb")} if space != "GRAY" else {}
        return image.icc_transform("srgb", embedded=True, depth=8, **fallback)
    if image.format == "uchar" and image.interpretation in ("srgb", "b-w"):
        return image
    return image.colourspace("b-w" if space == "GRAY" else "srgb")
