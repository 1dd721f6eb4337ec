"""What may stand under `source` and `sources`, from the types of sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core import core_schema

from origin.config.part import Part
from origin.config.settings import dump
from origin.config.settings import settings_part
from origin.config.settings import to_settings
from origin.config.settings import union
from origin.config.types import one_of
from origin.sources.base import SourceSettings
from origin.sources.none import NoSettings
from origin.sources.types import SOURCES
from origin.sources.types import type_name

SOURCE_TYPES = one_of(list(SOURCES))
# By the text under "type".
SOURCE_PARTS: dict[str, type[Part]] = {
    name: settings_part(name.capitalize(), row.settings, name) for name, row in SOURCES.items()
}


class NamedSource(str):
    """The name of a source under `sources`, until the whole file has been read."""


@dataclass(frozen=True)
class SourceField:
    """The object of a source, or with `named` the name of one. It becomes the source's settings."""

    named: bool = False

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._read,
            handler.generate_schema(union(SOURCE_PARTS.values())),
            serialization=core_schema.plain_serializer_function_ser_schema(_dump_source),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        source = handler(schema)
        return {"anyOf": [{"type": "string"}, source]} if self.named else source

    def _read(self, value: Any, read_part: Callable[[Any], Any]) -> Any:
        if self.named and isinstance(value, str):
            return NamedSource(value)
        if isinstance(value, NoSettings):
            return value
        part = read_part(value)
        return to_settings(part, SOURCES[part.type].settings)


def _dump_source(settings: SourceSettings) -> dict[str, Any] | None:
    if isinstance(settings, NoSettings):
        return None
    return {"type": type_name(settings), **dump(settings)}


AnySource = Annotated[SourceSettings, SourceField()]
SourceOrName = Annotated[SourceSettings, SourceField(named=True)]
