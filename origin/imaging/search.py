"""Searches for a quality, each of its tries being an encoding: so few tries, and each of them a good guess.

What is looked for rises with the quality: the size of the file, or how good it looks. How it rises for one
picture is not known, but how it does for pictures in the mean is, and pictures differ by a shift and a
stretch of that curve. So each guess goes by the curve and by the tries before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from collections.abc import Mapping
from itertools import pairwise

from origin.formats import JPEG_SCALE

MAX_TRIES = 4
HIGHEST = 100

Curve = tuple[tuple[int, float], ...]  # qualities, ascending, and what is typical there


def _curve(*values: float) -> Curve:
    return tuple(zip(JPEG_SCALE, values, strict=True))


# In the mean of photographs, measured by benchmarks/scale.py.
# fmt: off
SIZES: Mapping[str, Curve] = {
    "jpg": _curve(-3.79, -3.69, -3.44, -3.06, -2.80, -2.61, -2.47, -2.32,
                  -2.13, -2.02, -1.86, -1.70, -1.51, -1.05, -0.67, 0.25),
    "webp": _curve(-4.03, -3.96, -3.89, -3.42, -3.06, -2.79, -2.67, -2.55,
                   -2.35, -2.27, -2.14, -1.95, -1.72, -1.25, -1.00, -0.61),
    "avif": _curve(-4.48, -4.46, -4.35, -3.65, -3.32, -3.13, -2.96, -2.75,
                   -2.57, -2.46, -2.30, -2.15, -1.98, -1.64, -1.15, -0.13),
}
"""The logarithm of the bytes of a pixel, by format."""
SCORES = _curve(-63.3, -43.6, -5.9, 30.8, 46.2, 54.4, 60.0, 64.5,
                69.4, 71.8, 75.2, 78.2, 81.0, 86.7, 91.0, 95.4)
"""Points of SSIMULACRA2, the same for all formats."""
# fmt: on

# How far from what is wanted a try may end the search: a file 3 % smaller, a picture 1.5 points better.
SIZE_TOLERANCE = 0.03
SCORE_TOLERANCE = 1.5


def find_highest_within(
    measure: Callable[[int], float],
    limit: float,
    curve: Curve,
    *,
    tolerance: float,
    highest: int = HIGHEST,
    tries: int = MAX_TRIES,
    try_lowest: bool = False,
) -> int | None:
    """The highest quality found whose measure is within the limit; None where no try was.

    With `try_lowest` the last try is quality 1 where none was within before, so that None means that there
    is none at all.
    """
    known: dict[int, float] = {}
    low, high = 0, highest + 1
    for left in reversed(range(tries)):
        if high - low <= 1:
            break
        # What was not within is not to be so again, and the last try is not to be in vain.
        margin = tolerance * (0.5 + (0 if low else len(known)) + (0 if left else 2))
        quality = _guess(known, limit - margin, curve, low, high)
        if try_lowest and not left and not low:
            quality = 1
        known[quality] = measure(quality)
        if known[quality] > limit:
            high = quality
            continue
        low = quality
        if known[quality] >= limit - tolerance:
            break
    return low or None


def find_lowest_reaching(
    measure: Callable[[int], float], wanted: float, curve: Curve, *, tolerance: float, tries: int = MAX_TRIES
) -> int:
    """The lowest quality found whose measure reaches what is wanted; the highest tried where none does."""
    tried: list[int] = []

    def measure_mirrored(mirrored: int) -> float:
        tried.append(HIGHEST + 1 - mirrored)
        return -measure(tried[-1])

    # The same search in a mirror: what rises with the quality falls with its distance from the highest.
    mirror = tuple((HIGHEST + 1 - quality, -value) for quality, value in reversed(curve))
    found = find_highest_within(measure_mirrored, -wanted, mirror, tolerance=tolerance, tries=tries)
    return HIGHEST + 1 - found if found else max(tried)


def _guess(known: dict[int, float], aim: float, curve: Curve, low: int, high: int) -> int:
    """The highest quality between the two that is likely to be within what is aimed at."""
    value = aim
    if known:
        nearest = low if low in known else high
        value = _at(curve, nearest) + (aim - known[nearest]) / _stretch(known, curve, low, high)
    between = range(low + 1, high)
    return between[max(0, bisect_right(between, value, key=lambda quality: _at(curve, quality)) - 1)]


def _stretch(known: dict[int, float], curve: Curve, low: int, high: int) -> float:
    """How much more than the curve the measure rises: by the tries on both sides of the limit, or else by
    the two that are nearest to it."""
    tried = sorted(known)
    if len(tried) < 2:
        return 1.0
    left, right = (low, high) if low in known and high in known else (tried[:2] if low == 0 else tried[-2:])
    rise = (known[right] - known[left]) / (_at(curve, right) - _at(curve, left))
    return min(max(rise, 0.25), 4.0)


def _at(curve: Curve, quality: int) -> float:
    """The curve at a quality, on a straight line between its points."""
    segments = pairwise(curve)
    (left, from_), (right, to) = next(pair for pair in segments if quality <= pair[1][0])
    return from_ + (to - from_) * (quality - left) / (right - left)
