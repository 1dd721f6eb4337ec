"""What may stand under `effort`."""

from __future__ import annotations

import json
from typing import Annotated
from typing import Any

from pydantic import BeforeValidator
from pydantic import WithJsonSchema

from origin.config.types import expected
from origin.config.types import expects
from origin.formats import OUTPUTS
from origin.formats import Format
from origin.formats.writers import DEFAULT_EFFORT
from origin.formats.writers import EFFORT_LEVELS
from origin.formats.writers import EffortLevel

_NAMES = [format.name for format in OUTPUTS]
_TEXT = f'{", ".join(EFFORT_LEVELS)}, or one per format such as {{"avif": "fast"}}'


def _parse(value: Any) -> dict[str, Any]:
    """One level for every format, or one per format. Those that differ from the usual one are kept."""
    if isinstance(value, str):
        if value not in EFFORT_LEVELS:
            raise expected(_TEXT)
        value = dict.fromkeys(_NAMES, value)
    if not isinstance(value, dict):
        raise expected(_TEXT)
    efforts = {}
    for given, level in value.items():
        name = _name(given)
        if name is None or level not in EFFORT_LEVELS:
            shown = json.dumps(level) if isinstance(level, str) else "..."
            raise expected(_TEXT, got=f"{{{json.dumps(given)}: {shown}}}")
        efforts[name] = level
    return {name: level for name, level in efforts.items() if level != DEFAULT_EFFORT}


def _name(given: str) -> str | None:
    """The name of an output format; None for all else."""
    try:
        name = Format.named(given).name
    except ValueError:
        return None
    return name if name in _NAMES else None


_LEVEL = {"type": "string", "enum": list(EFFORT_LEVELS)}
Efforts = Annotated[
    dict[str, EffortLevel],
    BeforeValidator(_parse),
    expects(_TEXT),
    WithJsonSchema(
        {
            "anyOf": [
                _LEVEL,
                {
                    "type": "object",
                    "properties": dict.fromkeys(_NAMES, _LEVEL),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
