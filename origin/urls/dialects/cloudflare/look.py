"""How a picture looks once it has its size, and how it is encoded, in Cloudflare's words."""

from __future__ import annotations

import re
from decimal import Decimal

from origin.urls.colours import NAMED
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.cloudflare.asked import CloudflareOptions
from origin.urls.dialects.cloudflare.box import pads_to_box
from origin.urls.dialects.numbers import read_number

_FORMATS = {
    **{name: name for name in ("auto", "avif", "webp", "png")},
    **dict.fromkeys(("jpeg", "baseline-jpeg"), "jpg"),
}
# Cloudflare publishes no numbers for these; its default is 85.
_QUALITIES = {"high": 85, "medium-high": 75, "medium-low": 60, "low": 45}
_STRONGEST = 3  # of our tones
_LONGEST_BLUR, _LARGEST_SIGMA, _SMALLEST_SIGMA = 250, 100, Decimal("0.3")
_MOST_SHARPENING, _LEAST_SHARPENING = 10, Decimal("0.1")
_HEXADECIMAL = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_FUNCTION = re.compile(r"rgba?\(([^()]*)\)")
_SEPARATORS = re.compile(r"[ ,/]+")
_OPAQUE = 255


def tone(asked: CloudflareOptions) -> None:
    """Factors as in CSS. 0 is as absent, but of `saturation`."""
    for name in ("brightness", "contrast", "saturation"):
        factor = asked.number(name, 0, _STRONGEST)
        if factor is not None and factor != 1 and (factor or name == "saturation"):
            asked.set(name, factor)
    gamma = asked.number("gamma", 0, 1000)
    if gamma is not None and gamma not in (0, 1):
        raise Refusal("gamma", "not available here", asked.given["gamma"])
    blur = asked.number("blur", 0, _LONGEST_BLUR)
    if blur:
        asked.set("blur", max(blur * _LARGEST_SIGMA / _LONGEST_BLUR, _SMALLEST_SIGMA))
    sharpen = asked.number("sharpen", 0, _MOST_SHARPENING)
    if sharpen:
        asked.set("sharpen", max(sharpen, _LEAST_SHARPENING))


def surround(asked: CloudflareOptions) -> None:
    text = asked.given.get("background")
    if text is not None:
        asked.set("bg", _read_colour(text))
    elif pads_to_box(asked):
        asked.set("bg", "fff")  # Cloudflare's default


def encode(asked: CloudflareOptions) -> None:
    format = asked.choice("format", *_FORMATS)
    if format is not None:
        asked.set("f", _FORMATS[format])
    text = asked.given.get("quality")
    if format == "webp" and text == "100":
        asked.set("lossless", "true")  # as Cloudflare defines it
    elif text in _QUALITIES:
        asked.set("q", _QUALITIES[text])
    elif text is not None:
        number = read_number(text)
        if number is None or not 1 <= number <= 100:
            raise Refusal("quality", f"expected 1 to 100, {', '.join(_QUALITIES)}", text)
        asked.set("q", int(number))
    if asked.choice("anim", "true", "false") == "false":
        asked.set("anim", "false")


def _read_colour(text: str) -> str:
    """A colour of CSS as we write it: a name, hexadecimal digits, `rgb()` and `rgba()` in either syntax."""
    lowered = text.lower()
    if lowered in NAMED:
        return lowered
    hexadecimal, function = _HEXADECIMAL.fullmatch(lowered), _FUNCTION.fullmatch(lowered)
    if hexadecimal is not None:
        digits = hexadecimal[1]
        return "".join(digit * 2 for digit in digits) if len(digits) < 6 else digits
    parts = _SEPARATORS.split(function[1].strip()) if function is not None else []
    levels = [_read_level(part, _OPAQUE if i < 3 else 1) for i, part in enumerate(parts)]
    known = [level for level in levels if level is not None]
    if len(known) != len(levels) or len(levels) not in (3, 4):
        raise Refusal("background", "expected a colour such as #ffcc00, tomato or rgb(255,204,0)", text)
    return bytes(known).hex()


def _read_level(text: str, whole: int) -> int | None:
    """A number up to `whole`, or per cent, as 0 to 255; what is more counts as that."""
    number = read_number(text.removesuffix("%"))
    if number is None or number < 0:
        return None
    share = number / (100 if text.endswith("%") else whole)
    return min(int(share * _OPAQUE + Decimal("0.5")), _OPAQUE)
