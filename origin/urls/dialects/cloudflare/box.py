"""Cloudflare's `width`, `height`, `fit` and `gravity`, the part of the original that they are for, and how it
lies.

Cloudflare mirrors, then turns, then cuts and resizes; here it is cut and resized, then turned, then mirrored.
So the box, the place of the cut and the mirror are turned back.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.cloudflare.asked import CloudflareOptions
from origin.urls.dialects.numbers import read_number

Point = tuple[Decimal, Decimal]
"""Shares of the sides, from the top left."""


class _Fit(NamedTuple):
    """A `fit` in our words."""

    fit: str
    enlarges: bool = False
    keeps_shape: bool = False


_FITS = {
    "scale-down": _Fit("inside"),
    "contain": _Fit("inside", enlarges=True),
    "cover": _Fit("cover", enlarges=True, keeps_shape=True),
    "crop": _Fit("cover"),
    "aspect-crop": _Fit("cover", keeps_shape=True),
    "pad": _Fit("contain", enlarges=True),
    "squeeze": _Fit("fill", enlarges=True, keeps_shape=True),
}
_LARGEST = 1_000_000  # px of a side that is asked for; ours is lowered to `limits.max_dimension`
_WIDEST_OF_AUTO = 1200  # px: the largest of the widths from which `width=auto` chooses
_DENSEST, _DENSEST_HERE = 1000, Decimal(5)  # of `dpr`; what is above the second is lowered to it
_NONE, _HALF, _ALL = Decimal(0), Decimal("0.5"), Decimal(1)
_SIDES: Mapping[str, Point] = {
    "left": (_NONE, _HALF),
    "right": (_ALL, _HALF),
    "top": (_HALF, _NONE),
    "bottom": (_HALF, _ALL),
    "center": (_HALF, _HALF),
    "face": (_HALF, _HALF),  # the centre, as at Cloudflare where it finds none
}
_SEARCHES = {"auto": "smart", "entropy": "entropy"}  # what a cut looks for, as we call it
_TURNED_BACK: Mapping[int, Callable[[Decimal, Decimal], Point]] = {
    0: lambda x, y: (x, y),
    90: lambda x, y: (y, 1 - x),
    180: lambda x, y: (1 - x, 1 - y),
    270: lambda x, y: (1 - y, x),
}
"""Where a point of the turned picture was before, by degrees clockwise."""
_OTHER_FLIPS = {"h": "v", "v": "h", "hv": "hv"}
_WHOLE = 999_999  # px; what reaches over the edge is cut off
_TRIM_SIDES = ("top", "right", "bottom", "left")
_TRIM_TOLERANCE = 10  # levels, of `trim=border`; Cloudflare tells none


def settle_box(asked: CloudflareOptions) -> None:
    wide, high = _read_width(asked), _read_height(asked)
    if _degrees(asked) in (90, 270):
        wide, high = high, wide
    for name, side in (("w", wide), ("h", high)):
        if side:
            asked.set(name, side)
    dpr = asked.number("dpr", 0, _DENSEST)
    if dpr:
        asked.set("dpr", dpr)
    if not (wide or high):
        return
    fit = _read_fit(asked)
    if wide and high:
        asked.set("fit", fit.fit)
    if fit.enlarges:
        asked.set("enlarge", "true")
    if fit.keeps_shape:
        asked.beyond["keeps_shape"] = True
    if asked.choice("upscale", "interpolate", "generate") == "generate" and fit.enlarges:
        raise Refusal("upscale", "expected interpolate", "generate")


def settle_gravity(asked: CloudflareOptions) -> None:
    """What a cut keeps. The point of the cut lies on that of the picture, so 0 and 1 are its edges."""
    text = asked.given.get("gravity")
    if text is None or _read_fit(asked).fit != "cover":
        return
    if text in _SEARCHES:
        asked.set("g", _SEARCHES[text])
        return
    x, y = _TURNED_BACK[_degrees(asked)](*_read_point(text))
    flip = _flip(asked)
    x, y = (1 - x if "h" in flip else x), (1 - y if "v" in flip else y)
    if (x, y) != (_HALF, _HALF):
        asked.set("g", f"{x.normalize():f},{y.normalize():f}")
    if not {x, y} <= {_NONE, _HALF, _ALL}:
        asked.beyond["aligned"] = True


def settle_turn(asked: CloudflareOptions) -> None:
    degrees, flip = _degrees(asked), _flip(asked)
    if degrees:
        asked.set("rotate", degrees)
    if flip:
        asked.set("flip", _OTHER_FLIPS[flip] if degrees in (90, 270) else flip)


def settle_trim(asked: CloudflareOptions) -> None:
    """The part that is left: pixels from the edges of the original, or its size. `dpr` multiplies all."""
    text = asked.given.get("trim")
    if text == "border":
        asked.set("trim", _TRIM_TOLERANCE)
    edges = dict(zip(_TRIM_SIDES, _read_edges(asked, text), strict=True))
    for side in _TRIM_SIDES:
        own = asked.number(f"trim.{side}", 0, _LARGEST)
        edges[side] = edges[side] if own is None else own
    size = {name: asked.number(f"trim.{name}", 1, _LARGEST) for name in ("width", "height")}
    dpr = asked.number("dpr", 0, _DENSEST)
    ratio = min(max(dpr, _HALF), _DENSEST_HERE) if dpr else _ALL
    top, right, bottom, left = (_pixels(edges[side] * ratio) for side in _TRIM_SIDES)
    wide, high = (None if each is None else _pixels(each * ratio) for each in size.values())
    # A size counts from the left and the top, whatever stands on the other side.
    right, bottom = (0 if wide else right), (0 if high else bottom)
    if right or bottom:
        asked.beyond["inset"] = (top, right, bottom, left)
        left = top = 0
    if not (left or top or wide or high):
        return
    rect = (left, top, wide or _WHOLE, high or _WHOLE)
    if max(rect) <= 1:
        raise Refusal("trim", "expected more than a pixel")
    asked.set("rect", ",".join(map(str, rect)))


def _read_fit(asked: CloudflareOptions) -> _Fit:
    return _FITS[asked.choice("fit", *_FITS) or "scale-down"]


def pads_to_box(asked: CloudflareOptions) -> bool:
    return _read_fit(asked).fit == "contain"


def _read_width(asked: CloudflareOptions) -> Decimal | None:
    if asked.given.get("width") == "auto":
        return Decimal(_WIDEST_OF_AUTO)
    return asked.number("width", 0, _LARGEST)


def _read_height(asked: CloudflareOptions) -> Decimal | None:
    return None if asked.given.get("height") == "auto" else asked.number("height", 0, _LARGEST)


def _degrees(asked: CloudflareOptions) -> int:
    return int(asked.choice("rotate", "0", "90", "180", "270", "360") or 0) % 360


def _flip(asked: CloudflareOptions) -> str:
    return asked.choice("flip", "h", "v", "hv") or ""


def _read_point(text: str) -> Point:
    if text in _SIDES:
        return _SIDES[text]
    x, y = (read_number(share) for share in text.partition("x")[::2])
    if x is None or y is None or not (0 <= x <= 1 and 0 <= y <= 1):
        names = ", ".join((*_SIDES, *_SEARCHES))
        raise Refusal("gravity", f"expected {names}, or shares such as 0.5x0.33", text)
    return x, y


def _read_edges(asked: CloudflareOptions, text: str | None) -> tuple[Decimal, ...]:
    """Top, right, bottom and left of `trim=20;30;20;0`."""
    if text is None or text == "border":
        return (_NONE,) * len(_TRIM_SIDES)
    edges = [read_number(edge) for edge in text.split(";")]
    numbers = tuple(edge for edge in edges if edge is not None and 0 <= edge <= _LARGEST)
    if len(numbers) != len(_TRIM_SIDES) or len(edges) != len(_TRIM_SIDES):
        raise Refusal("trim", "expected border, or pixels as top;right;bottom;left", text)
    return numbers


def _pixels(number: Decimal) -> int:
    return int(number + _HALF)
