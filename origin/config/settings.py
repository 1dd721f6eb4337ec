"""Turns settings that other code declares (`origin.sources.settings`) into objects of the file.

The declaration knows nothing of pydantic. An object of the file is checked here and becomes an instance of
the declaration.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Union

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import create_model

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import AnyText
from origin.config.types import Duration
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import SecretText
from origin.config.types import Size
from origin.config.types import Strict
from origin.config.types import Text
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import one_of
from origin.config.types import parse_number
from origin.sources.settings import Secret
from origin.sources.settings import Setting

_HIDDEN = "**********"
# Generic types whose arguments exist only at run time.
_Dict: Any = dict
_Tuple: Any = tuple
_Literal: Any = Literal


def settings_part(name: str, settings: type[Any], type_text: str | None = None) -> type[Part]:
    """The object of the file for these settings; with `type_text` it has a `type` in front, of that text."""
    hints = typing.get_type_hints(settings, include_extras=True)
    fields: dict[str, Any] = {
        field.name: _key(hints[field.name], field) for field in dataclasses.fields(settings)
    }
    if type_text is not None:
        fields = {"type": (Annotated[_Literal[type_text], meaning(f'"{type_text}"')], ...)} | fields
    part: type[Part] = create_model(name, __base__=Part, __doc__=settings.__doc__, **fields)
    return part


def to_settings(part: Part, settings: type[Any]) -> Any:
    """The settings that an object of the file holds. Raises PydanticCustomError if they refuse them."""
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(settings)}
    try:
        return settings(**values)
    except ValueError as exc:
        raise expected(str(exc), got="") from None


def dump(settings: Any) -> Any:
    """Settings as they stand in the file, without the secrets."""
    if isinstance(settings, Secret):
        return _HIDDEN
    if _is_settings(settings):
        return {field.name: dump(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
    if isinstance(settings, dict):
        return {name: dump(value) for name, value in settings.items()}
    return str(settings) if isinstance(settings, Path) else settings


def union(members: Iterable[Any]) -> Any:
    """One of these objects, told apart by their `type`."""
    return Annotated[functools.reduce(operator.or_, members), Field(discriminator="type")]


def _key(annotation: Any, field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    """Type and default of a key, as pydantic wants them."""
    plain, setting = typing.get_args(annotation)
    default = ... if field.default is dataclasses.MISSING else field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return Annotated[_type(plain, setting), meaning(setting.meaning)], default


def _type(annotation: Any, setting: Setting) -> Any:
    """The type of a key with its checks and its words."""
    kind, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if kind in (Union, types.UnionType):
        members = [inner for inner in arguments if inner is not type(None)]
        one = _type(members[0], setting) if len(members) == 1 else _one_of_several(members)
        return one if len(members) == len(arguments) else one | None
    if kind is Literal and len(arguments) == 1:  # what tells one object from another
        return annotation
    if kind is Literal:
        return Annotated[annotation, expects(setting.expects or one_of([str(text) for text in arguments]))]
    if kind is tuple:
        return _Tuple[_type(arguments[0], setting), ...]
    if kind is dict:
        return _Dict[Text, _type(arguments[1], setting)]
    if _is_settings(annotation):
        return Annotated[_inner_part(annotation), AfterValidator(lambda part: to_settings(part, annotation))]
    return _SIMPLE[annotation](setting)


def _is_settings(thing: Any) -> bool:
    return dataclasses.is_dataclass(thing)


def _inner_part(settings: type[Any]) -> type[Part]:
    return settings_part(settings.__name__.removesuffix("Settings"), settings)


def _one_of_several(members: list[Any]) -> Any:
    parts = {_inner_part(member): member for member in members}
    return Annotated[union(parts), AfterValidator(lambda part: to_settings(part, parts[type(part)]))]


def _text(setting: Setting) -> Any:
    if setting.pattern:
        return Annotated[str, Field(pattern=setting.pattern), expects(setting.expects or "text")]
    return AnyText if setting.may_be_empty else Text


def _number(kind: type[Any], setting: Setting) -> Any:
    if setting.unit == "bytes":
        return Size
    if kind is float and setting.minimum is None:
        return Duration
    minimum = setting.minimum or 0
    words = setting.expects or f"{setting.unit or 'a whole number'} >= {minimum}"
    return Annotated[kind, Strict, Field(ge=minimum), BeforeValidator(parse_number), expects(words)]


def _secret(setting: Setting) -> Any:
    return Annotated[SecretText, AfterValidator(lambda text: Secret(text.get_secret_value()))]


_SIMPLE: dict[Any, Callable[[Setting], Any]] = {
    str: _text,
    bool: lambda setting: Flag,
    int: lambda setting: _number(int, setting),
    float: lambda setting: _number(float, setting),
    Path: lambda setting: FilePath,
    Secret: _secret,
}
