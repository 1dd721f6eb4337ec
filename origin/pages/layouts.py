"""How large a picture is on a page: the widths, the `sizes` and the style that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from origin.client.info import Info
from origin.client.size import find_size
from origin.client.size import find_widest

WIDTH = 600  # CSS pixels, where nothing tells how large the result is
_WIDE = (400, 800, 1200, 1600, 2400)  # device pixels: of phones to large screens
_FLUID = "width: 100%; height: auto"  # as wide as what it stands in


@dataclass(frozen=True, slots=True)
class Layout:
    """`widths` are in device pixels; without them the picture has a fixed size."""

    width: int  # CSS pixels of the result
    widths: tuple[int, ...] = ()
    sizes: str = ""
    style: str | None = None


LAYOUTS = ("fit", "full", "half", "fixed")


def find_layout(name: str, options: Mapping[str, Any], info: Info | None) -> Layout:
    """The layout of a result with these options, under their canonical names. `info` is of its original.

    "fit" is as wide as the result and less on small screens, "full" as wide as the window, "half" half of it
    on large screens, "fixed" always as wide as the result. Raises ValueError for another name, and for a
    value that the origin would refuse.
    """
    size = find_size(options, info)
    width = size[0] if size else round(float(options.get("w") or WIDTH))
    most = (find_widest(options, info) if info else None) or max(_WIDE)
    match name:
        case "fit":
            style = f"width: {width}px; max-width: 100%; height: auto"
            sizes = f"(max-width: {width}px) 100vw, {width}px"
            return Layout(width, _up_to(most, (-(-width // 2), width, 2 * width)), sizes, style)
        case "full":
            return Layout(width, _up_to(most, _WIDE), "100vw", _FLUID)
        case "half":
            return Layout(width, _up_to(most, _WIDE), "(min-width: 48rem) 50vw, 100vw", _FLUID)
        case "fixed":
            return Layout(width)
    raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, or nothing")


def _up_to(most: int, widths: tuple[int, ...]) -> tuple[int, ...]:
    """Those that the original has, and its own where it has less than the widest: it is not enlarged."""
    return tuple(dict.fromkeys(min(width, max(most, widths[0])) for width in widths))
