"""Variables for keys of the configuration: `ORIGIN__HANDLERS__PHOTOS__SOURCE__BUCKET=pictures`.

Two underscores stand between the names of keys, in upper case. A handler is named by its `name` or, as any
entry of a list, by its number from 0. A value is JSON where that fits, else the text itself. Variables win
over the file, and longer names over shorter ones.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from origin.config.messages import refusal

PREFIX = "ORIGIN__"
_SEPARATOR = "__"
_BY_NAME = "handlers"  # the list whose entries have names
_OBJECTS = frozenset({"sources", "presets", "watermarks", "answers"})  # of names that may be numbers

Place = tuple[str | int, ...]


class Variables:
    """What the variables set. `places` tells which variable is behind which place, as errors write it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """A variable without a value counts as none: so do containers leave one out."""
        self._texts = {
            name: environment[name]
            for name in sorted(environment, key=lambda name: (name.count(_SEPARATOR), name))
            if name.startswith(PREFIX) and environment[name]
        }
        self._as_text: set[str] = set()
        self.places: dict[str, str] = {}

    @property
    def name_handlers(self) -> bool:
        """Whether they alone may be a configuration."""
        return any(name.startswith(f"{PREFIX}{_BY_NAME.upper()}") for name in self._texts)

    def laid_over(self, data: Any) -> Any:
        """The data of the file, with what they set. Raises ConfigError."""
        if not self._texts or not isinstance(data, dict):
            return data
        data, self.places = copy.deepcopy(data), {}
        for variable in self._texts:
            place = _text_of(_put(data, variable, self._value(variable)))
            if place in self.places:
                raise refusal(variable, f"{place} is what {self.places[place]} sets, too")
            self.places[place] = variable
        return data

    def behind(self, mistake: str) -> str | None:
        """The variable that set what a mistake tells of, which begins with its place."""
        for place, variable in reversed(self.places.items()):
            if mistake.startswith((f"{place}:", f"{place}.", f"{place}[")):
                return variable
        return None

    def explain(self, variable: str | None) -> str:
        """What is wrong with a text that was meant to be JSON; empty where it was not."""
        text = "" if variable is None else self._texts[variable]
        if not text.startswith(("{", "[")):
            return ""
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            return f"; the text is no JSON: {error.msg} at character {error.pos + 1}"
        except RecursionError:
            return "; the text is no JSON: it is too deep"
        return ""

    def take_as_text(self, variable: str) -> bool:
        """Lay it over as it is from now on, where it was read as a number or the like. Whether it was."""
        was_read = not isinstance(self._value(variable), str | dict | list)
        self._as_text.add(variable)
        return was_read

    def _value(self, variable: str) -> Any:
        text = self._texts[variable]
        if variable in self._as_text:
            return text
        try:
            return json.loads(text, parse_constant=_no_json)
        except (ValueError, RecursionError):
            return text


def _no_json(text: str) -> Any:
    """`NaN` and `Infinity`, which Python takes for JSON."""
    raise ValueError(text)


def _put(data: dict[str, Any], variable: str, value: Any) -> Place:
    """Set what a variable names; its place. Raises ConfigError."""
    path = variable.removeprefix(PREFIX).split(_SEPARATOR)
    if not all(path):
        raise refusal(variable, "expected names of keys with two underscores between them")
    holder: Any = data
    place: Place = ()
    for segment, following in zip(path, [*path[1:], None], strict=True):
        key = _find(holder, place, segment, variable)
        place = (*place, key)
        if following is None:
            is_named = isinstance(value, dict) and isinstance(holder, list) and not segment.isdecimal()
            holder[key] = {"name": holder[int(key)]["name"], **value} if is_named else value
            break
        if _is_missing(holder, key):
            is_list = place == (_BY_NAME,) or (following.isdecimal() and place[0] not in _OBJECTS)
            holder[key] = [] if is_list else {}
        holder = holder[key]
        if not isinstance(holder, dict | list):
            raise refusal(variable, f"{_text_of(place)}: expected an object that has keys")
    return place


def _find(holder: dict[str, Any] | list[Any], place: Place, segment: str, variable: str) -> str | int:
    """The key, or number of an entry, that a part of a name means; a new one where the file has none."""
    if isinstance(holder, dict):
        return next((key for key in holder if _spelled(key) == segment.upper()), segment.lower())
    if not segment.isdecimal():
        if place != (_BY_NAME,):
            raise refusal(variable, f"{_text_of(place)}: expected the number of an entry, got {segment}")
        names = [_spelled(str(entry.get("name"))) if isinstance(entry, dict) else "" for entry in holder]
        if segment.upper() in names:
            return names.index(segment.upper())
        holder.append({"name": segment.lower()})
        return len(holder) - 1
    if int(segment) > len(holder):
        raise refusal(variable, f"{_text_of(place)}: there is no entry {len(holder)} before it")
    if int(segment) == len(holder):
        holder.append(None)
    return int(segment)


def _is_missing(holder: Any, key: str | int) -> bool:
    return (isinstance(holder, dict) and key not in holder) or holder[key] is None


def _spelled(key: str) -> str:
    """A key as the name of a variable has it."""
    return re.sub(r"[^A-Z0-9]", "_", key.upper())


def _text_of(place: Place) -> str:
    """As in messages: `handlers[0].source`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
