"""What a page offers to change an option with, from the option's own row."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from origin.urls.colours import Colour
from origin.urls.geometry_values import POSITIONS
from origin.urls.geometry_values import Degrees
from origin.urls.geometry_values import Position
from origin.urls.names import Names
from origin.urls.number_values import Number
from origin.urls.number_values import NumberOr
from origin.urls.number_values import Pixels
from origin.urls.options import OPTIONS
from origin.urls.options import Option
from origin.urls.options import Options
from origin.urls.values import Choice
from origin.urls.values import Flag
from origin.urls.values import Kind
from origin.urls.values import spell

_NEUTRAL = {field.name: field.default for field in fields(Options)}
# What says which part of a picture is shown, and how large: the rest changes its look or its bytes.
SHAPE = frozenset(
    [
        "w",
        "h",
        "fit",
        "c",
        "g",
        "ar",
        "rect",
        "enlarge",
        "trim",
        "rotate",
        "flip",
        "pad",
        "p",
        "frame",
        "anim",
        "dpr",
    ]
)
_MOST_STEPS = 100_000  # of a slider that a hand can still set
_TURN = 360  # degrees
_CENTER = next(name for name, point in POSITIONS.items() if point == _NEUTRAL["gravity"])


def list_controls() -> list[dict[str, Any]]:
    """One control an option of a picture, in the order of the table. Plain values, for JSON."""
    return [_control(option) for option in OPTIONS if not option.of_token]


def _control(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "alias": option.alias,
        "meaning": option.meaning,
        "expected": option.kind.expected,
        "shape": option.name in SHAPE,
        **_shape(option.kind, option.field),
    }


def _shape(kind: Kind, field: str | None) -> dict[str, Any]:
    """The sort of control, with its bounds or choices. A kind that is not known here is written by hand.

    `rest` is the value that counts while the option is absent; None where there is none, and then the left
    end of a slider stands for the absent option. What a handler settles itself is in `PlayedHandler.rests`.
    """
    match kind:
        case Flag():
            return {
                "control": "choice",
                "choices": ["true", "false"],
                "rest": spell(_neutral(field, True)),
            }
        case Choice():
            return {"control": "choice", "choices": list(dict.fromkeys(kind.meanings.values()))}
        case NumberOr():
            return {**_slider(kind.number, field), "suggestions": [kind.word]}
        case Number():
            return _slider(kind, field)
        case Pixels():
            # Without a bound of its own: the handler's `max_dimension` is the end of the slider.
            return {"control": "slider", "min": 1, "max": None, "step": 1, "rest": None}
        case Degrees():
            return {"control": "slider", "min": -_TURN, "max": _TURN, "step": 1, "rest": 0}
        case Position():
            return {"control": "text", "suggestions": [*POSITIONS, *kind.found], "rest": _CENTER}
        case Names():
            return {"control": "text", "suggestions_of": kind.of}
        case Colour():
            return {"control": "colour"}
        case _:
            return {"control": "text"}


def _slider(kind: Number, field: str | None) -> dict[str, Any]:
    low, high = float(kind.lowest), float(kind.highest)
    step = 1 if kind.whole else 0.1
    if (high - low) / step > _MOST_STEPS:
        return {"control": "text"}
    neutral = _neutral(field, 1)  # what has no field multiplies other options
    rest = neutral if isinstance(neutral, int | float) and low <= neutral <= high else None
    return {"control": "slider", "min": low, "max": high, "step": step, "rest": rest}


def _neutral(field: str | None, otherwise: object) -> object:
    """What a field of `Options` has while no option sets it."""
    return _NEUTRAL[field] if field else otherwise
