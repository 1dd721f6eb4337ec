"""docs/cloudflare.md: its sizes and options are those of answers and of the translation."""

from __future__ import annotations

import re

from origin.urls.dialects import DIALECTS
from origin.urls.dialects.cloudflare.names import LOOKED_AT
from origin.urls.dialects.cloudflare.names import REFUSED
from origin.urls.dialects.cloudflare.names import WITHOUT_EFFECT
from origin.urls.dialects.cloudflare.names import find_name
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query
from tests.delivery.test_cloudflare import SIZES
from tests.support.documents import code
from tests.support.documents import page

PAGE = page("docs/cloudflare.md")
ROWS = [
    (options, code(ours)[0], more)
    for theirs, ours, more in PAGE.table("| Cloudflare | here |")
    for options in code(theirs)
]


def test_the_sizes_of_the_table_are_those_of_answers() -> None:
    for fit, small, large, _ in PAGE.table("| `fit` | 50 x 50"):
        for side, shown in ((50, small), (216, large)):
            expected = tuple(map(int, shown.split(" x ")))
            assert SIZES[f"width={side},height={side},fit={code(fit)[0]}"] == expected, (fit, side)


def test_each_option_becomes_what_stands_beside_it() -> None:
    assert len(ROWS) > 25
    for theirs, ours, _ in ROWS:
        said = DIALECTS["cloudflare"].translate(f"{theirs}/cat.jpg", [])
        assert not said.mistakes, theirs
        expected = parse_options(decode_query(ours.encode()), OptionDefaults())
        assert parse_options(said.pairs, OptionDefaults(), None, said.beyond) == expected, theirs


def test_every_name_is_told_of() -> None:
    shown = " ".join(f"{theirs} {more}" for theirs, _, more in ROWS)
    named = {find_name(name) for name in re.findall(r"[a-z.-]+", shown)}
    assert LOOKED_AT - named <= {"trim.right", "trim.bottom", "gamma", "upscale"}
    (ignored,) = re.findall(r"`metadata`.*?change no pixel", PAGE.line)
    assert {find_name(name) for name in code(ignored)} == WITHOUT_EFFECT
    (refused,) = re.findall(r"the log names all of it: (.*?) More than", PAGE.line)
    assert {name for name in code(refused) if "=" not in name} - {"gamma"} <= REFUSED
