"""Kinds of values that are numbers: what is a number, how long it may be, what bounds it.

Every number is a plain decimal: no sign, no leading zero, no exponent.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP
from decimal import Decimal
from typing import Any
from typing import ClassVar

from origin.urls.values import Constant
from origin.urls.values import Exact
from origin.urls.values import Kind
from origin.urls.values import Simple

# One spelling a number: no sign, no leading zero, no exponent, no digit outside ASCII.
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FEW_DIGITS = re.compile(rb"[0-9]{1,15}(?:\.[0-9]{1,20})?")
_INT_DIGITS = 15  # a longer number is a Decimal: `int` refuses text of more than 4300 digits
_LARGE = 10**9  # a longer side is as good as infinite, and no less valid for it


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


def parse_short_number(text: bytes) -> int | Decimal:
    """A number of no more digits than every reader keeps. Raises ValueError."""
    _check_digits(text)
    return _parse_number(text)


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
