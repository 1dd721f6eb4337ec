"""What stands in a BMP beside its pixels: behind them, or between them and the header.

[MS-WMF] 2.2.2.9, "DeviceIndependentBitmap Object", and 3.1.6, "Bitmap run-length encoding".
"""

from __future__ import annotations

import struct

_FILE_HEADER, _CORE_HEADER, _INFO_HEADER = 14, 12, 40  # bytes
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6  # compressions
_MASKS = {_BITFIELDS: 12, _ALPHA_BITFIELDS: 16}  # bytes behind a header that has none of its own
_LENGTH = 2  # where the file tells how long it is


def strip(data: bytes) -> bytes:
    """The file without that. Raises ValueError, IndexError or struct.error for what is no BMP, or packed in a
    way that does not tell its end."""
    (pixels,) = struct.unpack_from("<I", data, 10)
    (size,) = struct.unpack_from("<I", data, _FILE_HEADER)
    if size == _CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression, in_palette = _RGB, 3
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        in_palette = 4
    head = _FILE_HEADER + size + (_MASKS.get(compression, 0) if size == _INFO_HEADER else 0)
    head += in_palette << bits if bits <= 8 else 0
    if compression in (_RLE8, _RLE4):
        end = _end_of_runs(data, pixels, wide=compression == _RLE8)
    elif compression in (_RGB, *_MASKS):
        end = pixels + (width * bits + 31) // 32 * 4 * abs(height)
    else:
        raise ValueError("a file of another format in it")
    stripped = bytearray(data[:end])
    if head < pixels:
        stripped[head:pixels] = bytes(pixels - head)
    if len(stripped) < len(data):
        struct.pack_into("<I", stripped, _LENGTH, len(stripped))
    return bytes(stripped)


def _end_of_runs(data: bytes, at: int, *, wide: bool) -> int:
    """Where packed pixels end. `wide`: each takes a byte, and not half of one."""
    while True:
        count, value = data[at], data[at + 1]
        at += 2
        if count or not value:  # a run, or the end of a line
            continue
        if value == 1:
            return at
        size = 2 if value == 2 else value if wide else (value + 1) // 2  # a step, or pixels as they are
        at += size + size % 2
