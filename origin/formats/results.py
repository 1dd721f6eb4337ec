"""What a result is: a picture in one of our formats, or a text that tells what the original is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from origin.formats.table import Format


@dataclass(frozen=True, slots=True)
class Description:
    """A result that is no picture, but tells what the original is."""

    name: str  # in URLs
    mime: str


DESCRIPTIONS = (
    Description("json", "application/json"),
    Description("thumbhash", "text/plain"),
    Description("blurhash", "text/plain"),
)
DESCRIPTION_NAMES = frozenset(description.name for description in DESCRIPTIONS)
ResultFormat = Format | Description
"""What a result is."""
_DESCRIPTIONS: Mapping[str, Description] = {description.name: description for description in DESCRIPTIONS}


def find_description(name: str) -> Description | None:
    """The description of that name; None for every other name."""
    return _DESCRIPTIONS.get(name)


def named_result(name: str) -> ResultFormat:
    """The format or description of that name. Raises ValueError."""
    return _DESCRIPTIONS.get(name) or Format.named(name)
