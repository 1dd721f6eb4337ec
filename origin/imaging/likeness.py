"""How alike a picture and an encoded form of it look: an estimate of SSIMULACRA2 that libvips computes fast.

SSIMULACRA2 (https://github.com/cloudinary/ssimulacra2) weighs how much structure differs, at six sizes, in
three channels of colour (XYB), in the mean and where it is worst. Of that this measures what counts in
pictures of every kind: lightness at the full size, and all channels at a quarter, an eighth and a sixteenth.
benchmarks/likeness.py found the weights and tells how far the estimate is off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import chain
from operator import mul

from origin.imaging.vendor import pyvips

_WHITE = 255
# px of a side. What is smaller goes on as in a mirror: a sixteenth of it would leave nothing to measure.
_LEAST_SIDE = 256
_LARGEST_WHOLE = 1_000_000  # pixels of a picture that is measured whole at full size
_STRIP = 64  # px, of a larger one

# The channels of XYB are made of what three kinds of cones get of linear light; its roots are differed.
_CONES = [[0.3, 0.622, 0.078], [0.23, 0.692, 0.078], [0.243, 0.205, 0.552]]
_LIGHTNESS = [[0.265, 0.657, 0.078]]  # what the first two have in common
_XYB = [[7.0, -7.0, 0.0], [0.5, 0.5, 0.0], [-0.5, -0.5, 1.0]]
_BIAS = 0.0038  # of the light, which keeps the root from rising too fast in the dark
_SIGMA = 1.5  # px of the window in which structure is compared
_LEAST_WEIGHT = 0.005  # of a pixel in a window, beside the one in its middle: sharp edges count from afar
_SUM, _SUM_OF_SQUARES = 2, 3  # columns of `stats`
_FLAT = 0.0009  # what keeps flat areas from counting as different (C2 of SSIM)

# The points that are missing from 100 are ten times this power of the weighted sum of the differences, in the
# order of `measure_differences`.
POWER = 0.63
_WEIGHTS = (
    (1.2, 19.5, 58.0),  # lightness at full size
    (0.5, 4.5, 62.8),  # at a quarter, red against green
    (496.2, 21.1, 23.9),  # at a quarter, lightness
    (0.0, 0.0, 38.7),  # at a quarter, blue
    (10.3, 0.0, 1.0),  # at an eighth, red against green
    (216.5, 57.1, 47.4),  # at an eighth, lightness
    (16.2, 0.0, 67.5),  # at an eighth, blue
    (26.9, 0.0, 40.6),  # at a sixteenth, red against green
    (72.0, 52.7, 88.7),  # at a sixteenth, lightness
    (102.8, 65.8, 185.5),  # at a sixteenth, blue
)


class Likeness:
    """Compares encoded forms of one picture with it."""

    def __init__(self, picture: pyvips.Image) -> None:
        self._full, *self._smaller = _levels(picture)

    def score(self, encoded: pyvips.Image) -> float:
        """Estimated points of SSIMULACRA2."""
        weights = chain.from_iterable(_WEIGHTS)
        return 100 - missing_points(sum(map(mul, weights, self.measure_differences(encoded))))

    def measure_differences(self, encoded: pyvips.Image) -> tuple[float, ...]:
        """Of lightness at full size: of structure, in the mean and where it is most, and detail lost.

        Then for each smaller size and each channel: of structure, in the mean and where it is most, and edges
        that were not there. None of them is negative.
        """
        full, *smaller = _levels(encoded)
        differences = self._full.compare(full)
        for one, other in zip(self._smaller, smaller, strict=True):
            differences += one.compare(other)
        return tuple(differences)


def missing_points(weighted: float) -> float:
    """What is missing from 100 points for a weighted sum of differences."""
    return 10 * math.pow(weighted, POWER)


class _Level:
    """Channels at one size, and what they are like in the window around each pixel."""

    def __init__(self, channels: pyvips.Image) -> None:
        self.channels = channels
        self.mean = self._window(channels).copy_memory()
        self.variance = (self._window(channels * channels) - self.mean * self.mean).copy_memory()
        self.detail = self._find_detail().copy_memory()

    def compare(self, other: _Level) -> list[float]:
        """For each channel the differences of structure and of detail."""
        structure, detail = self._differ(other), self._differ_in_detail(other)
        both = structure.bandjoin(detail + detail.abs())
        sums = both.bandjoin(both * both).stats().tolist()[1:]
        pixels, bands = structure.width * structure.height, structure.bands
        means = [max(0.0, row[_SUM]) / pixels for row in sums[:bands]]
        # Of the fourth powers, so that large differences count most.
        peaks = [math.pow(row[_SUM_OF_SQUARES] / pixels, 0.25) for row in sums[2 * bands :]]
        return [value for n in range(bands) for value in (means[n], peaks[n], peaks[bands + n] / 2)]

    def _differ(self, other: _Level) -> pyvips.Image:
        """One minus what mean, contrast and structure have in common."""
        common = self._window(self.channels * other.channels) - self.mean * other.mean
        offset = self.mean - other.mean
        alike = (1 - offset * offset) * common.linear(2, _FLAT)
        return 1 - alike / (self.variance + other.variance + _FLAT)

    def _window(self, image: pyvips.Image) -> pyvips.Image:
        return _blur(image, _SIGMA)

    def _find_detail(self) -> pyvips.Image:
        return (self.channels - self.mean).abs()

    def _differ_in_detail(self, other: _Level) -> pyvips.Image:
        """Edges that the other has and this one has not."""
        return other.detail - self.detail


class _FullLevel(_Level):
    """Lightness at full size. The windows are those around every second pixel, for a third of the time."""

    def _window(self, image: pyvips.Image) -> pyvips.Image:
        # Two pixels in the mean have a variance of 1/3 by themselves.
        return _blur(image.shrink(2, 2), math.sqrt(_SIGMA**2 - 1 / 3) / 2)

    def _find_detail(self) -> pyvips.Image:
        return self.variance.abs() ** 0.5

    def _differ_in_detail(self, other: _Level) -> pyvips.Image:
        """Contrast that the other has lost."""
        return self.detail - other.detail


def _levels(picture: pyvips.Image) -> Iterator[_Level]:
    picture = _extend(_flatten(picture))
    light = _strips(picture).maplut(_linear())
    yield _FullLevel(_root(light.recomb(_matrix(_LIGHTNESS))).copy_memory())
    light = picture.maplut(_linear())
    for times in (4, 2, 2):
        light = light.shrink(times, times).copy_memory()
        yield _Level(_root(light.recomb(_matrix(_CONES))).recomb(_matrix(_XYB)).copy_memory())


def _strips(picture: pyvips.Image) -> pyvips.Image:
    """Half of a large picture, in strips from all over it; a small one whole."""
    if picture.width * picture.height <= _LARGEST_WHOLE or picture.height < 4 * _STRIP:
        return picture
    strips = range(0, picture.height - _STRIP, 2 * _STRIP)
    return pyvips.Image.arrayjoin([picture.crop(0, top, picture.width, _STRIP) for top in strips], across=1)


def _flatten(picture: pyvips.Image) -> pyvips.Image:
    """Three bands, on white."""
    if picture.hasalpha():
        picture = picture.flatten(background=_WHITE)
    if picture.bands < 3:
        picture = picture.bandjoin([picture[0], picture[0]])[:3]
    return picture.copy_memory()


def _extend(picture: pyvips.Image) -> pyvips.Image:
    sides = max(picture.width, _LEAST_SIDE), max(picture.height, _LEAST_SIDE)
    if sides == (picture.width, picture.height):
        return picture
    return picture.embed(0, 0, *sides, extend="mirror").copy_memory()


@cache
def _linear() -> pyvips.Image:
    """The light of each value of sRGB (IEC 61966-2-1), of 65535."""
    encoded = [value / 255 for value in range(256)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in encoded]
    return _matrix([[65535 * part + 0.5 for part in light]]).cast("ushort").copy_memory()


@cache
def _roots() -> pyvips.Image:
    """The cube root of each light, of 65535; black is 0."""
    light = pyvips.Image.identity(ushort=True) / 65535
    return ((light + _BIAS) ** (1 / 3) - _BIAS ** (1 / 3)).cast("float").copy_memory()


def _root(light: pyvips.Image) -> pyvips.Image:
    return light.cast("ushort").maplut(_roots())


def _matrix(rows: list[list[float]]) -> pyvips.Image:
    return pyvips.Image.new_from_array(rows)


def _blur(image: pyvips.Image, sigma: float) -> pyvips.Image:
    return image.gaussblur(sigma, min_ampl=_LEAST_WEIGHT, precision="float")
