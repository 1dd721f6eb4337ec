"""A small picture that is as hard to encode as a large one."""

from __future__ import annotations

import math

from origin.imaging.vendor import pyvips

LARGEST_WHOLE = 300_000
"""Pixels of a picture that is its own sample."""
_TILE = 96  # px of a side, a multiple of the blocks of JPEG, WebP and most of AVIF
_TILES = 30


def take_sample(image: pyvips.Image) -> pyvips.Image:
    """Tiles from all over it, of the first page of an animation; the image itself where it is small.

    Neighbours stay neighbours, so that few of the edges between them are sharp.
    """
    width, height = image.width, image.get_page_height()
    if height < image.height:
        image = image.crop(0, 0, width, height)
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", height)
    if width * height <= LARGEST_WHOLE:
        return image
    side = min(_TILE, width), min(_TILE, height)
    columns = _count(math.sqrt(_TILES * width / height), width // side[0])
    rows = _count(_TILES / columns, height // side[1])
    columns = _count(_TILES / rows, width // side[0])
    tiles = [
        image.crop(_place(width - side[0], column, columns), _place(height - side[1], row, rows), *side)
        for row in range(rows)
        for column in range(columns)
    ]
    sample = pyvips.Image.arrayjoin(tiles, across=columns).copy_memory()
    sample.set_type(pyvips.GValue.gint_type, "page-height", sample.height)
    return sample


def _count(wanted: float, most: int) -> int:
    return max(1, min(round(wanted), most))


def _place(room: int, tile: int, tiles: int) -> int:
    return room * tile // max(1, tiles - 1)
