"""Whether a GIF is whole. libvips shows the frames it found and never says that some are missing.

GIF89a specification, sections 17 to 27 and appendix B (the grammar).
"""

from __future__ import annotations

_EXTENSION = 0x21
_IMAGE = 0x2C
_TRAILER = 0x3B


def is_whole_gif(data: bytes) -> bool:
    """Whether the blocks follow each other up to the trailer. What comes after it does not matter."""
    try:
        return _reaches_trailer(data)
    except IndexError:
        return False


def _reaches_trailer(data: bytes) -> bool:
    at = 13 + _colour_table(data[10])
    while data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            at = _skip_sub_blocks(data, at + 2)
        elif data[at] == _IMAGE:
            at = _skip_sub_blocks(data, at + 11 + _colour_table(data[at + 9]))
        else:
            return False
    return True


def _colour_table(packed: int) -> int:
    """Bytes of the colour table that this packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _skip_sub_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
