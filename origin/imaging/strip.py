"""Metadata of a picture's file taken out, without a look at its pixels.

`location` keeps what does not tell where a picture was taken: camera, date, author, rights. `all` keeps
what the pixels need: the colour profile, and the orientation. What stands behind the end of the picture goes
in both, such as a second file for which this one would pass.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from collections.abc import Iterator

from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging import avif_metadata
from origin.imaging import bmp_metadata
from origin.imaging import exif
from origin.imaging.gif import copy_gif

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_ICC = b"ICC_PROFILE\0"
_JFIF, _JFIF_BYTES = b"JFIF\0", 12  # of a header, before the sides of its thumbnail
_ADOBE, _ADOBE_BYTES = b"Adobe", 12
_APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
# Of frames, tables and scans, but for the markers that have none (ITU T.81, table B.1).
_OF_PIXELS = {*range(0xC0, 0xD0), *range(0xDA, 0xE0)} - {0xC8}
# Words of XMP that name a place, in the schemas that have some.
_PLACES = re.compile(rb"gps|location|latitude|longitude|city|country|province|state>|geo", re.IGNORECASE)
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"}
_PNG_KEPT |= {b"cICP", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"}


def strip(data: bytes, format: Format, how: str, upright: bool = False) -> bytes:
    """The file without metadata: `how` is "all", "location" or "none".

    `upright`: its pixels have been turned, so that an orientation in it would turn them once more.
    Raises Unprocessable where the file is not built as its format demands.
    """
    if how == "none":
        return data
    stripper = _STRIPPERS.get(format)
    if stripper is None:
        return data
    try:
        return stripper(data, how == "all", upright)
    except (struct.error, IndexError, ValueError) as exc:
        raise Unprocessable(f"{format.name}: its metadata cannot be read") from exc


def metadata_of_jpeg(data: bytes, how: str) -> bytes:
    """What may stay of the segments that tell of the picture, for a file of the same pixels turned upright.

    Raises ValueError, IndexError or struct.error.
    """
    keep = {"all": lambda marker, segment: b"", "location": _keep_upright, "none": _mark_upright}[how]
    told = (_APP1, _APP13, _COMMENT)
    return b"".join(keep(marker, segment) for marker, segment in _segments(data) if marker in told)


def _keep_upright(marker: int, segment: bytes) -> bytes:
    return _keep_segment(marker, segment, all_goes=False, upright=True)


def _mark_upright(marker: int, segment: bytes) -> bytes:
    content = segment.lstrip(b"\xff")[3:]
    if marker != _APP1 or not content.startswith(_EXIF):
        return segment
    return _segment(_APP1, _EXIF + exif.mark_upright(content[len(_EXIF) :]))


def _strip_jpeg(data: bytes, all_goes: bool, upright: bool) -> bytes:
    pieces = [b"\xff\xd8"]
    end = 2
    orientation = b""
    for marker, segment in _segments(data):
        end += len(segment)
        if marker == _APP1 and all_goes and not upright:
            orientation = orientation or _orientation_alone(segment)
            continue
        pieces.append(_keep_segment(marker, segment, all_goes, upright))
    pieces.insert(1, orientation)
    return b"".join(pieces) + _scans(data, end)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment before the first scan (ITU T.81, section B.1.1)."""
    at = 2
    while True:
        start = at
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker in (0xDA, 0xD9):
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            raise ValueError("a marker that stands here never")
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            raise ValueError("a segment beyond the end")
        at += 2 + length
        yield marker, data[start:at]


def _keep_segment(marker: int, segment: bytes, all_goes: bool, upright: bool) -> bytes:
    """The segment, what may stay of it, or nothing."""
    if marker in _OF_PIXELS:
        return segment
    content = segment.lstrip(b"\xff")[3:]
    if marker == _APP0 and content.startswith(_JFIF) and len(content) >= _JFIF_BYTES:
        return _segment(_APP0, content[:_JFIF_BYTES] + bytes(2))
    if marker == _APP14 and content.startswith(_ADOBE):
        return _segment(_APP14, content[:_ADOBE_BYTES])
    if marker == _APP2 and content.startswith(_ICC):
        return segment
    if all_goes:
        return b""
    if marker == _COMMENT:
        return segment if not _PLACES.search(content) else b""
    if marker == _APP1 and content.startswith(_EXIF):
        rewritten = exif.rewrite(content[len(_EXIF) :], upright)
        return b"" if rewritten is None else _segment(_APP1, _EXIF + rewritten)
    if marker == _APP1 and content.startswith(_XMP):
        return segment if not _PLACES.search(content) else b""
    return b""


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content if len(content) < 65_534 else b""


def _orientation_alone(segment: bytes) -> bytes:
    content = segment.lstrip(b"\xff")[3:]
    if not content.startswith(_EXIF):
        return b""
    alone = exif.orientation_alone(content[len(_EXIF) :])
    return b"" if alone is None else _segment(_APP1, _EXIF + alone)


def _scans(data: bytes, at: int) -> bytes:
    """From the first scan to the end of the picture, with the tables between scans."""
    pieces: list[bytes] = []
    start = at
    while True:
        at = data.index(b"\xff", at)
        marker = data[at + 1]
        if marker == 0xD9:
            return b"".join([*pieces, data[start : at + 2]])
        if marker == 0xFF:
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD7:
            at += 2
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            if marker not in _OF_PIXELS:
                pieces.append(data[start:at])
                start = at + 2 + length
            at += 2 + length


def _strip_png(data: bytes, all_goes: bool, upright: bool) -> bytes:
    pieces, at = [data[:8]], 8
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data) or len(name) < 4:
            raise ValueError("a chunk beyond the end")
        pieces.append(_keep_chunk(name, data[at:end], all_goes, upright))
        if name == b"IEND":
            return b"".join(pieces)
        at = end


def _keep_chunk(name: bytes, chunk: bytes, all_goes: bool, upright: bool) -> bytes:
    if name in _PNG_KEPT:
        return chunk
    content = chunk[8:-4]
    if name == b"eXIf":
        kept = exif.orientation_alone(content) if all_goes else exif.rewrite(content, upright)
        return b"" if kept is None or (all_goes and upright) else _chunk(b"eXIf", kept)
    if all_goes or name not in (b"tEXt", b"tIME"):
        return b""  # iTXt and zTXt may be compressed, and hold Exif and XMP
    if content.lower().startswith(b"raw profile") or _PLACES.search(content):
        return b""
    return chunk


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


_VP8X_EXIF, _VP8X_XMP = 0x08, 0x04


def _strip_webp(data: bytes, all_goes: bool, upright: bool) -> bytes:
    (size,) = struct.unpack_from("<I", data, 4)
    if 8 + size > len(data):
        raise ValueError("the RIFF is cut")
    pieces: list[bytes] = []
    flags, at = 0, 12
    while at + 8 <= 8 + size:
        name = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        content = data[at + 8 : at + 8 + length]
        if len(content) < length:
            raise ValueError("a chunk beyond the end")
        at += 8 + length + length % 2
        if name == b"EXIF":
            tiff = content.removeprefix(_EXIF)
            kept = exif.orientation_alone(tiff) if all_goes else exif.rewrite(tiff, upright)
            if kept is None or (all_goes and upright):
                continue
            content, flags = kept, flags | _VP8X_EXIF
        elif name == b"XMP ":
            if all_goes or _PLACES.search(content):
                continue
            flags |= _VP8X_XMP
        elif name not in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"):
            continue
        pieces.append(name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2))
    for number, piece in enumerate(pieces):
        if piece.startswith(b"VP8X"):
            kept_flags = piece[8] & ~(_VP8X_EXIF | _VP8X_XMP) | flags
            pieces[number] = piece[:8] + bytes([kept_flags]) + piece[9:]
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_ALL_PAGES = 1 << 30


def _strip_gif(data: bytes, all_goes: bool, upright: bool) -> bytes:
    return copy_gif(data, _ALL_PAGES)


def _strip_avif(data: bytes, all_goes: bool, upright: bool) -> bytes:
    return avif_metadata.blank(data)


def _strip_bmp(data: bytes, all_goes: bool, upright: bool) -> bytes:
    return bmp_metadata.strip(data)


_STRIPPERS: dict[Format, Callable[[bytes, bool, bool], bytes]] = {
    Format.JPG: _strip_jpeg,
    Format.PNG: _strip_png,
    Format.WEBP: _strip_webp,
    Format.GIF: _strip_gif,
    Format.AVIF: _strip_avif,
    Format.BMP: _strip_bmp,
}
