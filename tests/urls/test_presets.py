"""Presets: whose options win, and what the names of files say."""

from __future__ import annotations

from typing import Any

import pytest

from origin.errors import BadRequest
from origin.urls.options import BEYOND_OPTIONS
from origin.urls.options import BY_NAME
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import find_ignored
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.parsing import spell_options
from origin.urls.presets import NamedPreset
from origin.urls.presets import Preset
from origin.urls.presets import PresetNames
from origin.urls.presets import derived_name
from origin.urls.presets import find_derived_suffix
from origin.urls.presets import list_preset_options
from origin.urls.presets import read_preset_value
from origin.urls.query import decode_query


def preset(*, locked: bool = False, only: frozenset[str] | None = None, **options: Any) -> Preset:
    values = {
        BY_NAME[name.encode()]: read_preset_value(BY_NAME[name.encode()], value)
        for name, value in options.items()
    }
    return Preset({option: value for option, value in values.items() if value is not None}, locked, only)


PRESETS = {
    "thumb": preset(w=200, h=100, c=True),
    "big": preset(w=1500),
    "webp": preset(f="webp", q=40),
    "fixed": preset(w=200, locked=True),
    "marked": preset(wm="logo"),
    "raster": preset(w=10, only=frozenset({"jpg", "png"})),
    "jpgs": preset(only=frozenset({"jpg", "gif"})),
    "saved": preset(dl="cat"),
    "contained": preset(w=200, h=100, fit="contain"),
    "filled": preset(c=True, locked=True),
}
DEFAULTS = OptionDefaults(presets=PRESETS, watermarks=frozenset({"logo", "other"}))


def read(query: str, named: NamedPreset | None = None, **defaults: Any) -> Options:
    own = OptionDefaults(presets=PRESETS, watermarks=DEFAULTS.watermarks, **defaults)
    return parse_options(decode_query(query.encode()), own, named)


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("p=thumb", "w=200&h=100&c=true"),
        ("preset=thumb", "w=200&h=100&c=true"),
        ("p=", ""),
        # Several: later ones win.
        ("p=thumb,webp", "w=200&h=100&f=webp&q=40"),
        ("p=thumb,big", "w=1500&h=100"),
        ("p=big,thumb", "w=200&h=100"),
        # The URL wins, in whatever order it is written; what is as absent does not.
        ("p=thumb&w=300", "w=300&h=100"),
        ("w=300&p=thumb", "w=300&h=100"),
        ("p=thumb&c=false", "w=200&h=100&c=false"),
        ("p=thumb&w=0&h=&c=", "w=200&h=100"),
        ("p=thumb&dpr=2", "w=400&h=200"),
        ("p=marked&wm=other", "wm=other"),
        # `fit` and `c` say the same thing.
        ("p=contained&c=true", "w=200&h=100&fit=cover"),
        ("p=contained&fit=fill", "w=200&h=100&fit=fill"),
        ("p=contained,thumb", "w=200&h=100&fit=cover"),
        ("p=filled&w=9&h=9&fit=contain", "w=9&h=9&c=true"),
        # But not over a locked one.
        ("p=fixed&w=300", "w=200"),
        ("p=fixed&w=300&h=50", "w=200&h=50"),
        ("p=fixed,webp&w=300&q=50", "w=200&f=webp&q=50"),
        # A later preset is the operator's as well. The lock stays on what the URL says.
        ("p=fixed,big&w=300", "w=1500"),
    ],
)
def test_a_preset_means_its_options(query: str, same: str) -> None:
    assert read(query) == read(same)
    assert read(query).canonical() == read(same).canonical()


@pytest.mark.parametrize(
    ("query", "same"),
    [("", "w=1500"), ("w=300", "w=300"), ("p=thumb", "w=200&h=100"), ("p=thumb&w=300", "w=300&h=100")],
)
def test_the_preset_of_a_handler_comes_before_those_of_the_url(query: str, same: str) -> None:
    assert read(query, preset="big") == read(same)


def test_a_locked_preset_of_a_handler_holds_for_every_url() -> None:
    assert read("w=3000&h=100&f=png", preset="fixed,webp") == read("w=200&h=100&f=png&q=40")


BEYOND: dict[str, Any] = {
    **{"keeps_shape": True, "zoom": 3.0, "inset": (1, 2, 3, 4), "rect_at": (1.0, 1.0)},
    **{"focus": (5, 5), "opaque_corners": True, "aligned": True, "lift": 9.0},
    **{"turns_box": True, "fills_alike": True},
}
"""What only the words of other systems say, but for `scale`, which counts without a size alone."""


@pytest.mark.parametrize("field", sorted(BEYOND_OPTIONS.keys() - {"scale"}))
def test_a_locked_preset_holds_against_what_only_other_systems_can_say(field: str) -> None:
    values: dict[str, Any] = {"w": 200, "h": 100, "fit": "cover", "g": "top", "rect": (0, 0, 500, 500)}
    values["brightness"] = 1.5
    for locked in (False, True):
        presets = {"all": preset(locked=locked, radius=10, **values)}
        defaults = OptionDefaults(presets=presets, preset="all")
        options = parse_options([], defaults, None, {field: BEYOND[field]})
        changed = options != parse_options([], defaults)
        assert changed is not locked


def test_what_a_locked_preset_says_already_is_told() -> None:
    def locked(query: bytes, **settings: Any) -> list[str]:
        return find_ignored(decode_query(query), OptionDefaults(presets=PRESETS, **settings)).locked

    assert locked(b"width=3000&h=100&width=", preset="fixed") == ["width"]
    assert locked(b"w=3000&p=fixed") == ["w"]
    assert locked(b"fit=inside&p=filled") == ["fit"]
    assert locked(b"w=3000&p=fixed,no-such") == []
    assert locked(b"w=3000&p=thumb") == []


def test_presets_are_exempt_from_the_options_that_a_handler_takes() -> None:
    only_presets: Any = {"names": frozenset({"p"})}
    assert read("p=thumb&w=300&q=1&dpr=5", **only_presets) == read("p=thumb")
    assert find_ignored(decode_query(b"p=thumb&w=300&utm=1"), OptionDefaults(**only_presets)) == (
        ["utm"],
        ["w"],
        [],
        [],
    )
    assert read("p=thumb", names=frozenset({"w"}), preset="big") == read("w=1500")


@pytest.mark.parametrize(
    "query", ["p=none", "p=thumb,none", "p=Thumb", "wm=none", "wm=logo,other", "p=a%20b"]
)
def test_a_name_that_the_configuration_does_not_have_is_refused(query: str) -> None:
    name = query.partition("=")[0]
    with pytest.raises(BadRequest, match=rf"^option {name}: expected .* in the configuration, got '"):
        read(query)
    assert parse_options_leniently(decode_query(query.encode()), DEFAULTS) == Options()


def test_sizes_of_a_preset_are_not_raised_to_a_width_and_those_of_a_url_are() -> None:
    widths: Any = {"widths": (300, 600)}
    assert read("p=thumb", **widths) == read("w=200&h=100")
    assert read("p=thumb&w=310", **widths).width == 600
    assert read("p=thumb&dpr=1.3", **widths).width == 300
    assert read("p=fixed&w=310", **widths).width == 200


@pytest.mark.parametrize(
    ("handlers", "query", "only"),
    [
        ("fixed", "p=raster", None),
        ("fixed_jpgs", "p=raster", ("gif", "jpg")),
        ("raster,fixed", "p=jpgs", ("jpg", "png")),
        ("marked", "p=raster", ("jpg", "png")),
    ],
)
def test_no_later_preset_passes_by_what_a_locked_one_is_for(handlers: str, query: str, only: Any) -> None:
    fixed = preset(w=200, locked=True, only=frozenset({"jpg", "gif"}))
    presets = {**PRESETS, "fixed_jpgs": fixed}
    defaults = OptionDefaults(presets=presets, watermarks=DEFAULTS.watermarks, preset=handlers)
    assert parse_options(decode_query(query.encode()), defaults).only == only


@pytest.mark.parametrize(
    ("query", "only"),
    [
        ("p=thumb", None),
        ("p=raster", ("jpg", "png")),
        ("p=raster,thumb", ("jpg", "png")),
        ("p=raster,jpgs", ("jpg",)),
    ],
)
def test_the_originals_of_several_presets_are_those_that_all_are_for(query: str, only: Any) -> None:
    assert read(query).only == only


def test_no_original_is_for_presets_that_have_none_in_common() -> None:
    pngs = preset(only=frozenset({"png"}))
    defaults = OptionDefaults(presets={**PRESETS, "pngs": pngs})
    assert parse_options([(b"p", b"jpgs,pngs")], defaults).only == ()


def test_the_name_of_a_file_to_save_is_no_part_of_the_picture() -> None:
    assert read("p=saved").download == "cat"
    assert read("dl=dog&p=saved").download == "dog"
    assert read("w=3&dl=dog").canonical() == read("w=3").canonical()
    assert spell_options(read("w=3&dl=a%26b%20c"), DEFAULTS) == ["w=3", "dl=a%26b%20c"]


@pytest.mark.parametrize("query", ["p=thumb,webp", "p=fixed&w=3", "p=marked&dl=x%20y", "p=thumb&c=0"])
def test_what_a_preset_means_can_be_written_without_it(query: str) -> None:
    options = read(query)
    assert read("&".join(spell_options(options, DEFAULTS))) == options


# What a preset holds


def test_a_preset_may_hold_every_option_of_a_picture() -> None:
    assert {option.name for option in list_preset_options()} >= {"w", "h", "c", "f", "q", "dpr", "wm", "dl"}
    assert not {option.name for option in list_preset_options()} & {"p", "e", "t"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("w", 0),
        ("w", "x"),
        ("w", True),
        ("w", []),
        ("w", {}),
        ("w", [1, 2]),
        ("f", "tiff"),
        ("q", 1.5),
        ("dl", ""),
    ],
)
def test_a_value_that_a_url_could_not_have_is_refused(name: str, given: Any) -> None:
    with pytest.raises(ValueError, match=f"^option {name}: "):
        read_preset_value(BY_NAME[name.encode()], given)


# File names

NAMES = PresetNames({"BI": "big", "I": "thumb", "-200x100": "thumb,webp"}, ("jpg", "png"))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("123_456BI.webp", NamedPreset("big", "webp", ("123_456.jpg", "123_456.png"))),
        ("a/b.c/123BI.JPEG", NamedPreset("big", "jpg", ("a/b.c/123.jpg", "a/b.c/123.png"))),
        ("cat-200x100.avif", NamedPreset("thumb,webp", "avif", ("cat.jpg", "cat.png"))),
        ("1I.png", NamedPreset("thumb", "png", ("1.jpg", "1.png"))),  # and 1BI is not it with a B
        ("é ü.xBI.gif", NamedPreset("big", "gif", ("é ü.x.jpg", "é ü.x.png"))),
        # No preset: no suffix, no stem, no format that can be written, no extension.
        ("123_456.webp", None),
        ("123_456bi.webp", None),
        ("I.webp", None),
        ("a/I.webp", None),
        ("123BI.svg", None),
        ("123BI", None),
        ("123BI/x.webp", None),
        (".webp", None),
        ("", None),
    ],
)
def test_a_file_name_means_a_preset_of_an_original(key: str, meant: NamedPreset | None) -> None:
    assert NAMES.read(key) == meant


def test_a_key_that_would_be_too_long_is_not_looked_for() -> None:
    stem = "x" * 1018
    named = PresetNames({"I": "thumb"}, ("jpg", "jpegxx")).read(f"{stem}I.jpg")
    assert named is not None
    assert named.originals == (f"{stem}.jpg",)


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("", "w=1500&f=webp"),
        ("f=png", "w=1500&f=png"),
        ("p=thumb", "w=200&h=100&f=webp"),
        ("w=7&utm=1", "w=7&f=webp"),
    ],
)
def test_the_extension_counts_as_a_format_of_the_url(query: str, same: str) -> None:
    assert read(query, NAMES.read("1BI.webp")) == read(same)


def test_the_extension_wins_over_the_format_of_a_preset_unless_that_is_locked() -> None:
    named = PresetNames({"W": "webp", "L": "fixed"}, ("jpg",))
    assert read("", named.read("1W.png")).format == "png"
    locked = {"fixed": preset(f="avif", locked=True)}
    assert parse_options([], OptionDefaults(presets=locked), named.read("1L.png")).format == "avif"


@pytest.mark.parametrize(
    ("key", "format", "name"),
    [
        ("a/1.jpg", None, ("a/1MI.jpg", "jpg")),
        ("1.jpeg", None, ("1MI.jpeg", "jpg")),
        ("1.PNG", None, ("1MI.PNG", "png")),
        ("1.svg", None, ("1MI.jpg", "jpg")),
        ("1", None, ("1MI.jpg", "jpg")),
        ("a.png/1", None, ("a.png/1MI.jpg", "jpg")),
        (".png", None, (".pngMI.jpg", "jpg")),
        ("1.jpg", "webp", ("1MI.webp", "webp")),
        ("1.jpeg", "jpg", ("1MI.jpeg", "jpg")),
        ("1.svg", "png", ("1MI.png", "png")),
    ],
)
def test_the_name_of_a_file_made_of_an_original_follows_from_its_key(
    key: str, format: str | None, name: tuple[str, str]
) -> None:
    assert derived_name(key, "MI", format) == name
    assert find_derived_suffix(name[0], ["SI", "MI"]) == "MI"
    assert find_derived_suffix(key, ["SI", "MI"]) is None


@pytest.mark.parametrize("key", ["MI.jpg", "a/MI.jpg", "MI", "MIa.jpg", "aMI/b.jpg", "amI.jpg"])
def test_what_has_no_stem_before_its_suffix_is_no_such_name(key: str) -> None:
    assert find_derived_suffix(key, ["MI"]) is None


def test_of_originals_of_one_stem_the_one_with_the_extension_of_a_stored_file_comes_first() -> None:
    names = PresetNames({"MI": "medium", "XL": "big"}, ("jpg", "png"), frozenset({"MI"}))
    stored, other = names.read("1MI.png"), names.read("1XL.png")
    assert stored is not None
    assert other is not None
    assert (stored.originals, stored.is_derived) == (("1.png", "1.jpg"), True)
    assert (other.originals, other.is_derived) == (("1.jpg", "1.png"), False)
