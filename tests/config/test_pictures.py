"""Presets and watermarks in the configuration: what becomes of them, and which mistakes stop the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from origin.config.load import build_config
from origin.config.pictures import MAX_FILE
from origin.config.schema import json_schema
from origin.urls.options import ALIASES
from origin.urls.options import NAMES
from origin.urls.options import Options
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query
from tests.support import pictures
from tests.support.configurations import config
from tests.support.configurations import mistake


@pytest.fixture
def logo(tmp_path: Path) -> str:
    path = tmp_path / "logo.png"
    path.write_bytes(pictures.alpha())
    return str(path)


def read(query: str, top: dict[str, Any], **handler: Any) -> Options:
    built = build_config(config(top, **handler))
    return parse_options(decode_query(query.encode()), built.option_defaults(built.handlers[0]))


def test_presets_hold_options_in_either_spelling(logo: str) -> None:
    top = {
        "presets": {
            "thumb": {"w": 200, "height": "100", "crop": False, "$schema": "x"},
            "marked": {"watermark": "logo", "f": "JPEG", "q": None},
            "saved": {"dl": "cat.jpg"},
        },
        "watermarks": {"logo": {"picture": logo}},
    }
    assert read("p=thumb", top) == Options(200, 100)
    assert read("p=marked,thumb", top) == Options(200, 100, watermark="logo", format="jpg")
    assert read("", top, preset="saved") == Options(download="cat.jpg")


def test_a_preset_may_be_locked_and_for_some_originals() -> None:
    top = {"presets": {"thumb": {"w": 200, "locked": True, "only": [".jpeg", "png"]}}}
    assert read("p=thumb&w=300", top) == Options(200, only=("jpg", "png"))


def test_file_names_are_read_as_the_handler_says() -> None:
    top = {"presets": {"medium": {"w": 400}}}
    built = build_config(config(top, preset_names={"MI": "medium"}, original_extensions=["JPG", "tif"]))
    named = built.option_defaults(built.handlers[0]).preset_names.read("1MI.webp")
    assert named is not None
    assert (named.names, named.format, named.originals) == ("medium", "webp", ("1.JPG", "1.tif"))
    default = build_config(config(top)).handlers[0]
    assert default.original_extensions == ("jpg", "jpeg", "png", "gif", "webp", "avif", "svg")
    assert (default.preset, default.preset_names) == (None, {})


@pytest.mark.parametrize(
    ("gravity", "place"),
    [
        ("center", (0.5, 0.5)),
        ("top", (0.5, 0)),
        ("left", (0, 0.5)),
        ("top-right", (1, 0)),
        ("bottom-left", (0, 1)),
        ("0.25,0.9", (0.25, 0.9)),
        ("0,1", (0, 1)),
    ],
)
def test_a_watermark_lies_where_its_gravity_says(logo: str, gravity: str, place: Any) -> None:
    built = build_config(config({"watermarks": {"logo": {"picture": logo, "gravity": gravity}}}))
    assert built.watermarks["logo"].gravity == place


def test_the_defaults_of_a_watermark(logo: str) -> None:
    built = build_config(
        config({"watermarks": {"logo": {"picture": Path(logo).name}}}), base=Path(logo).parent
    )
    watermark = built.watermarks["logo"]
    assert watermark.picture == Path(logo)
    assert (watermark.gravity, watermark.size, watermark.opacity) == ((1, 1), 0.25, 1)
    assert (watermark.tile, watermark.margin) == (False, 0)


PLACES = "center, top, right, bottom, left, top-left, top-right, bottom-left, bottom-right or x,y from 0 to 1"
MISTAKES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"presets": {"a": {"w": "x"}}}, {}, 'presets.a.w: expected a number of CSS pixels, got "x"'),
    ({"presets": {"a": {"w": 0}}}, {}, "presets.a.w: expected a number of CSS pixels, got 0"),
    ({"presets": {"a": {"crop": "maybe"}}}, {}, 'presets.a.crop: expected true or false, got "maybe"'),
    ({"presets": {"a": {"w": 1, "width": 1}}}, {}, "presets.a: expected either w or width, not both"),
    ({"presets": {"a": {"wdth": 1}}}, {}, "presets.a.wdth: unknown key; did you mean width?"),
    ({"presets": {"a": {"p": "b"}}}, {}, "presets.a.p: unknown key"),
    ({"presets": {"a": {"e": 5}}}, {}, "presets.a.e: unknown key"),
    ({"presets": {"a": {"locked": 1}}}, {}, "presets.a.locked: expected true or false, got 1"),
    ({"presets": {"a": {"only": []}}}, {}, "presets.a.only: expected a list with at least one entry, got []"),
    ({"presets": {"a,b": {}}}, {}, 'presets.a,b: expected a name of letters, digits, _ and -, got "a,b"'),
    ({"presets": []}, {}, "presets: expected an object, got []"),
    ({"presets": {"a": 1}}, {}, "presets.a: expected an object, got 1"),
    (
        {"presets": {"a": {"wm": "x"}}},
        {},
        'presets.a.wm: expected a name of watermarks, and watermarks is empty, got "x"',
    ),
    ({"presets": {"a": {}}}, {"preset": "b"}, 'handlers[0].preset: expected a name of presets, a, got "b"'),
    ({}, {"preset": "b"}, 'handlers[0].preset: expected a name of presets, and presets is empty, got "b"'),
    ({}, {"preset": ""}, 'handlers[0].preset: expected the name of a preset, or several with commas, got ""'),
    (
        {"presets": {"a": {}, "b": {}}},
        {"preset_names": {"MI": "a,c"}},
        'handlers[0].preset_names.MI: expected a name of presets, a or b, got "c"',
    ),
    (
        {},
        {"preset_names": {"a/b": "a"}},
        'handlers[0].preset_names.a/b: expected the end of a file name, before its dot, got "a/b"',
    ),
    (
        {"presets": {"a": {}}},
        {"preset_names": {"MI": "a"}, "source": {"type": "http", "keys": "url", "open": True}},
        'handlers[0].preset_names: expected none with "keys": "url" in source',
    ),
    (
        {},
        {"original_extensions": [".jpg"]},
        'handlers[0].original_extensions[0]: expected an extension of file names, without its dot, '
        'got ".jpg"',
    ),
    ({"watermarks": {"a": {}}}, {}, "watermarks.a.picture: required, and not there"),
    (
        {"watermarks": {"a": {"picture": "none.png"}}},
        {},
        'watermarks.a.picture: expected a file, got "none.png", which cannot be read: '
        "No such file or directory",
    ),
    (
        {"watermarks": {"a": {"picture": __file__, "size": 0}}},
        {},
        'watermarks.a.size: expected a number > 0 and <= 1, got 0',
    ),
    (
        {"watermarks": {"a": {"picture": __file__, "size": "1"}}},
        {},
        'watermarks.a.size: expected a number > 0 and <= 1, got "1"',
    ),
    (
        {"watermarks": {"a": {"picture": __file__, "opacity": 1.1}}},
        {},
        "watermarks.a.opacity: expected a number from 0 to 1, got 1.1",
    ),
    (
        {"watermarks": {"a": {"picture": __file__, "margin": -1}}},
        {},
        "watermarks.a.margin: expected a number >= 0 and <= 10000, got -1",
    ),
    (
        {"watermarks": {"a": {"picture": __file__, "gravity": "smart"}}},
        {},
        f'watermarks.a.gravity: expected {PLACES}, got "smart"',
    ),
    (
        {"watermarks": {"a": {"picture": __file__, "gravity": "2,0"}}},
        {},
        f'watermarks.a.gravity: expected {PLACES}, got "2,0"',
    ),
    (
        {"watermarks": {"a": {"picture": __file__}}},
        {},
        "watermarks.a.picture: expected a picture in jpg, png, webp, gif or avif, "
        f'got "{__file__}", which is none',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("top", "handler", "text"), MISTAKES, ids=[text[:60] for _, _, text in MISTAKES])
def test_a_mistake_stops_the_start_and_names_its_place(
    top: dict[str, Any], handler: dict[str, Any], text: str
) -> None:
    assert mistake(config(top, **handler)) == f"config.json: {text}"


def test_a_file_that_is_too_large_is_no_watermark(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(pictures.alpha() + bytes(MAX_FILE))
    told = mistake(config({"watermarks": {"a": {"picture": str(path)}}}))
    assert told.startswith("config.json: watermarks.a.picture: expected a file of at most 10000000 bytes")


def test_the_schema_lists_every_option_that_a_preset_may_hold() -> None:
    properties = json_schema()["$defs"]["Preset"]["properties"]
    others = {"$schema", "locked", "only", "p", "preset", "e", "expires", "t", "token"}
    assert properties.keys() - others == (NAMES | ALIASES.keys()) - others
    assert not properties.keys() & {"p", "preset", "e", "expires", "t", "token"}
