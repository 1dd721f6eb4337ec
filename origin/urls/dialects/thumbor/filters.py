"""thumbor's flips and filters: how a picture looks once it has its size, and how it is encoded.

thumbor applies filters one after the other, as the URL has them. Here their order is fixed. Its scales are
laid over ours.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from origin.urls.colours import Colour
from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.numbers import read_number
from origin.urls.dialects.thumbor.path import ThumborPath

Arguments = tuple[str, ...]
_FORMATS = {"webp": "webp", "jpeg": "jpg", "jpg": "jpg", "gif": "gif", "png": "png", "avif": "avif"}
_COLOUR = Colour()
_SWITCHES = {"true": True, "1": True, "false": False, "0": False, "": False}
_SIGMAS = (Decimal("0.3"), Decimal(100))  # of our `blur`
_STRENGTHS = (Decimal("0.1"), Decimal(10))  # of our `sharpen`
_LARGEST_FACTOR = 3  # of our tones
_LEAST_BYTES = 1000
_WHITE = 255


def settle_filters(path: ThumborPath, asked: Asked) -> None:
    """All of them, so that the log has the name of each that cannot be had."""
    for name, arguments in path.filters.items():
        if name in IN_SIZE:
            continue
        translate = TRANSLATED.get(name)
        if translate is not None:
            asked.attempt(partial(translate, asked, arguments))
        elif name in WITHOUT_EFFECT:
            asked.ignore(name)
        elif name in REFUSED:
            asked.note(Refusal(name, "not available here", ",".join(arguments)))
        else:
            asked.ignore_unknown(name)


def settle_flips(path: ThumborPath, asked: Asked) -> None:
    """Negative sides mirror, before `rotate`; here it is the other way round, so a mirrored angle is turned
    the other way."""
    across, _, down, _ = path.parts.get("size", (None,) * 4)
    flips = ("h" if across else "") + ("v" if down else "")
    if flips:
        asked.set("flip", flips)
    if "rotate" in path.filters:
        degrees = _number("rotate", path.filters["rotate"][:1], -3600, 3600)
        turned = (degrees if len(flips) == 1 else -degrees) % 360  # thumbor turns counter-clockwise
        if turned % 90:
            raise Refusal("rotate", "expected a multiple of 90 degrees", path.filters["rotate"][0])
        if turned:
            asked.set("rotate", turned if turned > 0 else turned + 360)


def settle_fill(path: ThumborPath, asked: Asked) -> None:
    """`fill` where it fills something, and `background_color`."""
    colours = {}
    if "fill" in path.filters:
        colour, *more = path.filters["fill"] or ("",)
        fills_transparency = _SWITCHES.get((more or [""])[0].lower())
        if fills_transparency is None or len(more) > 1:
            raise Refusal("fill", "expected a colour, and true or false", ",".join(path.filters["fill"]))
        shown = _colour("fill", colour)
        if "fit-in" in path.parts or fills_transparency:
            colours["fill"] = shown
    if "background_color" in path.filters:
        colours["background_color"] = _colour("background_color", ",".join(path.filters["background_color"]))
    if len(set(colours.values())) > 1:
        raise Refusal("background_color", "not available here beside fill with another colour")
    for colour in colours.values():
        asked.set("bg", colour)


def _colour(name: str, text: str) -> str:
    try:
        return _COLOUR.parse(text.encode("utf-8", "replace"))
    except ValueError:
        raise Refusal(name, "expected a colour such as fff, ffcc00 or tomato", text) from None


def _number(name: str, given: Arguments, lowest: int, highest: int) -> Decimal:
    text = given[0] if given else ""
    number = read_number(text)
    if number is None or not lowest <= number <= highest:
        raise Refusal(name, f"expected a number from {lowest} to {highest}", text)
    return number


def _blur(asked: Asked, given: Arguments) -> None:
    """Sigma is the radius where it is not given."""
    radius = _number("blur", given, 0, 1_000_000)
    sigma = _number("blur", given[1:], 0, 1_000_000) if len(given) > 1 else Decimal(0)
    sigma = sigma or radius
    if radius:
        asked.set("blur", min(max(sigma, _SIGMAS[0]), _SIGMAS[1]))


def _sharpen(asked: Asked, given: Arguments) -> None:
    amount = _number("sharpen", given, 0, 1000)
    if amount:
        asked.set("sharpen", min(max(amount, _STRENGTHS[0]), _STRENGTHS[1]))


def _brightness(asked: Asked, given: Arguments) -> None:
    """So many per cent of white are added to each colour."""
    change = _number("brightness", given, -100, 100)
    if change:
        asked.beyond["lift"] = float(change * _WHITE / 100)


def _contrast(asked: Asked, given: Arguments) -> None:
    """-100 is 0, 0 is as it is, 100 is 4 at thumbor, which is beyond our scale."""
    change = _number("contrast", given, -100, 100)
    if change:
        asked.set("contrast", min((1 + change / 100) ** 2, Decimal(_LARGEST_FACTOR)))


def _saturation(asked: Asked, given: Arguments) -> None:
    """A factor, as thumbor computes it; what is none is read in per cent, as thumbor documents it."""
    number = _number("saturation", given, -100, 100)
    factor = number if 0 <= number <= _LARGEST_FACTOR else 1 + number / 100
    if factor != 1:
        asked.set("saturation", factor)


def _quality(asked: Asked, given: Arguments) -> None:
    asked.set("q", max(int(_number("quality", given, 0, 100)), 1))


def _format(asked: Asked, given: Arguments) -> None:
    name = ",".join(given)
    if name.lower() not in _FORMATS:
        raise Refusal("format", f"expected {', '.join(sorted(_FORMATS))}", name)
    asked.set("f", _FORMATS[name.lower()])


def _autojpg(asked: Asked, given: Arguments) -> None:
    enabled = _SWITCHES.get((given or ("true",))[0].lower())
    if enabled is None:
        raise Refusal("autojpg", "expected true or false", ",".join(given))
    if enabled and not asked.has("f"):  # which `format` wins over, wherever it stands
        asked.set("f", "auto")


def _max_bytes(asked: Asked, given: Arguments) -> None:
    asked.set("bytes", max(int(_number("max_bytes", given, 1, 999_999_999)), _LEAST_BYTES))


def _round_corner(asked: Asked, given: Arguments) -> None:
    radius, _, second = (given[0] if given else "").partition("|")
    if second not in ("", radius):
        raise Refusal("round_corner", "expected one radius", given[0])
    pixels = _number("round_corner", (radius,), 0, 100_000)
    transparent = _SWITCHES.get((given[4:] or ("",))[0].lower())
    if transparent is None or len(given) > 5:
        expected = "expected a radius, red, green, blue, and true or false"
        raise Refusal("round_corner", expected, ",".join(given))
    if pixels:
        asked.set("radius", pixels)
        if not transparent and given[1:]:
            levels = [int(_number("round_corner", (level,), 0, 255)) for level in given[1:4]]
            asked.set("bg", "".join(f"{level:02x}" for level in levels))
            asked.beyond["opaque_corners"] = True


_BESIDE = "background_color fill focal no_upscale proportion rotate stretch upscale"
_REFUSED = """
colorize convolution curve distributed_collage draw_focal_points equalize extract_focal extract_focal_points
frame gifv lazy_detection noise red_eye rgb watermark
"""
IN_SIZE = frozenset(_BESIDE.split())
"""Filters that are looked at beside size, flips and colours."""
TRANSLATED: Mapping[str, Callable[[Asked, Arguments], None]] = {
    "autojpg": _autojpg,
    "blur": _blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "cover": lambda asked, given: asked.set("anim", "false"),
    "format": _format,
    "grayscale": lambda asked, given: asked.set("gray", "true"),
    "max_bytes": _max_bytes,
    "quality": _quality,
    "round_corner": _round_corner,
    "saturation": _saturation,
    "sharpen": _sharpen,
}
WITHOUT_EFFECT = frozenset({"strip_exif", "strip_icc"})
"""What results are anyway."""
REFUSED = frozenset(_REFUSED.split())
"""What cannot be done here."""
