"""How a picture looks once it has its size, and how it is encoded, in imgix's words.

imgix does not publish the formulas of its effects. Its scales are laid over ours, end to end.
"""

from __future__ import annotations

from decimal import Decimal

from origin.urls.colours import NAMED
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.imgix.box import is_square
from origin.urls.dialects.imgix.box import pads_to_box
from origin.urls.dialects.imgix.box import read_fit
from origin.urls.dialects.imgix.box import read_padding
from origin.urls.dialects.imgix.box import shorter_side
from origin.urls.dialects.imgix.query import ImgixQuery
from origin.urls.dialects.numbers import read_number
from origin.urls.dialects.numbers import write_number

_FORMATS = {
    **{name: name for name in ("avif", "blurhash", "gif", "jpg", "png", "webp")},
    **{"jpeg": "jpg", "pjpg": "jpg", "png32": "png"},
}
_SWITCHES = {"true": "true", "1": "true", "false": "false", "0": "false"}
_LONGEST_BLUR, _LARGEST_SIGMA, _SMALLEST_SIGMA = 2000, 100, Decimal("0.3")
_LEAST_SHARPENING = Decimal("0.1")
_TRIM_AUTO = 11  # levels: what `trim-md` is where it is not given
_CORNER = Decimal("0.2")  # of the shorter side: the radius of `mask=corners` where none is given


def trim(query: ImgixQuery) -> None:
    kind = query.given.get("trim")
    if kind is None:
        return
    if kind not in ("auto", "color"):
        raise Refusal("trim", "expected auto or color", kind)
    query.refuse_name("trim-pad", "0")
    query.refuse_name("trim-sd" if kind == "auto" else "trim-color")
    tolerance = query.number("trim-md" if kind == "auto" else "trim-tol", 0, 1000)
    if tolerance is None:
        tolerance = Decimal(_TRIM_AUTO if kind == "auto" else 0)
    query.set("trim", min(max(int(tolerance), 1), 100))


def turn(query: ImgixQuery) -> None:
    degrees = query.number("rot", 0, 360) or Decimal(0)
    if degrees % 180 and query.given.get("rot-type") != "pivot":  # imgix zooms in until no corner is empty
        raise Refusal("rot", "expected 0, 180, or rot-type=pivot beside it", query.given["rot"])
    if degrees % 360:
        query.set("rotate", 360 - degrees)  # imgix turns counter-clockwise
    if "flip" in query.given:
        query.set("flip", query.given["flip"])


def tone(query: ImgixQuery) -> None:
    for name, ours in (("bri", "brightness"), ("con", "contrast"), ("sat", "saturation")):
        change = query.number(name, -100, 100)
        if change:
            query.set(ours, 1 + change / 100)
    blur = query.number("blur", 0, _LONGEST_BLUR)
    if blur:
        query.set("blur", max(blur * _LARGEST_SIGMA / _LONGEST_BLUR, _SMALLEST_SIGMA))
    sharp = query.number("sharp", 0, 100)
    if sharp:
        query.set("sharpen", max(sharp / 10, _LEAST_SHARPENING))
    colour = query.colour("monochrome")
    if colour is not None:
        digits = NAMED.get(colour, colour)
        if len(digits) != 6 or not digits[:2] == digits[2:4] == digits[4:]:
            raise Refusal("monochrome", "expected a grey, such as 888", query.given["monochrome"])
        query.set("gray", "true")


def surround(query: ImgixQuery) -> None:
    padding = read_padding(query)
    if any(padding):
        query.set("pad", ",".join(map(write_number, padding)))
    background = query.colour("bg")
    if pads_to_box(query) and "fill" in query.given:
        if query.given["fill"] != "solid":
            raise Refusal("fill", "expected solid", query.given["fill"])
        background = query.colour("fill-color") or background or "fff"
    if read_fit(query) == "fillmax" and query.given.get("fill-max", "").lower() == "source":
        raise Refusal("fill-max", "not available here", "source")
    if background is not None:
        query.set("bg", background)


def mask(query: ImgixQuery) -> None:
    shape = query.given.get("mask")
    if shape is None:
        return
    query.refuse_name("mask-bg")
    if shape == "ellipse" and is_square(query):
        query.set("radius", "max")
    elif shape == "corners":
        query.set("radius", _radius(query))
    else:
        raise Refusal("mask", "expected corners, or ellipse with equal w and h and fit=crop", shape)


def _radius(query: ImgixQuery) -> Decimal:
    """CSS pixels of `mask=corners`."""
    text = query.given.get("corner-radius")
    if text is not None:
        radii = [read_number(value) for value in text.split(",")]
        if radii[0] is None or radii[0] <= 0 or len(set(radii)) > 1:
            raise Refusal("corner-radius", "expected one radius for all corners, in pixels", text)
        return radii[0]
    side = shorter_side(query)
    if side is None:
        raise Refusal("mask", "corners only beside corner-radius, or w, h and fit=crop", "corners")
    return side * _CORNER


def encode(query: ImgixQuery) -> None:
    automatic = set(query.list("auto"))
    if others := automatic - {"format", "compress", "false"}:
        raise Refusal("auto", "expected format or compress", ",".join(sorted(others)))
    format = query.given.get("fm")
    if format is not None and format not in _FORMATS:
        raise Refusal("fm", f"expected {', '.join(sorted(_FORMATS))}", format)
    if "format" in automatic and format != "blurhash":
        query.set("f", "auto")  # `fm` is for browsers that take neither AVIF nor WebP
    elif format is not None:
        query.set("f", _FORMATS[format])
    quality = query.number("q", 0, 100)
    if quality is not None:
        query.set("q", max(int(quality), 1))
    lossless = query.given.get("lossless")
    if lossless is not None:
        if lossless not in _SWITCHES:
            raise Refusal("lossless", "expected true or false", lossless)
        query.set("lossless", _SWITCHES[lossless])
    if "dl" in query.given:
        query.set("dl", query.given["dl"])


def take_frame(query: ImgixQuery) -> None:
    """imgix counts frames, and pages of a PDF, from 1."""
    for name in ("frame", "page"):
        number = query.number(name, 1, 999_999)
        if number is not None:
            if number % 1:
                raise Refusal(name, "expected a whole number", query.given[name])
            if query.has("frame"):
                raise Refusal(name, "not beside frame", query.given[name])
            query.set("frame", number - 1)
