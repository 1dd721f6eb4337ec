"""Pages of PDFs, drawn by PDFium through `pypdfium2`: on white paper, without forms, links or scripts."""

from __future__ import annotations

import math

import pypdfium2

from origin.formats import Format
from origin.imaging.raw import from_pixels
from origin.imaging.raw import unprocessable
from origin.imaging.vendor import pyvips

DOTS_PER_INCH = 144  # what the size of a page is measured in: A4 is 1190 x 1684
_SCALE = DOTS_PER_INCH / 72  # from points
_BROKEN = (pypdfium2.PdfiumError, ValueError, OverflowError, IndexError)


def count_pages(data: bytes, format: Format) -> int:
    """Raises Unprocessable."""
    try:
        with pypdfium2.PdfDocument(data) as document:
            return len(document)
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc


def read_size(data: bytes, format: Format, page: int = 0) -> tuple[int, int]:
    """Width and height of one page, in pixels; nothing is drawn. Raises Unprocessable."""
    try:
        with pypdfium2.PdfDocument(data) as document:
            width, height = (math.ceil(length * _SCALE) for length in document.get_page_size(page))
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc
    return width, height


def decode(data: bytes, format: Format, page: int = 0) -> pyvips.Image:
    """One page. Raises Unprocessable."""
    try:
        with pypdfium2.PdfDocument(data) as document:
            bitmap = document[page].render(scale=_SCALE, may_draw_forms=False, rev_byteorder=True)
            rows = bytes(bitmap.buffer)
            image = _without_padding(rows, bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)
    except _BROKEN as exc:
        raise unprocessable(format, exc) from exc
    return image


def _without_padding(rows: bytes, width: int, height: int, stride: int, bands: int) -> pyvips.Image:
    """The image of these rows, each of which has `stride` bytes."""
    packed = rows
    if stride != width * bands:
        lines = pyvips.Image.new_from_memory(rows, stride, height, 1, "uchar")
        packed = lines.crop(0, 0, width * bands, height).write_to_memory()
    return from_pixels(packed, width, height, {1: "L", 3: "RGB", 4: "RGBA"}[bands])
