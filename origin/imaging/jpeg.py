"""What libvips does not tell of a JPEG. ITU-T T.81, annex B (the order and the lengths of segments)."""

from __future__ import annotations

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn: all but DHT, JPG and DAC
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_SCAN = 0xDA


def is_lossless_jpeg(data: bytes) -> bool:
    """Whether the first frame is of one of the lossless processes, which decoders do not scale."""
    at = 2
    try:
        while True:
            while data[at] == data[at + 1] == 0xFF:  # fill bytes
                at += 1
            marker = data[at + 1]
            if data[at] != 0xFF or marker in _FRAMES or marker == _SCAN:
                return data[at] == 0xFF and marker in _LOSSLESS
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    except IndexError:
        return False
