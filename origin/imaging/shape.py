"""The steps that cut, turn and place."""

from __future__ import annotations

import math

from origin.imaging.frame import Frame
from origin.imaging.geometry import is_askew
from origin.imaging.vendor import pyvips
from origin.imaging.vips import field
from origin.urls.options import Options

_SIDE_TO_LOOK_AT = 1000  # px; the entropy of 16 MP takes a second
_INTERESTING = {"smart": "attention", "entropy": "entropy"}  # what libvips calls them


def select(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Keep the part of the original that `rect` and `trim` leave. The decoder may have shrunk it."""
    region, header = frame.region, frame.original
    if region is None:
        return image
    # The JPEG decoder may have left out columns that did not fill a step; the others scale all.
    across = down = 1 / frame.shrink
    if frame.scale != 1:
        across, down = image.width / header.width, image.height / header.height
    left, right = _edges(region.left * across, (region.left + region.width) * across, image.width)
    top, bottom = _edges(region.top * down, (region.top + region.height) * down, image.height)
    return image.crop(left, top, right - left, bottom - top)


def cut(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Cut what the box does not hold."""
    geometry = frame.geometry
    width, height = geometry.cut_width, geometry.cut_height
    if (image.width, image.height) == (width, height):
        return image
    if isinstance(geometry.focus, str):
        image = image.copy_memory()  # looked at first, then cut
        geometry = geometry.with_cut_at(*find_cut(image, frame))
    left, top = geometry.place_cut(image.width, image.height)
    return image.crop(left, top, width, height)


def find_cut(image: pyvips.Image, frame: Frame) -> tuple[int, int]:
    """Left and top of the most interesting part of a resized page that is in memory."""
    width, height = frame.geometry.cut_width, frame.geometry.cut_height
    scale = min(1.0, _SIDE_TO_LOOK_AT / max(image.width, image.height))
    small = image.resize(scale) if scale < 1 else image
    found = small.smartcrop(
        min(small.width, max(1, round(width * scale))),
        min(small.height, max(1, round(height * scale))),
        interesting=_INTERESTING[str(frame.geometry.focus)],
    )
    left, top = round(-found.xoffset / scale), round(-found.yoffset / scale)
    return min(left, image.width - width), min(top, image.height - height)


def turn_upright(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Turn and mirror as the EXIF orientation says. After the cut, since few pixels are left then."""
    if field(image, "orientation", 1) == 1:
        return image
    return image.copy_memory().autorot()  # turning needs all lines at once


def place(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Put the picture into the box of `contain`, which is transparent so far."""
    canvas = frame.geometry.canvas
    if canvas is None or (image.width, image.height) == (canvas.width, canvas.height):
        return image
    image = image if image.hasalpha() else image.addalpha()
    return image.embed(canvas.left, canvas.top, canvas.width, canvas.height)


def turn(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Rotate, then mirror."""
    degrees, flip = options.rotate, options.flip or ""
    if not degrees and not flip:
        return image
    if (degrees or "v" in flip) and frame.original.orientation == 1:
        image = image.copy_memory()  # turning needs all lines at once, as turning upright has done
    if is_askew(degrees):
        image = _rotate_askew(image, degrees)
    elif degrees:
        image = image.rot(f"d{degrees:.0f}")
    image = image.fliphor() if "h" in flip else image
    return image.flipver() if "v" in flip else image


def _rotate_askew(image: pyvips.Image, degrees: float) -> pyvips.Image:
    """Around its middle, on a canvas that holds all of it. The corners are transparent, and nothing leaks
    from them. Not by `rotate`, which displaces the picture by up to a pixel."""
    image = image if image.hasalpha() else image.addalpha()
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    width = max(1, round(image.width * abs(cosine) + image.height * abs(sine)))
    height = max(1, round(image.width * abs(sine) + image.height * abs(cosine)))
    middle_x, middle_y = (image.width - 1) / 2, (image.height - 1) / 2
    turned = image.premultiply().affine(
        [cosine, -sine, sine, cosine],
        odx=(width - 1) / 2 - cosine * middle_x + sine * middle_y,
        ody=(height - 1) / 2 - sine * middle_x - cosine * middle_y,
        oarea=[0, 0, width, height],
        interpolate=pyvips.Interpolate.new("bicubic"),
        premultiplied=True,
    )
    return turned.unpremultiply().rint().cast(image.format)


def _edges(start: float, end: float, length: int) -> tuple[int, int]:
    """Whole pixels: at least one, within the length."""
    first = min(int(start + 0.5), length - 1)
    return first, max(first + 1, min(int(end + 0.5), length))
