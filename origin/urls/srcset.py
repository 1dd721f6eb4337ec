"""The candidates of a `srcset` attribute: the options and the descriptor of each."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from decimal import ROUND_HALF_UP
from decimal import Decimal

from origin.urls.options import BY_NAME
from origin.urls.writing import Given
from origin.urls.writing import canonicalize_names
from origin.urls.writing import write_value

_DPR = BY_NAME[b"dpr"]

Candidate = tuple[dict[str, Given], str]


def list_candidates(
    options: Mapping[str, Given], widths: Sequence[int] = (), densities: Sequence[float] = ()
) -> list[Candidate]:
    """One candidate a width (`300w`) or a density (`2x`), each with the other options beside its own.

    Over widths, `w` and `h` together are the shape: every candidate has its width and the height in
    proportion. Over densities they are the box, which `dpr` multiplies. Raises TypeError for options that
    contradict these, and ValueError for values that the origin would refuse.
    """
    given = canonicalize_names(options)
    if bool(widths) == bool(densities):
        raise TypeError("give widths or densities: a srcset is over one of them")
    if "dpr" in given:
        raise TypeError("leave dpr out: widths are device pixels, and densities set it")
    return _over_widths(given, widths) if widths else _over_densities(given, densities)


def _over_widths(given: dict[str, Given], widths: Sequence[int]) -> list[Candidate]:
    if any(type(width) is not int for width in widths):
        raise TypeError("the widths of a srcset are whole numbers")
    if not {"w", "h"} & given.keys():
        return [({**given, "w": width}, f"{width}w") for width in widths]
    if not {"w", "h"} <= given.keys():
        raise TypeError("give w and h beside widths, and h follows each width in that proportion; or neither")
    shape_width, shape_height = (_exact(side, given[side]) for side in ("w", "h"))
    return [
        ({**given, "w": width, "h": _round(width * shape_height / shape_width)}, f"{width}w")
        for width in widths
    ]


def _over_densities(given: dict[str, Given], densities: Sequence[float]) -> list[Candidate]:
    if not {"w", "h"} & given.keys():
        raise TypeError("densities multiply w or h; give one")
    for density in densities:
        if _DPR.kind.simplify(density) != density:  # the descriptor would not be true
            raise ValueError(f"density {density:g}: dpr takes {_DPR.kind.values}")
    return [({**given, "dpr": density}, f"{density:g}x") for density in densities]


def _exact(side: str, value: Given) -> Decimal:
    return Decimal(write_value(BY_NAME[side.encode()], value).decode())


def _round(height: Decimal) -> int:
    return max(1, int(height.to_integral_value(ROUND_HALF_UP)))
