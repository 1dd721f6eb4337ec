"""Presets: options under a name of the configuration, in a URL's option `p`, in a handler, in a file name."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from origin.formats import OUTPUTS
from origin.formats import Format
from origin.urls.options import BY_NAME
from origin.urls.options import OPTIONS
from origin.urls.options import Option
from origin.urls.path import find_key_violation
from origin.urls.values import Exact
from origin.urls.values import spell
from origin.urls.writing import write_value

Values = dict[Option, Exact]
_FITTING = frozenset((BY_NAME[b"fit"], BY_NAME[b"c"]))
ORIGINAL_EXTENSIONS = ("jpg", "jpeg", "png", "gif", "webp", "avif", "svg")

_FORMATS = {name: format.name for format in OUTPUTS for name in (format.name, *format.other_names)}


@dataclass(frozen=True, slots=True)
class Preset:
    """The options of one preset."""

    values: Mapping[Option, Exact] = field(default_factory=dict)
    locked: bool = False  # whether a URL cannot change them
    only: frozenset[str] | None = None  # formats of originals that it is for; None: all


def list_preset_options() -> list[Option]:
    """The options that a preset may hold: those of a picture, but for presets."""
    return [option for option in OPTIONS if not option.of_token and option.name != "p"]


def read_preset_value(option: Option, given: Any) -> Exact | None:
    """The value of an option as a program or a configuration gives it; a list is written with commas.

    Raises ValueError where the origin would refuse it, and where it means nothing.
    """
    several = given if isinstance(given, list | tuple) else [given]
    if not several or not all(isinstance(each, str | int | float) for each in several):
        raise ValueError(f"option {option.name}: expected {option.kind.expected}")
    return option.kind.parse(
        write_value(option, given if given is several[0] else ",".join(map(spell, several)))
    )


def apply_presets(presets: Iterable[Preset], values: Mapping[Option, Exact | None]) -> Values:
    """The values of a URL over those of its presets, of which later ones win over earlier ones.

    What a locked preset has set, no value of the URL changes.
    """
    presets = tuple(presets)
    merged: Values = {}
    for preset in presets:
        merged = _lay_over(merged, preset.values)
    locked = find_locked(presets)
    own = {option: value for option, value in values.items() if value is not None and option not in locked}
    return _lay_over(merged, own)


def find_locked(presets: Iterable[Preset]) -> set[Option]:
    """What locked presets have set, so that no URL changes it."""
    return {option for preset in presets if preset.locked for option in _with_rivals(preset.values)}


def _lay_over(below: Values, above: Mapping[Option, Exact]) -> Values:
    """The values below where those above do not say the same thing."""
    hidden = _with_rivals(above)
    return {**{option: value for option, value in below.items() if option not in hidden}, **above}


def _with_rivals(options: Iterable[Option]) -> set[Option]:
    """The options, and those that say the same thing in other words."""
    named = set(options)
    return named if named.isdisjoint(_FITTING) else named | _FITTING


def intersect_formats(presets: Iterable[Preset]) -> tuple[str, ...] | None:
    """The formats of originals that all of these presets are for; None: all formats.

    Those behind a locked one do not count: what its options are fixed for would be passed through without.
    """
    limits = []
    for preset in presets:
        if preset.only is not None:
            limits.append(preset.only)
        if preset.locked:
            break
    return tuple(sorted(frozenset.intersection(*limits))) if limits else None


@dataclass(frozen=True, slots=True)
class NamedPreset:
    """What a file name says beside the original that it is made of: `123MI.webp`."""

    names: str  # of presets, as in `p`
    format: str  # of the result
    originals: tuple[str, ...]  # keys, in the order in which they are looked for
    is_derived: bool = False  # whether a file of that name is made when an original is stored


@dataclass(frozen=True, slots=True)
class PresetNames:
    """How the file names of a handler name presets."""

    suffixes: Mapping[str, str] = field(default_factory=dict)  # to names of presets
    extensions: tuple[str, ...] = (
        ORIGINAL_EXTENSIONS  # of originals, in the order in which they are looked for
    )
    derived: frozenset[str] = frozenset()  # suffixes of which files are made when an original is stored

    def read(self, key: str) -> NamedPreset | None:
        """What the key means where the source does not have it as it stands; None where it means no more.

        Of two suffixes that fit, the longer one counts.
        """
        stem, _, extension = key.rpartition(".")
        format = _FORMATS.get(extension.lower())
        if format is None:
            return None
        for suffix in sorted(self.suffixes, key=len, reverse=True):
            start = stem.removesuffix(suffix)
            if start != stem and start.rpartition("/")[2]:
                is_derived = suffix in self.derived
                # Of 1.jpg and 1.png a file 1MI.png is made of the latter.
                first = [extension] if is_derived and extension in self.extensions else []
                keys = (f"{start}.{each}" for each in dict.fromkeys([*first, *self.extensions]))
                originals = tuple(key for key in keys if not find_key_violation(key))
                return NamedPreset(self.suffixes[suffix], format, originals, is_derived)
        return None


def derived_name(key: str, suffix: str, format: str | None = None) -> tuple[str, str]:
    """The key of the file that is made of an original when it is stored, and the name of its format.

    The key alone decides, so that a write or delete of an original finds its files. Without a
    `format` they have the extension and the format of the original; of one whose extension is that of no
    format in which results are written, such as `.svg`, they are JPEG.
    """
    stem, extension = _split(key)
    own = _FORMATS.get(extension.lower())
    if own is not None and format in (None, own):
        return f"{stem}{suffix}.{extension}", own
    format = format or Format.JPG.name
    return f"{stem}{suffix}.{format}", format


def find_derived_suffix(key: str, suffixes: Iterable[str]) -> str | None:
    """The suffix by which the key is that of a file made of an original; None where it is no such key."""
    stem, _ = _split(key)
    name = stem.rpartition("/")[2]
    return next((suffix for suffix in suffixes if name.endswith(suffix) and name != suffix), None)


def stem_of(key: str) -> str:
    """A key without its extension."""
    return _split(key)[0]


def _split(key: str) -> tuple[str, str]:
    """A key without its extension, and that; folders may have dots in them."""
    folder, slash, name = key.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    return (folder + slash + stem, extension) if dot and stem else (key, "")
