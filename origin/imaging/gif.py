"""GIFs block by block: what libvips does not tell of them, and copies without their pixels being touched.

GIF89a specification, sections 17 to 27 and appendix B (the grammar).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_EXTENSION = 0x21
_IMAGE = 0x2C
_TRAILER = 0x3B
_GRAPHIC_CONTROL = b"\x21\xf9"  # how long a frame stays, what becomes of it, which colour is transparent
_LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01"  # how often an animation is repeated
# A frame of one see-through pixel: graphic control, descriptor, colour table, data.
_TRANSPARENT_FRAME = (
    b"\x21\xf9\x04\x01\0\0\0\0" + b"\x2c" + bytes(4) + b"\x01\0\x01\0\x80" + bytes(6) + b"\x02\x02\x44\x01\0"
)


@dataclass(frozen=True, slots=True)
class Gif:
    """What the blocks of a whole GIF say."""

    width: int  # px of the canvas
    height: int
    end: int  # where the trailer is; what comes after it does not matter
    uncovered: bool  # the first frame does not cover the canvas, and no frame has a transparent colour


@dataclass(frozen=True, slots=True)
class GifImage:
    """One image of a GIF, as its block has it."""

    width: int  # px
    height: int
    interlaced: bool
    code_size: int  # bits of the first codes of its data
    data: bytes  # in sub-blocks


def read_gif(data: bytes) -> Gif | None:
    """What the blocks say; None where they do not follow each other up to the trailer."""
    covered: bool | None = None  # by the first frame
    transparent = False
    try:
        width, height = struct.unpack_from("<HH", data, 6)
        end = _first_block(data)
        for kind, start, after in _blocks(data):
            if kind == _IMAGE and covered is None:
                left, top, across, down = struct.unpack_from("<HHHH", data, start + 1)
                covered = left == top == 0 and across >= width and down >= height
            elif data.startswith(_GRAPHIC_CONTROL, start):
                transparent = transparent or bool(data[start + 3] & 1)
            end = after
    except (IndexError, ValueError, struct.error):
        return None
    return Gif(width, height, end, uncovered=covered is False and not transparent)


def with_alpha(data: bytes, gif: Gif) -> bytes:
    """The GIF with one more frame, for which libvips gives all of them an alpha channel.

    Without one it shows what no frame covers in black; browsers leave it transparent.
    """
    return data[: gif.end] + _TRANSPARENT_FRAME + bytes([_TRAILER])


def images(data: bytes, pages: int) -> Iterator[GifImage]:
    """The first images of a whole GIF."""
    for kind, start, end in _blocks(data):
        if kind != _IMAGE:
            continue
        width, height, packed = struct.unpack_from("<HHB", data, start + 5)
        at = start + 10 + _colour_table(packed)
        yield GifImage(width, height, bool(packed & 0x40), data[at], data[at + 1 : end])
        pages -= 1
        if not pages:
            return


def copy_gif(data: bytes, pages: int) -> bytes:
    """A whole GIF with its first frames and nothing besides: no comments, no metadata, no text.

    The data of the frames are copied and not looked at: see `images`.
    """
    copied = [data[: _first_block(data)]]
    control = b""
    for kind, start, end in _blocks(data):
        block = data[start:end]
        if kind == _IMAGE:
            copied += [control, block]
            pages -= 1
            if not pages:
                break
        elif block.startswith(_LOOP):
            copied.append(block)
        # It is for the block behind it, which may be one that is left out.
        control = block if block.startswith(_GRAPHIC_CONTROL) else b""
    return b"".join([*copied, bytes([_TRAILER])])


def _first_block(data: bytes) -> int:
    return 13 + _colour_table(data[10])


def _blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, beginning and end of each block; the end of the last is where the trailer is.

    Raises IndexError or ValueError where the grammar is broken.
    """
    at = _first_block(data)
    while data[at] != _TRAILER:
        start = at
        if data[at] == _EXTENSION:
            at += 2
        elif data[at] == _IMAGE:
            at += 11 + _colour_table(data[at + 9])
        else:
            raise ValueError(f"block {data[at]:#x}")
        while data[at]:
            at += data[at] + 1
        at += 1
        yield data[start], start, at


def _colour_table(packed: int) -> int:
    """Bytes of the colour table that this packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0
