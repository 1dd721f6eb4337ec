"""Whether what a renderer says of an original has the form that it has to have."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from origin.formats import FORMATS
from origin.formats import Description


def check_description(description: Description, body: bytes) -> None:
    """Raise ValueError for a body that is not of the form of this description.

    Its renderer may have been taken over, and what it says goes to pages as data that they trust.
    """
    if len(body) > _LONGEST_DESCRIPTION:
        raise ValueError(f"a description of {len(body)} bytes")
    text = body.decode("ascii")
    if description.name == "json":
        try:
            facts = json.loads(text)
        except RecursionError as exc:
            raise ValueError("facts nested too deep") from exc
        if not isinstance(facts, dict) or facts.keys() != _FACTS.keys():
            raise ValueError("other facts than those of an original")
        wrong = [name for name, is_right in _FACTS.items() if not is_right(facts[name])]
        if wrong:
            raise ValueError(f"facts of another form: {', '.join(wrong)}")
    elif not (_is_base64 if description.name == "thumbhash" else _is_blurhash)(text):
        raise ValueError(f"not a {description.name}")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_colour(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("#[0-9a-f]{6}", value) is not None


def _is_base64(value: Any) -> bool:
    return (
        isinstance(value, str) and base64.b64encode(base64.b64decode(value, validate=True)) == value.encode()
    )


def _is_blurhash(value: Any) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"[\w#$%*+,\-.:;=?@\[\]^{|}~]{6,200}", value, re.ASCII) is not None
    )


_LONGEST_DESCRIPTION = 16_384  # bytes
_FACTS: Mapping[str, Callable[[Any], bool]] = {
    "width": _is_count,
    "height": _is_count,
    "format": lambda value: value in [format.name for format in FORMATS],
    "bytes": _is_count,
    "frames": _is_count,
    "duration_ms": _is_count,
    "alpha": lambda value: isinstance(value, bool),
    "orientation": lambda value: _is_count(value) and 1 <= value <= 8,
    "dominant": _is_colour,
    "palette": lambda value: isinstance(value, list) and all(map(_is_colour, value)),
    "thumbhash": _is_base64,
    "blurhash": _is_blurhash,
    "lqip": lambda value: (
        isinstance(value, str) and _is_base64(value.removeprefix("data:image/webp;base64,"))
    ),
}
