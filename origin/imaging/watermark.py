"""The step that lays a picture of the configuration over the result, and the pictures, kept decoded."""

from __future__ import annotations

from origin.errors import EncodingFailed
from origin.formats import OUTPUTS
from origin.formats import sniff
from origin.imaging.colour import convert
from origin.imaging.decoders import open_image
from origin.imaging.frame import Frame
from origin.imaging.vendor import pyvips
from origin.imaging.vips import reason
from origin.urls.options import Options

MAX_PIXELS = 4_000_000  # of a watermark's picture: 16 MB in each renderer
_BLOCK = 256  # px: tiles smaller than this are joined first, since each costs the same, however small

_decoded: dict[str, pyvips.Image] = {}  # by digest of the file


def keep(digest: str, picture: bytes) -> None:
    """Decode a watermark's picture and keep it. Raises EncodingFailed where it cannot be used."""
    format = sniff(picture)
    if format not in OUTPUTS:
        raise EncodingFailed("the watermark is not a picture in a format that can be written")
    try:
        image = open_image(picture, format)
        if image.width * image.height > MAX_PIXELS:
            pixels = image.width * image.height
            raise EncodingFailed(f"the watermark has {pixels} pixels, more than {MAX_PIXELS}")
        image = convert(image.copy_memory().autorot()).colourspace("srgb")
        image = image if image.hasalpha() else image.addalpha()
        _decoded[digest] = image.premultiply().copy_memory()
    except pyvips.Error as exc:
        raise EncodingFailed(f"the watermark cannot be decoded: {reason(exc)}") from exc


def lay_watermark(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Lay the watermark over the finished picture. A transparent result stays transparent beside it."""
    watermark = frame.watermark
    if watermark is None:
        return image
    picture = _decoded.get(watermark.digest)
    if picture is None:
        raise EncodingFailed("the watermark could not be decoded")
    shorter = min(image.width, image.height)
    margin = round(watermark.margin * shorter if watermark.margin < 1 else watermark.margin)
    mark = _resize(picture, watermark.size * shorter, watermark.opacity)
    x = _place(image.width - mark.width, margin, watermark.x)
    y = _place(image.height - mark.height, margin, watermark.y)
    if watermark.tile:
        mark = _tile(mark, margin, image.width, image.height, x, y)
        x = y = 0
    return _lay(image, mark, x, y)


def _resize(picture: pyvips.Image, side: float, opacity: float) -> pyvips.Image:
    """The premultiplied picture with its longer side that long, as it is laid."""
    scale = side / max(picture.width, picture.height)
    width, height = (max(1, round(length * scale)) for length in (picture.width, picture.height))
    mark = picture.resize(width / picture.width, vscale=height / picture.height)
    return (mark * opacity).unpremultiply().rint().cast("uchar").copy_memory()


def _place(free: int, margin: int, fraction: float) -> int:
    """Where the mark begins on an axis that leaves it so much space. A margin that does not fit gives way."""
    margin = min(margin, free // 2)
    return margin + round((free - 2 * margin) * fraction)


def _tile(mark: pyvips.Image, gap: int, width: int, height: int, x: int, y: int) -> pyvips.Image:
    """A picture of that size full of marks, one of which begins at x and y."""
    gap = min(gap, max(width, height))
    across, down = mark.width + gap, mark.height + gap
    block = mark.embed(0, 0, across, down)
    joined_across, joined_down = -(-_BLOCK // across), -(-_BLOCK // down)
    if joined_across * joined_down > 1:
        block = block.replicate(joined_across, joined_down).copy_memory()
    left, top = -x % across, -y % down
    blocks = -(-(width + left) // block.width), -(-(height + top) // block.height)
    return block.replicate(*blocks).crop(left, top, width, height)


def _lay(image: pyvips.Image, mark: pyvips.Image, x: int, y: int) -> pyvips.Image:
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    laid = image.composite2(mark, "over", x=x, y=y, compositing_space="srgb")
    return laid if image.hasalpha() else laid.extract_band(0, n=3)
