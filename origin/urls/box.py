"""The box that a picture is put into, and what surrounds it: what their options mean together.

Fields of `Options` are settled in place. What means nothing beside the others goes, so that all URLs of one
picture become the same options.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, Any] = MappingProxyType({})
_WHOLE = (0, 0, 1, 1)  # of `rect`


def settle_box(
    fields: dict[str, Any],
    ratio: float,
    crop: bool,
    limit: int,
    widths: tuple[int, ...],
    beyond: Mapping[str, Any] = NOTHING,
) -> None:
    """Turn the sides from CSS pixels into device pixels within the limit; a side of 0 is as absent.

    `ratio` is device pixels to CSS pixels; `crop`, what both sides mean where the URL does not say; `limit`,
    device pixels of a side; `widths`, the steps that sides snap up to; `beyond`, what no option says, which
    stays where it means something.
    """
    if fields.get("rect") == _WHOLE:
        del fields["rect"]
    wide, high = fields.get("width", 0), fields.get("height", 0)
    if beyond.get("keeps_shape") and wide and high:
        ratio = min(ratio, limit / max(wide, high))  # lowered together
    width, height = min(int(wide * ratio + 0.5), limit), min(int(high * ratio + 0.5), limit)
    shape = fields.pop("aspect") if "aspect" in fields and (width or height) else None
    if width and height:
        shape = None
    if shape is not None:
        width, height = _complete(width, height, shape, limit)
    if widths:
        width, height = _snap(width, height, widths, limit)
        if shape is not None:  # anew, since sides of a few pixels have no proportion
            height = min(_divided(width * shape[1], shape[0]), limit)
    fields["width"], fields["height"] = width or None, height or None
    if not (width or height):
        fields.pop("enlarge", None)
    _settle_fit(fields, crop, bool(width and height))
    if beyond:
        _settle_beyond(fields, beyond)


def _settle_fit(fields: dict[str, Any], crop: bool, both: bool) -> None:
    """One form of `fit` and `c`, of which `fit` wins; and `g` where something is cut or placed."""
    default = "cover" if fields.pop("crop", crop) else "inside"
    fit = fields.pop("fit", default)
    if not both:
        fit = None
    fields["crop"] = fit == "cover"
    if fit in ("contain", "outside", "fill"):
        fields["fit"] = fit
    found = isinstance(
        fields.get("gravity"), str
    )  # looked for in the picture: means something to a cut alone
    if not (fit == "cover" or "aspect" in fields or (fit == "contain" and not found)):
        fields.pop("gravity", None)


def _settle_beyond(fields: dict[str, Any], beyond: Mapping[str, Any]) -> None:
    """Take what no option says as far as it means something in this box."""
    if fields["crop"] or fields.get("fit") == "fill":
        fields |= {"keeps_shape": True} if beyond.get("keeps_shape") else {}
    if fields["crop"] and beyond.get("zoom", 1.0) > 1:
        fields["zoom"] = beyond["zoom"]
    if not (fields["width"] or fields["height"]) and beyond.get("scale", 1.0) < 1:
        fields["scale"] = beyond["scale"]
    if fields["crop"] and beyond.get("aligned") and not isinstance(fields.get("gravity", ""), str):
        fields["aligned"] = True
    if fields["crop"] and beyond.get("fills_alike"):
        fields["fills_alike"] = True
    if fields["width"] and fields["height"] and beyond.get("turns_box"):
        fields["turns_box"] = True
    if fields["crop"] and beyond.get("focus"):
        fields["focus"] = beyond["focus"]
    if beyond.get("rect_at") and "rect" in fields:
        fields["rect_at"] = beyond["rect_at"]
    if beyond.get("opaque_corners") and "radius" in fields:
        fields["opaque_corners"] = True
    if any(beyond.get("inset", ())):
        fields["inset"] = beyond["inset"]


def settle_surroundings(fields: dict[str, Any], ratio: float) -> None:
    """Turn padding into device pixels. A background that shows nothing goes."""
    if "padding" in fields:
        fields["padding"] = tuple(int(side * ratio + 0.5) for side in fields["padding"])
    background = fields.get("background", "")
    if len(background) == 8 and background.endswith("00"):
        del fields["background"]


def _complete(width: int, height: int, aspect: tuple[int, int], limit: int) -> tuple[int, int]:
    """Both sides in this proportion, of which one is missing; the given one is lowered where the other would
    be beyond the limit."""
    across, down = aspect
    if width and not height:
        height = _divided(width * down, across)
        if height > limit:
            width, height = _divided(limit * across, down), limit
    elif height and not width:
        width = _divided(height * across, down)
        if width > limit:
            width, height = limit, _divided(limit * down, across)
    return width, height


def _divided(number: int, by: int) -> int:
    """The quotient, half rounded up; at least 1."""
    return max(1, (2 * number + by) // (2 * by))


def _snap(width: int, height: int, steps: tuple[int, ...], limit: int) -> tuple[int, int]:
    """The box with its width on a step, and its height in proportion; a height alone on a step."""
    if not width:
        return 0, min(_step(height, steps), limit) if height else 0
    step = min(_step(width, steps), limit)
    return step, max(1, min(int(height * step / width + 0.5), limit)) if height else 0


def _step(side: int, steps: tuple[int, ...]) -> int:
    """The lowest step that is no less than the side; the last one where there is none."""
    return next((step for step in steps if step >= side), steps[-1])
