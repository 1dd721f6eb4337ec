"""Exif and XMP in an AVIF, and what belongs to no item of it, overwritten where they lie: the places of the
pixels in the file stay as they are.

ISO/IEC 14496-12, section 8.11: the box `iinf` names the items, `iloc` tells where their bytes are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_METADATA = (b"Exif", b"mime", b"uri ")
_NO_EXIF = bytes(4) + b"II*\0\x08\0\0\0"  # where the TIFF begins, its header; a directory of zeros follows
_MAX_EXTENTS = 10_000
_KNOWN = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})  # boxes of a file
_KNOWN_IN_META = frozenset(
    {b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat", b"ipro", b"dinf", b"grpl"}
)


def blank(data: bytes) -> bytes:
    """The file without its metadata. Raises ValueError, IndexError or struct.error."""
    blanked = bytearray(data)
    boxes = list(_boxes(data, 0, len(data)))
    names = {name for name, _, _ in boxes}
    if names.isdisjoint({b"meta", b"moov"}):
        raise ValueError("nothing in it tells where its pixels are")
    for name, start, end in boxes:
        if name == b"meta":
            for kind, places in _metadata_places(data, start + 4, end):
                _overwrite(blanked, kind, places)
            for inner_name, inner, inner_end in _boxes(data, start + 4, end):
                if inner_name not in _KNOWN_IN_META:
                    blanked[inner:inner_end] = bytes(inner_end - inner)
        elif name not in _KNOWN:
            blanked[start:end] = bytes(end - start)
        elif name == b"moov":
            _blank_user_data(data, start, end, blanked)
    if b"moov" not in names:  # whose tables have places of their own
        _blank_between_items(data, boxes, blanked)
    return bytes(blanked)


def _blank_between_items(data: bytes, boxes: list[_Box], blanked: bytearray) -> None:
    """Overwrite what of `mdat` belongs to no item."""
    items = sorted(
        place for name, start, end in boxes if name == b"meta" for place in _items(data, start + 4, end)
    )
    for name, at, end in boxes:
        if name != b"mdat":
            continue
        for place, size in [*items, (end, 0)]:
            if at < place <= end:
                blanked[at:place] = bytes(place - at)
            at = max(at, min(place + size, end))


def _items(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Place and size of the pieces of all items. A size of 0 reaches to the end of the file."""
    boxes = {name: (inner, inner_end) for name, inner, inner_end in _boxes(data, start, end)}
    if b"iloc" in boxes:
        for _, place, size in _extents(data, boxes[b"iloc"][0], boxes.get(b"idat", (0, 0))[0]):
            if place >= 0:
                yield place, size or len(data)


def _blank_user_data(data: bytes, start: int, end: int, blanked: bytearray) -> None:
    """The metadata of a sequence: user data, and items of its tracks."""
    for name, inner, inner_end in _boxes(data, start, end):
        if name in (b"udta", b"meta", b"uuid"):
            blanked[inner:inner_end] = bytes(inner_end - inner)
            blanked[inner - 4 : inner] = b"free"
        elif name == b"trak":
            _blank_user_data(data, inner, inner_end, blanked)


_Box = tuple[bytes, int, int]
"""Type, beginning and end of the content."""


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at < end:
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        box_end = end if size == 0 else at + size
        if not start <= box_end <= end:
            raise ValueError("a box beyond the end")
        yield name, start, box_end
        at = box_end


def _overwrite(data: bytearray, kind: bytes, places: list[tuple[int, int]]) -> None:
    """Put nothing in the place of an item: zeros, or an Exif without a field, which readers expect there."""
    rest = _NO_EXIF if kind == b"Exif" else b""
    for place, size in places:
        if place + size > len(data):
            raise ValueError("an item beyond the end")
        data[place : place + size] = rest[:size].ljust(size, b"\0")
        rest = rest[size:]


def _metadata_places(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """The kind of each item that is metadata, with place and size of its pieces."""
    boxes = {name: (inner, inner_end) for name, inner, inner_end in _boxes(data, start, end)}
    if b"iinf" not in boxes:
        return
    items = dict(_metadata_items(data, *boxes[b"iinf"]))
    if not items:
        return
    inside = boxes.get(b"idat", (0, 0))[0]
    places: dict[int, list[tuple[int, int]]] = {item: [] for item in items}
    for item, place, size in _extents(data, boxes[b"iloc"][0], inside):
        if item in items:
            if place < 0 or not size:
                raise ValueError("metadata in a place that is not known")
            places[item].append((place, size))
    for item, kind in items.items():
        yield kind, places[item]


def _metadata_items(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Number and kind of the items that are metadata."""
    version = data[start]
    first = start + (6 if version == 0 else 8)
    for name, inner, _ in _boxes(data, first, end):
        if name != b"infe":
            raise ValueError("no item")
        item_version = data[inner]
        if item_version < 2:
            raise ValueError("an item of an old version")
        number, _, kind = struct.unpack_from(">HH4s" if item_version == 2 else ">IH4s", data, inner + 4)
        if kind in _METADATA:
            yield number, kind


def _extents(data: bytes, start: int, inside: int) -> Iterator[tuple[int, int, int]]:
    """Item, place and size of each piece. `inside` is where the box `idat` begins. A place below 0 is in
    another file or item."""
    version = data[start]
    if version > 2:
        raise ValueError("places of a version that is not known")
    sizes, more = data[start + 4], data[start + 5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version else 0
    at, wide = start + 6, version == 2
    count, at = _number(data, at, 4 if wide else 2)
    for _ in range(count):
        item, at = _number(data, at, 4 if wide else 2)
        method = 0
        if version:
            method, at = _number(data, at, 2)
        _, at = _number(data, at, 2)
        base, at = _number(data, at, base_size)
        extents, at = _number(data, at, 2)
        if extents > _MAX_EXTENTS:
            raise ValueError("too many extents")
        for _ in range(extents):
            at += index_size
            offset, at = _number(data, at, offset_size)
            length, at = _number(data, at, length_size)
            place = base + offset + (inside if method & 15 == 1 else 0)
            yield item, place if method & 15 <= 1 else -1, length


def _number(data: bytes, at: int, size: int) -> tuple[int, int]:
    """A number of so many bytes, and where it ends."""
    if at + size > len(data):
        raise ValueError("the places are cut")
    return int.from_bytes(data[at : at + size], "big"), at + size
