"""Searches for a quality, each of its tries being an encoding: so few tries, and each of them a good guess.

What is looked for rises with the quality: the size of the file, or how good it looks. How it rises for one
picture is not known, but how it does for pictures in the mean is, and pictures differ by a shift and a
stretch of that curve. So each guess goes by the curve and by the tries before it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from bisect import bisect_right
from collections.abc import Callable
from collections.abc import Mapping
from itertools import pairwise

from origin.formats import JPEG_SCALE
from origin.formats import Format

MAX_TRIES = 4
"""Encodings that a search takes at most, those of samples among them. A search for a size takes one more
where the picture is unlike a photograph, such as noise."""
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
SCORED_QUALITIES = (1, 12, 25, 40, 55, 68, 78, 86, 89, 90, 92, 97, 100)
"""The qualities at which scores were measured. From 90 on JPEG keeps all of its colour."""


def _scores(*points: float) -> Curve:
    return tuple(zip(SCORED_QUALITIES, points, strict=True))


SCORES: Mapping[str, Curve] = {
    "jpg": _scores(-56.8, 20.8, 49.2, 61.3, 67.9, 73.7, 77.7, 82.6, 84.4, 88.0, 89.6, 93.3, 95.0),
    "webp": _scores(26.3, 38.1, 55.9, 65.8, 68.7, 71.6, 75.4, 78.6, 81.3, 85.9, 86.5, 87.3, 87.6),
    "avif": _scores(20.7, 34.1, 58.6, 67.5, 73.0, 76.9, 81.1, 85.2, 86.1, 89.2, 90.5, 92.7, 94.0),
}
"""Points of SSIMULACRA2 in the median of pictures of every kind, measured by benchmarks/likeness.py."""
# fmt: on

# How far from what is wanted a try may end the search: a file 3 % smaller, a picture half a point worse or
# 1.5 points better.
SIZE_TOLERANCE = 0.03
FAR_TOO_SMALL = 0.2  # a fifth, for which there is one more try
SHORT_OF, BEYOND = -0.5, 1.5


def typical_bytes(format: Format, quality: int) -> float:
    """Bytes of a pixel of a photograph in a quality of URLs."""
    return math.exp(_at(SIZES[format.name], quality))


def find_highest_within(
    measure: Callable[[int], float],
    limit: float,
    curve: Curve,
    *,
    tolerance: float,
    highest: int = HIGHEST,
) -> int | None:
    """The highest quality found whose measure is within the limit; None where there is none.

    `limit` and `tolerance` are in the unit of `curve`: a try less than `tolerance` below the limit ends the
    search. The last try is quality 1 where none was within before, so that none is missed. Where the best is
    far below the limit then, as with noise, there is one more.
    """
    known: dict[int, float] = {}
    low, high = 0, highest + 1
    for left in reversed(range(-1, MAX_TRIES)):
        is_due = left >= 0 or (low > 0 and known[low] < limit - FAR_TOO_SMALL)
        if high - low <= 1 or not is_due:
            break
        # While no try was within, aim further below the limit after each; at the last tries, further still.
        margin = tolerance * (0.5 + (0 if low else len(known)) + (0 if left > 0 else 2))
        between = range(low + 1, high)
        value = _predict(known, limit - margin, curve, low, high)
        at = bisect_right(between, value, key=lambda quality: _at(curve, quality)) - 1
        quality = between[max(0, at)]
        if not left and not low:
            quality = 1
        known[quality] = measure(quality)
        if known[quality] > limit:
            high = quality
            continue
        low = quality
        if known[quality] >= limit - tolerance:
            break
    return low or None


def find_near(
    measure: Callable[[int], float],
    wanted: float,
    curve: Curve,
    *,
    tries: int = MAX_TRIES,
    first: int | None = None,
    slack: float = 0.0,
) -> int:
    """The quality tried whose score is nearest to what is wanted; a point too few counts as three too many.

    `first`: the one to begin with, where something is known of the picture. `slack`: points by which, with
    each try, a score may be further away and end the search; for tries that cost much.
    """
    known = _try_scores(measure, wanted, curve, tries, first, slack)
    return min(known, key=lambda quality: _distance(known[quality], wanted))


def guess_near(measure: Callable[[int], float], wanted: float, curve: Curve) -> int:
    """The quality whose score is likely to be near to what is wanted, after one try."""
    known = _try_scores(measure, wanted, curve, 1)
    ((quality, score),) = known.items()
    return quality if _is_near(score, wanted) else _next(known, wanted, curve) or quality


def _try_scores(
    measure: Callable[[int], float],
    wanted: float,
    curve: Curve,
    tries: int,
    first: int | None = None,
    slack: float = 0.0,
) -> dict[int, float]:
    """Scores of the qualities tried, until one is near to what is wanted."""
    known: dict[int, float] = {}
    for _ in range(tries):
        quality = first if first and not known else _next(known, wanted, curve)
        if quality is None:
            break
        known[quality] = measure(quality)
        if _is_near(known[quality], wanted, slack * len(known)):
            break
    return known


def _next(known: dict[int, float], wanted: float, curve: Curve) -> int | None:
    """The quality to try next; None where the two beside what is wanted are known."""
    aim = wanted + (SHORT_OF + BEYOND) / 2
    low = max((quality for quality, score in known.items() if score < aim), default=0)
    high = min((quality for quality in known if quality > low), default=HIGHEST + 1)
    between = range(low + 1, high)
    if not between:
        return None
    # What is missing differs between pictures by a factor, since nothing is missing from any in the end.
    missing = tuple((quality, _missing(score)) for quality, score in curve)
    tried = {quality: _missing(score) for quality, score in known.items()}
    value = _predict(tried, _missing(aim), missing, low, high)
    at = bisect_left(between, value, key=lambda quality: _at(missing, quality))
    return between[min(at, len(between) - 1)]


def _missing(score: float) -> float:
    """How little is missing from 100 points, as a logarithm, so that it rises with the score."""
    return -math.log(max(0.5, 100 - score))


def _is_near(score: float, wanted: float, slack: float = 0.0) -> bool:
    return wanted + SHORT_OF - slack <= score <= wanted + BEYOND + slack


def _distance(score: float, wanted: float) -> float:
    return score - wanted if score > wanted else 3 * (wanted - score)


def _predict(known: dict[int, float], aim: float, curve: Curve, low: int, high: int) -> float:
    """What the curve is where the measure is likely to be what is aimed at."""
    if not known:
        return aim
    nearest = low if low in known else high
    return _at(curve, nearest) + (aim - known[nearest]) / _stretch(known, curve, low, high)


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
