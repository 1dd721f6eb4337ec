"""thumbor's crop, trim, `fit-in`, size and alignment, and the filters that change what they mean."""

from __future__ import annotations

import re
from decimal import Decimal

from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.numbers import read_number
from origin.urls.dialects.thumbor.path import ThumborPath

_WHOLE = 999_999  # px: the original's own side, since nothing is enlarged beside it
_ORIGINAL = "orig"
_STEP = Decimal(3).sqrt()  # a grey that differs by one level is so far away, and tolerance is that distance
_HIGHEST = 100  # of our `trim`
_AREA = re.compile("([0-9]{1,9})x([0-9]{1,9}):([0-9]{1,9})x([0-9]{1,9})")
Side = int | str | None  # pixels, _ORIGINAL, or none


def settle_part(path: ThumborPath, asked: Asked) -> None:
    """What of the original counts."""
    trim, crop = path.parts.get("trim"), path.parts.get("crop")
    if trim is not None:
        if trim[0] == "bottom-right":
            raise Refusal("trim", "not available here by the colour at the bottom right", "bottom-right")
        tolerance = round(int(trim[1] or 0) / _STEP)
        asked.set("trim", min(max(tolerance, 1), _HIGHEST))
    if crop is None:
        return
    left, top, right, bottom = (int(number or 0) for number in crop)
    if not any((left, top, right, bottom)):
        return  # as libraries write where nothing is cut
    if trim is not None:
        raise Refusal("AxB:CxD", "not available here beside trim, which thumbor does first")
    if right <= left or bottom <= top:
        raise Refusal("AxB:CxD", "expected the left and top edge, and then the right and bottom one")
    asked.set("rect", f"{left},{top},{right - left},{bottom - top}")


def settle_size(path: ThumborPath, asked: Asked) -> None:
    _, wide_text, _, high_text = path.parts.get("size", (None,) * 4)
    sides = _Sides(_side(wide_text), _side(high_text), _proportion(path))
    fit_in = path.parts.get("fit-in")
    if fit_in is None:
        _fill_box(path, asked, sides)
    else:
        _fit_in(path, asked, sides, *(word is not None for word in fit_in))
    if sides.wide is None and sides.high is None and 0 < sides.proportion < 1:
        asked.beyond["scale"] = float(sides.proportion)
    if _enlarges(path, sides):
        asked.set("enlarge", "true")


class _Sides:
    """Both sides that are asked for."""

    def __init__(self, wide: Side, high: Side, proportion: Decimal) -> None:
        self.wide, self.high, self.proportion = wide, high, proportion

    @property
    def both(self) -> bool:
        return self.wide is not None and self.high is not None

    @property
    def in_pixels(self) -> bool:
        """Whether both are known."""
        return isinstance(self.wide, int) and isinstance(self.high, int)

    def set(self, asked: Asked, *, with_original: bool) -> None:
        for name, side in (("w", self.wide), ("h", self.high)):
            if isinstance(side, int):
                asked.set(name, max(side * self.proportion, Decimal(1)))
            elif side is not None and with_original:
                asked.set(name, _WHOLE)


def _side(text: str | None) -> Side:
    return text if text == _ORIGINAL else int(text or 0) or None


def _enlarges(path: ThumborPath, sides: _Sides) -> bool:
    """Whether a small original grows: into a box that it has to fit in if that is asked for, and otherwise
    unless it is not. `upscale` counts with both sides alone at thumbor."""
    if "no_upscale" in path.filters or _ORIGINAL in (sides.wide, sides.high):
        return False
    _, full = path.parts.get("fit-in", (None, "full-"))
    if full is None:
        return sides.in_pixels and "upscale" in path.filters
    return sides.wide is not None or sides.high is not None


def _proportion(path: ThumborPath) -> Decimal:
    if "proportion" not in path.filters:
        return Decimal(1)
    text = ",".join(path.filters["proportion"])
    number = read_number(text)
    if number is None or not 0 < number <= 1:
        raise Refusal("proportion", "expected a number above 0, and 1 at most", text)
    return number


def _fit_in(path: ThumborPath, asked: Asked, sides: _Sides, adaptive: bool, full: bool) -> None:
    """All of the picture is shown. `orig` bounds nothing, since it does not enlarge here."""
    if adaptive and sides.both:
        if not sides.in_pixels:
            raise Refusal("adaptive-fit-in", "not available here beside orig")
        if sides.wide != sides.high:
            asked.beyond["turns_box"] = True
    if full and sides.both and not sides.in_pixels:
        return  # covers a side of the original, so it has the original's size
    sides.set(asked, with_original=False)
    if sides.in_pixels:
        pads = "fill" in path.filters and not full
        asked.set("fit", "outside" if full else "contain" if pads else "inside")


def _fill_box(path: ThumborPath, asked: Asked, sides: _Sides) -> None:
    """The box is filled and the rest cut, or the picture stretched."""
    if not sides.both:
        sides.set(asked, with_original=False)
        return
    if sides.wide == sides.high == _ORIGINAL:
        return
    sides.set(asked, with_original=True)
    if "stretch" in path.filters:
        asked.set("fit", "fill")
    else:
        asked.set("fit", "cover")
        _settle_gravity(path, asked)
    if sides.in_pixels and "no_upscale" not in path.filters:  # beside which each side is lowered on its own
        asked.beyond["keeps_shape"] = True


def _settle_gravity(path: ThumborPath, asked: Asked) -> None:
    if "focal" in path.filters:
        asked.beyond["focus"] = _read_focus(path)
        return
    if "smart" in path.parts:
        asked.set("g", "smart")
        return
    aligned = [*path.parts.get("valign", ()), *path.parts.get("halign", ())]
    edges = [name for name in aligned if name not in (None, "middle", "center")]
    if edges:
        asked.set("g", "-".join(map(str, edges)))


def _read_focus(path: ThumborPath) -> tuple[int, int]:
    """The middle of an area in pixels of the original, in what `AxB:CxD` leaves of that."""
    text = ",".join(path.filters["focal"])
    match = _AREA.fullmatch(text)
    if match is None:
        raise Refusal("focal", "expected an area in pixels, such as 146x206:279x360", text)
    if "trim" in path.parts:
        raise Refusal("focal", "not available here beside trim", text)
    left, top, right, bottom = map(int, match.groups())
    edges = path.parts.get("crop") or ("0", "0")
    x, y = (left + right) // 2 - int(edges[0] or 0), (top + bottom) // 2 - int(edges[1] or 0)
    return max(x, 0), max(y, 0)
