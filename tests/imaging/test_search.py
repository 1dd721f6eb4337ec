"""The searches for a quality, over curves that no picture has to follow."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.formats import QUALITY
from origin.imaging.search import FAR_TOO_SMALL
from origin.imaging.search import SCORES
from origin.imaging.search import SIZE_TOLERANCE
from origin.imaging.search import SIZES
from origin.imaging.search import Curve
from origin.imaging.search import find_highest_within
from origin.imaging.search import find_near
from origin.imaging.search import guess_near
from tests.support.cases import check_each

JPG, WEBP, AVIF = (SIZES[name] for name in ("jpg", "webp", "avif"))
# Values that rise with the quality, for each from 1 to 100.
RISING = st.lists(st.floats(0, 1), min_size=100, max_size=100).map(sorted)


class Tried:
    """A measure that counts."""

    def __init__(self, values: list[float]) -> None:
        self.values, self.qualities = values, list[int]()

    def __call__(self, quality: int) -> float:
        assert 1 <= quality <= 100
        self.qualities.append(quality)
        return self.values[quality - 1]


def typical(curve: Curve, shift: float = 0.0, stretch: float = 1.0) -> list[float]:
    qualities, values = zip(*curve, strict=True)
    line = []
    for quality in range(1, 101):
        right = next(n for n, each in enumerate(qualities) if quality <= each) or 1
        share = (quality - qualities[right - 1]) / (qualities[right] - qualities[right - 1])
        line.append(shift + stretch * (values[right - 1] + share * (values[right] - values[right - 1])))
    return line


def like_others(curve: Curve, factor: float, stretch: float = 1.0) -> list[float]:
    """Scores from which so much is missing, beside what is missing from typical ones."""
    return [100 - factor * 30 * ((100 - score) / 30) ** stretch for score in typical(curve)]


@pytest.mark.slow
@given(RISING, st.floats(-0.1, 1.1), st.integers(1, 100))
def test_few_tries_find_a_quality_within_the_limit_or_prove_that_there_is_none(
    values: list[float], limit: float, highest: int
) -> None:
    tried = Tried(values)
    found = find_highest_within(tried, limit, JPG, tolerance=SIZE_TOLERANCE, highest=highest)
    first_four = [quality for quality in tried.qualities[:4] if values[quality - 1] <= limit]
    best = values[max(first_four) - 1] if first_four else limit
    assert len(tried.qualities) == len(set(tried.qualities)) <= (5 if best < limit - FAR_TOO_SMALL else 4)
    if found is None:
        assert values[0] > limit
    else:
        assert found in tried.qualities
        assert found <= highest
        assert values[found - 1] <= limit


@pytest.mark.slow
@given(RISING, st.floats(-10, 110), st.none() | st.integers(1, 100))
def test_four_tries_find_the_score_tried_that_is_nearest(
    values: list[float], wanted: float, first: int | None
) -> None:
    tried = Tried([100 * value for value in values])
    found = find_near(tried, wanted, SCORES["jpg"], first=first)
    assert 1 <= len(tried.qualities) == len(set(tried.qualities)) <= 4
    assert first in (None, tried.qualities[0])
    scores = [tried.values[quality - 1] for quality in tried.qualities]
    reached = tried.values[found - 1]
    assert reached in scores
    low, high = sorted((reached, wanted))
    assert not [score for score in scores if low + 0.001 < score < high - 0.001]


@pytest.mark.many
@pytest.mark.parametrize("shift", [-1.5, -0.5, 0, 0.5, 1.5])
@pytest.mark.parametrize("stretch", [0.8, 1, 1.25])
@pytest.mark.parametrize("wanted", [12, 40, 75, 92])
@pytest.mark.parametrize("curve", [JPG, WEBP, AVIF], ids=["jpg", "webp", "avif"])
def test_a_file_of_a_picture_like_others_is_nearly_as_large_as_it_may_be(
    curve: Curve, shift: float, stretch: float, wanted: int
) -> None:
    values = typical(curve, shift, stretch)
    limit = values[wanted - 1]  # so that there is one that is just as large
    found = find_highest_within(Tried(values), limit, curve, tolerance=SIZE_TOLERANCE)
    assert found
    assert math.exp(limit - values[found - 1]) <= 1.12 or wanted - found <= 2


@pytest.mark.parametrize("curve", SCORES.values(), ids=SCORES.keys())
def test_a_picture_like_others_looks_as_good_as_it_has_to_and_hardly_better(curve: Curve) -> None:
    def check(case: tuple[float, float, float]) -> None:
        factor, stretch, wanted = case
        values = like_others(curve, factor, stretch)
        found = find_near(Tried(values), wanted, curve)
        if values[-1] < wanted:
            assert found == 100
        else:
            least = next(quality for quality in range(1, 101) if values[quality - 1] >= wanted)
            assert wanted - 1 <= values[found - 1] <= wanted + 3 or abs(found - least) <= 1

    cases = product([0.6, 0.8, 1, 1.25, 1.6], [0.9, 1, 1.1], [50, 70, 80])
    check_each({str(case): case for case in cases}, check)


def test_what_no_quality_reaches_is_tried_with_the_highest() -> None:
    tried = Tried(like_others(SCORES["webp"], 2.6))
    assert find_near(tried, 70, SCORES["webp"]) == 100
    assert len(tried.qualities) <= 4


@pytest.mark.parametrize("factor", [0.7, 1, 1.4])
def test_a_guess_after_one_try_is_near(factor: float) -> None:
    values = like_others(SCORES["webp"], factor)
    tried = Tried(values)
    guess = guess_near(tried, 70, SCORES["webp"])
    assert len(tried.qualities) == 1
    assert values[guess - 1] == pytest.approx(70.5, abs=2)


def test_every_format_with_a_quality_has_a_curve() -> None:
    assert SIZES.keys() == SCORES.keys() == QUALITY.keys()


def test_the_curves_rise() -> None:
    for curve in (*SIZES.values(), *SCORES.values()):
        qualities, values = zip(*curve, strict=True)
        assert (qualities[0], qualities[-1]) == (1, 100)
        assert list(values) == sorted(set(values))
        assert list(qualities) == sorted(set(qualities))
