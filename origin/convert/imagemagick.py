"""Options of ImageMagick's `convert`, as far as they shape pictures the way that presets do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from origin.convert.conversion import CannotConvert

# What c2corg's image service does where RESIZING_CONFIG is not set.
DEFAULT = (
    {"suffix": "BI", "convert": ["-resize", "1500x1500>", "-quality", "90"]},
    {"suffix": "MI", "convert": ["-resize", "400x400>", "-quality", "90"]},
    {
        "suffix": "SI",
        "convert": ["-resize", "200x200^", "-gravity", "center", "-extent", "200x200", "-quality", "90"],
    },
)
_SIZE = re.compile(r"(\d{1,5})?(?:x(\d{1,5})?)?([>^!]?)")
_GRAVITIES = {
    "center": "center",
    "north": "top",
    "east": "right",
    "south": "bottom",
    "west": "left",
    "northwest": "top-left",
    "northeast": "top-right",
    "southwest": "bottom-left",
    "southeast": "bottom-right",
}
_WITHOUT_VALUE = frozenset({"-strip", "-auto-orient"})  # done anyway
_WITH_VALUE = frozenset({"-resize", "-thumbnail", "-extent", "-gravity", "-quality", "-background"})


def read_presets(text: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name and options of a preset for each suffix, of the JSON of RESIZING_CONFIG. Raises CannotConvert."""
    try:
        sizes = json.loads(text) if text.strip() else DEFAULT
        found = {size["suffix"]: [str(word) for word in size["convert"]] for size in sizes}
    except (ValueError, TypeError, KeyError):
        raise CannotConvert('RESIZING_CONFIG: expected [{"suffix": "…", "convert": ["…"]}, …]') from None
    presets = {}
    for suffix, words in found.items():
        name = re.sub(r"[^A-Za-z0-9_-]", "-", str(suffix))
        presets[str(suffix)] = (name, read_options(str(suffix), words))
    return presets


def read_options(suffix: str, words: Sequence[str]) -> dict[str, Any]:
    """The options of a preset that does the same. Raises CannotConvert."""
    given, rest = {}, list(words)
    while rest:
        word = rest.pop(0)
        if word in _WITHOUT_VALUE:
            continue
        if word not in _WITH_VALUE or not rest:
            raise CannotConvert(f"RESIZING_CONFIG {suffix}: {word} cannot be kept; write the preset by hand")
        given[word] = rest.pop(0)
    options = _shape(suffix, given)
    if "-quality" in given:
        options["q"] = _number(suffix, given["-quality"])
    return options


def _shape(suffix: str, given: Mapping[str, str]) -> dict[str, Any]:
    size = given.get("-resize", given.get("-thumbnail"))
    if size is None:
        raise CannotConvert(f"RESIZING_CONFIG {suffix}: expected -resize")
    width, height, how = _size(suffix, size)
    extent = given.get("-extent")
    if extent is not None and _size(suffix, extent)[:2] != (width, height):
        raise CannotConvert(
            f"RESIZING_CONFIG {suffix}: -extent {extent} after -resize {size} cannot be kept: "
            "a preset has one size"
        )
    options: dict[str, Any] = {"w": width, "h": height, "c": False, "enlarge": how != ">"}
    if how == "!":  # whatever the extent, it is that size already
        options = {"w": width, "h": height, "fit": "fill", "enlarge": True}
    elif extent is not None:
        fit = "cover" if how == "^" else "contain"
        options = {"w": width, "h": height, "fit": fit, "enlarge": how != ">"}
        options |= _placing(suffix, given, pads=how != "^")
    elif how == "^":
        options = {"w": width, "h": height, "fit": "outside", "enlarge": True}
    return {name: value for name, value in options.items() if value is not None}


def _placing(suffix: str, given: Mapping[str, str], *, pads: bool) -> dict[str, Any]:
    """Where in its extent a picture lies, and on what."""
    gravity = given.get("-gravity", "northwest").lower()
    if gravity not in _GRAVITIES:
        raise CannotConvert(f"RESIZING_CONFIG {suffix}: -gravity {gravity} cannot be kept")
    background = given.get("-background", "white").removeprefix("#")
    return {"g": _GRAVITIES[gravity], **({"bg": background} if pads else {})}


def _size(suffix: str, text: str) -> tuple[int | None, int | None, str]:
    match = _SIZE.fullmatch(text)
    if match is None or not (match[1] or match[2]):
        raise CannotConvert(f"RESIZING_CONFIG {suffix}: expected a size such as 400x400>, got {text}")
    return int(match[1]) if match[1] else None, int(match[2]) if match[2] else None, match[3]


def _number(suffix: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise CannotConvert(f"RESIZING_CONFIG {suffix}: -quality {text}: expected 1 to 100")
    return int(text)
