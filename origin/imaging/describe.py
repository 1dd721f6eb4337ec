"""What an original is, for `f=json`, `f=thumbhash` and `f=blurhash`: told from a small picture of it."""

from __future__ import annotations

import base64
import json
import math
import sys
from collections import Counter
from dataclasses import dataclass

from origin.formats import Description
from origin.formats import Format
from origin.imaging.decoders import open_image
from origin.imaging.frame import Header
from origin.imaging.hashes import blurhash
from origin.imaging.hashes import thumbhash
from origin.imaging.vendor import pyvips

SMALL_SIDE = 100
"""Pixels of the longer side of the picture that the rest is told from; ThumbHash takes no more."""

_COLOURS = 6  # of a palette
_NEAR = 48  # of 255 along each band, or 442 from black to white: colours that are one
_SEEN = 128  # of 255: alpha from which a colour counts
_WHITE = 255
_OPAQUE = 255
_LQIP_SIDE = 16  # px
_LQIP = {"Q": 40, "effort": 4, "keep": "none"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file of an original says of it."""

    header: Header
    bytes: int
    duration: int  # ms of all frames
    width: int  # px of what counts of it, upright
    height: int


def describe(description: Description, small: pyvips.Image, facts: Facts) -> bytes:
    """The body of the result. `small` is the picture, upright, in sRGB or grey."""
    small = small if small.interpretation == "srgb" else small.colourspace("srgb")
    small = (small if small.hasalpha() else small.bandjoin(_OPAQUE)).copy_memory()
    if description.name == "thumbhash":
        return thumbhash(small).encode()
    if description.name == "blurhash":
        return _blurhash(small).encode()
    return json.dumps(_tell_all(small, facts), separators=(",", ":")).encode()


def _tell_all(small: pyvips.Image, facts: Facts) -> dict[str, object]:
    header = facts.header
    palette = _palette(small)
    is_opaque = small[3].min() == _OPAQUE
    return {
        "width": facts.width,
        "height": facts.height,
        "format": header.format.name,
        "bytes": facts.bytes,
        "frames": header.pages,
        "duration_ms": facts.duration,
        "alpha": not is_opaque,
        "orientation": header.orientation,
        "dominant": palette[0],
        "palette": palette,
        "thumbhash": thumbhash(small),
        "blurhash": _blurhash(small),
        "lqip": _lqip(small, is_opaque),
    }


def _palette(small: pyvips.Image) -> list[str]:
    """Its few colours, the one that covers most first; transparent parts do not count.

    White where all is transparent.
    """
    # libimagequant, in the PNG saver, is what chooses the colours: as many as four bits can tell apart.
    png = small.write_to_buffer(".png", palette=True, bitdepth=4, Q=100, dither=0, effort=7)
    reduced = open_image(png, Format.PNG)
    reduced = reduced if reduced.hasalpha() else reduced.bandjoin(_OPAQUE)
    counts = Counter(memoryview(reduced.write_to_memory()).cast("B").cast("I"))  # of pixels of four bytes
    found = ((pixel.to_bytes(4, sys.byteorder), count) for pixel, count in counts.most_common())
    seen = [(list(colour), count) for (*colour, alpha), count in found if alpha >= _SEEN]
    groups = sorted(_grouped(seen), key=lambda group: -group[1])
    return [f"#{bytes(map(round, colour)).hex()}" for colour, _ in groups[:_COLOURS]] or ["#ffffff"]


def _grouped(colours: list[tuple[list[int], int]]) -> list[tuple[list[float], int]]:
    """Colours that are near each other as one, their mean: a sky is one colour, although it has many."""
    groups: list[tuple[list[float], int]] = []
    for colour, count in colours:
        near = next((n for n, (mean, _) in enumerate(groups) if math.dist(mean, colour) < _NEAR), None)
        if near is None:
            groups.append(([float(part) for part in colour], count))
            continue
        mean, total = groups[near]
        parts = zip(mean, colour, strict=True)
        groups[near] = [(a * total + b * count) / (total + count) for a, b in parts], total + count
    return groups


def _blurhash(small: pyvips.Image) -> str:
    """It has no transparency, which is white here as in JPEG."""
    return blurhash(small.flatten(background=_WHITE))


def _lqip(small: pyvips.Image, is_opaque: bool) -> str:
    """A picture of a few pixels, as the address of an image."""
    tiny = small.thumbnail_image(_LQIP_SIDE, height=_LQIP_SIDE, size="down")
    tiny = tiny.extract_band(0, n=3) if is_opaque else tiny
    return "data:image/webp;base64," + base64.b64encode(tiny.write_to_buffer(".webp", **_LQIP)).decode()
