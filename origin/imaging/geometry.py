"""How large the result is, and what of the original is in it. Arithmetic only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import replace

from origin.urls.geometry_values import CENTER
from origin.urls.options import Options

_RIGHT_ANGLE = 90  # degrees
# How much larger than a result the whole picture may grow before it is cut, in multiples of the limit.
_ROOM_FOR_A_CUT = 4
_ROUNDING = 3  # px by which the sum of rounded parts may be too much

Focus = str | tuple[float, float]
"""Where a cut is centred: shares of the sides from the top left, "smart" or "entropy"."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, in pixels of it."""

    left: int
    top: int
    width: int
    height: int

    def turned(self, width: int, height: int, orientation: int) -> Region:
        """The same part of an upright picture of that size, in the picture as it lies in its file."""
        left = width - self.left - self.width if _mirrors_x(orientation) else self.left
        top = height - self.top - self.height if _mirrors_y(orientation) else self.top
        if orientation >= 5:
            return Region(top, left, self.height, self.width)
        return Region(left, top, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Geometry:
    """What becomes of one page, in the order of the fields. Pixels of the result."""

    width: int  # to which it is resized
    height: int
    cut_width: int
    cut_height: int
    focus: Focus = (0.5, 0.5)  # of the cut
    aligned: bool = False  # that point of the cut lies on that of the picture; else the cut's middle does
    canvas: Region | None = (
        None  # the box of `contain`: its size, and where in it the picture is put; upright
    )
    rotate: float = 0.0  # degrees clockwise
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, right, bottom, left

    def turned(self, orientation: int) -> Geometry:
        """This geometry for the picture as it lies in its file, up to the canvas."""
        focus = self.focus
        if not isinstance(focus, str):
            x = 1 - focus[0] if _mirrors_x(orientation) else focus[0]
            y = 1 - focus[1] if _mirrors_y(orientation) else focus[1]
            focus = (y, x) if orientation >= 5 else (x, y)
        if orientation < 5:
            return replace(self, focus=focus)
        return replace(
            self,
            width=self.height,
            height=self.width,
            cut_width=self.cut_height,
            cut_height=self.cut_width,
            focus=focus,
        )

    @property
    def size(self) -> tuple[int, int]:
        """The sides of the result, before it is turned; a pixel or two too much where it is rotated askew."""
        width, height = self.cut_width, self.cut_height
        if self.canvas is not None:
            width, height = self.canvas.width, self.canvas.height
        width, height = rotated_size(width, height, self.rotate)
        top, right, bottom, left = self.padding
        return left + width + right, top + height + bottom

    @property
    def longest(self) -> int:
        """The longer side of the result."""
        return max(self.size)

    def within(self, side: int) -> Geometry:
        """This geometry with a result whose sides are at most so long."""
        if self.longest <= side:
            return self
        simple = self.canvas is None and not any(self.padding) and not is_askew(self.rotate)
        scale = (side if simple else max(1, side - _ROUNDING)) / self.longest
        cut_width = min(side, _scaled(self.cut_width, scale))
        cut_height = min(side, _scaled(self.cut_height, scale))
        top, right, bottom, left = (int(width * scale) for width in self.padding)
        return replace(
            self,
            width=max(cut_width, _scaled(self.width, scale)),
            height=max(cut_height, _scaled(self.height, scale)),
            cut_width=cut_width,
            cut_height=cut_height,
            canvas=None if self.canvas is None else _scaled_canvas(self.canvas, cut_width, cut_height, scale),
            padding=(top, right, bottom, left),
        )

    def scale(self, width: int, height: int) -> float:
        """The larger of the two scales from a picture of that size; at most 1."""
        return min(1.0, max(self.width / width, self.height / height))

    def place_cut(self, width: int, height: int) -> tuple[int, int]:
        """Left and top of the cut in a picture of that size, centred on the focus as far as it reaches, or
        aligned with it."""
        assert not isinstance(self.focus, str), "the place is not found yet"
        x, y = self.focus
        if self.aligned:
            return _half_down(x * (width - self.cut_width)), _half_down(y * (height - self.cut_height))
        return _centred(width, self.cut_width, x), _centred(height, self.cut_height, y)

    def with_cut_at(self, left: int, top: int) -> Geometry:
        """This geometry with the cut at that place."""
        x, y = (left + self.cut_width / 2) / self.width, (top + self.cut_height / 2) / self.height
        return replace(self, focus=(x, y))


def fit(width: int, height: int, options: Options, limit: int) -> Geometry:
    """What becomes of an upright picture of that size.

    Nothing is enlarged where the options do not ask for it. What grows, and the canvas of a picture that is
    rotated askew, has sides of at most `limit`.
    """
    options = _suiting(width, height, options)
    mode = _mode(options)
    if options.keeps_shape and not options.enlarge:
        options = _with_box_within(width, height, options)
    if mode == "fill":
        wide, high = options.width or width, options.height or height
        if not options.enlarge:
            wide, high = min(wide, width), min(high, height)
        geometry = Geometry(wide, high, wide, high)
    else:
        scale = _scale(width, height, options, mode, limit)
        wide, high = _scaled(width, scale), _scaled(height, scale)
        cut = _cut(wide, high, options, mode)
        focus = options.gravity if options.focus is None else _share_of(options.focus, width, height)
        geometry = Geometry(wide, high, *cut, focus=focus, aligned=options.aligned)
        if mode == "contain":
            geometry = replace(geometry, canvas=_canvas(wide, high, options))
    if not options.rotate:
        return geometry
    geometry = replace(geometry, rotate=options.rotate)
    return geometry.within(limit) if is_askew(options.rotate) else geometry


def is_askew(degrees: float) -> bool:
    return degrees % _RIGHT_ANGLE != 0


def rotated_size(width: int, height: int, degrees: float) -> tuple[int, int]:
    """The canvas that a picture of that size takes once it is rotated."""
    if not is_askew(degrees):
        return (height, width) if degrees % (2 * _RIGHT_ANGLE) else (width, height)
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    return math.ceil(width * cosine + height * sine) + 1, math.ceil(width * sine + height * cosine) + 1


def part_of(
    rect: tuple[float, float, float, float], width: int, height: int, at: tuple[float, float] = (0.0, 0.0)
) -> Region | None:
    """The part of an upright picture that `rect` names: whole pixels, clipped to it; None where it misses.

    It counts from `at`, shares of what it leaves of the sides.
    """
    x, y, across, down = rect
    if max(rect) <= 1:
        x, across, y, down = x * width, across * width, y * height, down * height
    x, y = x + at[0] * max(0, width - across), y + at[1] * max(0, height - down)
    if x >= width or y >= height:
        return None
    left, top = min(_rounded(x), width - 1), min(_rounded(y), height - 1)
    right, bottom = min(_rounded(x + across), width), min(_rounded(y + down), height)
    return Region(left, top, max(1, right - left), max(1, bottom - top))


def _share_of(point: tuple[int, int], width: int, height: int) -> tuple[float, float]:
    """A point in shares of the sides; one beside the picture is on its edge."""
    x, y = point
    return min(x / width, 1.0), min(y / height, 1.0)


def _mode(options: Options) -> str:
    if options.width is None or options.height is None:
        return "inside"
    return options.fit or ("cover" if options.crop else "inside")


def _suiting(width: int, height: int, options: Options) -> Options:
    """The options where they depend on whether the picture lies as the box does, wide or high. A square lies
    as either does."""
    if not (options.turns_box or options.fills_alike) or options.width is None or options.height is None:
        return options
    if (width - height) * (options.width - options.height) >= 0:
        return options
    if options.turns_box:
        return replace(options, width=options.height, height=options.width)
    return replace(options, crop=False, gravity=CENTER, keeps_shape=False)


def _with_box_within(width: int, height: int, options: Options) -> Options:
    """The options with the box lowered in proportion, so far that the picture fills it without growing."""
    wide, high = options.width or width, options.height or height
    growth = max(wide / width, high / height) * options.zoom
    if growth <= 1:
        return options
    return replace(options, width=_scaled(wide, 1 / growth), height=_scaled(high, 1 / growth))


def _scale(width: int, height: int, options: Options, mode: str, limit: int) -> float:
    across = options.width / width if options.width else None
    down = options.height / height if options.height else None
    scales = [scale for scale in (across, down) if scale is not None]
    scale = max(scales) if mode in ("cover", "outside") else min(scales, default=options.scale)
    scale *= options.zoom
    if scale <= 1 or not options.enlarge:
        return min(1.0, scale)
    room = limit * _ROOM_FOR_A_CUT if mode == "cover" else limit
    return min(scale, max(1.0, room / max(width, height)))


def _cut(wide: int, high: int, options: Options, mode: str) -> tuple[int, int]:
    if mode == "cover":
        return min(wide, options.width or wide), min(high, options.height or high)
    if options.aspect is not None:
        across, down = options.aspect
        if wide * down > high * across:
            return min(wide, max(1, _rounded(high * across / down))), high
        return wide, min(high, max(1, _rounded(wide * down / across)))
    return wide, high


def _canvas(wide: int, high: int, options: Options) -> Region:
    width, height = max(wide, options.width or wide), max(high, options.height or high)
    x, y = (0.5, 0.5) if isinstance(options.gravity, str) else options.gravity
    return Region(_half_down((width - wide) * x), _half_down((height - high) * y), width, height)


def _scaled_canvas(canvas: Region, wide: int, high: int, scale: float) -> Region:
    width, height = max(wide, int(canvas.width * scale)), max(high, int(canvas.height * scale))
    left, top = min(int(canvas.left * scale), width - wide), min(int(canvas.top * scale), height - high)
    return Region(left, top, width, height)


def _centred(side: int, cut: int, share: float) -> int:
    """Where a cut begins whose middle is at that share of the side, as far as the side reaches."""
    return min(max(0, _half_down(share * side - cut / 2)), side - cut)


def _half_down(number: float) -> int:
    """The nearest whole number, half rounded down."""
    return math.ceil(round(number, 6) - 0.5)


def _scaled(side: int, scale: float) -> int:
    return max(1, _rounded(side * scale))


def _rounded(number: float) -> int:
    return int(number + 0.5)


def _mirrors_x(orientation: int) -> bool:
    """Whether left and right change places between the upright picture and the one in the file, before its
    sides do (from 5 on). EXIF 2.32, tag 0x0112."""
    return orientation in (2, 3, 6, 7)


def _mirrors_y(orientation: int) -> bool:
    return orientation in (3, 4, 7, 8)
