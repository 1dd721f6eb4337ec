"""Templates of the names and answers of pictures that come in: which words may stand in braces."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

from origin.urls.path import find_key_violation

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
NAME_PARTS = ("yyyy", "mm", "uuid", "year", "month", "epoch", "rand31", "sha256", "stem")
"""What a name is made of: time of the upload (UTC), chance, the bytes, the client's name for the file."""
REPLY_PARTS = ("key", "name", "stem", "ext", "url", "format", "bytes", "width", "height")
"""What an answer may tell of a picture that was stored."""
REPLY_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9]*)\}")


def find_name_mistake(template: str) -> str:
    """What is wrong with a template of names; empty where nothing is."""
    unknown = [name for name in PLACEHOLDER.findall(template) if name not in NAME_PARTS]
    if unknown:
        return f"{{{unknown[0]}}} is none of {_in_braces(NAME_PARTS)}"
    plain = PLACEHOLDER.sub("x", template)
    if "{" in plain or "}" in plain:
        return "a brace stands alone"
    if plain == template:
        return "without one of these every picture would have the same name"
    if plain.startswith("-/"):
        return "keys below -/ are reserved"
    return find_key_violation(plain)


def find_reply_mistake(template: Any, parts: Collection[str] = REPLY_PARTS) -> str:
    """The first placeholder in the JSON of an answer that is none of `parts`; empty where all are."""
    if isinstance(template, str):
        unknown = [name for name in REPLY_PLACEHOLDER.findall(template) if name not in parts]
        return f"{{{unknown[0]}}}" if unknown else ""
    inner: Iterable[Any] = ()
    if isinstance(template, dict):
        inner = template.values()
    elif isinstance(template, list):
        inner = template
    return next((mistake for value in inner if (mistake := find_reply_mistake(value, parts))), "")


def _in_braces(names: Iterable[str]) -> str:
    return " ".join(f"{{{name}}}" for name in names)
