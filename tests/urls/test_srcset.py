"""The candidates of a srcset: one shape for all of them, and descriptors that are true."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.urls.srcset import list_candidates


@pytest.mark.parametrize(
    ("options", "over", "expected"),
    [
        ({}, {"widths": [300, 600]}, [({"w": 300}, "300w"), ({"w": 600}, "600w")]),
        ({"format": "webp", "h": None}, {"widths": [300]}, [({"w": 300, "f": "webp"}, "300w")]),
        # w and h are the shape; each height is rounded, half up.
        (
            {"w": 300, "h": 200},
            {"widths": [300, 600, 450, 451]},
            [
                ({"w": 300, "h": 200}, "300w"),
                ({"w": 600, "h": 400}, "600w"),
                ({"w": 450, "h": 300}, "450w"),
                ({"w": 451, "h": 301}, "451w"),
            ],
        ),
        ({"width": "3", "height": "2"}, {"widths": [900]}, [({"w": 900, "h": 600}, "900w")]),
        ({"w": 1.5, "h": 1}, {"widths": [9]}, [({"w": 9, "h": 6}, "9w")]),
        ({"w": 1000, "h": 1}, {"widths": [10]}, [({"w": 10, "h": 1}, "10w")]),
        (
            {"w": 300, "h": 200},
            {"densities": [1, 1.5, 2.0]},
            [
                ({"w": 300, "h": 200, "dpr": 1}, "1x"),
                ({"w": 300, "h": 200, "dpr": 1.5}, "1.5x"),
                ({"w": 300, "h": 200, "dpr": 2.0}, "2x"),
            ],
        ),
        ({"h": 200}, {"densities": [5]}, [({"h": 200, "dpr": 5}, "5x")]),
    ],
)
def test_candidates(options: Any, over: Any, expected: Any) -> None:
    assert list_candidates(options, **over) == expected


@pytest.mark.parametrize(
    ("options", "over", "error", "message"),
    [
        ({}, {}, TypeError, "widths or densities"),
        ({}, {"widths": [1], "densities": [1]}, TypeError, "widths or densities"),
        ({"h": 200}, {"widths": [300]}, TypeError, "give w and h"),
        ({"height": 200}, {"widths": [300]}, TypeError, "give w and h"),
        ({"w": 200}, {"widths": [300]}, TypeError, "give w and h"),
        ({"dpr": 2}, {"widths": [300]}, TypeError, "leave dpr out"),
        ({"w": 9, "dpr": 2}, {"densities": [1]}, TypeError, "leave dpr out"),
        ({}, {"densities": [1]}, TypeError, "multiply w or h"),
        ({}, {"widths": [300.0]}, TypeError, "whole"),
        ({}, {"widths": [True]}, TypeError, "whole"),
        ({"w": 1, "width": 1}, {"widths": [300]}, TypeError, "comes twice"),
        ({"frobnicate": "x"}, {"widths": [300]}, TypeError, "not an option"),
        ({"w": 0, "h": 2}, {"widths": [300]}, ValueError, "same as absent"),
        ({"w": 3, "h": "x"}, {"widths": [300]}, ValueError, "option h"),
        ({"w": 300}, {"densities": [1, 6]}, ValueError, "^density 6: dpr takes 0.5 to 5, clamped$"),
        ({"w": 300}, {"densities": [0.1]}, ValueError, "^density 0.1: dpr takes"),
    ],
)
def test_what_contradicts_itself_is_refused(options: Any, over: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        list_candidates(options, **over)


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.lists(st.integers(1, 5000), min_size=1, max_size=5, unique=True),
)
def test_every_candidate_has_the_shape_to_half_a_pixel(width: int, height: int, widths: list[int]) -> None:
    for options, _ in list_candidates({"w": width, "h": height}, widths):
        exact = Fraction(height * int(str(options["w"])), width)
        assert options["h"] == 1 or abs(int(str(options["h"])) - exact) <= Fraction(1, 2)
