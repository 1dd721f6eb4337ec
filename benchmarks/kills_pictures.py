"""Pictures that carry a number which survives every size and format, and bodies that are none."""

from __future__ import annotations

import io
from functools import cache
from itertools import product

import numpy as np
from PIL import Image

COLUMNS, ROWS = 6, 4  # of fields, black or white: the number has 24 bits
FIELD = 8  # pixels
PANELS = 3  # of a strip, one below the other, each with a number
SMALL = 24  # pixels, the width in which a picture is read again: 4 of each field
GPS = 0x8825  # the tag of Exif
_LARGE = 700  # pixels of noise below the fields, so that the body has more than a megabyte
_EVERY = {"jpeg": 4, "large": 60}  # of so many pictures one is such
_HALF = 128


def picture(number: int) -> tuple[bytes, bool]:
    """The body to send, and whether it is stored as it is: a JPEG loses the place where it was taken."""
    fields = _fields(number)
    if number % _EVERY["large"] == 0:
        fields = np.concatenate((fields, _noise()))
    image, file = Image.fromarray(fields), io.BytesIO()
    if number % _EVERY["jpeg"] == 1:
        exif = Image.Exif()
        exif[GPS] = {1: "N", 2: (48.0, 51.0, 29.0)}
        image.save(file, "JPEG", quality=90, exif=exif)
        return file.getvalue(), False
    image.save(file, "PNG", compress_level=0 if image.height > _LARGE else 1)  # noise does not get smaller
    return file.getvalue(), True


def strip(number: int) -> bytes:
    """A picture of panels with this number and the next ones. Of the whole, the first is read."""
    file = io.BytesIO()
    fields = np.concatenate([_fields(number + panel) for panel in range(PANELS)])
    Image.fromarray(fields).save(file, "PNG", compress_level=1)
    return file.getvalue()


def panel(number: int) -> str:
    """The rectangle of one panel of a strip."""
    width, height = COLUMNS * FIELD, ROWS * FIELD
    return f"{width}x{height}+0+{number * height}"


def number_of(body: bytes) -> int:
    """The number of a picture, which is decoded to its end. Raises OSError where it is none, or has a
    place."""
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        if GPS in image.getexif():
            raise OSError("it tells where it was taken")
        size = image.width // COLUMNS
        pixels = np.asarray(image.convert("L"))
    centres = [
        pixels[row * size + size // 2, column * size + size // 2]
        for row, column in product(range(ROWS), range(COLUMNS))
    ]
    return sum(1 << place for place, level in enumerate(centres) if level > _HALF)


def refused(number: int) -> bytes:
    """A body that is no whole picture."""
    whole = Image.fromarray(_fields(number))
    bodies = [b"<html><script>alert(1)</script>", b"no picture", b"GIF89a" + bytes(20)]
    for kind in ("PNG", "JPEG", "WEBP"):
        file = io.BytesIO()
        whole.save(file, kind)
        bodies.append(file.getvalue()[: len(file.getvalue()) // 2])
    return bodies[number % len(bodies)]


def _fields(number: int) -> np.ndarray:
    bits = [number >> place & 1 for place in range(ROWS * COLUMNS)]
    fields = np.array(bits, np.uint8).reshape(ROWS, COLUMNS) * 255
    wide = np.kron(fields, np.ones((FIELD, FIELD), np.uint8))
    return np.stack([wide] * 3, axis=2)


@cache
def _noise() -> np.ndarray:
    width = COLUMNS * FIELD
    return np.random.default_rng(1).integers(0, 256, (_LARGE * _LARGE // width, width, 3), np.uint8)
