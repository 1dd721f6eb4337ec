"""imgproxy's size, gravity, crop, trim and rotation.

imgproxy's sizes, and what its gravity means, are those of a picture that is turned already. Ours are those
before `rotate` and `flip`, so they are turned back.
"""

from __future__ import annotations

from decimal import Decimal

from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.asked import read_bounded
from origin.urls.dialects.imgproxy.given import Given
from origin.urls.dialects.imgproxy.given import read_flag
from origin.urls.dialects.imgproxy.path import Arguments
from origin.urls.dialects.numbers import read_number
from origin.urls.dialects.numbers import write_number

_FITS = {"fit": "inside", "fill": "cover", "fill-down": "cover", "force": "fill", "auto": "cover"}
_HALF = Decimal("0.5")
_POSITIONS = {
    "ce": (_HALF, _HALF),
    "no": (_HALF, Decimal(0)),
    "so": (_HALF, Decimal(1)),
    "we": (Decimal(0), _HALF),
    "ea": (Decimal(1), _HALF),
    "nowe": (Decimal(0), Decimal(0)),
    "noea": (Decimal(1), Decimal(0)),
    "sowe": (Decimal(0), Decimal(1)),
    "soea": (Decimal(1), Decimal(1)),
}
_FULL_TURN, _HALF_TURN, _QUARTER = 360, 180, 90  # degrees
_WHOLE = 999_999  # px: the original's own side, since nothing is enlarged
_LARGEST = 999_999_999
_TOLERANCES = (1, 100)  # of our `trim`
Point = tuple[Decimal, Decimal]


def settle_size(given: Given, asked: Asked) -> None:
    kind = given.text("resizing_type") or "fit"
    wide, high = given.number("width", 0, _LARGEST), given.number("height", 0, _LARGEST)
    if kind not in _FITS:
        raise Refusal("resizing_type", f"expected {', '.join(_FITS)}", kind)
    zoom, dpr = _zoom(given), given.factor("dpr")
    enlarges = given.flag("enlarge")
    if not (wide or high):
        scale = zoom * dpr
        if scale > 1 and enlarges:
            raise Refusal("enlarge", "only beside width or height")
        if scale < 1:
            asked.beyond["scale"] = float(scale)
        return
    if kind == "force" and not (wide and high):
        wide, high = wide or Decimal(_WHOLE), high or Decimal(_WHOLE)
    names = ("h", "w") if _turn(given) % _HALF_TURN else ("w", "h")
    for name, side in zip(names, (wide, high), strict=True):
        if side:
            asked.set(name, max(side * zoom, Decimal(1)))
    if dpr != 1:
        asked.set("dpr", dpr)
    if enlarges:
        asked.set("enlarge", "true")
    extends = _extends(given, kind, bool(wide and high), enlarges)
    if wide and high:
        _fit_box(given, asked, kind, extends)
        if kind == "fill-down" and not enlarges:
            asked.beyond["keeps_shape"] = True
        if kind == "auto":
            asked.beyond["fills_alike"] = True


def _zoom(given: Given) -> Decimal:
    arguments = given.all("zoom")
    if len(set(filter(None, arguments))) > 1:
        raise Refusal("zoom", "expected one factor for both sides", ":".join(arguments))
    return given.factor("zoom")


def _extends(given: Given, kind: str, has_both: bool, enlarges: bool) -> bool:
    """Whether the box is padded. What fills it needs no padding unless it is small."""
    if not given.flag("extend"):
        return False
    if kind in ("fill", "force") and has_both and enlarges:
        return False
    if kind != "fit" or not has_both:
        raise Refusal("extend", "only with resizing type fit, and beside width and height")
    return True


def _fit_box(given: Given, asked: Asked, kind: str, extends: bool) -> None:
    asked.set("fit", "contain" if extends else _FITS[kind])
    if extends:
        arguments = given.all("extend")[1:]
        _set_gravity(given, asked, "extend", arguments)
    elif _FITS[kind] == "cover":
        _set_gravity(given, asked, "gravity", given.all("gravity"))


def _set_gravity(given: Given, asked: Asked, name: str, arguments: Arguments) -> None:
    if name == "gravity" and arguments[:1] == ["sm"]:
        asked.set("g", "smart")
        return
    point, offsets = _read_gravity(name, arguments)
    if any(offsets):
        raise Refusal(name, "offsets are not available here", ":".join(arguments))
    if point != _POSITIONS["ce"]:
        asked.set("g", ",".join(map(write_number, _turned_back(point, given))))


def _read_gravity(name: str, arguments: Arguments) -> tuple[Point, Point]:
    """The point in shares of the sides, and the offsets from there."""
    kind, *numbers = [*arguments] or ["ce"]
    if kind == "fp":
        if len(numbers) != 2:
            raise Refusal(name, "expected fp and two shares of the sides", ":".join(arguments))
        return (read_bounded(name, numbers[0], 0, 1), read_bounded(name, numbers[1], 0, 1)), (
            Decimal(0),
            Decimal(0),
        )
    if (kind or "ce") not in _POSITIONS or len(numbers) > 2:
        expected = f"expected {', '.join(_POSITIONS)}, fp{', sm' if name == 'gravity' else ''}"
        raise Refusal(name, expected, ":".join(arguments))
    x, y = (read_bounded(name, number or "0", -_LARGEST, _LARGEST) for number in (*numbers, "0", "0")[:2])
    return _POSITIONS[kind or "ce"], (x, y)


def _turn(given: Given) -> int:
    """Degrees clockwise, from 0 to less than 360."""
    text = given.text("rotate") or "0"
    degrees = read_number(text)
    if degrees is None or degrees % _QUARTER:
        raise Refusal("rotate", "expected a multiple of 90 degrees", text)
    return int(degrees) % _FULL_TURN


def _flips(given: Given) -> str:
    across, down = (*given.all("flip"), "", "")[:2]
    return ("h" if read_flag("flip", across) else "") + ("v" if read_flag("flip", down) else "")


def _turned_back(point: Point, given: Given) -> Point:
    """Where a point of the result lies in the picture before it is turned, and then mirrored."""
    x, y = point
    flips, turn = _flips(given), _turn(given)
    x, y = 1 - x if "h" in flips else x, 1 - y if "v" in flips else y
    if turn == _QUARTER:
        return y, 1 - x
    if turn == _HALF_TURN:
        return 1 - x, 1 - y
    return (1 - y, x) if turn else (x, y)


def settle_turn(given: Given, asked: Asked) -> None:
    if not given.flag("auto_rotate", default=True):
        raise Refusal("auto_rotate", "pictures are always turned upright here", given.text("auto_rotate"))
    if _turn(given):
        asked.set("rotate", _turn(given))
    if _flips(given):
        asked.set("flip", _flips(given))


def settle_trim(given: Given, asked: Asked) -> None:
    arguments = given.all("trim")
    if not arguments:
        return
    threshold = read_bounded("trim", arguments[0] or "0", 0, 1000)
    _, colour, *equal = (*arguments, "", "", "")[:4]
    if colour or any(read_flag("trim", text) for text in equal):
        raise Refusal("trim", "not available here by a colour or equally", ":".join(arguments))
    lowest, highest = _TOLERANCES
    asked.set("trim", min(max(int(threshold), lowest), highest))


def settle_crop(given: Given, asked: Asked) -> None:
    """`crop` is done before the picture is resized, and after it is trimmed."""
    arguments = given.all("crop")
    if not arguments:
        return
    sides = [read_bounded("crop", text or "0", 0, _LARGEST) for text in (*arguments, "")[:2]]
    if not any(sides):
        return
    if given.all("trim") or _turn(given) or _flips(given):
        raise Refusal("crop", "not available here beside trim, rotate and flip")
    gravity = arguments[2:] if any(arguments[2:]) else given.all("gravity")
    if gravity[:1] == ["sm"]:
        raise Refusal("crop", "not available here around what is found in the picture", "sm")
    point, offsets = _read_gravity("crop", gravity)
    if all(side < 1 for side in sides):
        rect = [_place_share(*each) for each in zip(sides, point, offsets, strict=True)]
        shares = [start for start, _ in rect] + [share for _, share in rect]
        asked.set("rect", ",".join(map(write_number, shares)))
        return
    _settle_pixels(asked, gravity, sides, point, offsets)


def _place_share(side: Decimal, at: Decimal, offset: Decimal) -> tuple[Decimal, Decimal]:
    """Start and length of an area in shares of a side."""
    share = side or Decimal(1)
    if abs(offset) >= 1:
        raise Refusal("crop", "expected offsets in shares beside an area in shares", str(offset))
    if at not in (0, 1, _HALF):  # a focus, which is the middle of the area
        return min(max(at - share / 2, Decimal(0)), 1 - share), share
    return min(max(at * (1 - share) + (-offset if at == 1 else offset), Decimal(0)), 1 - share), share


def _settle_pixels(
    asked: Asked, gravity: Arguments, sides: list[Decimal], point: Point, offsets: Point
) -> None:
    """An area in pixels, which lies at that point of the picture."""
    if gravity[:1] == ["fp"] or any(0 < number < 1 for number in (*sides, *map(abs, offsets))):
        raise Refusal("crop", "expected all of it in pixels, or all in shares", ":".join(gravity))
    across, down = (side or Decimal(_WHOLE) for side in sides)
    if max(across, down) <= 1:
        raise Refusal("crop", "expected more than a pixel")
    x, y = (-each if at == 1 else each for each, at in zip(offsets, point, strict=True))
    if point == _POSITIONS["nowe"] and min(x, y) >= 0:
        asked.set("rect", ",".join(map(write_number, (x, y, across, down))))
    elif x or y:
        raise Refusal("crop", "offsets in pixels only from the top left (nowe)", ":".join(gravity))
    else:
        asked.set("rect", ",".join(map(write_number, (Decimal(0), Decimal(0), across, down))))
        asked.beyond["rect_at"] = (float(point[0]), float(point[1]))
