"""BMPs and ICOs of kinds that Pillow does not write."""

from __future__ import annotations

import struct

from PIL import Image

from tests.support import pictures

RGB, RLE8, BITFIELDS = 0, 1, 3  # compressions


def dib(
    width: int,
    height: int,
    bits: int,
    data: bytes,
    *,
    compression: int = RGB,
    palette: bytes = b"",
    masks: tuple[int, ...] = (),
) -> bytes:
    """A bitmap without the header of a file: BITMAPINFOHEADER, or V4 where there are four masks."""
    size = 108 if len(masks) == 4 else 40
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    header += struct.pack(f"<{len(masks)}I", *masks)
    return header.ljust(size, b"\0") + palette + data


def bmp(bitmap: bytes, palette: bytes = b"") -> bytes:
    """The file of a bitmap, whose pixels are what is behind its header, its three masks and its palette."""
    (size,) = struct.unpack_from("<I", bitmap)
    (compression,) = struct.unpack_from("<I", bitmap, 16) if size >= 40 else (RGB,)
    masks = 12 if compression == BITFIELDS and size == 40 else 0
    offset = 14 + size + masks + len(palette)
    return struct.pack("<2sIII", b"BM", 14 + len(bitmap), 0, offset) + bitmap


def bottom_up(rows: list[bytes]) -> bytes:
    """Lines of a bitmap: the last first, each of a multiple of four bytes."""
    return b"".join(row + bytes(-len(row) % 4) for row in reversed(rows))


def icon(*images: tuple[int, int, int, bytes]) -> bytes:
    """An ICO of (width, height, bits, PNG or bitmap)."""
    directory = struct.pack("<HHH", 0, 1, len(images))
    data, offset = b"", 6 + 16 * len(images)
    for width, height, bits, image in images:
        sides = (width % 256, height % 256)
        directory += struct.pack("<BBBBHHII", *sides, 0, 0, 1, bits, len(image), offset + len(data))
        data += image
    return directory + data


def masked(width: int, height: int, bits: int, data: bytes, mask: bytes, palette: bytes = b"") -> bytes:
    """A bitmap for an ICO: its header tells twice the height, and its mask is behind it."""
    return dib(width, height * 2, bits, data, palette=palette) + mask


def plain_png(side: int, colour: tuple[int, ...]) -> bytes:
    return pictures.encoded(Image.new("RGBA" if len(colour) == 4 else "RGB", (side, side), colour), "PNG")
