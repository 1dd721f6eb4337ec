"""The step that lays a background behind the picture and padding around it."""

from __future__ import annotations

from origin.imaging.frame import Frame
from origin.imaging.vendor import pyvips
from origin.urls.colours import read_colour
from origin.urls.options import Options

_OPAQUE = 255
Rgba = tuple[int, int, int, int]
"""Red, green, blue and alpha, from 0 to 255."""


def surround(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """After the effects, which touch the picture alone."""
    padding = frame.geometry.padding
    if options.background is None and not any(padding):
        return image
    colour = colour_around(options, frame)
    behind = options.background is not None and image.hasalpha()
    if not behind and not any(padding):
        return image
    if image.bands < 3 and not _is_grey(colour):
        image = image.colourspace("srgb")
    if behind:
        image = _lay_behind(image, colour)
    return _pad(image, colour, padding) if any(padding) else image


def make_opaque(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """For a format without alpha: what is transparent shows the background, white without one."""
    red, green, blue, _ = colour_around(options, frame)
    colour = (red, green, blue, _OPAQUE)
    if image.bands < 3 and not _is_grey(colour):
        image = image.colourspace("srgb")
    return image.flatten(background=_bands(colour, image.bands - 1))


def colour_around(options: Options, frame: Frame) -> Rgba:
    """What shows around the picture: transparent without a background, white in a format without alpha."""
    red, green, blue, alpha = read_colour(options.background or "00000000")
    if frame.format_if_transparent.holds_alpha:
        return red, green, blue, alpha
    red, green, blue = (
        (part * alpha + _OPAQUE * (_OPAQUE - alpha) + _OPAQUE // 2) // _OPAQUE for part in (red, green, blue)
    )
    return red, green, blue, _OPAQUE


def _is_grey(colour: Rgba) -> bool:
    return colour[0] == colour[1] == colour[2]


def _lay_behind(image: pyvips.Image, colour: Rgba) -> pyvips.Image:
    if colour[3] == _OPAQUE:
        return image.flatten(background=_bands(colour, image.bands - 1))
    image = image.colourspace("srgb")
    solid = image.new_from_image(list(colour)).copy(interpretation="srgb")
    return solid.composite2(image, "over").cast("uchar")


def _pad(image: pyvips.Image, colour: Rgba, padding: tuple[int, int, int, int]) -> pyvips.Image:
    top, right, bottom, left = padding
    if colour[3] < _OPAQUE and not image.hasalpha():
        image = image.addalpha()
    width, height = left + image.width + right, top + image.height + bottom
    background = _bands(colour, image.bands)
    return image.embed(left, top, width, height, extend="background", background=background)


def _bands(colour: Rgba, bands: int) -> list[int]:
    """The colour for an image of so many bands: grey, grey and alpha, RGB, RGBA."""
    red, _, _, alpha = colour
    return [list(colour[:3]), list(colour)][bands - 3] if bands > 2 else [red, alpha][:bands]
