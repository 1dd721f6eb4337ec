"""How large the result is, and what of the original is in it. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

from origin.imaging.protocol import Job


@dataclass(frozen=True, slots=True)
class Box:
    """The picture is resized to width x height, then cut around its centre. Pixels of the result."""

    width: int
    height: int
    cut_width: int
    cut_height: int

    def turned(self) -> Box:
        """The same box for a picture that lies on its side."""
        return Box(self.height, self.width, self.cut_height, self.cut_width)

    def scale(self, width: int, height: int) -> float:
        """The larger of the two scales from a picture of that size; at most 1."""
        return min(1.0, max(self.width / width, self.height / height))


def box(width: int, height: int, job: Job) -> Box:
    """What becomes of an upright picture of that size. Nothing is ever enlarged."""
    fill = bool(job.crop and job.width and job.height)
    across = job.width / width if job.width else None
    down = job.height / height if job.height else None
    scales = [scale for scale in (across, down) if scale is not None]
    scale = min(1.0, max(scales) if fill else min(scales, default=1.0))
    wide, high = _scaled(width, scale), _scaled(height, scale)
    if not fill:
        return Box(wide, high, wide, high)
    return Box(wide, high, min(wide, job.width or wide), min(high, job.height or high))


def _scaled(side: int, scale: float) -> int:
    return max(1, int(side * scale + 0.5))
