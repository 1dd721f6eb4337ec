"""Kinds of values of the options that cut, turn and surround a picture.

Where a value holds several numbers, commas stand between them, a grant holds its text, and the values of a
list on a command line have semicolons between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from origin.urls.number_values import Ordered
from origin.urls.number_values import parse_short_number
from origin.urls.values import Constant
from origin.urls.values import Exact
from origin.urls.values import Kind
from origin.urls.values import Simple
from origin.urls.values import spell

CENTER = (0.5, 0.5)
_HALF = Decimal("0.5")
POSITIONS: dict[str, tuple[int | Decimal, int | Decimal]] = {
    "center": (_HALF, _HALF),
    "top": (_HALF, 0),
    "right": (1, _HALF),
    "bottom": (_HALF, 1),
    "left": (0, _HALF),
    "top-left": (0, 0),
    "top-right": (1, 0),
    "bottom-left": (0, 1),
    "bottom-right": (1, 1),
}
_POSITION_NAMES = {position: name for name, position in POSITIONS.items()}
_FULL_TURN = 360  # degrees


class _Compound(Kind):
    """Values that a grant holds as their text."""

    __slots__ = ()
    constant_types = (str,)
    separator = ";"

    def to_constant(self, value: Any) -> Constant:
        return self.write(value)

    def from_constant(self, constant: Any) -> Exact:
        """A text without meaning stays, and no value equals it."""
        text: str = constant
        try:
            return self.parse(text.encode()) or text
        except ValueError:
            return text


class Position(_Compound):
    """A place in a picture: a name, a point as shares of the sides from the top left, or the name of a way to
    find one."""

    __slots__ = ("found",)

    def __init__(self, *found: str) -> None:
        self.found = found

    @property
    def values(self) -> str:
        return " ".join(f"`{name}`" for name in (*POSITIONS, "0.3,0.6", *self.found))

    @property
    def expected(self) -> str:
        return f"{', '.join((*POSITIONS, *self.found))} or x,y from 0 to 1"

    def parse(self, text: bytes) -> str | tuple[int | Decimal, ...]:
        name = text.decode("latin-1").lower()
        if name in self.found:
            return name
        if name in POSITIONS:
            return POSITIONS[name]
        point = _parse_numbers(text, 2)
        if max(point) > 1:
            raise ValueError("out of bounds")
        return point

    def simplify(self, value: Any) -> Simple:
        return value if isinstance(value, str) else tuple(float(share) for share in value)

    def write(self, value: Any) -> str:
        return value if isinstance(value, str) else _POSITION_NAMES.get(tuple(value)) or _write_numbers(value)


class Rectangle(_Compound):
    """Left, top, width and height: pixels, or shares of the sides where none is more than 1."""

    __slots__ = ()
    values = "`10,20,300,200` in pixels, or shares of the sides: `0.1,0,0.5,1`"
    expected = "x,y,w,h with w and h above 0"

    def parse(self, text: bytes) -> tuple[int | Decimal, ...]:
        numbers = _parse_numbers(text, 4)
        if not numbers[2] or not numbers[3]:
            raise ValueError("not a part")
        return numbers

    def simplify(self, value: Any) -> tuple[int | float, ...]:
        return tuple(int(number) if number == int(number) else float(number) for number in value)

    def write(self, value: Any) -> str:
        return _write_numbers(value)


class Padding(_Compound):
    """CSS pixels at the top, the right, the bottom and the left; fewer than four as in CSS."""

    __slots__ = ()
    values = "1 to 4 numbers of CSS pixels: `10` `10,20` `10,20,30` `10,20,30,40`"
    expected = "1 to 4 numbers of CSS pixels with commas between them"

    def parse(self, text: bytes) -> tuple[int | Decimal, ...]:
        numbers = _parse_numbers(text, 1, 2, 3, 4)
        top = numbers[0]
        right = numbers[1] if len(numbers) > 1 else top
        bottom = numbers[2] if len(numbers) > 2 else top
        return top, right, bottom, numbers[3] if len(numbers) > 3 else right

    def simplify(self, value: Any) -> tuple[int | float, ...]:
        return tuple(int(number) if number == int(number) else float(number) for number in value)

    def write(self, value: Any) -> str:
        """The value as text, in as few numbers as CSS needs."""
        top, right, bottom, left = value
        if right != left:
            return _write_numbers(value)
        if top != bottom:
            return _write_numbers((top, right, bottom))
        return _write_numbers((top, right) if top != right else (top,))


class Aspect(Ordered):
    """Width to height: `16:9`, or the quotient. A grant may hold either, and bound it."""

    __slots__ = ()
    constant_types = (str, int, Decimal)
    values = "`16:9`, or a number such as `1.5`"
    expected = "width to height, such as 16:9 or 1.5"

    def parse(self, text: bytes) -> Fraction:
        terms = [Fraction(parse_short_number(term)) for term in text.split(b":")]
        if len(terms) > 2 or 0 in terms:
            raise ValueError("not a ratio")
        return terms[0] / terms[1] if len(terms) == 2 else terms[0]

    def simplify(self, value: Any) -> tuple[int | float, ...]:
        """Two whole numbers without a common divisor."""
        return int(value.numerator), int(value.denominator)

    def write(self, value: Any) -> str:
        width, height = value if isinstance(value, tuple) else self.simplify(value)
        return f"{width}:{height}"

    def to_constant(self, value: Any) -> Constant:
        return self.write(value)

    def from_constant(self, constant: Any) -> Fraction:
        """Raises ValueError."""
        return self.parse(constant.encode()) if isinstance(constant, str) else Fraction(constant)

    def parse_limit(self, text: bytes) -> Exact:
        return self.parse(text)

    def has_values_between(self, lowest: Any, highest: Any) -> bool:
        low, high = (
            None if end is None else self.from_constant(end if isinstance(end, str) else Decimal(str(end)))
            for end in (lowest, highest)
        )
        return (high is None or high > 0) and (low is None or high is None or low <= high)


class Degrees(Ordered):
    """An angle, clockwise; a negative one is the other way round."""

    __slots__ = ()
    values = "-360 to 360 degrees"
    expected = "a number of degrees from -360 to 360"

    def parse(self, text: bytes) -> int | Decimal:
        degrees = self._parse_signed(text)
        if not -_FULL_TURN <= degrees <= _FULL_TURN:
            raise ValueError("out of bounds")
        return degrees

    def simplify(self, value: Any) -> float:
        """From 0 to less than 360, in steps that no picture shows."""
        return round(float(value) % _FULL_TURN, 4) % _FULL_TURN

    def parse_limit(self, text: bytes) -> int | Decimal:
        return self._parse_signed(text)

    def has_values_between(self, lowest: Any, highest: Any) -> bool:
        if lowest is not None and highest is not None and lowest > highest:
            return False
        return (lowest is None or lowest <= _FULL_TURN) and (highest is None or highest >= -_FULL_TURN)

    @staticmethod
    def _parse_signed(text: bytes) -> int | Decimal:
        size = parse_short_number(text.removeprefix(b"-"))
        return -size if text.startswith(b"-") else size


def _parse_numbers(text: bytes, *counts: int) -> tuple[int | Decimal, ...]:
    """Numbers with commas between them, as many as one of `counts`. Raises ValueError."""
    numbers = tuple(parse_short_number(number) for number in text.split(b","))
    if len(numbers) not in counts:
        raise ValueError("not so many numbers")
    return numbers


def _write_numbers(numbers: Sequence[int | float | Decimal]) -> str:
    return ",".join(
        format(number, "f") if isinstance(number, Decimal) else spell(number) for number in numbers
    )
