"""The base of every object of the configuration file."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import model_validator
from pydantic.fields import FieldInfo

from origin.config.types import expected

SCHEMA_KEY = "$schema"


class Part(BaseModel):
    """An object of the file. It is frozen, and an unknown key is a mistake.

    `$schema` may stand in each of them, for editors, and means nothing.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        # Or each builds what checks it when it is imported, and builds it anew for each that holds it: a
        # fifth of what a start costs, that of `origin --help` as well.
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _ignore_the_schema_key(cls, data: Any) -> Any:
        if not isinstance(data, dict) or SCHEMA_KEY not in data:
            return data
        if not isinstance(data[SCHEMA_KEY], str):
            raise expected("text", key=SCHEMA_KEY, got="something else")
        return {key: value for key, value in data.items() if key != SCHEMA_KEY}


def keys_of(part: type[Part]) -> dict[str, FieldInfo]:
    """The fields of that kind of object by what they are called in the file: `json` is no name for a field of
    pydantic's."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


def meaning(text: str) -> Any:
    """One line for people, in the JSON schema and the documents."""
    return Field(description=text)


def defaults() -> Any:
    """The default of an object whose keys all have one, or that may be empty."""
    return Field(default={}, validate_default=True)


def part_types() -> list[type[Part]]:
    """Every kind of object that the file may hold."""
    parts = Part.__subclasses__()
    for part in parts:  # which grows
        parts += part.__subclasses__()
    return parts


def parts_in(annotation: Any, brackets: str = "") -> Iterator[tuple[type[Part], str]]:
    """Each kind of object that an annotation is made of, with "[]" for each list, or object of names, around
    it."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation, brackets
    brackets += "[]" if typing.get_origin(annotation) in (tuple, dict) else ""
    for inner in typing.get_args(annotation):
        yield from parts_in(inner, brackets)
