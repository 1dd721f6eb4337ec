"""Formats that libvips has no loader for here and Pillow has: BMP, ICO, ICNS, JPEG 2000, PSD; and its second
opinion on GIFs.

Only the plugins that are needed are loaded, and called by name: Pillow's own search for a plugin would load
all of them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import NamedTuple

from PIL import BmpImagePlugin
from PIL import IcnsImagePlugin
from PIL import IcoImagePlugin
from PIL import Image
from PIL import ImageFile
from PIL import Jpeg2KImagePlugin
from PIL import PngImagePlugin
from PIL import PsdImagePlugin

from origin.formats import Format
from origin.imaging.gif import GifImage
from origin.imaging.raw import MODES
from origin.imaging.raw import from_pixels
from origin.imaging.raw import unprocessable
from origin.imaging.vendor import pyvips

Image.MAX_IMAGE_PIXELS = None  # the sizes that headers tell are checked against the job's limits instead

Size = tuple[int, int]

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_CODESTREAM = b"\xff\x4f\xff\x51"  # of JPEG 2000 (ISO/IEC 15444-1, annex A): SOC, SIZ
_OLD_HEADER = 12  # bytes; the others begin with the size of theirs and two numbers of four bytes
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error),
    *(AssertionError, AttributeError),
)


def count_pages(data: bytes, format: Format) -> int:
    return 1


def read_size(data: bytes, format: Format, page: int = 0) -> Size:
    """Width and height by the header; no pixel is decoded. Raises Unprocessable."""
    try:
        return _READERS[format].size(data)
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc


def decode(data: bytes, format: Format, page: int = 0) -> pyvips.Image:
    """The picture; of an icon the largest in it. Raises Unprocessable."""
    try:
        picture = _READERS[format].load(data)
        # An alpha channel that is all zero was never written: the picture is opaque.
        if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (0, 0):
            picture = picture.convert("RGB")
        mode = picture.mode
        if mode not in MODES:
            alpha = mode in ("PA", "RGBa", "La") or "transparency" in picture.info
            mode = "RGBA" if alpha else "L" if mode == "1" else "RGB"
        elif "transparency" in picture.info:
            mode = "RGBA"
        picture = picture if picture.mode == mode else picture.convert(mode)
        pixels = picture.tobytes()
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc
    return from_pixels(pixels, *picture.size, mode, picture.info.get("icc_profile"))


def decodes(image: GifImage) -> bool:
    """Whether the data of an image of a GIF give all of its pixels. libvips leaves out what is not there."""
    size = (image.width, image.height)
    try:
        Image.frombytes("P", size, image.data, "gif", (image.code_size, image.interlaced))
    except ValueError:
        return False
    return 0 not in size


class _Reader(NamedTuple):
    """How the files of one format are read."""

    load: Callable[[bytes], Image.Image]  # the picture, decoded
    size: Callable[[bytes], Size]  # by the header; no pixel is decoded


def _reader_of(open_file: Callable[[io.BytesIO], ImageFile.ImageFile]) -> _Reader:
    """The reader of a format with one picture in each file, whose header tells its size."""
    return _Reader(
        lambda data: _loaded(open_file(io.BytesIO(data))), lambda data: open_file(io.BytesIO(data)).size
    )


def _loaded(picture: Image.Image) -> Image.Image:
    picture.load()
    return picture


# ICO


def _load_icon(data: bytes) -> Image.Image:
    icons = IcoImagePlugin.IcoFile(io.BytesIO(data))
    largest = _largest(icons)
    _check_png(data, largest.offset)
    picture = icons.frame(icons.entry.index(largest))
    if picture.size != _icon_size(data):
        raise ValueError("its sides are not those of its first header")  # by which the limits were judged
    return _loaded(picture)


def _icon_size(data: bytes) -> Size:
    """The sides of the PNG or of the bitmap there, which is twice as high, since its mask is behind it."""
    at = _largest(IcoImagePlugin.IcoFile(io.BytesIO(data))).offset
    if data.startswith(_PNG, at):
        width, height = struct.unpack_from(">II", data, at + 16)
        return width, height
    (header,) = struct.unpack_from("<I", data, at)
    width, height = struct.unpack_from("<HH" if header == _OLD_HEADER else "<ii", data, at + 4)
    return width, abs(height) // 2


def _largest(icons: IcoImagePlugin.IcoFile) -> IcoImagePlugin.IconHeader:
    """Of those of one size the one of most colours."""
    if not icons.entry:
        raise ValueError("no picture in it")
    return max(icons.entry, key=lambda entry: (entry.square, entry.bpp))


def _check_png(data: bytes, at: int) -> None:
    """Pillow shows half a PNG."""
    if data.startswith(_PNG, at) and data.find(_PNG_END, at) < 0:
        raise ValueError("truncated")


# ICNS


def _load_icns(data: bytes) -> Image.Image:
    icons = IcnsImagePlugin.IcnsFile(io.BytesIO(data))
    best = icons.bestsize()
    for start, _ in _entries(icons, best):
        _check_png(data, start)
    return _loaded(icons.getimage(best))


def _icns_size(data: bytes) -> Size:
    """What the largest icon says of itself: the table tells what it should be."""
    icons = IcnsImagePlugin.IcnsFile(io.BytesIO(data))
    best = icons.bestsize()
    sizes = [(best[0] * best[2], best[1] * best[2])]
    for start, length in _entries(icons, best):
        entry = data[start : start + length]
        if entry.startswith(_PNG):
            sizes.append(PngImagePlugin.PngImageFile(io.BytesIO(entry)).size)
        elif _CODESTREAM in entry[:4096]:
            sizes.append(_jpeg2000_size(entry))
    return max(sizes, key=lambda size: size[0] * size[1])


def _entries(icons: IcnsImagePlugin.IcnsFile, size: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Start and length of the parts of that icon."""
    return [icons.dct[code] for code, _ in icons.SIZES[size] if code in icons.dct]


# JPEG 2000


def _load_jpeg2000(data: bytes) -> Image.Image:
    return _loaded(Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data)))


def _jpeg2000_size(data: bytes) -> Size:
    """Of the codestream, which is what is decoded, whatever the boxes around it say."""
    at = data.index(_CODESTREAM) + len(_CODESTREAM)
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 4)
    size = right - left, bottom - top
    if Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data)).size != size or min(size) < 1:
        raise ValueError("its header says another size")
    return size


_READERS: dict[Format, _Reader] = {
    Format.BMP: _reader_of(BmpImagePlugin.BmpImageFile),
    Format.ICO: _Reader(_load_icon, _icon_size),
    Format.ICNS: _Reader(_load_icns, _icns_size),
    Format.JP2: _Reader(_load_jpeg2000, _jpeg2000_size),
    Format.PSD: _reader_of(PsdImagePlugin.PsdImageFile),  # all layers together, as its program has put them
}
"""To read another format that Pillow reads, add its plugin and its row."""
