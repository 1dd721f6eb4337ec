"""What may stand under `presets` and `watermarks`, and in a handler of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import WithJsonSchema
from pydantic import create_model
from pydantic import model_validator

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import SourceFormat
from origin.config.types import Strict
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import parse_number
from origin.urls.geometry_values import Position
from origin.urls.names import MAX_NAMES
from origin.urls.names import NAME
from origin.urls.options import Option
from origin.urls.presets import Preset as PresetValues
from origin.urls.presets import list_preset_options
from origin.urls.presets import read_preset_value
from origin.urls.values import Exact

MAX_FILE = 10_000_000  # bytes of a watermark's picture
_PLACE = Position()


def _parse_place(value: Any) -> Any:
    """Shares of the space that a watermark leaves, from the top left."""
    if not isinstance(value, str):
        raise ValueError(value)
    return _PLACE.simplify(_PLACE.parse(value.encode()))


Fraction = Annotated[
    float, Strict, Field(gt=0, le=1), BeforeValidator(parse_number), expects("a number > 0 and <= 1")
]
Opacity = Annotated[
    float, Strict, Field(ge=0, le=1), BeforeValidator(parse_number), expects("a number from 0 to 1")
]
Margin = Annotated[
    float,
    Strict,
    Field(ge=0, le=10_000),
    BeforeValidator(parse_number),
    expects("a number >= 0 and <= 10000"),
]
Name = Annotated[str, Strict, Field(pattern=f"^{NAME}$"), expects("a name of letters, digits, _ and -")]
PresetList = Annotated[
    str,
    Strict,
    Field(pattern=f"^{NAME}(,{NAME}){{0,{MAX_NAMES - 1}}}$"),
    expects("the name of a preset, or several with commas"),
]
Suffix = Annotated[
    str, Strict, Field(pattern=r"^[^/.\x00-\x1f]{1,64}$"), expects("the end of a file name, before its dot")
]
Extension = Annotated[
    str, Strict, Field(pattern=r"^[A-Za-z0-9]{1,16}$"), expects("an extension of file names, without its dot")
]


class PresetKeys(Part):
    """Options under a name, and for which originals: what a preset holds beside the options of a URL."""

    locked: Annotated[Flag, meaning("options in the URL do not change those of the preset")] = False
    only: Annotated[
        Annotated[tuple[SourceFormat, ...], Field(min_length=1)] | None,
        meaning("formats of originals that it is for; others are passed through as they are"),
    ] = None

    @model_validator(mode="after")
    def _check_names(self) -> PresetKeys:
        for option in list_preset_options():
            if all(getattr(self, name) is not None for name in option.names) and option.alias:
                raise expected(f"either {option.name} or {option.alias}, not both", got="")
        return self

    def to_values(self) -> PresetValues:
        """The preset as URLs use it."""
        values: dict[Option, Exact] = {
            option: value
            for option in list_preset_options()
            for name in option.names
            if (value := getattr(self, name)) is not None
        }
        only = None if self.only is None else frozenset(format.name for format in self.only)
        return PresetValues(values, self.locked, only)


def _option_key(option: Option) -> Any:
    """Type and default of an option in a preset, as pydantic wants them."""

    def parse(value: Any) -> Exact | None:
        return None if value is None else read_preset_value(option, value)

    schema = {"type": ["string", "number", "boolean", "array", "null"]}
    return Annotated[
        Any,
        BeforeValidator(parse),
        expects(option.kind.expected),
        WithJsonSchema(schema),
        meaning(option.meaning),
    ], None


if TYPE_CHECKING:
    Preset = PresetKeys
else:
    Preset = create_model(
        "Preset",
        __base__=PresetKeys,
        __doc__=PresetKeys.__doc__,
        **{name: _option_key(option) for option in list_preset_options() for name in option.names},
    )


class Watermark(Part):
    """A picture that is laid over results."""

    picture: Annotated[FilePath, meaning("path of the picture")]
    gravity: Annotated[
        Annotated[
            tuple[float, float],
            BeforeValidator(_parse_place),
            expects(_PLACE.expected),
            WithJsonSchema({"type": "string"}),
        ],
        meaning("where it lies: `center`, `top`, `bottom-right` and so on, or fractions such as `0.5,0.9`"),
    ] = Field(default="bottom-right", validate_default=True)
    size: Annotated[
        Fraction,
        meaning("its longer side, as a fraction of the result's shorter side"),
    ] = 0.25
    opacity: Annotated[Opacity, meaning("0 to 1")] = 1.0
    tile: Annotated[Flag, meaning("repeat it over the whole result")] = False
    margin: Annotated[
        Margin,
        meaning(
            "distance from edges and other tiles: pixels, or below 1 a fraction of the result's shorter side"
        ),
    ] = 0.0
