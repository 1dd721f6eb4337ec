"""Kinds of values: what the text of an option means, what is refused, and how a value is written.

A kind is pure: text in, value out, ValueError where the text has no meaning. The table in `options.py` gives
each option a kind with its bounds; every other rule about values is here. A value has these forms:

    text      as it stands in a URL, percent-decoded    b"300.50"
    exact     what it means, without any rounding       Decimal("300.50"); grants compare these
    simple    what `Options` and render jobs hold       301
    constant  what a grant holds, in JSON               300.5
"""

from __future__ import annotations

import re
from abc import ABC
from abc import abstractmethod
from collections.abc import Mapping
from decimal import ROUND_HALF_UP
from decimal import Decimal
from fractions import Fraction
from typing import Any
from typing import ClassVar
from typing import TypeVar

T = TypeVar("T")
Exact = bool | str | int | Decimal | Fraction | tuple[int | Decimal, ...]
Simple = bool | str | int | float | tuple[int | float, ...]
Constant = bool | str | int | float

# One spelling a number: no sign, no leading zero, no exponent, no digit outside ASCII.
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FEW_DIGITS = re.compile(rb"[0-9]{1,15}(?:\.[0-9]{1,20})?")
_INT_DIGITS = 15  # a longer number is a Decimal: `int` refuses text of more than 4300 digits
_LARGE = 10**9  # a longer side is as good as infinite, and no less valid for it


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


class Ordered(Kind):
    """Numbers: a grant may bound them by `min` and `max`, and holds them as JSON numbers."""

    __slots__ = ()
    # And so never NaN, Infinity or True, which is a number to Python.
    constant_types: ClassVar[tuple[type, ...]] = (int, Decimal)
    is_ordered = True

    def to_constant(self, value: Any) -> Constant:
        return int(value) if value == int(value) else float(value)

    def parse_limit(self, text: bytes) -> Exact:
        return parse_short_number(text)


class Number(Ordered):
    """A plain decimal from `lowest` to `highest`, both included.

    A number beyond them is refused, or means the nearest of them where `clamped`. `whole` numbers have no
    fraction, not even `.0`.
    """

    __slots__ = ("clamped", "highest", "lowest", "unit", "whole")

    def __init__(
        self,
        lowest: int | str,
        highest: int | str,
        *,
        whole: bool = False,
        clamped: bool = False,
        unit: str = "",
    ) -> None:
        self.lowest, self.highest = _exact_number(lowest), _exact_number(highest)
        self.whole, self.clamped, self.unit = whole, clamped, unit

    @property
    def values(self) -> str:
        return self.unit or f"{self.lowest} to {self.highest}{', clamped' if self.clamped else ''}"

    @property
    def expected(self) -> str:
        number = "a whole number" if self.whole else "a number"
        if self.unit:
            return f"{number} of {self.unit}"
        return number if self.clamped else f"{number} from {self.lowest} to {self.highest}"

    def parse(self, text: bytes) -> int | Decimal | None:
        value = _parse_number(text)
        if self.whole and not isinstance(value, int):
            raise ValueError("not whole")
        if not self.clamped and not self.lowest <= value <= self.highest:
            raise ValueError("out of bounds")
        return value

    def parse_exactly(self, text: bytes) -> int | Decimal | None:
        _check_digits(text)
        return self.parse(text)

    def simplify(self, value: Any) -> int | float:
        if self.clamped:
            value = min(max(value, self.lowest), self.highest)
        return int(value) if self.whole else float(value)

    def has_values_between(self, lowest: Any, highest: Any) -> bool:
        if lowest is not None and highest is not None and lowest > highest:
            return False
        if self.clamped:
            return True  # numbers beyond the kind's own bounds are taken too
        return (lowest is None or lowest <= self.highest) and (highest is None or highest >= self.lowest)


class NumberOr(Kind):
    """A number, or one word in its place. A grant may bound the numbers; no range holds the word."""

    __slots__ = ("number", "word")
    constant_types = (int, Decimal, str)
    is_ordered = True

    def __init__(self, word: str, number: Number) -> None:
        self.word, self.number = word, number

    @property
    def values(self) -> str:
        return f"{self.number.values}, `{self.word}`"

    @property
    def expected(self) -> str:
        return f"{self.number.expected}, or {self.word}"

    def parse(self, text: bytes) -> Exact | None:
        return self.word if text.lower() == self.word.encode() else self.number.parse(text)

    def parse_exactly(self, text: bytes) -> Exact | None:
        return self.word if text.lower() == self.word.encode() else self.number.parse_exactly(text)

    def simplify(self, value: Any) -> Simple:
        return value if isinstance(value, str) else self.number.simplify(value)

    def from_constant(self, constant: Any) -> Exact:
        return constant.lower() if isinstance(constant, str) else self.number.from_constant(constant)

    def to_constant(self, value: Any) -> Constant:
        return value if isinstance(value, str) else self.number.to_constant(value)

    def parse_limit(self, text: bytes) -> Exact:
        return self.number.parse_limit(text)

    def has_values_between(self, lowest: Any, highest: Any) -> bool:
        return self.number.has_values_between(lowest, highest)


class Pixels(Ordered):
    """CSS pixels of a side: a plain decimal, half a pixel rounded up; 0 is as absent.

    It has no upper bound here: a handler clamps to its `max_dimension`, in device pixels.
    """

    __slots__ = ()
    values = "a number of CSS pixels"
    expected = "a number of CSS pixels"

    def parse(self, text: bytes) -> int | Decimal | None:
        return _parse_number(text) or None

    def parse_exactly(self, text: bytes) -> int | Decimal | None:
        """Refuses also less than a pixel: that may round to 0, which asks for the original's size."""
        _check_digits(text)
        value = _parse_number(text)
        if 0 < value < 1:
            raise ValueError("less than a pixel")
        return value or None

    def simplify(self, value: Any) -> int:
        value = min(value, _LARGE)
        return value if isinstance(value, int) else int(value.to_integral_value(ROUND_HALF_UP))

    def has_values_between(self, lowest: Any, highest: Any) -> bool:
        return highest is None or (highest >= 1 and (lowest is None or lowest <= highest))


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


def parse_short_number(text: bytes) -> int | Decimal:
    """A number of no more digits than every reader keeps. Raises ValueError."""
    _check_digits(text)
    return _parse_number(text)


def _look_up(meanings: Mapping[bytes, T], text: bytes) -> T:
    """What a name means, in any case. Raises ValueError for a name that is not there."""
    meaning = meanings.get(text)
    if meaning is None:
        meaning = meanings.get(text.lower())
    if meaning is None:
        raise ValueError("no such name")
    return meaning


def _parse_number(text: bytes) -> int | Decimal:
    """A number without a loss, however long. Raises ValueError."""
    if len(text) <= _INT_DIGITS and text.isdigit() and (text[0] != 48 or len(text) == 1):
        return int(text)
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("not a plain decimal")
    return Decimal(text.decode("ascii"))


def _exact_number(number: int | str) -> int | Decimal:
    return number if isinstance(number, int) else Decimal(number)


def _check_digits(text: bytes) -> None:
    """Raise ValueError for more digits than every reader of numbers keeps."""
    if _FEW_DIGITS.fullmatch(text) is None:
        raise ValueError("too many digits")
