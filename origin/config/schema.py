"""The JSON Schema of the configuration file, and its keys as rows for the documents' tables."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from pydantic.fields import FieldInfo

from origin.config.authentication import AuthMethod
from origin.config.authentication import AuthMethodField
from origin.config.model import Config
from origin.config.part import SCHEMA_KEY
from origin.config.part import Part
from origin.config.part import keys_of
from origin.config.part import parts_in
from origin.config.sources import SOURCE_PARTS
from origin.config.sources import SourceField

REQUIRED = "required"  # the default of a key that has none

_REFERENCE = {"type": "string", "pattern": "^(env|file):"}
_NOTES = ("title", "default", "description")


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration file. Each key has its meaning, and its default where it has one."""
    schema = _with_references(Config.model_json_schema())
    handler = schema["$defs"]["Handler"]
    handler["required"] = ["name"]
    del handler["properties"]["prefix"]["default"]  # which is the handler's name
    source, aws, transform = ({"required": [key]} for key in ("source", "aws", "transform"))
    handler["oneOf"] = [source, aws, {**transform, "not": {"anyOf": [source, aws]}}]
    _allow_schema_key(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _allow_schema_key(schema: Any) -> None:
    """Let `$schema` stand in every object whose keys the schema tells."""
    if isinstance(schema, list):
        for entry in schema:
            _allow_schema_key(entry)
    if not isinstance(schema, dict):
        return
    for entry in list(schema.values()):
        _allow_schema_key(entry)
    if schema.get("type") == "object" and schema.keys() & {"properties", "additionalProperties"}:
        own = {"type": "string", "description": "for editors; means nothing here"}
        schema["properties"] = {**schema.get("properties", {}), SCHEMA_KEY: own}


class DocumentedKey(NamedTuple):
    """A row of a table: `default` is a JSON value, or REQUIRED."""

    place: str
    key: str
    default: Any
    description: str


def documented_keys() -> Iterator[DocumentedKey]:
    """Every key of the file.

    `place` is "" at the top, `cache`, `handlers[]`, `handlers[].limits`, `presets[]`, and `source s3` for the
    keys of that type of source, wherever one may stand; those of one method of authentication stand once, at
    `handlers[].write.auth`. `source http.registry redis` is an object with a type in it.
    """
    schema = Config.model_json_schema()
    yield from _keys_of(Config, "", {**schema["$defs"], "Config": schema})
    for name, part in SOURCE_PARTS.items():
        yield from _keys_of(part, f"source {name}", schema["$defs"])
    yield from _keys_of(AuthMethod, "handlers[].write.auth", schema["$defs"])


def _keys_of(part: type[Part], place: str, schemas: dict[str, Any]) -> Iterator[DocumentedKey]:
    for key, field in keys_of(part).items():
        row = schemas[part.__name__]["properties"][key]
        default = REQUIRED if field.is_required() else row["default"]
        yield DocumentedKey(place, key, default, row["description"])
        if not any(isinstance(entry, SourceField | AuthMethodField) for entry in _notes_of(field)):
            for inner, brackets in parts_in(field.annotation):
                inner_place = f"{place}.{key}{brackets}{_kind(inner)}".lstrip(".")
                yield from _keys_of(inner, inner_place, schemas)


def _kind(part: type[Part]) -> str:
    """The text under `type` behind a space, for objects that have one."""
    field = part.model_fields.get("type")
    return "" if field is None else f" {typing.get_args(field.annotation)[0]}"


def _notes_of(field: FieldInfo) -> Iterator[Any]:
    """What is said of the type of a key, or of one of the types that it may have."""
    yield from field.metadata
    for inner in typing.get_args(field.annotation):
        yield from getattr(inner, "__metadata__", ())


def _with_references(schema: Any) -> Any:
    """The schema where a reference may stand for numbers, flags, and each text that is not just any."""
    if isinstance(schema, list):
        return [_with_references(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    narrow = schema.get("type") == "string" and {"minLength", "pattern", "enum"} & schema.keys()
    if schema.get("type") in ("integer", "number", "boolean") or narrow:
        notes = {name: schema[name] for name in _NOTES if name in schema}
        own = {name: value for name, value in schema.items() if name not in _NOTES}
        return {**notes, "anyOf": [own, _REFERENCE]}
    return {name: _with_references(value) for name, value in schema.items()}
