"""Queries on the wire, read as a form and written as a URL."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.urls.query import Pair
from origin.urls.query import decode_query
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs
from tests.support.texts import any_text


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", []),
        (b"&&", []),
        (b"=", [(b"", b"")]),
        (b"a", [(b"a", b"")]),
        (b"a=%FF", [(b"a", b"\xff")]),
        (b"a=\xff", [(b"a", b"\xff")]),
        (b"a=%EF%BF%BD", [(b"a", b"\xef\xbf\xbd")]),
        (b"a=%2", [(b"a", b"%2")]),
        (b"a=%2%30", [(b"a", b"%20")]),
        (b"a;b=c", [(b"a;b", b"c")]),
    ],
)
def test_a_query_is_read_as_a_form(query: bytes, pairs: list[Pair]) -> None:
    assert decode_query(query) == pairs


@given(st.lists(st.tuples(any_text(min_size=1), any_text())))
def test_pairs_are_written_so_that_any_reader_of_forms_gets_them_back(pairs: list[tuple[str, str]]) -> None:
    encoded = [(name.encode(errors="replace"), value.encode(errors="replace")) for name, value in pairs]
    query = join_pairs(escape_pairs(encoded))
    assert decode_query(query.encode()) == encoded
    expected = [(name.decode(), value.decode()) for name, value in encoded]
    assert parse_qsl(query, keep_blank_values=True) == expected
