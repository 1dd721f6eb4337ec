"""The options of a URL: one field of `Options` is one option. Parsing, bounds and the canonical form.

Parsing is strict, so that a picture has one meaning; `lenient` is for fallback images alone, which
are made as far as the request can be understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from origin.errors import BadRequest
from origin.formats import OUTPUTS

ALIASES = {
    "width": "w",
    "height": "h",
    "crop": "c",
    "format": "f",
    "quality": "q",
    "expires": "e",
    "token": "t",
}
NAMES = frozenset({"w", "h", "c", "f", "q", "dpr", "e", "t"})
# One spelling a number: no sign, no leading zero, no exponent, no digit outside ASCII.
_NUMBER = re.compile(rb"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_OUTPUTS = {format.name: format.name for format in OUTPUTS}
_CROPS = {b"true": True, b"t": True, b"1": True, b"false": False, b"f": False, b"0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """What a URL asks for, with the handler's defaults and limits applied."""

    width: int | None = None  # device pixels of the box
    height: int | None = None
    crop: bool = False  # fill the box and cut the rest; only ever true where there are both sides
    format: str = "original"  # "original", "auto", or a format's name
    quality: int | None = None  # None: the handler's quality for the format

    def canonical(self) -> str:
        """Equal for all URLs that mean the same picture; part of a result's key."""
        return f"{self.width or 0}x{self.height or 0}c{int(self.crop)}f{self.format}q{self.quality or 0}"


@dataclass(frozen=True, slots=True)
class OptionDefaults:
    """What a handler says of options."""

    format: str = "original"  # where the URL names none
    crop: bool = True  # where the URL names none and has both sides
    max_dimension: int = 4096  # device pixels
    widths: tuple[int, ...] = ()  # device pixels, ascending: sides snap up to one of them
    quality: Mapping[str, int] = field(default_factory=dict)  # by format, where the URL names none


def parse(pairs: Iterable[tuple[bytes, bytes]], rules: OptionDefaults) -> Options:
    """The options among the decoded `pairs` of a query.

    Raises BadRequest, whose message names the option, for a value that is not valid and for an
    option that comes twice, under whichever of its names. Names that are no option are ignored.
    """
    values: dict[str, Any] = {}
    for name, text in _known(pairs):
        if name in values:
            raise BadRequest(f"option {name} comes twice")
        values[name] = _value(name, text) if text else None
    return _options(values, rules)


def lenient(pairs: Iterable[tuple[bytes, bytes]], rules: OptionDefaults) -> Options:
    """As `parse`, but an option that cannot be used is as absent. For fallback images."""
    values: dict[str, Any] = {}
    for name, text in _known(pairs):
        try:
            values.setdefault(name, _value(name, text) if text else None)
        except BadRequest:
            continue
    return _options(values, rules)


def _known(pairs: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, bytes]]:
    for raw_name, text in pairs:
        name = raw_name.decode("latin-1")
        name = ALIASES.get(name, name)
        if name in NAMES and name != "t":
            yield name, text


def _value(name: str, text: bytes) -> Any:
    """The meaning of one option's text. Raises BadRequest."""
    try:
        return _READERS[name](text)
    except (ValueError, KeyError):
        shown = text[:40].decode("utf-8", "replace")
        raise BadRequest(f"option {name}: {shown!r} is not valid") from None


def _decimal(text: bytes) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(text)
    return min(float(text), 1e9)  # a long one is as good as infinite, and no less valid for it


def _side(text: bytes) -> int:
    """CSS pixels, half a pixel rounded up."""
    return int(_decimal(text) + 0.5)


def _crop(text: bytes) -> bool:
    return _CROPS[text.lower()]


def _format(text: bytes) -> str:
    name = text.decode("ascii").lower()
    return "jpg" if name == "jpeg" else name if name in ("auto", "original") else _OUTPUTS[name]


def _whole(lowest: int, highest: int) -> Callable[[bytes], int]:
    def read(text: bytes) -> int:
        match = _NUMBER.fullmatch(text)
        if match is None or match[2] or len(text) > 15 or not lowest <= int(text) <= highest:
            raise ValueError(text)
        return int(text)

    return read


def _ratio(text: bytes) -> float:
    value = _decimal(text)
    if not 1 <= value <= 4:
        raise ValueError(text)
    return value


_READERS: dict[str, Callable[[bytes], Any]] = {
    "w": _side,
    "h": _side,
    "c": _crop,
    "f": _format,
    "q": _whole(1, 100),
    "dpr": _ratio,
    "e": _whole(0, 10**15),
}


def _options(values: dict[str, Any], rules: OptionDefaults) -> Options:
    width = _device(values.get("w"), values.get("dpr"), rules)
    height = _device(values.get("h"), values.get("dpr"), rules)
    width, height = _snap(width, height, rules)
    crop = values.get("c")
    format = values.get("f") or rules.format
    quality = values.get("q")
    if format in ("png", "gif") or quality == rules.quality.get(format):
        quality = None  # it means nothing, or nothing new
    return Options(
        width=width,
        height=height,
        crop=bool(width and height and (rules.crop if crop is None else crop)),
        format=format,
        quality=quality,
    )


def _device(side: int | None, ratio: float | None, rules: OptionDefaults) -> int | None:
    """Device pixels of a side in CSS pixels; None where it is absent or 0."""
    if not side:
        return None
    return min(int(side * (ratio or 1) + 0.5), rules.max_dimension)


def _snap(width: int | None, height: int | None, rules: OptionDefaults) -> tuple[int | None, int | None]:
    """The box with its width on the ladder, and its height in proportion; a lone height on the ladder."""
    steps, most = rules.widths, rules.max_dimension
    if not steps:
        return width, height
    if width is None:
        return None, height and min(_step(height, steps), most)
    step = min(_step(width, steps), most)
    return step, height and max(1, min(int(height * step / width + 0.5), most))


def _step(side: int, widths: tuple[int, ...]) -> int:
    return next((step for step in widths if step >= side), widths[-1])
