"""What libvips does not tell of a GIF: whether it is whole, and whether its frames cover the canvas.

GIF89a specification, sections 17 to 27 and appendix B (the grammar).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_EXTENSION = 0x21
_IMAGE = 0x2C
_TRAILER = 0x3B
_GRAPHIC_CONTROL = 0xF9

# A frame of one see-through pixel: graphic control, descriptor, colour table, data.
_TRANSPARENT_FRAME = (
    b"\x21\xf9\x04\x01\0\0\0\0" + b"\x2c" + bytes(4) + b"\x01\0\x01\0\x80" + bytes(6) + b"\x02\x02\x44\x01\0"
)


@dataclass(frozen=True, slots=True)
class Gif:
    """What the blocks of a whole GIF say."""

    end: int  # where the trailer is; what comes after it does not matter
    uncovered: bool  # the first frame does not cover the canvas, and no frame has a transparent colour


def read_gif(data: bytes) -> Gif | None:
    """What the blocks say; None where they do not follow each other up to the trailer."""
    try:
        return _walk(data)
    except (IndexError, struct.error):
        return None


def with_alpha(data: bytes, gif: Gif) -> bytes:
    """The GIF with one more frame, for which libvips gives all of them an alpha channel.

    Without one it shows what no frame covers in black; browsers leave it transparent.
    """
    return data[: gif.end] + _TRANSPARENT_FRAME + bytes([_TRAILER])


def _walk(data: bytes) -> Gif | None:
    canvas_width, canvas_height = struct.unpack_from("<HH", data, 6)
    covered: bool | None = None  # by the first frame
    transparent = False
    at = 13 + _colour_table(data[10])
    while data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            transparent = transparent or (data[at + 1] == _GRAPHIC_CONTROL and bool(data[at + 3] & 1))
            at = _skip_sub_blocks(data, at + 2)
        elif data[at] == _IMAGE:
            if covered is None:
                left, top, width, height = struct.unpack_from("<HHHH", data, at + 1)
                covered = left == top == 0 and width >= canvas_width and height >= canvas_height
            at = _skip_sub_blocks(data, at + 11 + _colour_table(data[at + 9]))
        else:
            return None
    return Gif(at, uncovered=covered is False and not transparent)


def _colour_table(packed: int) -> int:
    """Bytes of the colour table that this packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _skip_sub_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
