"""Small pictures in every format, and damage done to them. The same seed gives the same files."""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Iterator
from functools import cache

from PIL import Image

from tests.support import pictures

_EDGES = (b"\0\0\0\0", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0")
_HEADER = 96  # bytes in which the fields that decoders trust stand

Mutation = Callable[[bytes, random.Random], bytes]


@cache
def originals() -> dict[str, bytes]:
    """Whole pictures by name; the part before the dash is the format."""
    field = pictures.field(48, 36)
    see_through = field.copy()
    see_through.putalpha(field.getchannel("R"))
    exif = Image.Exif()
    exif[0x0112] = 6
    make = pictures.encoded
    moving = {
        "save_all": True,
        "duration": 40,
        "append_images": [pictures.field(48, 36, n) for n in (0, 255)],
    }
    return {
        "jpg-baseline": make(field, "JPEG", exif=exif, icc_profile=pictures.SRGB),
        "jpg-progressive": make(field, "JPEG", progressive=True),
        "jpg-cmyk": make(field.convert("CMYK"), "JPEG"),
        "jpg-grey": make(field.convert("L"), "JPEG"),
        "png-rgb": make(field, "PNG", icc_profile=pictures.SRGB),
        "png-alpha": make(see_through, "PNG"),
        "png-palette": make(field.quantize(16), "PNG"),
        "png-deep": pictures.deep(),
        "webp-lossy": make(field, "WEBP", exif=exif),
        "webp-lossless": make(see_through, "WEBP", lossless=True),
        "webp-moving": make(field, "WEBP", **moving),
        "gif-still": make(field.quantize(16), "GIF"),
        "gif-moving": make(field.quantize(16), "GIF", **moving),
        "avif-plain": make(field, "AVIF", quality=70),
        "avif-alpha": make(see_through, "AVIF", quality=70),
        "tiff-plain": make(field, "TIFF"),
        "tiff-lzw": make(field, "TIFF", compression="tiff_lzw"),
        "svg-plain": pictures.svg(),
    }


def flipped(data: bytes, dice: random.Random) -> bytes:
    """A few bits turned over, anywhere."""
    damaged = bytearray(data)
    for _ in range(dice.randint(1, 12)):
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def cut(data: bytes, dice: random.Random) -> bytes:
    """Without its end, as an upload that broke off."""
    return data[: dice.randint(len(data) // 10, len(data) * 9 // 10)]


def grown(data: bytes, dice: random.Random) -> bytes:
    """With bytes that do not belong there."""
    at = dice.randrange(len(data))
    return data[:at] + dice.randbytes(dice.choice((1, 7, 300))) + data[at:]


def misnumbered(data: bytes, dice: random.Random) -> bytes:
    """With an extreme number in the header, where sizes, counts and offsets stand."""
    at = dice.randrange(4, min(_HEADER, len(data) - 4))
    length = dice.choice((1, 2, 4))
    return data[:at] + dice.choice(_EDGES)[:length] + data[at + length :]


def repeated(data: bytes, dice: random.Random) -> bytes:
    """With a piece that comes twice, as a chunk or a frame might."""
    start, end = sorted(dice.sample(range(len(data)), 2))
    return data[:end] + data[start:end] + data[end:]


def crossed(data: bytes, dice: random.Random) -> bytes:
    """The front of one picture on the back of another."""
    other = dice.choice(list(originals().values()))
    return data[: dice.randrange(12, len(data))] + other[dice.randrange(len(other)) :]


MUTATIONS: tuple[Mutation, ...] = (flipped, cut, grown, misnumbered, repeated, crossed)


def corpus(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged pictures and their names, every format and every kind of damage in turn."""
    dice = random.Random(seed)
    kinds = list(originals())
    for n in range(count):
        kind, mutation = kinds[n % len(kinds)], MUTATIONS[n // len(kinds) % len(MUTATIONS)]
        yield f"{kind}-{mutation.__name__}-{n}", mutation(originals()[kind], dice)
