"""How large the result is, and what of the original is in it. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

from origin.urls.options import Options


@dataclass(frozen=True, slots=True)
class Geometry:
    """The picture is resized to width x height, then cut around its centre. Pixels of the result."""

    width: int
    height: int
    cut_width: int
    cut_height: int

    def turned(self) -> Geometry:
        """The same for a picture that lies on its side."""
        return Geometry(self.height, self.width, self.cut_height, self.cut_width)

    @property
    def longest(self) -> int:
        """The longer side of the result."""
        return max(self.cut_width, self.cut_height)

    def within(self, side: int) -> Geometry:
        """The same for a result whose sides are at most so long."""
        if self.longest <= side:
            return self
        scale = side / self.longest
        cut_width = min(side, _scaled(self.cut_width, scale))
        cut_height = min(side, _scaled(self.cut_height, scale))
        return Geometry(
            max(cut_width, _scaled(self.width, scale)),
            max(cut_height, _scaled(self.height, scale)),
            cut_width,
            cut_height,
        )

    def scale(self, width: int, height: int) -> float:
        """The larger of the two scales from a picture of that size; at most 1."""
        return min(1.0, max(self.width / width, self.height / height))


def fit(width: int, height: int, options: Options) -> Geometry:
    """What becomes of an upright picture of that size. Nothing is ever enlarged."""
    fill = bool(options.crop and options.width and options.height)
    across = options.width / width if options.width else None
    down = options.height / height if options.height else None
    scales = [scale for scale in (across, down) if scale is not None]
    scale = min(1.0, max(scales) if fill else min(scales, default=1.0))
    wide, high = _scaled(width, scale), _scaled(height, scale)
    if not fill:
        return Geometry(wide, high, wide, high)
    return Geometry(wide, high, min(wide, options.width or wide), min(high, options.height or high))


def _scaled(side: int, scale: float) -> int:
    return max(1, int(side * scale + 0.5))
