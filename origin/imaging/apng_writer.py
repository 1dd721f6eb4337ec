"""Writes animated PNGs (PNG, third edition, W3C 2025, section 11.3.6): libvips writes the first frame alone.

Each frame is written as a PNG of its own, whole, and its data are put into the chunks of one file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from collections.abc import Mapping

from origin.imaging import animation
from origin.imaging.vendor import pyvips
from origin.imaging.vips import field

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CONTROL = struct.Struct(">IIIIIHHBB")  # number, width, height, x, y, delay, its divisor, disposal, blending
_DELAY = 100  # ms of a frame that says nothing
_MAX_DELAY = 65_535  # ms
_KEEP, _REPLACE = 0, 0  # what is shown stays until the next frame, which takes its place


def write_apng(strip: pyvips.Image, pages: int, settings: Mapping[str, object]) -> bytes:
    """The pages of the strip as one animation, with its delays and repetitions. Raises pyvips.Error."""
    delays = list(field(strip, "delay", []))
    delays += [_DELAY] * (pages - len(delays))
    out = [_SIGNATURE]
    number = 0  # of the chunks that an animation adds
    for page, picture in enumerate(animation.split(strip, pages)):
        chunks = list(_chunks(bytes(picture.write_to_buffer(".png", keep="none", **settings))))
        if page == 0:
            out += [_chunk(kind, body) for kind, body in chunks if kind == b"IHDR"]
            out.append(_chunk(b"acTL", struct.pack(">II", pages, int(field(strip, "loop", 0)))))
        delay = min(max(int(delays[page]), 0), _MAX_DELAY)
        control = number, picture.width, picture.height, 0, 0, delay, 1000, _KEEP, _REPLACE
        out.append(_chunk(b"fcTL", _CONTROL.pack(*control)))
        number += 1
        for kind, body in chunks:
            if kind != b"IDAT":
                continue
            if page == 0:
                out.append(_chunk(kind, body))
            else:
                out.append(_chunk(b"fdAT", struct.pack(">I", number) + body))
                number += 1
    return b"".join([*out, _chunk(b"IEND", b"")])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
