"""Originals to render, and whether an answer is the picture that was asked for.

The originals are the demo's mountain lake, which code has made: 2 and 6 megapixels shrunk from it, 24
enlarged and given grain anew, so that their JPEGs are as heavy as those of cameras.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

MEGAPIXELS = {"2MP": (1732, 1155), "6MP": (3000, 2000), "24MP": (6000, 4000)}
MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}
LANDSCAPE = Path(__file__).parent.parent / "origin" / "pages" / "pictures" / "landscape.jpg"

_QUALITY = 90  # of the originals
_GRAIN = 2.5  # standard deviation, of 255
_NAMES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}


class WrongPicture(Exception):
    """An answer is not what was asked for. A figure got from such answers would be a lie."""


def original(folder: Path, size: str) -> Path:
    """The original of that size, made when it is not there yet."""
    path = folder / f"{size}.jpg"
    if not path.exists():
        with Image.open(LANDSCAPE) as opened:
            picture = opened.convert("RGB").resize(MEGAPIXELS[size], Image.Resampling.LANCZOS)
        pixels = np.asarray(picture, np.float32)
        noise = np.random.RandomState(1).standard_normal(pixels.shape[:2]).astype(np.float32) * _GRAIN
        grained = np.clip(pixels + noise[..., None] + 0.5, 0, 255).astype(np.uint8)
        Image.fromarray(grained).save(path.with_suffix(".new"), "JPEG", quality=_QUALITY, optimize=True)
        path.with_suffix(".new").rename(path)
    return path


def copies(path: Path, folder: Path, count: int) -> None:
    """`count` originals under names of their own, 0.jpg and on, all of the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        link = folder / f"{number}.jpg"
        if not link.exists():
            os.link(path, link)


def check(body: bytes, width: int, format: str) -> None:
    """Decode every pixel. Raises WrongPicture."""
    try:
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
            found = _NAMES.get(picture.format or "", picture.format), picture.width
    except (OSError, SyntaxError) as exc:
        raise WrongPicture(f"{len(body)} bytes that cannot be decoded: {exc}") from exc
    if found != (format, width):
        raise WrongPicture(f"expected {format} of {width} px, got {found[0]} of {found[1]} px")
