"""How a picture looks once it has its size, and how it is encoded and answered, in imgproxy's words."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from itertools import pairwise

from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.asked import read_bounded
from origin.urls.dialects.imgproxy.given import Given
from origin.urls.dialects.imgproxy.given import read_flag
from origin.urls.dialects.imgproxy.path import Source
from origin.urls.dialects.numbers import write_number

_FORMATS = {
    **{name: name for name in ("avif", "gif", "jpg", "png", "webp")},
    **{"jpeg": "jpg", "best": "auto"},
}
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}")
_OPAQUE = 255
_SIGMAS = (Decimal("0.3"), Decimal(100))  # of our `blur`
_STRENGTHS = (Decimal("0.1"), Decimal(10))  # of our `sharpen`
_USUAL_SHARPENING = Decimal("0.7")  # imgproxy's sigma that is our 1
_LARGEST_FACTOR = Decimal(3)  # of our tones
_LEAST_BYTES = 1000
_LARGEST = 999_999_999


def settle_tone(given: Given, asked: Asked) -> None:
    change = given.number("brightness", -_OPAQUE, _OPAQUE)
    if change:
        asked.beyond["lift"] = float(change)
    for name in ("contrast", "saturation"):
        factor = given.number(name, 0, 1000)
        if factor is not None and factor != 1:
            asked.set(name, min(factor, _LARGEST_FACTOR))
    blur = given.number("blur", 0, _LARGEST)
    if blur:
        asked.set("blur", min(max(blur, _SIGMAS[0]), _SIGMAS[1]))
    sharpen = given.number("sharpen", 0, _LARGEST)
    if sharpen:
        asked.set("sharpen", min(max(sharpen / _USUAL_SHARPENING, _STRENGTHS[0]), _STRENGTHS[1]))


def settle_surroundings(given: Given, asked: Asked) -> None:
    padding = given.all("padding")
    if padding:
        top, right, bottom, left = (
            read_bounded("padding", text, 0, _LARGEST) if text else None for text in (*padding, *[""] * 4)[:4]
        )
        top = top or Decimal(0)
        right, bottom = top if right is None else right, top if bottom is None else bottom
        sides = (top, right, bottom, right if left is None else left)
        if any(sides):
            asked.set("pad", ",".join(map(write_number, sides)))
    colour = _background(given)
    if colour:
        alpha = given.number("background_alpha", 0, 1)
        asked.set("bg", colour if alpha is None else f"{colour}{round(alpha * _OPAQUE):02x}")


def _background(given: Given) -> str:
    """Six digits; empty where it is disabled."""
    arguments = given.all("background")
    if len(arguments) == 3:
        levels = [int(read_bounded("background", level, 0, _OPAQUE)) for level in arguments]
        return "".join(f"{level:02x}" for level in levels)
    text = ":".join(arguments)
    if text and not _HEXADECIMAL.fullmatch(text):
        raise Refusal("background", "expected red, green and blue, or digits such as fc0 or ffcc00", text)
    return "".join(digit * 2 for digit in text) if len(text) == 3 else text


def settle_format(given: Given, asked: Asked, source: Source) -> None:
    """The format behind the source wins."""
    text = source.extension or given.text("format")
    format = _format("format", text) if text else ""
    if format:
        asked.set("f", format)
    quality = given.number("quality", 0, 100) or _quality_of(given, format)
    if quality:
        asked.set("q", max(int(quality), 1))
    size = given.number("max_bytes", 0, _LARGEST)
    if size:
        asked.set("bytes", max(int(size), _LEAST_BYTES))
    frame = given.number("page", 0, 999_999) or Decimal(0)
    if frame:
        asked.set("frame", int(frame))
    elif given.flag("disable_animation"):
        asked.set("anim", "false")


def _format(name: str, text: str) -> str:
    if text not in _FORMATS:
        raise Refusal(name, f"expected {', '.join(sorted(_FORMATS))}", text)
    return _FORMATS[text]


def _quality_of(given: Given, format: str) -> Decimal | None:
    """That of `format_quality` for the format that the URL names."""
    arguments = given.all("format_quality")
    pairs = list(pairwise(arguments))[::2]
    if len(arguments) % 2:
        raise Refusal("format_quality", "expected formats, each with its quality", ":".join(arguments))
    qualities = {
        _format("format_quality", name): read_bounded("format_quality", text, 0, 100) for name, text in pairs
    }
    if qualities and format in ("", "auto"):
        raise Refusal("format_quality", "only beside a format", ":".join(arguments))
    return qualities.get(format)


def settle_answer(given: Given, asked: Asked, source: Source) -> None:
    """Presets, and the name under which the picture is saved."""
    presets = given.all("preset")
    if presets:
        asked.set("p", ",".join(presets))
    name, is_encoded = (*given.all("filename"), "", "")[:2]
    if read_flag("filename", is_encoded):
        try:
            name = base64.urlsafe_b64decode(name.rstrip("=") + "=" * (-len(name.rstrip("=")) % 4)).decode()
        except (binascii.Error, ValueError):
            raise Refusal("filename", "expected base64url of UTF-8", name) from None
    if given.flag("return_attachment"):
        asked.set("dl", name or source.text.partition("?")[0].rpartition("/")[2])
    elif name:
        asked.ignore("filename")
