"""imgix's `w`, `h`, `ar`, `fit` and `crop`, and the part of the original that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.imgix.query import ImgixQuery
from origin.urls.dialects.numbers import read_number
from origin.urls.dialects.numbers import write_number

# `crop` and `scale` enlarge at imgix, and `min` does not. Here none does, so `crop` is `min`.
_FITS = {
    "clip": "inside",
    "max": "inside",
    "crop": "cover",
    "min": "cover",
    "fill": "contain",
    "fillmax": "contain",
    "scale": "fill",
}
_WITH_RATIO = ("crop", "fill", "fillmax")  # where `ar` counts
SIDES = ("top", "right", "bottom", "left")
_HALF = Decimal("0.5")
_LARGEST = 10_000  # px of padding
_SLENDEREST = 1_000_000  # of a ratio, to 1; pixels of a side times it are still a number
_DENSEST = 1000  # of `dpr`; what is above ours is lowered there
_SEARCHES = {"entropy": "entropy", "auto": "smart"}  # what a cut looks for, as we call it
_EDGES = {"left": "0", "top": "0"}  # of `rect`
_WHOLE = "999999"  # px; what reaches over the edge is cut off


class _Side(NamedTuple):
    """A side of the box: CSS pixels, or a share of the original's."""

    size: Decimal
    is_share: bool


def settle_box(query: ImgixQuery) -> None:
    fit = _take_fit(query)
    wide, high = _side(query, "w"), _side(query, "h")
    dpr = query.number("dpr", 0, _DENSEST)
    if dpr:
        query.set("dpr", dpr)
    if any(side is not None and side.is_share for side in (wide, high)):
        _settle_shares(query, fit, wide, high, dpr or Decimal(1))
        return
    box = _complete(query, fit, wide and wide.size, high and high.size)
    _settle_pixels(query, fit, *_without_padding(query, *box))
    if fit == "crop":
        for name in ("max-w", "max-h", "min-w", "min-h"):
            query.refuse_name(name)


def _take_fit(query: ImgixQuery) -> str:
    """The fit, or what is as absent, so that a fallback image has the size all the same."""
    try:
        return read_fit(query)
    except Refusal as refusal:
        query.note(refusal)
        del query.given["fit"]
        return read_fit(query)


def read_fit(query: ImgixQuery) -> str:
    """The first of the fits that can be had: a list names what comes next where there is no face."""
    text = query.given.get("fit", "clip")
    fits = [fit for fit in text.split(",") if fit != "facearea"]
    if not fits or fits[0] not in _FITS:
        raise Refusal("fit", f"expected {', '.join(_FITS)}", text)
    return fits[0]


def pads_to_box(query: ImgixQuery) -> bool:
    return _FITS[read_fit(query)] == "contain"


def read_padding(query: ImgixQuery) -> tuple[Decimal, ...]:
    """Top, right, bottom and left, in CSS pixels."""
    every = query.number("pad", 0, _LARGEST) or Decimal(0)
    own = [query.number(f"pad-{side}", 0, _LARGEST) for side in SIDES]
    return tuple(every if side is None else side for side in own)


def is_square(query: ImgixQuery) -> bool:
    """Whether the result has sides that are equal, whatever the original's are."""
    fit = read_fit(query)
    wide, high = _side(query, "w"), _side(query, "h")
    if _FITS[fit] == "inside" or any(side is not None and side.is_share for side in (wide, high)):
        return False
    return wide == high is not None or (not (wide and high) and _ratio(query, fit) in ("1", "1:1"))


def shorter_side(query: ImgixQuery) -> Decimal | None:
    """CSS pixels of the shorter side of the result, where the URL tells."""
    sides = [_side(query, name) for name in ("w", "h")]
    known = [side.size for side in sides if side is not None and not side.is_share]
    return min(known) if len(known) == 2 and _FITS[read_fit(query)] != "inside" else None


def _side(query: ImgixQuery, name: str) -> _Side | None:
    """None where it is absent, as 0 is."""
    text = query.given.get(name, "0")
    number = read_number(text)
    if number is None or number < 0:
        raise Refusal(name, "expected pixels, or a share of the original's from 0.0 to 1.0", text)
    return _Side(number, "." in text and number <= 1) if number else None


def _settle_shares(query: ImgixQuery, fit: str, wide: _Side | None, high: _Side | None, dpr: Decimal) -> None:
    """Sides as shares of the original's, where nothing is cut, so that one scale is all there is."""
    sides = [side for side in (wide, high) if side is not None]
    keeps_all = _FITS[fit] == "inside" or len(sides) == 1 or len({side.size for side in sides}) == 1
    if not keeps_all or not all(side.is_share for side in sides) or _ratio(query, fit):
        name = "w" if wide is not None and wide.is_share else "h"
        raise Refusal(name, "a share of the original's side only where all of it is shown", query.given[name])
    if any(read_padding(query)):
        raise Refusal("pad", "only beside w and h in pixels")
    scale = min(side.size for side in sides) * min(max(dpr, _HALF), Decimal(5))
    if scale < 1:
        query.beyond["scale"] = float(scale)


def _ratio(query: ImgixQuery, fit: str) -> str | None:
    """`ar`, where it counts."""
    return query.given.get("ar") if fit in _WITH_RATIO else None


def _complete(
    query: ImgixQuery, fit: str, wide: Decimal | None, high: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """The sides, where a ratio gives the second one with it."""
    text = _ratio(query, fit)
    if text is None or (wide and high):
        return wide, high
    across, _, down = text.partition(":")
    terms = [read_number(term) for term in (across, down or "1")]
    if not (terms[0] and terms[1]) or min(terms[0], terms[1]) < 0:
        raise Refusal("ar", "expected width to height, such as 16:9", text)
    ratio = terms[0] / terms[1]
    if not 1 <= ratio * _SLENDEREST <= _SLENDEREST**2:
        raise Refusal("ar", f"expected at most {_SLENDEREST} to 1", text)
    if wide or high:
        return wide or (high or 0) * ratio, high or (wide or 0) / ratio
    if fit != "crop":
        raise Refusal("ar", f"with fit={fit} only beside w or h", text)
    query.set("ar", ":".join(map(write_number, terms)))
    return None, None


def _without_padding(
    query: ImgixQuery, wide: Decimal | None, high: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """The box of the picture alone: imgix counts padding into `w` and `h`."""
    top, right, bottom, left = read_padding(query)
    wide = wide - left - right if wide else None
    high = high - top - bottom if high else None
    if any(side is not None and side < 1 for side in (wide, high)):
        raise Refusal("pad", "expected less than w and h")
    return wide, high


def _settle_pixels(query: ImgixQuery, fit: str, wide: Decimal | None, high: Decimal | None) -> None:
    for name, side in (("w", wide), ("h", high)):
        if side is not None:
            query.set(name, side)
    has_both = bool(wide and high)
    if has_both or "fit" in query.given:
        query.set("fit", _FITS[fit])
    if _FITS[fit] != "inside":
        query.beyond["keeps_shape"] = True
    if _FITS[fit] == "cover" and (has_both or _ratio(query, fit)):
        _settle_gravity(query, has_both)


def _settle_gravity(query: ImgixQuery, has_both: bool) -> None:
    """What the cut keeps, the first that can be had. imgix names what comes next: the centre, where it finds
    no face."""
    names = list(query.list("crop"))
    for name in names:
        if name in _SEARCHES:
            query.set("g", _SEARCHES[name])
        elif name == "focalpoint":
            _settle_focus(query, has_both)
        elif name in SIDES:
            query.set("g", _corner(names))
        elif name not in ("center", "middle"):
            continue
        return
    if set(names) - {"faces"}:
        known = ", ".join((*SIDES, *_SEARCHES, "focalpoint", "faces"))
        raise Refusal("crop", f"expected one of {known}", query.given["crop"])


def _corner(names: Sequence[str]) -> str:
    """`top,left` as we write it; of opposite directions the first counts."""
    vertical = next((name for name in names if name in ("top", "bottom")), None)
    horizontal = next((name for name in names if name in ("left", "right")), None)
    return "-".join(filter(None, (vertical, horizontal)))


def _settle_focus(query: ImgixQuery, has_both: bool) -> None:
    x, y = (query.number(name, 0, 1) for name in ("fp-x", "fp-y"))
    query.set("g", ",".join(format(_HALF if share is None else share, "f") for share in (x, y)))
    query.refuse_name("fp-debug", "false", "0")
    zoom = query.number("fp-z", 1, 100)
    if zoom is not None and zoom > 1:
        if not has_both:
            raise Refusal("fp-z", "only beside w and h, or one of them and ar", query.given["fp-z"])
        query.beyond["zoom"] = float(zoom)


def settle_rect(query: ImgixQuery) -> None:
    """`rect`: all of it in pixels, or all in shares, where one of them has a point."""
    text = query.given.get("rect")
    if text is None:
        return
    values = [_EDGES.get(value, value) for value in text.split(",")]
    numbers = [read_number("1" if value == "full" else value) for value in values]
    if len(numbers) != 4 or any(number is None or number < 0 for number in numbers):
        raise Refusal("rect", "expected x,y,w,h in pixels or in shares of the sides", text)
    in_shares = "." in text or set(values) <= {"0", "full"}
    if in_shares and any(number is not None and number > 1 for number in numbers):
        raise Refusal("rect", "expected either pixels or shares of the sides, up to 1.0", text)
    if not in_shares and set(values) <= {"0", "1"}:
        raise Refusal("rect", "expected more than a pixel", text)
    whole = "1" if in_shares else _WHOLE
    pairs = zip(values, numbers, strict=True)
    query.set("rect", ",".join(whole if value == "full" else write_number(number) for value, number in pairs))
