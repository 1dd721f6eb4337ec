"""What a render that overran its time is blamed on."""

from __future__ import annotations

import pytest

from origin.delivery.rendering import _is_plain
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query


@pytest.mark.parametrize(
    ("query", "is_plain"),
    [
        ("", True),
        ("w=300&h=200&c=true&f=webp&q=75&dl=cat.jpg&dpr=2", True),
        ("w=300&blur=2", False),
        ("w=300&q=auto", False),
        ("w=300&trim=10", False),
        ("bytes=20000", False),
    ],
)
def test_what_costly_options_take_is_not_blamed_on_the_plain_picture(query: str, is_plain: bool) -> None:
    assert _is_plain(parse_options(decode_query(query.encode()), OptionDefaults())) is is_plain
