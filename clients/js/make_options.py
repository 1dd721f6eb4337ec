"""Write the list of options that the JavaScript client knows, from OPTIONS:

    python clients/js/make_options.py

It makes `src/options.js`, by which `src/kinds.js` judges values, and `src/options.d.ts`, which editors read.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from origin.formats import FORMATS
from origin.urls import names
from origin.urls.colours import NAMED
from origin.urls.colours import Colour
from origin.urls.geometry_values import POSITIONS
from origin.urls.geometry_values import Aspect
from origin.urls.geometry_values import Degrees
from origin.urls.geometry_values import Padding
from origin.urls.geometry_values import Position
from origin.urls.geometry_values import Rectangle
from origin.urls.number_values import Number
from origin.urls.number_values import NumberOr
from origin.urls.number_values import Pixels
from origin.urls.options import OPTIONS
from origin.urls.options import Option
from origin.urls.values import Choice
from origin.urls.values import Flag
from origin.urls.values import Kind

SRC = Path(__file__).parent / "src"
HEAD = "// Made by `python clients/js/make_options.py` from the origin's table of options. Do not edit.\n"


def describe_kind(kind: Kind) -> dict[str, Any]:
    """What `kinds.js` needs to know of a kind of value. Raises TypeError for one that it does not know."""
    match kind:
        case Number():
            bounds = {"min": float(kind.lowest), "max": float(kind.highest)}
            return {"kind": "number", **bounds, "whole": kind.whole, "clamped": kind.clamped}
        case NumberOr():
            return {**describe_kind(kind.number), "kind": "numberOr", "word": kind.word}
        case Choice():
            return {
                "kind": "choice",
                "names": {name.decode(): meant for name, meant in kind.meanings.items()},
            }
        case Position():
            return {"kind": "position", "names": _write_positions(), "found": kind.found}
        case names.Names():
            return {"kind": "names", "most": names.MAX_NAMES if kind.several else 1}
        case names.FileName():
            return {"kind": "fileName", "most": names.MAX_FILE_NAME}
        case Colour():
            return {"kind": "colour"}
        case Pixels() | Flag() | Aspect() | Rectangle() | Padding() | Degrees():
            return {"kind": type(kind).__name__.lower()}
    raise TypeError(f"{type(kind).__name__}: src/kinds.js has to judge its values too; then add it here")


def type_of(kind: Kind) -> str:
    """The type of TypeScript that holds what a program may give."""
    match kind:
        case Flag():
            return "boolean"
        case Choice():
            return " | ".join(f'"{name}"' for name in map(bytes.decode, kind.meanings))
        case NumberOr():
            return f'number | "{kind.word}"'
        case Position():
            return (
                " | ".join(f'"{name}"' for name in (*POSITIONS, *kind.found))
                + " | readonly number[] | (string & {})"
            )
        case Rectangle() | Padding():
            return "number | string | readonly number[]"
        case Aspect():
            return "number | `${number}:${number}`"
        case names.Names():
            return "string | readonly string[]" if kind.several else "string"
        case Colour() | names.FileName():
            return "string"
    return "number"


def write_module() -> str:
    """`options.js`."""
    options = [
        {
            "name": option.name,
            "alias": option.alias,
            "expected": option.kind.expected,
            "constants": sorted({_TYPES[one] for one in option.kind.constant_types}),
            "ordered": option.kind.is_ordered,
            "compound": option.kind.separator != ",",
            **describe_kind(option.kind),
        }
        for option in OPTIONS
        if not option.of_token
    ]
    formats = {
        format.name: {"mime": format.mime, "moves": format.holds_animation}
        for format in FORMATS
        if format.writer is not None
    }
    spellings = {name: format.name for format in FORMATS for name in (format.name, *format.other_names)}
    return (
        HEAD
        + "export const OPTIONS = [\n"
        + "".join(f"  {json.dumps(option)},\n" for option in options)
        + "];\n\n// Formats that are written.\n"
        + f"export const FORMATS = {json.dumps(formats, indent=2)};\n\n"
        + "// Every name of a format that may be uploaded, and its first one.\n"
        + f"export const FORMAT_NAMES = {json.dumps(spellings)};\n\n"
        + "// Of CSS.\n"
        + f"export const COLOURS = {json.dumps(NAMED)};\n"
    )


def write_types() -> str:
    """`options.d.ts`."""
    return (
        HEAD
        + "/** The options of a picture, under either name; `null` and `undefined` leave one out. */\n"
        + "export interface Options {\n"
        + "".join(_write_field(option) for option in OPTIONS if not option.of_token)
        + "}\n\n/** A format that is written. */\nexport type OutputFormat = "
        + " | ".join(f'"{format.name}"' for format in FORMATS if format.writer is not None)
        + ";\n"
    )


_TYPES = {bool: "boolean", int: "number", Decimal: "number", str: "string"}


def _write_positions() -> dict[str, str]:
    return {name: ",".join(f"{float(share):g}" for share in shares) for name, shares in POSITIONS.items()}


def _write_field(option: Option) -> str:
    text = f"{option.meaning} ({option.kind.values})"
    return "".join(
        f"  /** {text}{f' Same as `{option.name}`.' if name == option.alias else ''} */\n"
        f"  {name}?: {type_of(option.kind)} | null | undefined;\n"
        for name in option.names
    )


if __name__ == "__main__":
    (SRC / "options.js").write_text(write_module(), encoding="utf-8")
    (SRC / "options.d.ts").write_text(write_types(), encoding="utf-8")
