"""The table of options: that it is the contract's, and that everything else is derived from it."""

from __future__ import annotations

from dataclasses import fields
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from origin import signing
from origin.formats import DESCRIPTIONS
from origin.formats import OUTPUTS
from origin.urls.options import ALIASES
from origin.urls.options import BEYOND_OPTIONS
from origin.urls.options import BY_NAME
from origin.urls.options import NAMES
from origin.urls.options import OPTIONS
from origin.urls.options import Option
from origin.urls.options import Options
from origin.urls.options import describe_options
from origin.urls.options import find_option
from origin.urls.options import suggest_option
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query
from origin.urls.values import Choice
from tests.support.options import CONTRACT
from tests.support.options import DEFAULTS

ROOT = Path(__file__).parents[2]
ROWS = [pytest.param(option, id=option.name) for option in OPTIONS]


def test_the_options_are_those_of_the_contract() -> None:
    assert {option.name: option.alias for option in OPTIONS} == {
        name: alias for name, (alias, _, _) in CONTRACT.items()
    }


@pytest.mark.parametrize("option", ROWS)
def test_an_option_takes_what_the_contract_says(option: Option) -> None:
    _, taken, refused = CONTRACT[option.name]
    assert {text: option.kind.simplify(option.kind.parse(text.encode())) for text in taken} == taken
    for text in refused:
        with pytest.raises(ValueError, match=r"."):
            option.kind.parse(text.encode())


def test_each_name_and_alias_leads_to_one_option() -> None:
    names = [name for option in OPTIONS for name in option.names]
    assert len(names) == len(set(names)) == len(BY_NAME)
    assert all(find_option(name) is BY_NAME[name.encode()] for name in names)
    assert NAMES | ALIASES.keys() == set(names)
    assert signing.ALIASES is ALIASES
    for other in ("W", "Width", "w ", "wdith", "", "\ud800", "é"):
        assert find_option(other) is None


def test_each_field_is_what_one_option_becomes() -> None:
    of_options = [field.name for field in fields(Options) if field.name not in ("only", *BEYOND_OPTIONS)]
    assert [option.field for option in OPTIONS if option.field] == of_options


@pytest.mark.parametrize("option", ROWS)
def test_an_option_says_what_it_means_in_one_plain_line(option: Option) -> None:
    assert 5 <= len(option.meaning) <= 100
    assert option.meaning.isprintable()
    assert "|" not in option.meaning + option.kind.values
    assert option.kind.expected


def test_options_hold_plain_values_so_that_they_travel_as_json() -> None:
    given = {name: next(iter(taken)).encode() for name, (_, taken, _) in CONTRACT.items() if taken}
    options = parse_options([(name.encode(), text) for name, text in given.items()], DEFAULTS)
    values = [getattr(options, field.name) for field in fields(options)]
    assert {type(value) for value in values} <= {str, int, float, bool, type(None), tuple}


# The canonical text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (Options(), ""),
        (Options(width=300), "w=300"),
        (Options(300, 200, crop=True, format="webp", quality=80), "w=300&h=200&c=true&f=webp&q=80"),
        (Options(brightness=1.5, gray=True, blur=2.0), "brightness=1.5&gray=true&blur=2"),
        (Options(radius="max", frame=0, quality="auto"), "radius=max&frame=0&q=auto"),
        (Options(300, 200, format="auto"), "w=300&h=200&f=auto"),
        (Options(watermark="logo"), "wm=logo"),
        (Options(300, download="cat.jpg"), "w=300"),  # it says nothing about the picture
        (Options(only=("gif", "jpg")), "only=gif,jpg"),
        (Options(only=()), "only="),
        (
            Options(300, 200, crop=True, keeps_shape=True, zoom=2.5),
            "w=300&h=200&c=true&keeps_shape=true&zoom=2.5",
        ),
        (Options(only=("gif",), scale=0.5), "only=gif&scale=0.5"),
    ],
)
def test_an_option_at_its_neutral_value_adds_nothing_to_the_canonical_text(
    options: Options, text: str
) -> None:
    assert options.canonical() == text


# What asks for nothing beside `w=300`, by option. Of the others, nothing does but an empty value.
ASKS_FOR_NOTHING = {
    "h": ["h=0"],
    "fit": ["fit=cover", "fit=inside", "fit=contain", "fit=outside", "fit=fill"],  # without the other side
    "c": ["c=true", "c=false"],
    "g": ["g=center", "g=0.5,0.5", "g=top", "g=smart"],  # nothing is cut
    "rect": ["rect=0,0,1,1"],
    "enlarge": ["enlarge=false"],
    "rotate": ["rotate=0", "rotate=360", "rotate=-360", "rotate=0.0"],
    "brightness": ["brightness=1", "brightness=1.0"],
    "contrast": ["contrast=1"],
    "saturation": ["saturation=1"],
    "gray": ["gray=false", "gray=0"],
    "pad": ["pad=0", "pad=0,0,0,0"],
    "bg": ["bg=00000000", "bg=transparent"],
    "radius": ["radius=0"],
    "anim": ["anim=true"],
    "f": ["f=original"],
    "lossless": ["lossless=false"],
    "dl": ["dl=cat.jpg"],  # of the answer, not of the picture
    "dpr": ["dpr=1", "dpr=1.0"],
    "e": ["e=1790000000"],
    "t": ["t=abc"],
}


@pytest.mark.parametrize("option", ROWS)
def test_what_asks_for_nothing_is_the_same_picture_under_the_same_name(option: Option) -> None:
    plain = parse_options(decode_query(b"w=300"), OptionDefaults())
    empty = [] if option.name == "w" else [f"{name}=" for name in option.names]
    for pair in (*ASKS_FOR_NOTHING.get(option.name, []), *empty):
        options = parse_options(decode_query(f"w=300&{pair}".encode()), OptionDefaults())
        assert options.canonical() == plain.canonical() == "w=300", pair
        assert replace(options, download=None) == plain, pair


def test_different_options_have_different_canonical_texts() -> None:
    values = product(
        *((None, 1, 11, 111), (None, 1, 11, 111), (False, True)),
        *(("original", "auto", "jpg"), (None, 1, 11, "auto"), (1.0, 1.1), (None, 0, 1)),
    )
    names = ("width", "height", "crop", "format", "quality", "brightness", "frame")
    given: list[dict[str, Any]] = [dict(zip(names, each, strict=True)) for each in values]
    different = [Options(**each) for each in given]
    assert len({options.canonical() for options in different}) == len(different)


# The formats


def test_the_formats_are_those_that_can_be_written_and_the_descriptions() -> None:
    kind = BY_NAME[b"f"].kind
    assert isinstance(kind, Choice)
    taken = {kind.parse(name.encode()) for name in kind.expected.replace(" or ", ", ").split(", ")}
    written = {format.name for format in OUTPUTS} | {description.name for description in DESCRIPTIONS}
    assert taken == written | {"auto", "original"}


# Names that were meant


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        *(("hight", "height"), ("W", "w"), ("Width", "width"), ("fm", "f"), ("formt", "format")),
        *(("qality", "quality"), ("dpi", "dpr"), ("widht", "width")),
        *(("utm_source", None), ("frobnicate", None), ("v", None), ("", None), ("\ud800", None)),
    ],
)
def test_a_near_miss_finds_the_option_that_was_meant(name: str, similar: str | None) -> None:
    assert suggest_option(name) == similar


# The documents


def test_the_table_of_the_documents_is_this_table_cell_for_cell() -> None:
    head = "| option | alias | values | meaning |"
    pages = [
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "docs/urls.md")
        if (ROOT / name).exists()
    ]
    (page,) = [page for page in pages if head in page]
    lines = page[page.index(head) :].splitlines()[2 : 2 + len(OPTIONS) + 1]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")
    ]
    assert rows == describe_options()
