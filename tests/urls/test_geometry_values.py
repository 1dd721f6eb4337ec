"""Kinds of values with several numbers, and colours: their exact forms, spellings and constants in grants."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from PIL import ImageColor

from origin.urls.colours import NAMED
from origin.urls.colours import Colour
from origin.urls.colours import read_colour
from origin.urls.geometry_values import Aspect
from origin.urls.geometry_values import Degrees
from origin.urls.geometry_values import Padding
from origin.urls.geometry_values import Position
from origin.urls.geometry_values import Rectangle
from origin.urls.values import Kind
from tests.support.cases import check_each

POSITION = Position("smart")
TINY = b"0.00000000000000000001"


@pytest.mark.parametrize(
    ("kind", "text", "exact", "spelt"),
    [
        (POSITION, b"TOP", (Decimal("0.5"), 0), "top"),
        (POSITION, b"0.5,0.50", (Decimal("0.5"), Decimal("0.5")), "center"),
        (POSITION, b"1,0.25", (1, Decimal("0.25")), "1,0.25"),
        (POSITION, b"0," + TINY, (0, Decimal(TINY.decode())), f"0,{TINY.decode()}"),
        (POSITION, b"smart", "smart", "smart"),
        (Rectangle(), b"0,1.50,3,4", (0, Decimal("1.5"), 3, 4), "0,1.5,3,4"),
        (Padding(), b"1", (1, 1, 1, 1), "1"),
        (Padding(), b"1,2", (1, 2, 1, 2), "1,2"),
        (Padding(), b"1,2,3", (1, 2, 3, 2), "1,2,3"),
        (Padding(), b"1,2,1,2", (1, 2, 1, 2), "1,2"),
        (Padding(), b"1,2,3,4", (1, 2, 3, 4), "1,2,3,4"),
        (Aspect(), b"1.50", Fraction(3, 2), "3:2"),
        (Aspect(), b"1.5:0.5", Fraction(3), "3:1"),
        (Degrees(), b"-0.5", Decimal("-0.5"), "-0.5"),
        (Colour(), b"ABC", "aabbcc", "aabbcc"),
    ],
)
def test_an_exact_value_and_its_spelling(kind: Kind, text: bytes, exact: Any, spelt: str) -> None:
    assert kind.parse(text) == kind.parse_exactly(text) == exact
    assert kind.write(exact) == spelt
    assert kind.parse(spelt.encode()) == exact
    constant = kind.to_constant(exact)
    read = Decimal(str(constant)) if isinstance(constant, float) else constant
    assert type(read) in kind.constant_types
    assert kind.from_constant(read) == exact


@pytest.mark.parametrize("kind", [POSITION, Rectangle(), Padding(), Aspect(), Degrees(), Colour()])
def test_what_has_no_meaning_is_refused(kind: Kind) -> None:
    def check(text: bytes) -> None:
        with pytest.raises(ValueError, match=r"."):
            kind.parse(text)

    texts = [b" ", b"\xff", b"1 ", b"1e+2", b"NaN", b"1" * 16, b"1,", ",１".encode(), b"1;2", b"9" * 5000]
    check_each({repr(text[:20]): text for text in texts}, check)


def test_a_constant_without_meaning_equals_nothing() -> None:
    for kind in (POSITION, Rectangle(), Padding(), Colour()):
        assert kind.from_constant("nothing-known") == "nothing-known"
        assert kind.from_constant("\ud800") == "\ud800"
    with pytest.raises(ValueError, match=r"."):
        Aspect().from_constant("x")


def test_ratios_and_angles_have_an_order() -> None:
    assert Aspect().from_constant(Decimal("1.5")) == Aspect().parse_limit(b"3:2") == Fraction(3, 2)
    assert Aspect().has_values_between("1:2", 2)
    assert Aspect().has_values_between(0.5, None)
    assert not Aspect().has_values_between(2, "16:9")
    assert not Aspect().has_values_between(None, 0)
    assert Degrees().parse_limit(b"-500") == -500
    assert Degrees().has_values_between(-10, 10)
    assert not Degrees().has_values_between(10, -10)
    assert not Degrees().has_values_between(361, None)
    assert not Degrees().has_values_between(None, -361)


@pytest.mark.parametrize(
    ("exact", "degrees"),
    [(Decimal("-0.00000000001"), 0), (-90, 270), (360, 0), (-360, 0), (Decimal("359.99999"), 0), (45, 45)],
)
def test_an_angle_has_one_simple_form(exact: Any, degrees: float) -> None:
    assert Degrees().simplify(exact) == degrees


def test_the_names_of_colours_are_those_that_pillow_knows() -> None:
    assert NAMED.keys() == {*ImageColor.colormap, "transparent"}
    for name in ImageColor.colormap:
        assert read_colour(Colour().simplify(Colour().parse(name.encode()))) == (
            *ImageColor.getrgb(name)[:3],
            255,
        )


@pytest.mark.parametrize("text", ["fff", "ffcc00", "ffcc0080", "#0a0b0c0d"])
def test_hexadecimal_colours_are_those_of_css(text: str) -> None:
    expected = ImageColor.getcolor(f"#{text.removeprefix('#')}", "RGBA")
    assert read_colour(str(Colour().parse(text.encode()))) == expected
