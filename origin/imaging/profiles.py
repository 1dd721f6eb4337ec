"""Which colour profiles need no conversion. Reads just enough of a profile to know sRGB by its numbers.

Converting costs as much as decoding a photograph, and nearly every embedded profile is sRGB under one
of a hundred names. Names lie (there is a linear profile called "sRGB-elle-V2-g10"), so the primaries
and the curve are compared. Layout: ICC.1:2022, sections 7.2, 7.3, 10.6, 10.18 and 10.31.
"""

from __future__ import annotations

import struct

# Colorants of sRGB adapted to D50, as every sRGB profile holds them.
_PRIMARIES = {
    b"rXYZ": (0.4360, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7139),
}
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
# IEC 61966-2-1 at two points; the lower one tells it from a plain gamma of 2.2.
_SAMPLES = ((0.1, 0.01002), (0.5, 0.21404))
_TOLERANCE = 0.002


def color_space(profile: bytes) -> str:
    """The space of the pixels this profile is for: "RGB", "GRAY", "CMYK"..."""
    return profile[16:20].decode("latin-1").strip()


def is_srgb(profile: bytes) -> bool:
    """Whether pixels under this profile are sRGB already. False in any doubt."""
    try:
        tags = _tags(profile)
        # A table (A2B0) takes precedence over the curves.
        return b"A2B0" not in tags and _has_srgb_primaries(tags) and _has_srgb_curves(tags)
    except (KeyError, IndexError, ValueError, OverflowError, struct.error):
        return False


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(min(count, 100)))
    return {name: profile[offset : offset + size] for name, offset, size in entries}


def _has_srgb_primaries(tags: dict[bytes, bytes]) -> bool:
    return all(
        abs(value - expected) < _TOLERANCE
        for name, xyz in _PRIMARIES.items()
        for value, expected in zip(_fixed(tags[name], 8, 3), xyz, strict=True)
    )


def _has_srgb_curves(tags: dict[bytes, bytes]) -> bool:
    return all(abs(_curve(tags[name], x) - y) < _TOLERANCE for name in _CURVES for x, y in _SAMPLES)


def _curve(tag: bytes, x: float) -> float:
    return _table(tag, x) if tag[:4] == b"curv" else _parametric(tag, x)


def _table(tag: bytes, x: float) -> float:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count < 2:
        return x ** (struct.unpack_from(">H", tag, 12)[0] / 256) if count else x
    at = x * (count - 1)
    low, high = struct.unpack_from(">HH", tag, 12 + 2 * int(at))
    return float(low + (high - low) * (at % 1)) / 65535


def _parametric(tag: bytes, x: float) -> float:
    """Type 3 alone, the form of sRGB's curve: one power, and a straight line below `d`."""
    if tag[:4] != b"para" or struct.unpack_from(">H", tag, 8)[0] != 3:
        raise ValueError(tag[:4])
    g, a, b, c, d = _fixed(tag, 12, 5)
    return (a * x + b) ** g if x >= d else c * x


def _fixed(tag: bytes, offset: int, count: int) -> tuple[float, ...]:
    return tuple(value / 65536 for value in struct.unpack_from(f">{count}i", tag, offset))
