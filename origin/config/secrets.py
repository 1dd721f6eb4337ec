"""Where a secret may stand in the file, from the types of the keys: there no error shows a value."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from origin.config.part import Part
from origin.config.part import keys_of
from origin.config.part import part_types
from origin.config.sources import SourceField

Place = list[int | str]

_SEVERAL = {"handlers", "sources"}  # the keys with several objects that may hold secrets


def may_be_secret(value: Any, place: Place) -> bool:
    """Whether the value is a secret, or could be one that stands in the wrong place."""
    if _secret_keys() & {str(part) for part in place}:
        return True
    if not isinstance(value, str):
        return False
    instead_of_object = place[-1:] and place[-1] in _secret_holders()
    instead_of_entry = place[-2:-1] and place[-2] in _SEVERAL
    return bool(instead_of_object or instead_of_entry) or "@" in value  # user:password@host


@functools.cache
def _secret_keys() -> frozenset[str]:
    """The keys whose value is a secret, or a list of them."""
    return frozenset(name for name, types in _keys() if SecretStr in types)


@functools.cache
def _secret_holders() -> frozenset[str]:
    """The keys whose value is an object, or some, with a secret somewhere in it."""
    secret_types: set[Any] = {SecretStr, SourceField}
    while True:
        parts = {p for p in part_types() if any(types & secret_types for _, types in _keys_of(p))}
        if parts <= secret_types:
            return frozenset(name for name, types in _keys() if types & (secret_types - {SecretStr}))
        secret_types |= parts


def _keys() -> Iterator[tuple[str, set[Any]]]:
    for part in part_types():
        yield from _keys_of(part)


def _keys_of(part: type[Part]) -> Iterator[tuple[str, set[Any]]]:
    """Each key with every type that its annotation is made of."""
    for key, field in keys_of(part).items():
        metadata = {type(entry) for entry in field.metadata}
        yield key, {*_types_in(field.annotation), *metadata}


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    yield type(annotation)
    for inner in typing.get_args(annotation):
        yield from _types_in(inner)
