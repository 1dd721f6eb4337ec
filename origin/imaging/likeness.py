"""How alike a picture and an encoded form of it look: an estimate of SSIMULACRA2 that libvips computes fast.

What SSIMULACRA2 weighs is how much structure differs, at several sizes, in lightness and in colour. Here it
is measured in the manner of SSIM at three sizes. benchmarks/scale.py found the weights: of photographs with
scores from 40 to 92 the estimate is off by 2 points (standard deviation), and by 7 at most.
"""

from __future__ import annotations

import math
from operator import mul

from origin.imaging.vendor import pyvips

_WHITE = 255
_LARGEST_WHOLE = 300_000  # pixels of a picture that is looked at whole
_TINY = 8  # px, of a side that leaves nothing to measure
_TILES = 3  # a side of a sample
_TILE = 160  # px, a multiple of the blocks of all encoders

# Lightness, and colour as the differences of blue and red from it (ITU-R BT.601).
_TO_YCC = [[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]]
_SIGMA = 1.5  # px of the window in which structure is compared
_FLAT = (0.03 * 255) ** 2  # what keeps flat areas from counting as different (C2 of SSIM)
# The points that are missing from 100 are ten times this power of the weighted sum of the differences, in the
# order of `measure_differences`.
POWER = 0.63
_WEIGHTS = (14.7, 93.7, 231.2)


def take_sample(image: pyvips.Image) -> pyvips.Image:
    """A small picture that is as hard to encode: tiles from all over it, of the first page of an animation;
    the image itself where it is small, but not tiny."""
    width, height = image.width, image.get_page_height()
    is_still, is_tiny = height == image.height, min(width, height) < _TINY
    if is_still and not is_tiny and width * height <= _LARGEST_WHOLE:
        return image
    across, down = min(_TILE, width), min(_TILE, height)
    tiles = [
        image.crop(_place(width - across, column), _place(height - down, row), across, down)
        for row in range(_TILES)
        for column in range(_TILES)
    ]
    joined = pyvips.Image.arrayjoin(tiles, across=_TILES)
    sides = max(joined.width, _TINY), max(joined.height, _TINY)
    sample = joined.embed(0, 0, *sides, extend="copy").copy_memory()
    sample.set_type(pyvips.GValue.gint_type, "page-height", sample.height)
    return sample


def _place(room: int, tile: int) -> int:
    return room * tile // (_TILES - 1)


class Likeness:
    """Compares encoded forms of one picture with it."""

    def __init__(self, picture: pyvips.Image) -> None:
        self._planes = [_Windows(plane) for plane in _split(picture)]

    def score(self, encoded: pyvips.Image) -> float:
        """Estimated points of SSIMULACRA2."""
        return 100 - missing_points(sum(map(mul, _WEIGHTS, self.measure_differences(encoded))))

    def measure_differences(self, encoded: pyvips.Image) -> tuple[float, float, float]:
        """Of colour, of lightness at half size, both most where it is worst, and of lightness at a quarter of
        the size in the mean; from 0 to 2."""
        pairs = zip(self._planes, map(_Windows, _split(encoded)), strict=True)
        colour, half, quarter = (one.compare(other) for one, other in pairs)
        return _peak(colour), _peak(half), max(0.0, quarter.avg())


def missing_points(weighted: float) -> float:
    """What is missing from 100 points for a weighted sum of differences."""
    return 10 * math.pow(weighted, POWER)


class _Windows:
    """A plane of a picture, and what it is like in the window around each pixel."""

    def __init__(self, plane: pyvips.Image) -> None:
        self.plane = plane
        self.mean = _mean(plane).copy_memory()
        self.variance = (_mean(plane * plane) - self.mean * self.mean).copy_memory()

    def compare(self, other: _Windows) -> pyvips.Image:
        """One minus what structure and contrast have in common, for each pixel."""
        common = _mean(self.plane * other.plane) - self.mean * other.mean
        return 1 - (2 * common + _FLAT) / (self.variance + other.variance + _FLAT)


def _split(picture: pyvips.Image) -> tuple[pyvips.Image, pyvips.Image, pyvips.Image]:
    """Both planes of colour, lightness at half size, and at a quarter."""
    if picture.hasalpha():
        picture = picture.flatten(background=_WHITE)
    if picture.bands < 3:
        picture = picture.bandjoin([picture[0], picture[0]])[:3]
    planes = picture.recomb(pyvips.Image.new_from_array(_TO_YCC)).copy_memory()
    half = planes[0].shrink(2, 2).copy_memory()
    return planes[1:3].copy_memory(), half, half.shrink(2, 2).copy_memory()


def _mean(image: pyvips.Image) -> pyvips.Image:
    """The mean in the window around each pixel."""
    return image.gaussblur(_SIGMA, min_ampl=0.05, precision="float")


def _peak(differences: pyvips.Image) -> float:
    """A mean in which large differences count most."""
    return math.pow((differences**4).avg(), 0.25)
