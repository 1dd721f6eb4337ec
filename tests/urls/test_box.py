"""The options of the box and of what surrounds it: what they mean together."""

from __future__ import annotations

import pytest

from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query

DEFAULTS = OptionDefaults()


def read(query: str, defaults: OptionDefaults = DEFAULTS) -> Options:
    return parse_options(decode_query(query.encode()), defaults)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("w=300&h=200&fit=contain", Options(300, 200, fit="contain")),
        ("w=300&h=200&fit=cover&c=false", Options(300, 200, crop=True)),
        ("w=300&h=200&fit=inside&c=true", Options(300, 200)),
        ("w=300&fit=contain", Options(300)),
        ("fit=fill", Options()),
        ("w=300&h=200&g=top-left", Options(300, 200, crop=True, gravity=(0, 0))),
        ("w=300&h=200&g=smart&fit=contain", Options(300, 200, fit="contain")),
        ("w=300&h=200&g=top&fit=contain", Options(300, 200, fit="contain", gravity=(0.5, 0))),
        ("w=300&h=200&g=top&fit=inside", Options(300, 200)),
        ("w=300&g=smart", Options(300)),
        ("w=300&ar=3:2", Options(300, 200, crop=True)),
        ("h=200&ar=1.5", Options(300, 200, crop=True)),
        ("w=300&ar=3:2&c=false&dpr=2", Options(600, 400)),
        ("w=333&ar=2", Options(333, 167, crop=True)),  # half rounded up
        ("w=1&ar=100", Options(1, 1, crop=True)),
        ("w=300&h=200&ar=9:1", Options(300, 200, crop=True)),
        ("ar=32:18", Options(aspect=(16, 9))),
        ("ar=1&g=bottom", Options(aspect=(1, 1), gravity=(0.5, 1))),
        # The proportion stays where the other side would be too long.
        ("w=4096&ar=1:2", Options(2048, 4096, crop=True)),
        ("h=4000&ar=4:1&dpr=2", Options(4096, 1024, crop=True)),
        ("rect=0,0,1,1", Options()),
        ("rect=0.0,0,1.0,1", Options()),
        ("rect=10,20.5,300,200", Options(rect=(10, 20.5, 300, 200))),
        ("enlarge=true", Options()),
        ("w=300&enlarge=1", Options(300, enlarge=True)),
        ("rotate=360&flip=&trim=", Options()),
        ("rotate=-90&flip=HV&trim=10", Options(rotate=270, flip="hv", trim=10)),
        ("pad=10&dpr=2", Options(padding=(20, 20, 20, 20))),
        ("pad=0.5,1,2.2", Options(padding=(1, 1, 2, 1))),
        ("pad=0", Options()),
        ("bg=FFF&w=30", Options(30, background="ffffff")),
        ("bg=transparent", Options()),
        ("bg=12345600", Options()),
        ("background=%23ffcc0080", Options(background="ffcc0080")),
    ],
)
def test_the_meaning_of_a_query(query: str, options: Options) -> None:
    assert read(query) == options


def test_a_ratio_follows_the_width_on_a_step() -> None:
    steps = OptionDefaults(widths=(300, 600))
    assert read("w=250&ar=3:2", steps) == Options(300, 200, crop=True)
    assert read("h=1&ar=3:2", steps) == Options(300, 200, crop=True)
    assert read("h=300&ar=3:2", steps) == Options(600, 400, crop=True)


@pytest.mark.parametrize(
    "queries",
    [
        [
            "w=300&h=200",
            "w=300&h=200&fit=cover",
            "w=300&ar=3:2",
            "h=200&aspect=1.5&g=center",
            "w=300&h=200&c=1",
        ],
        ["w=300&h=200&g=top", "w=300&h=200&gravity=0.5,0", "w=300&h=200&g=0.50,0.0"],
        ["bg=fff", "bg=ffffff", "bg=white", "bg=%23FFFFFFFF"],
        ["pad=10", "pad=10,10", "pad=10,10,10,10", "pad=5&dpr=2"],
        ["rotate=90", "rotate=-270", "rotate=90.0"],
        ["ar=16:9", "ar=32:18"],
    ],
)
def test_urls_that_mean_the_same_picture_have_one_canonical_form(queries: list[str]) -> None:
    assert len({read(query).canonical() for query in queries}) == 1


def test_the_canonical_text_is_read_as_the_same_options() -> None:
    query = (
        "w=300&h=200&fit=contain&g=0.3,0.6&rect=0.1,0,0.5,1&enlarge=1&trim=5&rotate=-1.5&flip=h"
        "&pad=1,2,3,4&bg=ff000080"
    )
    options = read(query)
    assert options.canonical() == (
        "w=300&h=200&fit=contain&g=0.3,0.6&rect=0.1,0,0.5,1&enlarge=true&trim=5&rotate=358.5&flip=h"
        "&pad=1,2,3,4&bg=ff000080"
    )
    assert read(options.canonical()) == options
