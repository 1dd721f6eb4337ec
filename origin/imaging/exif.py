"""Exif (CIPA DC-008, a TIFF inside other files): written anew, with what may stay in it.

Nothing that is not understood survives: no maker notes, which no one can read and which may name a place,
no thumbnail, no GPS.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_MAKER_NOTE = 0x927C
_GPS_IFD, _INTEROPERABILITY_IFD, _SUB_IFDS = 0x8825, 0xA005, 0x014A
_XMP, _IPTC, _PHOTOSHOP, _PADDING, _OFFSET_SCHEMA = 0x02BC, 0x83BB, 0x8649, 0xEA1C, 0xEA1D
# Offsets to what is not copied, blocks that may hold a place, and the tags of thumbnails and strips.
_LEFT_OUT = {
    *(_EXIF_IFD, _MAKER_NOTE, _GPS_IFD, _INTEROPERABILITY_IFD, _SUB_IFDS),
    *(_XMP, _IPTC, _PHOTOSHOP, _PADDING, _OFFSET_SCHEMA, 0x0111, 0x0117, 0x0201, 0x0202),
}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes, by type
_MAX_ENTRIES = 200  # of one directory
_MAX_VALUE = 8_192  # bytes
_SHORT, _LONG = 3, 4


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    type: int
    count: int
    value: bytes  # in the byte order of the file


def rewrite(exif: bytes, upright: bool) -> bytes | None:
    """The EXIF without what names a place; with `upright` it says that the picture is.

    `exif` begins with the header of a TIFF. None where nothing is left, or it cannot be read.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 14:
        return None
    try:
        main = _read(exif, order, struct.unpack_from(order + "I", exif, 4)[0])
        inner = []
        for entry in main:
            if entry.tag == _EXIF_IFD and entry.type == _LONG and entry.count == 1:
                inner = _read(exif, order, struct.unpack(order + "I", entry.value)[0])
    except struct.error:
        return None
    main = [entry for entry in main if entry.tag not in _LEFT_OUT]
    inner = [entry for entry in inner if entry.tag not in _LEFT_OUT]
    if upright:
        main = [_upright(entry, order) if entry.tag == ORIENTATION else entry for entry in main]
    return _write(main, inner, order) if main or inner else None


def orientation_alone(exif: bytes) -> bytes | None:
    """The EXIF with nothing but the orientation, if it has one that turns the picture."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        main = _read(exif, order, struct.unpack_from(order + "I", exif, 4)[0])
    except struct.error:
        return None
    kept = [entry for entry in main if entry.tag == ORIENTATION and entry.type == _SHORT]
    return _write(kept, [], order) if kept else None


def mark_upright(exif: bytes) -> bytes:
    """The EXIF, byte for byte, but for an orientation of 1. Raises struct.error."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return exif
    (at,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, at)
    marked = bytearray(exif)
    for place in range(at + 2, at + 2 + 12 * min(count, _MAX_ENTRIES), 12):
        tag, kind = struct.unpack_from(order + "HH", exif, place)
        if (tag, kind) == (ORIENTATION, _SHORT):
            struct.pack_into(order + "H", marked, place + 8, 1)
    return bytes(marked)


def _upright(entry: _Entry, order: str) -> _Entry:
    return _Entry(entry.tag, _SHORT, 1, struct.pack(order + "H", 1))


def _read(exif: bytes, order: str, at: int) -> list[_Entry]:
    """The entries of a directory whose values lie inside of the data. Raises struct.error."""
    (count,) = struct.unpack_from(order + "H", exif, at)
    entries = []
    for number in range(min(count, _MAX_ENTRIES)):
        place = at + 2 + 12 * number
        tag, kind, items = struct.unpack_from(order + "HHI", exif, place)
        size = _SIZES.get(kind, 0) * items
        if not 0 < size <= _MAX_VALUE:
            continue
        start = place + 8 if size <= 4 else struct.unpack_from(order + "I", exif, place + 8)[0]
        value = exif[start : start + size]
        if len(value) == size:
            entries.append(_Entry(tag, kind, items, value))
    return entries


def _write(main: list[_Entry], inner: list[_Entry], order: str) -> bytes:
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    if not inner:
        return header + _directory(main, order, 8)
    pointer = _Entry(_EXIF_IFD, _LONG, 1, bytes(4))
    without = _directory([*main, pointer], order, 8)  # to see how long it is
    place = 8 + len(without)
    pointer = _Entry(_EXIF_IFD, _LONG, 1, struct.pack(order + "I", place))
    return header + _directory([*main, pointer], order, 8) + _directory(inner, order, place)


def _directory(entries: list[_Entry], order: str, at: int) -> bytes:
    """A directory that stands at `at`, with its values behind it."""
    entries = sorted({entry.tag: entry for entry in entries}.values(), key=lambda entry: entry.tag)
    behind = at + 2 + 12 * len(entries) + 4
    table, values = struct.pack(order + "H", len(entries)), b""
    for entry in entries:
        head = struct.pack(order + "HHI", entry.tag, entry.type, entry.count)
        if len(entry.value) <= 4:
            table += head + entry.value.ljust(4, b"\0")
        else:
            table += head + struct.pack(order + "I", behind + len(values))
            values += entry.value + b"\0" * (len(entry.value) % 2)
    return table + bytes(4) + values
