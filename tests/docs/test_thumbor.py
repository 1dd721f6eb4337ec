"""docs/thumbor.md: its sizes are those of answers, its names and numbers those of the translation."""

from __future__ import annotations

import re

from origin.urls.dialects.thumbor.dialect import Thumbor
from origin.urls.dialects.thumbor.filters import IN_SIZE
from origin.urls.dialects.thumbor.filters import REFUSED
from origin.urls.dialects.thumbor.filters import TRANSLATED
from origin.urls.dialects.thumbor.filters import WITHOUT_EFFECT
from tests.delivery.test_thumbor import SIZES
from tests.support.documents import code
from tests.support.documents import page

PAGE = page("docs/thumbor.md")
ROWS = [(code(names), here) for names, here in PAGE.table("| thumbor | here |")]


def translate(path: str) -> dict[str, str]:
    said = Thumbor().translate("", [], f"/unsafe/{path}/cat.jpg".encode())
    assert not said.mistakes
    return {name.decode(): value.decode() for name, value in said.pairs}


def test_the_sizes_of_the_table_are_those_of_answers() -> None:
    for form, small, large, _ in PAGE.table("| thumbor | 300 x 300"):
        for side, shown in ((300, small), (2000, large)):
            size = tuple(map(int, shown.split(" x ")))
            assert SIZES[code(form)[0].replace("{size}", f"{side}x{side}")] == size, (form, side)


def test_every_filter_that_is_translated_has_its_row() -> None:
    named = {name for names, _ in ROWS for name in names}
    ignored = {"no_upscale"}
    assert named >= (TRANSLATED.keys() | IN_SIZE) - ignored


def test_the_numbers_are_those_of_the_translation() -> None:
    shown = [
        (names[0], *found) for names, here in ROWS for found in re.findall(r"(-?\d+) is `(\w+)=(\d+)`", here)
    ]
    assert {name for name, *_ in shown} == {"trim", "quality", "blur", "rotate", "max_bytes"}
    for name, theirs, option, ours in shown:
        path = f"trim:{theirs}" if name == "trim" else f"filters:{name}({theirs})"
        assert translate(path) == {option: ours}, path
    for theirs, ours in (("-100", "0"), ("40", "1.96"), ("74", "3"), ("100", "3")):
        assert translate(f"filters:contrast({theirs})") == {"contrast": ours}
    assert translate("filters:contrast(73)")["contrast"].startswith("2.99")
    assert translate("filters:saturation(40)") == {"saturation": "1.4"}
    assert translate("filters:saturation(-40)") == {"saturation": "0.6"}


def test_what_is_ignored_and_refused_is_said_so() -> None:
    (ignored,) = re.findall(r"- `strip_icc`.*?results are anyway", PAGE.line)
    assert set(code(ignored)) == WITHOUT_EFFECT
    (refused,) = re.findall(r"the log names all of it: (.*?) and the rest", PAGE.line)
    assert set(code(refused)) - {"meta", "debug"} <= REFUSED
