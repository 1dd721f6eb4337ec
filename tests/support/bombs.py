"""Small files that ask for much: pictures whose headers promise what nobody wants to decode.

Made from small whole pictures by changing the numbers in their headers, so that they are cheap.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache

from PIL import Image

from tests.support import pictures

MB = 1_000_000


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg(side: int) -> bytes:
    """A progressive JPEG, which is held whole in memory, of `side` x `side` pixels by its frame header."""
    small = pictures.encoded(pictures.field(64, 64), "JPEG", progressive=True)
    at = small.index(b"\xff\xc2") + 5  # SOF2: length and precision come first
    return small[:at] + struct.pack(">HH", side, side) + small[at + 4 :]


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG of 2000x2000 whose scans come `count` times: 20 ms of work for 16 kB, each time."""
    whole = pictures.encoded(Image.new("L", (2000, 2000), 90), "JPEG", progressive=True)
    start = whole.index(b"\xff\xda")
    return whole[:start] + whole[start:-2] * count + whole[-2:]


def interlaced_png(side: int) -> bytes:
    return pictures.png(side, side, interlaced=True, data=bytes(2000))


def webp(side: int) -> bytes:
    """A lossless WebP whose 14-bit sides say `side` (WebP lossless specification, section 3)."""
    small = bytearray(pictures.encoded(pictures.field(16, 16), "WEBP", lossless=True))
    at = small.index(b"VP8L") + 9
    bits = int.from_bytes(small[at : at + 4], "little") >> 28 << 28
    small[at : at + 4] = (bits | (side - 1) << 14 | (side - 1)).to_bytes(4, "little")
    return bytes(small)


def avif(side: int) -> bytes:
    """An AVIF whose `ispe` property says `side` (ISO/IEC 23008-12, section 6.5.3)."""
    small = pictures.encoded(pictures.field(64, 64), "AVIF", quality=50)
    at = small.index(b"ispe") + 8
    return small[:at] + struct.pack(">II", side, side) + small[at + 8 :]


def tiff(side: int) -> bytes:
    """A TIFF without pixels."""
    return b"II*\0" + struct.pack("<I", 8) + _directory(side) + bytes(4)


def tiff_of_pages(count: int) -> bytes:
    """A TIFF of `count` pages of 1000x1000."""
    page = _directory(1000)
    following = [8 + (len(page) + 4) * (n + 1) for n in range(count - 1)] + [0]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(page + struct.pack("<I", at) for at in following)


def _directory(side: int) -> bytes:
    """An image file directory of a grey page, up to the offset of the next (TIFF 6.0, section 2)."""
    fields = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (279, 4, 8)]
    entries = (struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    return struct.pack("<H", len(fields)) + b"".join(entries)


def gif_of_frames(count: int) -> bytes:
    """A GIF of `count` frames of one pixel, black and white in turn."""
    canvas = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    pause, place = b"\x21\xf9\x04\0\x01\0\0\0", b"\x2c" + bytes(4) + b"\x01\0\x01\0\0"
    black, white = (pause + place + b"\x02\x02" + code + b"\x01\0" for code in (b"\x44", b"\x4c"))
    return canvas + (black + white) * (count // 2) + b";"


@cache
def _zeros(megabytes: int) -> bytes:
    """What `zlib.compress` makes of so many zeros (RFC 1950), but that each million is compressed once."""
    deflate = zlib.compressobj(9, wbits=-15)
    million = deflate.compress(bytes(MB)) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = megabytes * MB % 65521 << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + million * megabytes + deflate.flush() + checksum.to_bytes(4)


def png_with(name: bytes, megabytes: int) -> bytes:
    """A PNG of one pixel with a chunk that inflates to `megabytes`."""
    head = {b"iCCP": b"p\0\0", b"zTXt": b"c\0\0", b"IDAT": b""}[name]
    whole = pictures.png(1, 1, data=bytes(4))
    at = whole.index(b"IDAT") - 4
    if name == b"IDAT":
        return whole[:at] + _chunk(name, _zeros(megabytes)) + _chunk(b"IEND", b"")
    return whole[:at] + _chunk(name, head + _zeros(megabytes)) + whole[at:]


def png_of_texts(count: int) -> bytes:
    whole = pictures.png(1, 1, data=bytes(4))
    at = whole.index(b"IDAT") - 4
    return whole[:at] + _chunk(b"tEXt", b"a\0b") * count + whole[at:]


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "lol">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n + 1, b"&a%d;" % n * 10) for n in range(9))
    + b']><svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><text>&a9;</text></svg>'
)
USES = (
    b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="9" height="9">'
    b'<g id="u0"><rect width="1" height="1"/></g>'
    + b"".join(b'<g id="u%d">%s</g>' % (n + 1, b'<use x:href="#u%d"/>' % n * 10) for n in range(9))
    + b"</svg>"
)
GIANT = b'<svg xmlns="http://www.w3.org/2000/svg" width="1000000" height="1000000"><rect width="9"/></svg>'


def reaching_svg(address: str, declared: bool) -> bytes:
    """An SVG that wants a file of this machine and things from `address`; `declared`: by an entity too."""
    entity = '<!DOCTYPE svg [<!ENTITY file SYSTEM "file:///etc/passwd">]>' if declared else ""
    return (
        f'<?xml version="1.0"?>{entity}'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"'
        ' width="99" height="99"><rect width="99" height="99" fill="#0000ff"/>'
        f'<image x:href="{address}/a.png" width="99" height="99"/>'
        '<image href="file:///etc/passwd" width="99" height="99"/>'
        f'<style>@import url("{address}/b.css");</style><script>alert(1)</script>'
        f"<text>{'&file;' if declared else ''}</text></svg>"
    ).encode()
