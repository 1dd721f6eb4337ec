"""What pydantic has to complain of, in one line: `handlers[1].cache_time: expected seconds, got "a week"`.

No line repeats a secret, nor a value that might be one.
"""

from __future__ import annotations

import difflib
import functools
import json
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from origin.config.part import Part
from origin.config.part import part_types
from origin.config.sources import SOURCE_TYPES
from origin.config.sources import SourceField
from origin.config.types import Referenced
from origin.config.types import one_of
from origin.errors import ConfigError

_SEVERAL = {"handlers", "sources"}  # the keys with several objects that may hold secrets
_NOT_SHOWN = "a value that is not shown here"
_EXPECTED = {
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "tuple_type": "a list",
    "too_short": "a list with at least one entry",
}

Place = list[int | str]


def refusal(name: str, text: str) -> ConfigError:
    """One line, whatever the file has for keys and values."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return ConfigError(f"{name}: {''.join(printable)}")


def first_mistake(error: ValidationError, data: Any) -> str:
    """The first mistake in `data`, and how many more there are."""
    errors = error.errors(include_url=False)
    # A list with a bad entry is also reported as too short, which says nothing new.
    others = sum(each["type"] != "too_short" for each in errors[1:])
    more = f" (and {others} more)" if others else ""
    return _sentence(errors[0], data) + more


def _sentence(error: ErrorDetails, data: Any) -> str:
    loc = _without_tags(error["loc"], data)
    context = error.get("ctx", {}) if error["type"] == "expected" else {}
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    place = ".".join(filter(None, [place.lstrip("."), context.get("key")]))
    if error["type"] == "missing":
        return f"{place}: required, and not there"
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key{_similar_key(str(loc[-1]))}"
    text = _EXPECTED.get(error["type"], error["msg"])
    got = context.get("got")
    if error["type"] == "union_tag_not_found":
        text = f'a "type", {SOURCE_TYPES}' if _is_source(loc) else 'a "type"'
    elif error["type"] == "union_tag_invalid":
        tags = error["ctx"]["expected_tags"].replace("'", "").split(", ")
        text, got = f'{one_of(tags)} as "type"', _shown(error["input"]["type"], [*loc, "type"])
    if got is None:
        got = _shown(error["input"], loc)
    return f"{place or 'the file'}: expected {text}" + (f", got {got}" if got else "")


def _is_source(loc: Place) -> bool:
    return loc[-1:] == ["source"] or loc[-2:-1] == ["sources"]


def _without_tags(loc: tuple[int | str, ...], data: Any) -> Place:
    """pydantic puts the type of a source behind the key that it stands under, where no such key is."""
    place: Place = []
    for number, part in enumerate(loc):
        is_last = number == len(loc) - 1
        if isinstance(data, dict) and part not in data and not is_last:
            continue
        place.append(part)
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
    return place


def _shown(value: Any, loc: Place) -> str:
    """A value as an error tells of it: never a secret, and nothing that could hold one."""
    if isinstance(value, Referenced):
        return f"the content of {value.reference}"
    if _secret_keys() & {str(part) for part in loc} or (isinstance(value, str) and _holds_secrets(loc)):
        return _NOT_SHOWN
    if isinstance(value, dict | Part):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "[]"
    if isinstance(value, str) and "@" in value:
        return _NOT_SHOWN  # user:password@host
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _similar_key(key: str) -> str:
    known = {name for part in part_types() for name in part.model_fields}
    close = difflib.get_close_matches(key, sorted(known - {key}), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _holds_secrets(loc: Place) -> bool:
    """Whether an object with secrets in it should stand here: a secret alone may stand in its place."""
    is_object = bool(loc) and loc[-1] in _secret_holders()
    is_entry = len(loc) > 1 and loc[-2] in _SEVERAL
    return is_object or is_entry


@functools.cache
def _secret_keys() -> frozenset[str]:
    """The keys whose value is a secret, or a list of them."""
    return frozenset(name for name, types in _keys() if SecretStr in types)


@functools.cache
def _secret_holders() -> frozenset[str]:
    """The keys whose value is an object, or some, with a secret somewhere in it."""
    secretive: set[Any] = {SecretStr, SourceField}
    while True:
        found = {p for p in part_types() if any(types & secretive for _, types in _keys_of(p))}
        if found <= secretive:
            return frozenset(name for name, types in _keys() if types & (secretive - {SecretStr}))
        secretive |= found


def _keys() -> Iterator[tuple[str, set[Any]]]:
    for part in part_types():
        yield from _keys_of(part)


def _keys_of(part: type[Part]) -> Iterator[tuple[str, set[Any]]]:
    """Each key with every type that its annotation is made of."""
    for name, field in part.model_fields.items():
        metadata = {type(entry) for entry in field.metadata}
        yield name, {*_types_in(field.annotation), *metadata}


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    yield type(annotation)
    for inner in typing.get_args(annotation):
        yield from _types_in(inner)
