"""How large a result is in a page, so that its place is kept free while it loads. Arithmetic alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from origin.client.info import Info
from origin.urls.options import find_option
from origin.urls.writing import Given
from origin.urls.writing import write_value

Size = tuple[int, int]
_UNFORESEEN = {"p", "trim"}  # what they make of the size stands in the configuration, or in the picture
_SCALES_TO_FIT = {"inside", "outside"}


def find_size(options: Mapping[str, Given], info: Info | None) -> Size | None:
    """Width and height in CSS pixels of the result of these options, under their canonical names; None where
    they cannot be told. Without `info` it is taken to be as large as asked for.

    The rules are those of docs/urls.md. Raises ValueError for a value that the origin would refuse.
    """
    box = _Box.of(options)
    known = None if info is None or _UNFORESEEN & options.keys() else _upright(options, info)
    size = box.size_without_original() if known is None else box.size_of(*known)
    rotate = Fraction(_value(options, "rotate") or 0) % 360
    if size is None or rotate % 90:
        return None
    width, height = size if rotate % 180 == 0 else size[::-1]
    top, right, bottom, left = map(_round, _value(options, "pad") or (0, 0, 0, 0))
    return max(1, _round(width)) + left + right, max(1, _round(height)) + top + bottom


def find_widest(options: Mapping[str, Given], info: Info) -> int | None:
    """The largest `w`, with `h` in proportion, for which the original has the pixels: what is wider is no
    larger, or has another shape. None where small originals grow. In CSS pixels, before `pad` and `rotate`.

    Raises ValueError for a value that the origin would refuse.
    """
    box = _Box.of(options)
    return None if box.enlarge else max(1, _round(box.widest_of(*_upright(options, info))))


@dataclass(frozen=True, slots=True)
class _Box:
    width: Fraction  # CSS px; 0: not asked for
    height: Fraction
    aspect: Fraction | None  # only where there is no side
    fit: str
    enlarge: bool

    @classmethod
    def of(cls, options: Mapping[str, Given]) -> _Box:
        width, height = (Fraction(_value(options, side) or 0) for side in ("w", "h"))
        aspect = _value(options, "ar")
        if aspect and bool(width) != bool(height):
            width, height = width or height * aspect, height or width / aspect
        fit = _value(options, "fit") or ("inside" if _value(options, "c") is False else "cover")
        neither = not (width or height)
        return cls(width, height, aspect if neither else None, fit, bool(_value(options, "enlarge")))

    def size_without_original(self) -> tuple[Fraction, Fraction] | None:
        if not (self.width and self.height) or self.fit in _SCALES_TO_FIT:
            return None
        return self.width, self.height

    def size_of(self, width: Fraction, height: Fraction) -> tuple[Fraction, Fraction]:
        """The result of an original of that size."""
        if not (self.width or self.height):
            if self.aspect is None:
                return width, height
            return min(width, height * self.aspect), min(height, width / self.aspect)
        if self.width and self.height and self.fit not in _SCALES_TO_FIT:
            if self.fit == "contain" or self.enlarge:
                return self.width, self.height
            return min(self.width, width), min(self.height, height)
        scales = [side / of for side, of in ((self.width, width), (self.height, height)) if side]
        scale = max(scales) if self.fit == "outside" else min(scales)
        scale = scale if self.enlarge else min(scale, Fraction(1))
        return width * scale, height * scale

    def widest_of(self, width: Fraction, height: Fraction) -> Fraction:
        """How wide this shape can be without enlarging an original of that size."""
        both = self.width and self.height and self.fit not in _SCALES_TO_FIT
        shape = self.width / self.height if both else self.aspect
        if shape is None:
            return width
        if self.fit == "contain" and both:  # wider boxes have more padding and the same picture
            return max(width, height * shape, self.width)
        return min(width, height * shape)


def _upright(options: Mapping[str, Given], info: Info) -> tuple[Fraction, Fraction]:
    """The part of the original that counts."""
    rect = _value(options, "rect")
    whole = Fraction(info.width), Fraction(info.height)
    if rect is None:
        return whole
    left, top, width, height = map(Fraction, rect)
    if max(left, top, width, height) <= 1:
        left, width, top, height = left * whole[0], width * whole[0], top * whole[1], height * whole[1]
    return max(min(width, whole[0] - left), Fraction(1)), max(min(height, whole[1] - top), Fraction(1))


def _value(options: Mapping[str, Given], name: str) -> Any:
    """The exact value of an option; None where it is absent."""
    option = find_option(name)
    if option is None or options.get(name) is None:
        return None
    return option.kind.parse_exactly(write_value(option, options[name]))


def _round(side: Fraction | Decimal | int) -> int:
    return int(Fraction(side) + Fraction(1, 2))
