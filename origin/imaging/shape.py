"""The steps that cut and turn."""

from __future__ import annotations

from origin.imaging.frame import Frame
from origin.imaging.vendor import pyvips
from origin.imaging.vips import field
from origin.urls.options import Options


def cut(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Cut what the box does not hold, around the centre."""
    width, height = frame.geometry.cut_width, frame.geometry.cut_height
    if (image.width, image.height) == (width, height):
        return image
    return image.crop((image.width - width) // 2, (image.height - height) // 2, width, height)


def turn_upright(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Turn and mirror as the EXIF orientation says. After the cut, since few pixels are left then."""
    if field(image, "orientation", 1) == 1:
        return image
    return image.copy_memory().autorot()  # turning needs all lines at once
