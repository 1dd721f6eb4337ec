"""The options of a URL: one row of `OPTIONS` is one option, one field of `Options` is what it becomes.

Everything else about options is derived from the table: parsing, canonical text, signed URLs, what grants
may bound, `origin sign`, `origin explain`, the option names of the configuration and the table in the
documents. To add an option, add its row, and its field with the value that means "as if it were absent".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from typing import Any

from origin.formats import DESCRIPTIONS
from origin.formats import OUTPUTS
from origin.formats import Format
from origin.urls.colours import Colour
from origin.urls.geometry_values import CENTER
from origin.urls.geometry_values import Aspect
from origin.urls.geometry_values import Degrees
from origin.urls.geometry_values import Padding
from origin.urls.geometry_values import Position
from origin.urls.geometry_values import Rectangle
from origin.urls.names import FileName
from origin.urls.names import Names
from origin.urls.number_values import Number
from origin.urls.number_values import NumberOr
from origin.urls.number_values import Pixels
from origin.urls.values import Choice
from origin.urls.values import Flag
from origin.urls.values import Kind
from origin.urls.values import Token
from origin.urls.values import spell

_FORMATS = (
    *(format.name for format in OUTPUTS),
    *("auto", "original"),
    *(description.name for description in DESCRIPTIONS),
)
_MANY = 10**15 - 1
# Text that could be a token or a key: errors go to logs, which hold no secret.
_SECRET = re.compile(r"[A-Za-z0-9_.\-]{30,}")
_SHOWN = 40  # characters of a wrong value that an error repeats


@dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One row of the table."""

    name: str  # canonical: in tokens' bounds, errors, names of results
    alias: str | None
    kind: Kind
    field: str | None  # of `Options`; without one, the option is consumed while the others are settled
    meaning: str  # and unit, in one line, in Markdown
    of_token: bool = False  # says nothing about the picture; every handler takes it
    of_answer: bool = False  # says nothing about the picture, and is no part of a result's name

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,) if self.alias is None else (self.name, self.alias)

    def is_set(self, text: bytes) -> bool:
        """Whether a text says something of the picture: it is not as absent, and the option is none of the
        token's."""
        if not text or self.of_token:
            return False
        try:
            return self.kind.parse(text) is not None
        except ValueError:
            return True  # what is refused is not absent

    def describe_refusal(self, text: bytes) -> str:
        """Why this value is refused, for the log."""
        return f"option {self.name}: expected {self.kind.expected}, got {quote_value(text)}"


# fmt: off
OPTIONS = (
    #      name   alias      kind of value                                                   field
    Option("w",   "width",   Pixels(),                                                       "width",
           "width of the box"),
    Option("h",   "height",  Pixels(),                                                       "height",
           "height of the box"),
    Option("fit", None,      Choice("cover", "inside", "contain", "outside", "fill"),        "fit",
           "with both sides: fill and cut; fit within; and pad to the box; fill uncut; stretch"),
    Option("c",   "crop",    Flag(),                                                         "crop",
           "with both sides: `true` is `fit=cover`, `false` is `fit=inside`; `fit` wins"),
    Option("g",   "gravity", Position("smart", "entropy"),                                   "gravity",
           "what a cut keeps, and where `fit=contain` puts the picture"),
    Option("ar",  "aspect",  Aspect(),                                                       "aspect",
           "gives the side that is missing; with neither side, the original is cut to it"),
    Option("rect", None,     Rectangle(),                                                    "rect",
           "the part of the upright original that counts"),
    Option("enlarge", None,  Flag(),                                                         "enlarge",
           "small originals grow to fill the box"),
    Option("trim", None,     Number(1, 100, whole=True),                                     "trim",
           "borders of one colour are cut, within that tolerance in levels of 255"),
    Option("rotate", None,   Degrees(),                                                      "rotate",
           "clockwise; all but 90, 180 and 270 enlarge the canvas"),
    Option("flip", None,     Choice("h", "v", "hv"),                                         "flip",
           "mirrors: left and right, top and bottom, or both; after `rotate`"),
    Option("brightness", None, Number(0, 3),                                                 "brightness",
           "0 is black, 1 as it is; as `brightness` of CSS"),
    Option("contrast", None, Number(0, 3),                                                   "contrast",
           "0 is grey, 1 as it is; as `contrast` of CSS"),
    Option("saturation", None, Number(0, 3),                                                 "saturation",
           "0 is without colour, 1 as it is; as `saturate` of CSS"),
    Option("gray", None,     Flag(),                                                         "gray",
           "without colour; as `grayscale` of CSS"),
    Option("blur", None,     Number("0.3", 100),                                             "blur",
           "sigma of the blur, in pixels of the result"),
    Option("sharpen", None,  Number("0.1", 10),                                              "sharpen",
           "strength; 1 suits most pictures"),
    Option("pad", None,      Padding(),                                                      "padding",
           "around the result, as in CSS; multiplied by `dpr`"),
    Option("bg",  "background", Colour(),                                                    "background",
           "behind transparency, padding and rotation; without it they are transparent, white in JPEG"),
    Option("radius", None,   NumberOr("max", Number(0, 100_000, unit="CSS pixels")),         "radius",
           "round corners; `max` makes a square a circle"),
    Option("wm",  "watermark", Names("watermarks"),                                          "watermark",
           "a picture of the configuration, laid over the result"),
    Option("frame", None,    Number(0, 999_999, whole=True),                                 "frame",
           "one frame of an animation or page of a TIFF alone, counted from 0"),
    Option("anim", None,     Flag(),                                                         None,
           "false: the first frame alone"),
    Option("f",   "format",  Choice(*_FORMATS, aliases={"jpeg": "jpg"}),                     "format",
           "format of the result; the last three tell what the original is"),
    Option("q",   "quality", NumberOr("auto", Number(1, 100, whole=True)),                   "quality",
           "quality of JPEG, WebP and AVIF, on one scale; `auto`: the least that looks good"),
    Option("lossless", None, Flag(),                                                         "lossless",
           "WebP and AVIF that lose nothing"),
    Option("bytes", None,    Number(1000, _MANY, whole=True, unit="bytes, 1000 or more"),    "max_bytes",
           "the best quality whose result is not larger"),
    Option("p",   "preset",  Names("presets", several=True),                                 None,
           "options that the configuration keeps under a name; of several presets the later ones win"),
    Option("dl",  "download", FileName(),                                                    "download",
           "browsers save the picture under this name", of_answer=True),
    Option("dpr", None,      Number("0.5", 5, clamped=True),                                 None,
           "multiplies `w`, `h`, `pad` and `radius`, for dense screens"),
    Option("e",   "expires", Number(0, _MANY, whole=True, unit="Unix seconds"),              None,
           "when a signed URL ends", of_token=True),
    Option("t",   "token",   Token(),                                                        None,
           "the signature or grant", of_token=True),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Options:
    """What a URL asks for, with the handler's defaults and limits applied. Plain values: it travels as JSON.

    The default of a field is its neutral value: it asks for nothing and is no part of the canonical text.
    """

    width: int | None = None  # device pixels of the box
    height: int | None = None
    fit: str | None = None  # "contain", "outside" or "fill", with both sides; the others are what `crop` says
    crop: bool = False  # fill the box and cut the rest; only ever true where there are both sides
    gravity: str | tuple[float, float] = CENTER  # "smart", "entropy", or shares of the sides
    aspect: tuple[int, int] | None = None  # width to height; only where there is no side
    rect: tuple[float, float, float, float] | None = None  # pixels, or shares where none is more than 1
    enlarge: bool = False  # only ever true where there is a side
    trim: int | None = None  # tolerance in levels of 255
    rotate: float = 0.0  # degrees clockwise, from 0 to less than 360
    flip: str | None = None  # "h", "v" or "hv"
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    gray: bool = False
    blur: float = 0.0  # sigma in pixels of the result
    sharpen: float = 0.0
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)  # device pixels: top, right, bottom, left
    background: str | None = None  # rrggbb, or rrggbbaa; never wholly transparent
    radius: float | str = 0.0  # device pixels, or "max"
    watermark: str | None = None  # its name in the configuration
    frame: int | None = None  # the one frame or page to take
    format: str = "original"  # "original", "auto", or the name of a format or a description
    quality: int | str | None = None  # on JPEG's scale, or "auto"; None: the handler's for the format
    lossless: bool = False
    max_bytes: int | None = None  # of the result
    download: str | None = None  # name of the file to save
    # Formats of originals that are rendered, where presets say so; others pass as they are. None: all.
    only: tuple[str, ...] | None = None
    # What only the words of other systems say (`urls/dialects`), and so is no option.
    keeps_shape: bool = False  # a box that is larger than the picture is lowered in proportion
    zoom: float = 1.0  # into the point where a cut is centred; 1 or more
    scale: float = 1.0  # of the original's size; only where there is no side, and never above 1
    # Pixels of the upright original that are cut off before `rect` counts: top, right, bottom, left.
    inset: tuple[int, int, int, int] | None = None
    # Where in the original `rect` counts from: that share of what it leaves of each side.
    rect_at: tuple[float, float] | None = None
    # Pixels of what counts of the original, in which a cut is centred, in place of `gravity`.
    focus: tuple[int, int] | None = None
    opaque_corners: bool = False  # the background shows behind round corners in every format
    aligned: bool = False  # a cut puts its own point at `gravity` on the picture's, as CSS places backgrounds
    turns_box: bool = False  # for a picture that lies the other way than the box its sides are exchanged
    fills_alike: bool = False  # a cut is for pictures that lie as the box does; others are fitted inside it
    lift: float = 0.0  # levels of 255 that are added to each colour, between `brightness` and `contrast`

    def passes(self, original: Format) -> bool:
        """Whether an original in that format is answered as it is: a preset is for others (`only`)."""
        return self.only is not None and original.name not in self.only

    def canonical(self) -> str:
        """Equal for all URLs that mean the same picture; part of a result's name."""
        texts = _spell(self, _OF_PICTURE)
        if self.only is not None:
            texts.append(f"only={','.join(self.only)}")
        return "&".join([*texts, *self.other_spellings()])

    def spellings(self) -> list[str]:
        """`name=value` of the options that are not neutral, in the order of the table, in one spelling."""
        return _spell(self, _WRITTEN)

    def other_spellings(self) -> list[str]:
        """`field=value` of the fields that are not neutral and that no option sets."""
        return _spell(self, _BEYOND)


_Row = tuple[str, Callable[[Any], str], str, Any]  # how the value of a field is written, and its neutral one


def _spell(options: Options, rows: Iterable[_Row]) -> list[str]:
    return [
        prefix + write(value)
        for prefix, write, field, neutral in rows
        if (value := getattr(options, field)) != neutral
    ]


def _rows(options: Iterable[Option]) -> list[_Row]:
    return [
        (f"{option.name}=", option.kind.write, option.field, _NEUTRAL[option.field])
        for option in options
        if option.field
    ]


BEYOND_OPTIONS: Mapping[str, str] = {
    **{"keeps_shape": "fit", "zoom": "g", "scale": "w"},
    **{"inset": "rect", "rect_at": "rect", "focus": "g", "opaque_corners": "radius", "aligned": "g"},
    **{"turns_box": "fit", "fills_alike": "fit", "lift": "brightness"},
}
"""Fields of `Options` that a dialect alone sets, and the option that a handler has to take for each."""
_NEUTRAL: Mapping[str, Any] = {field.name: field.default for field in fields(Options)}
_WRITTEN = _rows(OPTIONS)
_BEYOND: list[_Row] = [(f"{field}=", spell, field, _NEUTRAL[field]) for field in BEYOND_OPTIONS]
_OF_PICTURE = _rows(option for option in OPTIONS if not option.of_answer)

BY_NAME: Mapping[bytes, Option] = {name.encode(): option for option in OPTIONS for name in option.names}
ALIASES: Mapping[str, str] = {option.alias: option.name for option in OPTIONS if option.alias}
NAMES = frozenset(option.name for option in OPTIONS)
TOKEN = BY_NAME[b"t"]
EXPIRES = BY_NAME[b"e"]


def find_option(name: str) -> Option | None:
    """The option of that name or alias."""
    return BY_NAME.get(name.encode("utf-8", "replace"))


def suggest_option(name: str) -> str | None:
    """The name that was probably meant by one that no option has."""
    names = [name for option in OPTIONS for name in option.names]
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.65)
    return close[0] if close else None


def describe_options() -> list[tuple[str, str, str, str]]:
    """The table of the documents, cell by cell: option, alias, values, meaning. Markdown."""
    return [
        (f"`{option.name}`", f"`{option.alias}`" if option.alias else "", option.kind.values, option.meaning)
        for option in OPTIONS
    ]


def quote_value(text: bytes) -> str:
    """A value as an error may repeat it: one line, cut, and without what looks like a secret."""
    return repr(_SECRET.sub("[hidden]", text.decode("utf-8", "replace"))[:_SHOWN])
