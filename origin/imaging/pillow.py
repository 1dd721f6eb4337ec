"""BMP and ICO, for which libvips has no loader here, decoded by Pillow; and its second opinion on GIFs.

Only the two plugins that are needed are loaded, and called by name: Pillow's own search for a plugin would
load all of them.
"""

from __future__ import annotations

import io
import struct

from PIL import BmpImagePlugin
from PIL import IcoImagePlugin
from PIL import Image

from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging.gif import GifImage
from origin.imaging.vendor import pyvips

Image.MAX_IMAGE_PIXELS = None  # the sizes that headers tell are checked against the job's limits instead

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_OLD_HEADER = 12  # bytes; the others begin with the size of theirs and two numbers of four bytes
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error)


def read_size(data: bytes, format: Format) -> tuple[int, int]:
    """Width and height by the header; no pixel is decoded. Raises Unprocessable."""
    try:
        if format is Format.BMP:
            width, height = BmpImagePlugin.BmpImageFile(io.BytesIO(data)).size
        else:
            width, height = _icon_size(data, _largest(IcoImagePlugin.IcoFile(io.BytesIO(data))).offset)
    except _BROKEN as exc:
        raise _unprocessable(format, exc) from exc
    return width, height


def decode(data: bytes, format: Format) -> pyvips.Image:
    """The picture; of an ICO the largest in it. Raises Unprocessable."""
    try:
        picture = _load_bmp(data) if format is Format.BMP else _load_icon(data)
        # An alpha channel that is all zero was never written: the picture is opaque.
        if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (0, 0):
            picture = picture.convert("RGB")
        alpha = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
        grey = picture.mode in ("1", "L")
        mode = "RGBA" if alpha else "L" if grey else "RGB"
        picture = picture if picture.mode == mode else picture.convert(mode)
        pixels = picture.tobytes()
    except _BROKEN as exc:
        raise _unprocessable(format, exc) from exc
    image = pyvips.Image.new_from_memory(pixels, *picture.size, len(mode), "uchar")
    return image.copy(interpretation="b-w" if mode == "L" else "srgb")


def decodes(image: GifImage) -> bool:
    """Whether the data of an image of a GIF give all of its pixels. libvips leaves out what is not there."""
    size = (image.width, image.height)
    try:
        Image.frombytes("P", size, image.data, "gif", (image.code_size, image.interlaced))
    except ValueError:
        return False
    return 0 not in size


def _load_bmp(data: bytes) -> Image.Image:
    picture = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    picture.load()
    return picture


def _load_icon(data: bytes) -> Image.Image:
    icons = IcoImagePlugin.IcoFile(io.BytesIO(data))
    largest = _largest(icons)
    if data.startswith(_PNG, largest.offset) and data.find(_PNG_END, largest.offset) < 0:
        raise ValueError("truncated")
    picture = icons.frame(icons.entry.index(largest))
    if picture.size != _icon_size(data, largest.offset):
        raise ValueError("its sides are not those of its first header")  # by which the limits were judged
    picture.load()
    return picture


def _largest(icons: IcoImagePlugin.IcoFile) -> IcoImagePlugin.IconHeader:
    """Of those of one size the one of most colours."""
    if not icons.entry:
        raise ValueError("no picture in it")
    return max(icons.entry, key=lambda entry: (entry.square, entry.bpp))


def _icon_size(data: bytes, at: int) -> tuple[int, int]:
    """The sides of the PNG or of the bitmap there, which is twice as high, since its mask is behind it."""
    if data.startswith(_PNG, at):
        width, height = struct.unpack_from(">II", data, at + 16)
        return width, height
    (header,) = struct.unpack_from("<I", data, at)
    width, height = struct.unpack_from("<HH" if header == _OLD_HEADER else "<ii", data, at + 4)
    return width, abs(height) // 2


def _unprocessable(format: Format, exc: Exception) -> Unprocessable:
    return Unprocessable(f"{format.name}: {exc}".strip(": "))
