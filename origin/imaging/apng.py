"""Animated PNGs (PNG, third edition, W3C 2025): their frames, put together as they are shown.

libvips knows the first picture of them alone. So each frame is written as a PNG of its own, which libvips
decodes, and laid on the canvas as its control chunk says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field

from origin.errors import Unprocessable
from origin.imaging.colour import convert
from origin.imaging.vendor import pyvips
from origin.imaging.vips import load

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CONTROL = struct.Struct(
    ">IIIIIHHBB"
)  # number, width, height, x, y, delay and its divisor, disposal, blending
_TO_BACKGROUND, _TO_PREVIOUS = 1, 2
_OVER = 1
_HUNDREDTHS = 100  # what a divisor of 0 stands for


@dataclass(slots=True)
class _Frame:
    width: int
    height: int
    x: int
    y: int
    milliseconds: int
    disposal: int
    blending: int
    data: list[bytes] = field(default_factory=list)  # of IDAT


def count_frames(original: bytes) -> int:
    """How many frames a PNG announces; 1 for a still picture."""
    for kind, body in _chunks(original):
        if kind == b"acTL" and len(body) == 8:
            return max(1, int(struct.unpack(">II", body)[0]))
        if kind == b"IDAT":
            break
    return 1


def read_delays(original: bytes) -> list[int]:
    """Milliseconds of each frame. Raises Unprocessable."""
    return [frame.milliseconds for frame in _read(original)[1]]


def load_frames(original: bytes, count: int, first: int = 0) -> pyvips.Image:
    """`count` frames from the first one on, one below the other, as libvips' loaders give animations.

    Raises Unprocessable for frames that are not there or lie outside of the canvas, and pyvips.Error.
    """
    head, frames, plays = _read(original)
    if len(frames) < first + count:
        raise Unprocessable("png: truncated")
    width, height = struct.unpack_from(">II", head[0][1])
    shown = []
    canvas = pyvips.Image.black(width, height, bands=4).copy(interpretation="srgb")
    for number, frame in enumerate(frames[: first + count]):
        if frame.x + frame.width > width or frame.y + frame.height > height:
            raise Unprocessable("png: a frame lies outside of the picture")
        before, canvas = canvas, _show(canvas, frame, head)
        if number >= first:
            shown.append(canvas)
        if frame.disposal == _TO_BACKGROUND or (frame.disposal == _TO_PREVIOUS and number == 0):
            canvas = canvas.insert(_empty(frame), frame.x, frame.y)
        elif frame.disposal == _TO_PREVIOUS:
            canvas = before
    strip = pyvips.Image.arrayjoin(shown, across=1).copy()
    delays = [frame.milliseconds for frame in frames[first : first + count]]
    strip.set_type(pyvips.GValue.gint_type, "page-height", height)
    strip.set_type(pyvips.GValue.gint_type, "n-pages", len(frames))
    strip.set_type(pyvips.GValue.gint_type, "loop", plays)
    strip.set_type(pyvips.GValue.array_int_type, "delay", delays)
    return strip


def _show(canvas: pyvips.Image, frame: _Frame, head: list[tuple[bytes, bytes]]) -> pyvips.Image:
    """The canvas with this frame on it."""
    picture = load("pngload_source", _write(frame, head), fail_on="truncated")
    picture = convert(picture).colourspace("srgb")
    picture = picture if picture.hasalpha() else picture.addalpha()
    if frame.blending == _OVER:
        place = canvas.crop(frame.x, frame.y, frame.width, frame.height)
        picture = place.composite2(picture, "over", compositing_space="srgb")
    return canvas.insert(picture, frame.x, frame.y).copy_memory()


def _empty(frame: _Frame) -> pyvips.Image:
    return pyvips.Image.black(frame.width, frame.height, bands=4).copy(interpretation="srgb")


def _read(original: bytes) -> tuple[list[tuple[bytes, bytes]], list[_Frame], int]:
    """The chunks that all frames share, IHDR first, the frames, and how often they are played."""
    head: list[tuple[bytes, bytes]] = []
    frames: list[_Frame] = []
    plays, before_data = 0, True
    try:
        for kind, body in _chunks(original):
            if kind == b"acTL":
                plays = struct.unpack(">II", body)[1]
            elif kind == b"fcTL":
                frames.append(_read_control(body))
            elif kind == b"IDAT":
                before_data = False
                if len(frames) == 1:  # else it is a picture for those who show no animation
                    frames[0].data.append(body)
            elif kind == b"fdAT" and frames:
                frames[-1].data.append(body[4:])
            elif before_data:
                head.append((kind, body))
    except struct.error as exc:
        raise Unprocessable(f"png: {exc}") from exc
    return head, [frame for frame in frames if frame.data], plays


def _read_control(body: bytes) -> _Frame:
    _, width, height, x, y, delay, divisor, disposal, blending = _CONTROL.unpack(body)
    milliseconds = round(1000 * delay / (divisor or _HUNDREDTHS))
    return _Frame(width, height, x, y, milliseconds, disposal, blending)


def _chunks(original: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk that is whole."""
    at = len(_SIGNATURE)
    while at + 12 <= len(original):
        length, kind = struct.unpack_from(">I4s", original, at)
        if at + 12 + length > len(original):
            return
        yield kind, original[at + 8 : at + 8 + length]
        at += 12 + length


def _write(frame: _Frame, head: list[tuple[bytes, bytes]]) -> bytes:
    """The frame as a PNG of its own."""
    header = struct.pack(">II", frame.width, frame.height) + head[0][1][8:]
    chunks = [(b"IHDR", header), *head[1:], *((b"IDAT", data) for data in frame.data), (b"IEND", b"")]
    written = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return _SIGNATURE + b"".join(written)
