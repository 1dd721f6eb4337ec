"""Animations: libvips keeps their pages one below the other in one tall image."""

from __future__ import annotations

from collections.abc import Sequence

from origin.imaging.vendor import pyvips


def split(strip: pyvips.Image, pages: int) -> list[pyvips.Image]:
    """The pages. Each goes through the steps alone: in the strip, a crop would cut the strip, and neighbours
    would bleed into each other."""
    height = strip.get_page_height()
    return [strip.crop(0, height * page, strip.width, height) for page in range(pages)]


def join(pages: Sequence[pyvips.Image], strip: pyvips.Image) -> pyvips.Image:
    """The strip of these pages, with the delays of the one they were split from."""
    joined = pyvips.Image.arrayjoin(pages, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", pages[0].height)
    joined.set_type(pyvips.GValue.array_int_type, "delay", strip.get("delay")[: len(pages)])
    return joined
