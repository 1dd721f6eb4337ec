"""The sides of a JPEG XL by its header (ISO/IEC 18181-1, SizeHeader; 18181-2, boxes)."""

from __future__ import annotations

import struct

_SIGNATURE = b"\xff\x0a"
_ENOUGH = 16  # bytes of a codestream that hold its size
_LENGTHS = (9, 13, 18, 30)  # bits of a side
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def read_jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height, before the orientation that the header may tell. Raises ValueError, struct.error."""
    start = _find_codestream(data)
    if not data.startswith(_SIGNATURE, start):
        raise ValueError("no codestream in it")
    bits = _Bits(data[start + 2 : start + 2 + _ENOUGH])
    is_small = bits.take(1)
    height = _read_side(bits, is_small)
    ratio = bits.take(3)
    if not ratio:
        return _read_side(bits, is_small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _find_codestream(data: bytes) -> int:
    """Where the codestream begins, or the first part of it."""
    at = 0 if not data.startswith(_SIGNATURE) else len(data)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        if kind in (b"jxlc", b"jxlp"):
            return at + head + (4 if kind == b"jxlp" else 0)
        if length < head:  # 0: to the end of the file
            break
        at += length
    return 0


def _read_side(bits: _Bits, is_small: int) -> int:
    return (bits.take(5) + 1) * 8 if is_small else bits.take(_LENGTHS[bits.take(2)]) + 1


class _Bits:
    """Numbers from the lowest bit on."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        taken = self._left & ((1 << count) - 1)
        self._left >>= count
        return taken
