"""What formats a result may be in: a bucket that many may write to is not asked what it likes to give."""

from __future__ import annotations

import pytest

from origin.delivery.request import AS_IT_IS
from origin.delivery.request import Variant
from origin.formats import FORMATS
from origin.formats import named_result
from origin.urls.options import Options

WRITTEN = {"jpg", "png", "webp", "avif", "gif"}
ALL = {format.name for format in FORMATS}


@pytest.mark.parametrize(
    ("format", "only", "names"),
    [
        ("png", None, {"png"}),
        ("json", None, {"json"}),
        ("thumbhash", None, {"thumbhash"}),
        ("original", None, WRITTEN),
        ("auto:avif", None, WRITTEN),
        ("png", ("png",), ALL),  # what is no PNG is passed through
        (AS_IT_IS, None, ALL),
    ],
)
def test_a_result_is_in_the_format_that_was_asked_for(
    format: str, only: tuple[str, ...] | None, names: set[str]
) -> None:
    variant = Variant("k", Options(only=only), "original", format, "name", "full name")
    every = ALL | {"json", "thumbhash", "blurhash"}
    assert {name for name in every if variant.may_be(named_result(name))} == names
