"""What libvips does not tell of a TIFF, and shows wrongly. TIFF 6.0, sections 2, 8, 18, 19 and 21."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA_SAMPLES = 259, 262, 277, 284, 338
_OLD_JPEG, _JPEG = 6, 7  # compressions
_YCBCR = 6  # photometric interpretation
_SEPARATE = 2  # planar configuration
_UNSPECIFIED = 0  # extra samples
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # of the fields that are read
_MAX_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Tiff:
    """What the directory of a page says."""

    unsupported: str | None = None  # what libvips takes for something else
    colour_bands: int = 0  # bands that are colours, where the others mean nothing; 0: all mean something


def read_tiff(data: bytes, page: int = 0) -> Tiff:
    """What is said of a page, which the file has."""
    try:
        fields = _fields(data, page)
    except (struct.error, IndexError, OverflowError):
        return Tiff()  # libvips refuses it
    compression = fields.get(_COMPRESSION, (1,))[0]
    if compression == _OLD_JPEG:
        return Tiff(unsupported="old-style JPEG")
    if fields.get(_PHOTOMETRIC) == (_YCBCR,) and (
        compression != _JPEG or fields.get(_PLANAR) == (_SEPARATE,)
    ):
        return Tiff(unsupported="YCbCr that is not JPEG, or in planes")
    extra = fields.get(_EXTRA_SAMPLES, ())
    if extra and extra[0] == _UNSPECIFIED:
        return Tiff(colour_bands=max(0, fields.get(_SAMPLES, (1,))[0] - len(extra)))
    return Tiff()


def _fields(data: bytes, page: int) -> dict[int, tuple[int, ...]]:
    """The fields of whole numbers of the directory of a page, by tag.

    Raises struct.error, IndexError or OverflowError for one that is not there.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    count_format, entry_format, offset_format = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    inline = struct.calcsize(offset_format)
    (at,) = struct.unpack_from(order + offset_format, data, 8 if big else 4)
    for _ in range(page):  # each directory ends in the offset of the next
        (count,) = struct.unpack_from(order + count_format, data, at)
        at += struct.calcsize(order + count_format) + count * (struct.calcsize(order + entry_format) + inline)
        (at,) = struct.unpack_from(order + offset_format, data, at)
    (count,) = struct.unpack_from(order + count_format, data, at)
    at += struct.calcsize(order + count_format)
    fields = {}
    for _ in range(min(count, _MAX_FIELDS)):
        tag, kind, number = struct.unpack_from(order + entry_format, data, at)
        at += struct.calcsize(order + entry_format)
        if kind in _TYPES and 1 <= number <= 16:
            form = f"{order}{number}{_TYPES[kind]}"
            place = at
            if struct.calcsize(form) > inline:
                (place,) = struct.unpack_from(order + offset_format, data, at)
            fields[tag] = struct.unpack_from(form, data, place)
        at += inline
    return fields
