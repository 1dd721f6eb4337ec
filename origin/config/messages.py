"""What pydantic has to complain of, in one line: `handlers[1].cache_time: expected seconds, got "a week"`.

No line repeats a secret, nor a value that might be one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from origin.config.handler import Handler
from origin.config.model import Config
from origin.config.part import Part
from origin.config.part import keys_of
from origin.config.part import part_types
from origin.config.part import parts_in
from origin.config.secrets import Place
from origin.config.secrets import may_be_secret
from origin.config.sources import SOURCE_PARTS
from origin.config.sources import SOURCE_TYPES
from origin.config.types import Referenced
from origin.config.types import one_of
from origin.errors import ConfigError

_NOT_SHOWN = "a value that is not shown here"
_NAMED = ("presets", "watermarks", "sources")  # whose objects have names of the user's
_EXPECTED = {
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "tuple_type": "a list",
    "too_short": "a list with at least one entry",
}


def refusal(name: str, text: str) -> ConfigError:
    """One line, whatever the file has for keys and values."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return ConfigError(f"{name}: {''.join(printable)}")


def first_mistake(error: ValidationError, data: Any) -> str:
    """The first mistake in `data`, and how many more there are."""
    errors = error.errors(include_url=False)
    # A list with a bad entry is also reported as too short, which says nothing new.
    told = [errors[0], *(each for each in errors[1:] if each["type"] != "too_short")]
    told.sort(key=lambda each: each["type"] == "missing")  # as a misspelt key is, too
    # What stands for several keys, as one `auth` for every request does, is wrong in each of them.
    first, *others = dict.fromkeys(_sentence(each, data) for each in told)
    return first + (f" (and {len(others)} more)" if others else "")


def _sentence(error: ErrorDetails, data: Any) -> str:
    # pydantic puts "[key]" behind a key of an object that is itself the mistake.
    loc = _place_of(tuple(part for part in error["loc"] if part != "[key]"), data)
    context = error.get("ctx", {}) if error["type"] == "expected" else {}
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    place = ".".join(filter(None, [place.lstrip("."), context.get("key")]))
    if error["type"] == "missing":
        return f"{place}: required, and not there"
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key{_advice_on_key(loc)}"
    text, got = _expected_and_got(error, loc)
    text, got = context.get("text", text), context.get("got", got)  # pydantic fills in braces of the text
    return f"{place or 'the file'}: expected {text}" + (f", got {got}" if got else "")


def _expected_and_got(error: ErrorDetails, loc: Place) -> tuple[str, str]:
    """What should stand there, and what does."""
    if error["type"] == "union_tag_invalid":
        types = error["ctx"]["expected_tags"].replace("'", "").split(", ")
        return f'{one_of(types)} as "type"', _value_text(error["input"]["type"], [*loc, "type"])
    if error["type"] == "union_tag_not_found":
        is_source = loc[-1:] == ["source"] or loc[-2:-1] == ["sources"]
        text = f'a "type", {SOURCE_TYPES}' if is_source else 'a "type"'
    else:
        text = _EXPECTED.get(error["type"], error["msg"])
    return text, _value_text(error["input"], loc)


def _place_of(loc: tuple[int | str, ...], data: Any) -> Place:
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


def _value_text(value: Any, loc: Place) -> str:
    """A value as an error tells of it: never a secret, and nothing that could hold one."""
    if isinstance(value, Referenced):
        return f"the content of {value.reference}"
    if may_be_secret(value, loc):
        return _NOT_SHOWN
    if isinstance(value, dict | Part):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "[]"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _advice_on_key(loc: Place) -> str:
    """What was probably meant: a key that other objects have, or a similar one of this object."""
    key = str(loc[-1])
    if key in keys_of(Handler):
        return "; it is a key of handlers"
    if key in keys_of(Config):
        return "; it is a key of the file itself"
    if types := [name for name, part in SOURCE_PARTS.items() if key in keys_of(part)]:
        return f"; it is a key of sources of type {' and '.join(types)}"
    names = {name for part in _parts_at(loc[:-1]) for name in keys_of(part)}
    if key in names:  # of another type of them, or of the `limits` at the top
        is_of_handler = loc[0] == "handlers" and loc[-2] in keys_of(Config)
        return f"; it is a key of {loc[-2]} of the file itself" if is_of_handler else "; another type has it"
    close = difflib.get_close_matches(key, sorted(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _parts_at(loc: Place) -> Iterable[type[Part]]:
    """What may stand there, as the last key on the way has it that is no name of the user's."""
    keys = [part for before, part in zip([None, *loc], loc, strict=False) if before not in _NAMED]
    fields = [each for part in part_types() for each in keys_of(part).items()]
    for key in reversed(keys):
        if key in ("source", "sources"):
            return SOURCE_PARTS.values()
        own = [field for name, field in fields if name == key]
        if found := [part for field in own for part, _ in parts_in(field.annotation)]:
            return found
    return [Config]
