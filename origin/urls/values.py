"""Kinds of values: what the text of an option means, what is refused, and how a value is written.

A kind is pure: text in, value out, ValueError where the text has no meaning. The table in `options.py` gives
each option a kind with its bounds. Here are the simplest; `number_values`, `geometry_values`, `names` and
`colours` have the others. A value has these forms:

    text      as it stands in a URL, percent-decoded    b"300.50"
    exact     what it means, without any rounding       Decimal("300.50"); grants compare these
    simple    what `Options` and render jobs hold       301
    constant  what a grant holds, in JSON               300.5
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any
from typing import ClassVar
from typing import TypeVar

T = TypeVar("T")
Exact = bool | str | int | Decimal | Fraction | tuple[int | Decimal, ...]
Simple = bool | str | int | float | tuple[int | float, ...]
Constant = bool | str | int | float


class Kind(ABC):
    """What the values of an option have in common. Values are never empty: an empty text is as absent."""

    __slots__ = ()
    constant_types: ClassVar[tuple[type, ...]] = ()  # of a grant's constants, in JSON; compared exactly
    is_ordered: ClassVar[bool] = False  # whether a grant may give `min` and `max`
    separator: ClassVar[str] = ","  # between the values of a list, where a person writes one

    @property
    @abstractmethod
    def values(self) -> str:
        """What may stand in a URL, in Markdown, for the table in the documents."""

    @property
    @abstractmethod
    def expected(self) -> str:
        """What may stand in a URL, for the sentence of an error: `expected ..., got ...`."""

    @abstractmethod
    def parse(self, text: bytes) -> Exact | None:
        """The exact value; None for a text that is as absent. Raises ValueError for what is refused."""

    def parse_exactly(self, text: bytes) -> Exact | None:
        """As `parse`, but refuses text that rounding could turn into another value.

        Signers write, and grants admit, only what every reader takes for the same value.
        """
        return self.parse(text)

    @abstractmethod
    def simplify(self, value: Any) -> Simple:
        """The simple form of an exact value: rounded, and clamped where that is the rule."""

    def write(self, value: Any) -> str:
        """The one spelling of a simple value. It holds no `&`, `=`, `|` or space, since it stands in names of
        results."""
        return spell(value)

    def from_constant(self, constant: Any) -> Exact:
        """The exact value of a grant's constant, whose type is one of `constant_types`."""
        exact: Exact = constant
        return exact

    def to_constant(self, value: Any) -> Constant:
        """The constant that a grant holds for an exact value."""
        constant: Constant = value
        return constant

    def parse_limit(self, text: bytes) -> Exact:
        """A `min` or `max` of a grant, which may lie outside of what is taken. Raises ValueError."""
        raise ValueError("has no order")

    def has_values_between(self, lowest: Any, highest: Any) -> bool:
        """Whether `min` and `max` (None: no bound) leave a value that is not refused."""
        return False


class Flag(Kind):
    """Yes or no, in the spellings that people write."""

    __slots__ = ()
    constant_types = (bool,)
    values = "`true` `t` `1`, `false` `f` `0`"
    expected = "true or false"
    _MEANINGS: ClassVar[Mapping[bytes, bool]] = {
        **dict.fromkeys((b"true", b"t", b"1"), True),
        **dict.fromkeys((b"false", b"f", b"0"), False),
    }

    def parse(self, text: bytes) -> bool:
        return _look_up(self._MEANINGS, text)

    def simplify(self, value: Any) -> bool:
        return bool(value)


class Choice(Kind):
    """One of some names, in any case; `aliases` are other spellings of them."""

    __slots__ = ("meanings",)
    constant_types = (str,)

    def __init__(self, *names: str, aliases: Mapping[str, str] | None = None) -> None:
        others = aliases or {}
        self.meanings: dict[bytes, str] = {}
        for name in names:
            spellings = (name, *(alias for alias, meant in others.items() if meant == name))
            self.meanings.update((spelling.encode(), name) for spelling in spellings)

    @property
    def values(self) -> str:
        return " ".join(f"`{name.decode()}`" for name in self.meanings)

    @property
    def expected(self) -> str:
        *names, last = (name.decode() for name in self.meanings)
        return f"{', '.join(names)} or {last}"

    def parse(self, text: bytes) -> str:
        return _look_up(self.meanings, text)

    def simplify(self, value: Any) -> str:
        return str(value)

    def from_constant(self, constant: Any) -> str:
        """A name that this version does not know stays, and no value equals it."""
        name: str = constant
        return self.meanings.get(name.lower().encode(errors="replace"), name)


class Token(Kind):
    """The token itself, which `signing` reads: any text, and nothing that a grant could bound."""

    __slots__ = ()
    values = ""
    expected = "a token"

    def parse(self, text: bytes) -> str:
        return text.decode("latin-1")

    def simplify(self, value: Any) -> str:
        return str(value)


def spell(value: object) -> str:
    """A value of a program as the text of a URL: True is `true`, 2.0 is `2`, and never `1e-05`; the values of
    a list have commas between them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(map(spell, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(Decimal(str(value)).normalize(), "f") if isinstance(value, float) else str(value)


def _look_up(meanings: Mapping[bytes, T], text: bytes) -> T:
    """What a name means, in any case. Raises ValueError for a name that is not there."""
    meaning = meanings.get(text)
    if meaning is None:
        meaning = meanings.get(text.lower())
    if meaning is None:
        raise ValueError("no such name")
    return meaning
