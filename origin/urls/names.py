"""Kinds of values that are names: of presets and watermarks in the configuration, and of a file to save."""

from __future__ import annotations

import re
from typing import Any
from typing import ClassVar
from urllib.parse import quote

from origin.urls.values import Kind

NAME = "[A-Za-z0-9_-]{1,64}"
"""What the configuration may call a preset or a watermark: it stands in URLs and in names of results."""
MAX_NAMES = 10  # in one value
MAX_FILE_NAME = 200  # characters

_NAMES = re.compile(f"{NAME}(?:,{NAME}){{0,{MAX_NAMES - 1}}}".encode())
_ONE_NAME = re.compile(NAME.encode())


class Names(Kind):
    """A name that the configuration gives under the key `of`, or several with commas between them.

    Whether it is given there, the handler knows (`OptionDefaults.parse`). Grants compare the whole text.
    """

    __slots__ = ("of", "several")
    constant_types: ClassVar[tuple[type, ...]] = (str,)
    separator: ClassVar[str] = ";"

    def __init__(self, of: str, *, several: bool = False) -> None:
        self.of, self.several = of, several

    @property
    def values(self) -> str:
        singular = self.of.removesuffix("s")
        return f"names of {self.of}, with commas" if self.several else f"the name of a {singular}"

    @property
    def expected(self) -> str:
        names = "names, separated by commas," if self.several else "a name"
        return f"{names} of {self.of} in the configuration"

    def parse(self, text: bytes) -> str:
        if not (_NAMES if self.several else _ONE_NAME).fullmatch(text):
            raise ValueError("not a name")
        return text.decode("ascii")

    def simplify(self, value: Any) -> str:
        return str(value)


class FileName(Kind):
    """The name of a file to save. What could do harm in it is replaced where the header is written."""

    __slots__ = ()
    constant_types: ClassVar[tuple[type, ...]] = (str,)
    separator: ClassVar[str] = ";"
    values = "a file name"
    expected = f"a file name of at most {MAX_FILE_NAME} printable characters"

    def parse(self, text: bytes) -> str:
        name = text.decode("utf-8")  # UnicodeDecodeError is a ValueError
        if not name.isprintable() or len(name) > MAX_FILE_NAME:
            raise ValueError("not a file name")
        return name

    def simplify(self, value: Any) -> str:
        return str(value)

    def write(self, value: Any) -> str:
        return quote(value, safe="")
