"""What the options of geometry mean, told a second time: exact arithmetic, and Pillow on the upright picture.

Written from the contract alone. Nothing is turned late, shrunk early or bounded here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from PIL import Image

CLEAR = (0, 0, 0, 0)
HALF = Fraction(1, 2)
Share = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Wanted:
    """The options as a person thinks of them; sides and padding in pixels."""

    width: int | None = None
    height: int | None = None
    fit: str = "cover"
    gravity: Share = (HALF, HALF)
    aspect: Fraction | None = None
    rect: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    enlarge: bool = False
    quarters: int = 0  # clockwise
    flip: str = ""
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, right, bottom, left
    background: tuple[int, int, int, int] | None = None


def rounded(number: Fraction) -> int:
    return math.floor(number + HALF)


def rounded_down(number: Fraction) -> int:
    return math.ceil(number - HALF)


ToPixels = Callable[[Fraction], int]
READINGS = tuple((side, start) for side in (rounded, rounded_down) for start in (rounded_down, rounded))
"""How to round sides, and the beginnings of cuts: exactly half a pixel may go either way."""


def apply(picture: Image.Image, wanted: Wanted, side: ToPixels, start: ToPixels) -> Image.Image:
    """The result, as RGBA, of an upright picture, in one of the `READINGS`."""
    picture = picture.convert("RGBA")
    if wanted.rect is not None:
        picture = picture.crop(_pixels(wanted.rect, *picture.size))
    picture = _placed(_cut(_resized(picture, wanted, side), wanted, start), wanted)
    picture = picture.rotate(-90 * wanted.quarters, expand=True)
    if "h" in wanted.flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "v" in wanted.flip:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return _surrounded(picture, wanted)


def _pixels(rect: tuple[Fraction, ...], width: int, height: int) -> tuple[int, int, int, int]:
    x, y, across, down = rect
    if max(rect) <= 1:
        x, across, y, down = x * width, across * width, y * height, down * height
    left, top = min(rounded(x), width - 1), min(rounded(y), height - 1)
    right, bottom = min(rounded(x + across), width), min(rounded(y + down), height)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _resized(picture: Image.Image, wanted: Wanted, side: ToPixels) -> Image.Image:
    width, height = picture.size
    across = Fraction(wanted.width, width) if wanted.width else None
    down = Fraction(wanted.height, height) if wanted.height else None
    if across is None or down is None:
        across = down = across or down or Fraction(1)
    elif wanted.fit in ("cover", "outside"):
        across = down = max(across, down)
    elif wanted.fit in ("inside", "contain"):
        across = down = min(across, down)
    if not wanted.enlarge:
        across, down = min(across, Fraction(1)), min(down, Fraction(1))
    size = max(1, side(width * across)), max(1, side(height * down))
    return picture.resize(size, Image.Resampling.LANCZOS) if size != picture.size else picture


def _cut(picture: Image.Image, wanted: Wanted, start: ToPixels) -> Image.Image:
    width, height = picture.size
    if wanted.width and wanted.height and wanted.fit == "cover":
        width, height = min(width, wanted.width), min(height, wanted.height)
    elif wanted.aspect is not None and not wanted.width and not wanted.height:
        width = min(width, max(1, rounded(height * wanted.aspect)))
        height = min(height, max(1, rounded(picture.width / wanted.aspect)))
    x, y = wanted.gravity
    left, top = (
        min(max(start(share * whole - Fraction(cut, 2)), 0), whole - cut)
        for share, whole, cut in ((x, picture.width, width), (y, picture.height, height))
    )
    return picture.crop((left, top, left + width, top + height))


def _placed(picture: Image.Image, wanted: Wanted) -> Image.Image:
    if not (wanted.width and wanted.height and wanted.fit == "contain"):
        return picture
    box = Image.new("RGBA", (wanted.width, wanted.height), CLEAR)
    free = wanted.width - picture.width, wanted.height - picture.height
    left, top = (rounded_down(share * side) for share, side in zip(wanted.gravity, free, strict=True))
    box.paste(picture, (left, top))
    return box


def _surrounded(picture: Image.Image, wanted: Wanted) -> Image.Image:
    top, right, bottom, left = wanted.padding
    size = left + picture.width + right, top + picture.height + bottom
    padded = Image.new("RGBA", size, CLEAR)
    padded.paste(picture, (left, top))
    if wanted.background is None:
        return padded
    return Image.alpha_composite(Image.new("RGBA", size, wanted.background), padded)
