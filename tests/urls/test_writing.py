"""Options that a program writes: one spelling and order, and nothing that the origin would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.urls.options import ALIASES
from origin.urls.options import NAMES
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.presets import Preset
from origin.urls.query import decode_query
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs
from origin.urls.values import spell
from origin.urls.writing import write_options
from tests.support.texts import any_text


def written(**options: Any) -> str:
    return join_pairs(escape_pairs(write_options(options)))


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, ""),
        ({"f": "webp", "height": 200, "w": 300}, "w=300&h=200&f=webp"),
        ({"w": None, "width": 300, "q": None}, "w=300"),
        ({"w": 300, "width": None}, "w=300"),
        ({"c": True, "dpr": 2.0}, "c=true&dpr=2"),
        ({"dpr": 7}, "dpr=7"),  # the origin takes it for 5
        ({"f": "JPEG", "w": "300"}, "w=300&f=JPEG"),
    ],
)
def test_options_have_one_order_and_their_canonical_names(options: Any, query: str) -> None:
    assert written(**options) == query


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hight": 1}, TypeError, "hight is not an option; did you mean height?"),
        ({"frobnicate": "x"}, TypeError, "frobnicate is not an option"),
        ({"w": 1, "width": 1}, TypeError, "option w comes twice"),
        ({"e": 1}, TypeError, "e belongs to the token, which a signer writes: give expires_in or expires_at"),
        (
            {"token": "x"},
            TypeError,
            "token belongs to the token, which a signer writes: give expires_in or expires_at",
        ),
        ({"q": 101}, ValueError, "option q: expected a whole number from 1 to 100, or auto, got '101'"),
        ({"w": 0}, ValueError, "option w: 0 is the same as absent; leave it out"),
        ({"f": ""}, ValueError, "option f: '' is the same as absent; leave it out"),
        ({"w": 0.4}, ValueError, "option w: expected a number of CSS pixels, got '0.4'"),
        ({"c": 2}, ValueError, "option c: expected true or false, got '2'"),
        ({"f": "\ud800"}, ValueError, None),
    ],
)
def test_what_the_origin_would_refuse_is_refused_with_its_name(
    options: Any, error: type[Exception], message: str | None
) -> None:
    with pytest.raises(error) as caught:
        write_options(options)
    assert message is None or str(caught.value) == message


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**6),
    st.floats(),
    st.sampled_from(["", "1", "webp", "JPEG", "auto", "t", "1.5"]),
    any_text(max_size=5),
)


@given(st.dictionaries(st.sampled_from([*NAMES, *ALIASES]), VALUES, max_size=5))
def test_what_is_written_is_always_taken_by_the_origin(options: dict[str, Any]) -> None:
    try:
        query = written(**options)
    except (TypeError, ValueError):
        return
    names = [name for value in options.values() for name in spell(value).split(",")]
    known = OptionDefaults(presets=dict.fromkeys(names, Preset()), watermarks=frozenset(names))
    parse_options(decode_query(query.encode()), known)
