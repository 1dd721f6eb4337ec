"""docs/imgproxy.md: its sizes are those of answers, its names and numbers those of the translation."""

from __future__ import annotations

import re

from origin.urls.dialects.imgproxy.dialect import Imgproxy
from origin.urls.dialects.imgproxy.names import LOOKED_AT
from origin.urls.dialects.imgproxy.names import REFUSED
from origin.urls.dialects.imgproxy.names import WITHOUT_EFFECT
from tests.delivery.test_imgproxy import SIZES
from tests.support.documents import code
from tests.support.documents import page

PAGE = page("docs/imgproxy.md")
ROWS = [(code(names), here) for names, here in PAGE.table("| imgproxy | here |")]


def test_the_sizes_of_the_page_are_those_of_answers() -> None:
    for form, small, large, enlarged, _ in PAGE.table("| imgproxy | 300 x 300"):
        kind = code(form)[0].removesuffix("{size}")
        for options, shown in (("300:300", small), ("2000:2000", large), ("2000:2000:1", enlarged)):
            size = tuple(map(int, shown.split(" x ")))
            assert size == SIZES[f"{kind}{options}"], (form, options)
    for options, wide, high in re.findall(r"`([a-z0-9:/]+)` is (\d+) x (\d+)", PAGE.line):
        assert SIZES[options] == (int(wide), int(high)), options


def test_every_option_that_is_translated_has_its_row() -> None:
    assert {name for names, _ in ROWS for name in names} == LOOKED_AT


def test_the_numbers_are_those_of_the_translation() -> None:
    shown = [found for _, here in ROWS for found in re.findall(r"([\d.]+) is `(\w+)=([\d.]+)`", here)]
    assert {name for _, name, _ in shown} == {"contrast", "blur", "sharpen", "bytes"}
    for theirs, option, ours in shown:
        name = {"bytes": "max_bytes"}.get(option, option)
        said = Imgproxy().translate("", [], f"/_/{name}:{theirs}/plain/cat.jpg".encode())
        assert said.pairs == [(option.encode(), ours.encode())]


def test_what_is_ignored_and_refused_is_said_so() -> None:
    (ignored,) = re.findall(r"- `cachebuster`.*?change no pixel", PAGE.line)
    assert set(code(ignored)) <= WITHOUT_EFFECT
    (refused,) = re.findall(r"the log names all of it: (.*?) and the rest", PAGE.line)
    assert set(code(refused)) <= REFUSED.keys()
