"""application/x-www-form-urlencoded (WHATWG URL standard, section 5), read piece by piece as it arrives.

A body costs no more memory than its bytes, whatever it is made of: `parse_qsl` takes a hundred times as much
where every byte is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus

from origin.errors import Malformed

_PER_CHARACTER = 3  # bytes that an escaped one takes
# What is escaped of a data URI in base64. A plus sign that is not stands for a space.
_ESCAPED = {f"%{ord(character):02X}": character for character in "+/=:;, \r\n\t"}


def unescape_data_uri(value: bytes) -> bytes:
    """The text of a data URI. An escape that none in base64 needs stays, and makes it one that is not."""
    value = value.replace(b"+", b" ")
    if b"%" in value:
        for escape, character in _ESCAPED.items():
            for spelling in {escape, escape.lower()}:
                value = value.replace(spelling.encode(), character.encode())
    return value


class UrlencodedParser:
    """Splits pieces of a body into fields.

    `is_large` tells by its name whether a field goes, as it is, to `on_large`; others go to `on_text`, unless
    they have more than `max_text` characters. Raises Malformed.
    """

    def __init__(
        self,
        is_large: Callable[[str], bool],
        on_large: Callable[[bytes], None],
        on_text: Callable[[str, str], None],
        *,
        max_fields: int,
        max_text: int,
    ) -> None:
        self._is_large = is_large
        self._on_large = on_large
        self._on_text = on_text
        self._max_fields = max_fields
        self._max_bytes = max_text * _PER_CHARACTER
        self._max_text = max_text
        self._fields = 1
        self._start()

    def write(self, piece: bytes) -> None:
        self._fields += piece.count(b"&")
        if self._fields > self._max_fields:
            raise Malformed(f"a form has at most {self._max_fields} fields")
        first, *others = piece.split(b"&")
        self._add(first)
        for part in others:
            self.end()
            self._add(part)

    def end(self) -> None:
        """The field, or the body, has come to its end."""
        value = _decoded(self._value)
        named = (value, "") if self._name is None else (self._name, value)
        is_there = self._name is not None or bool(value)
        if is_there and not self._goes_on and len(named[1]) <= self._max_text:
            self._on_text(*named)
        self._start()

    def _start(self) -> None:
        self._name: str | None = None  # until it is known
        self._value = b""  # or the name, as far as it has come
        self._goes_on = False  # whether its value went on to `on_large`, or is too long
        self._to_large = False

    def _add(self, part: bytes) -> None:
        if self._name is None:
            name, equals, part = part.partition(b"=")
            self._keep(name)
            if self._goes_on:
                raise Malformed("the name of a field is too long")
            if not equals:
                return
            self._name, self._value = _decoded(self._value), b""
            self._to_large = self._is_large(self._name)
        if self._to_large:
            self._goes_on = True
            self._on_large(part)
        else:
            self._keep(part)

    def _keep(self, part: bytes) -> None:
        if len(self._value) + len(part) > self._max_bytes:
            self._goes_on, self._value = True, b""
        elif not self._goes_on:
            self._value += part


def _decoded(text: bytes) -> str:
    return unquote_plus(text.decode("latin-1"))
