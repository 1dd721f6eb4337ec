"""Kinds of values: what a text means exactly, what becomes of it, and what a grant may say of it."""

from __future__ import annotations

import string
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.urls.number_values import Number
from origin.urls.number_values import NumberOr
from origin.urls.number_values import Pixels
from origin.urls.values import Choice
from origin.urls.values import Flag
from origin.urls.values import Kind
from origin.urls.values import Token
from origin.urls.values import spell

QUALITY = Number(1, 100, whole=True)
RATIO = Number("0.5", 5, clamped=True)
SIGMA = Number("0.3", 100)  # neither whole nor clamped
FORMAT = Choice("jpg", "webp", aliases={"jpeg": "jpg"})
OR_AUTO = NumberOr("auto", QUALITY)
KINDS: list[Kind] = [QUALITY, RATIO, SIGMA, Pixels(), OR_AUTO, Flag(), FORMAT]
NINES = b"9" * 5000


def digits(most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=1, max_size=most)


def numbers(decimals: int) -> st.SearchStrategy[bytes]:
    """`[0-9]{1,3}(\\.[0-9]{1,decimals})?`, in two draws; `st.from_regex` takes one for each digit."""
    part = st.just("") | digits(decimals).map(".{}".format)
    return st.builds("{}{}".format, digits(3), part).map(str.encode)


NUMBERS_OR_WORDS = numbers(9) | st.text(string.ascii_letters, min_size=1, max_size=5).map(str.encode)


@pytest.mark.parametrize(
    ("kind", "text", "exact", "simple"),
    [
        (QUALITY, b"1", 1, 1),
        (QUALITY, b"100", 100, 100),
        (RATIO, b"2", 2, 2.0),
        (RATIO, b"1.50", Decimal("1.5"), 1.5),
        (RATIO, b"0.01", Decimal("0.01"), 0.5),
        (RATIO, b"5.01", Decimal("5.01"), 5.0),
        (RATIO, NINES, Decimal(NINES.decode()), 5.0),
        (SIGMA, b"0.3", Decimal("0.3"), 0.3),
        (SIGMA, b"100.0", 100, 100.0),
        (OR_AUTO, b"80", 80, 80),
        (OR_AUTO, b"AUTO", "auto", "auto"),
        (Pixels(), b"300", 300, 300),
        (Pixels(), b"300.5", Decimal("300.5"), 301),
        (Pixels(), b"300.49", Decimal("300.49"), 300),
        (Pixels(), b"0.4", Decimal("0.4"), 0),
        (Pixels(), b"12.4" + NINES, Decimal("12.4" + NINES.decode()), 12),
        (Pixels(), NINES, Decimal(NINES.decode()), 10**9),
        (Flag(), b"T", True, True),
        (Flag(), b"0", False, False),
        (FORMAT, b"JPEG", "jpg", "jpg"),
        (FORMAT, b"WebP", "webp", "webp"),
    ],
)
def test_a_text_has_an_exact_value_and_a_simple_one(kind: Kind, text: bytes, exact: Any, simple: Any) -> None:
    value = kind.parse(text)
    assert value == exact
    assert kind.simplify(value) == simple
    assert type(kind.simplify(value)) is type(simple)


@pytest.mark.parametrize("text", [b"0", b"0.0", b"0." + b"0" * 5000])
def test_no_pixels_are_as_absent(text: bytes) -> None:
    assert Pixels().parse(text) is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((QUALITY, text) for text in (b"0", b"101", b"50.0", b"050", b"-1", b"1e1", NINES)),
        *((SIGMA, text) for text in (b"0.29", b"100.01", b".5", b"5.", b"+5", b" 5", "٣".encode())),
        *((RATIO, text) for text in (b"-1", b"1x", b"nan", b"Infinity")),
        *((OR_AUTO, text) for text in (b"0", b"101", b"automatic", b"80,auto")),
        *((Pixels(), text) for text in (b"-1", b"1px", b"\xff")),
        *((Flag(), text) for text in (b"yes", b"2", b"\xff")),
        *((FORMAT, text) for text in (b"png", b"jpe", b".jpg", b" jpg", b"jpg,webp", b"\xff")),
    ],
)
def test_what_has_no_meaning_is_refused(kind: Kind, text: bytes) -> None:
    with pytest.raises(ValueError, match=r"not|bounds|no such"):
        kind.parse(text)
    with pytest.raises(ValueError, match=r"not|bounds|no such|digits"):
        kind.parse_exactly(text)


@pytest.mark.parametrize(
    "text", [b"1" * 16, b"1." + b"1" * 21, b"300.000000000000000000000", b"0.5", b"0.999"]
)
def test_what_a_reader_could_round_is_not_exact(text: bytes) -> None:
    assert Pixels().parse(text)
    with pytest.raises(ValueError, match=r"digits|less than a pixel"):
        Pixels().parse_exactly(text)


@pytest.mark.many
@pytest.mark.parametrize("kind", KINDS)
@given(text=st.binary(max_size=12) | numbers(3) | st.sampled_from([b"true", b"webp"]))
def test_what_is_exact_is_taken_by_the_origin_and_means_the_same(kind: Kind, text: bytes) -> None:
    try:
        exact = kind.parse_exactly(text)
    except ValueError:
        return
    assert kind.parse(text) == exact


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@given(text=NUMBERS_OR_WORDS)
def test_the_one_spelling_of_a_simple_value_means_that_value(kind: Kind, text: bytes) -> None:
    try:
        exact = kind.parse(text)
    except ValueError:
        return
    if exact is None or not kind.simplify(exact):
        return
    simple = kind.simplify(exact)
    spelt = kind.write(simple)
    assert not set(spelt) & set("&=| ")
    assert kind.simplify(kind.parse(spelt.encode())) == simple


@pytest.mark.many
@pytest.mark.parametrize("kind", KINDS)
@given(text=NUMBERS_OR_WORDS)
def test_a_constant_of_a_grant_is_the_exact_value(kind: Kind, text: bytes) -> None:
    try:
        exact = kind.parse_exactly(text)
    except ValueError:
        return
    if exact is None:
        return
    constant = kind.to_constant(exact)
    read_back = (
        Decimal(str(constant)) if isinstance(constant, float) else constant
    )  # as the verifier reads JSON
    assert type(read_back) in kind.constant_types
    assert kind.from_constant(read_back) == exact


def test_a_constant_of_another_version_equals_nothing() -> None:
    assert FORMAT.from_constant("JPEG") == "jpg"
    assert FORMAT.from_constant("jxl") == "jxl"
    assert FORMAT.from_constant("\ud800") == "\ud800"


@pytest.mark.parametrize(
    ("kind", "lowest", "highest", "any_left"),
    [
        (QUALITY, None, None, True),
        (QUALITY, 50, 80, True),
        (QUALITY, 80, 80, True),
        (QUALITY, 80, 50, False),
        (QUALITY, 101, None, False),
        (QUALITY, None, 0, False),
        (QUALITY, 0, 500, True),
        (RATIO, 6, None, True),  # clamped: 7 is no error
        (RATIO, 2, 1, False),
        (Pixels(), 1, 1600, True),
        (Pixels(), None, 0, False),
        (Pixels(), 0.5, 0.9, False),
        (Pixels(), 2, 1, False),
        (OR_AUTO, 50, None, True),
        (OR_AUTO, 101, None, False),
        (Flag(), None, None, False),
        (FORMAT, None, None, False),
    ],
)
def test_bounds_leave_a_value_or_none(kind: Kind, lowest: Any, highest: Any, any_left: bool) -> None:
    assert kind.has_values_between(lowest, highest) is any_left


@pytest.mark.parametrize("kind", [QUALITY, RATIO, Pixels(), OR_AUTO])
def test_the_end_of_a_range_may_lie_outside_of_what_is_taken(kind: Kind) -> None:
    assert kind.parse_limit(b"0") == 0
    assert kind.parse_limit(b"1000.5") == Decimal("1000.5")
    for text in (b"x", b"-1", b"1" * 16, b""):
        with pytest.raises(ValueError, match=r"digits|decimal"):
            kind.parse_limit(text)


@pytest.mark.parametrize("kind", [Flag(), FORMAT, Token()])
def test_what_has_no_order_has_no_range(kind: Kind) -> None:
    with pytest.raises(ValueError, match="order"):
        kind.parse_limit(b"1")


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (QUALITY, "1 to 100", "a whole number from 1 to 100"),
        (RATIO, "0.5 to 5, clamped", "a number"),
        (SIGMA, "0.3 to 100", "a number from 0.3 to 100"),
        (Number(0, 9, unit="degrees"), "degrees", "a number of degrees"),
        (OR_AUTO, "1 to 100, `auto`", "a whole number from 1 to 100, or auto"),
        (FORMAT, "`jpg` `jpeg` `webp`", "jpg, jpeg or webp"),
    ],
)
def test_a_kind_is_described_by_its_bounds(kind: Kind, values: str, expected: str) -> None:
    assert (kind.values, kind.expected) == (values, expected)


def test_a_grant_bounds_numbers_lists_all_but_the_token() -> None:
    assert [kind.is_ordered for kind in KINDS] == [True, True, True, True, True, False, False]
    assert Token().constant_types == ()
    assert not Token().is_ordered


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (1, "1"), (2.0, "2"), (1e-05, "0.00001"), (1e3, "1000"), ("x", "x")],
)
def test_a_value_of_a_program_is_spelt_as_in_a_url(value: object, text: str) -> None:
    assert spell(value) == text
