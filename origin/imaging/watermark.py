"""The step that lays a picture of the configuration over the result, and the pictures, kept decoded."""

from __future__ import annotations

from functools import lru_cache

from origin.errors import EncodingFailed
from origin.formats import OUTPUTS
from origin.formats import sniff
from origin.imaging.colour import convert
from origin.imaging.decoders import open_image
from origin.imaging.frame import Frame
from origin.imaging.protocol import Watermark
from origin.imaging.vendor import pyvips
from origin.imaging.vips import reason
from origin.urls.options import Options

MAX_PIXELS = 4_000_000  # of a watermark's picture: 16 MB in each renderer
_KEPT_PIXELS = 1_000_000  # of a resized mark that is kept for the next result
# A smaller result is in memory before the mark comes, so that nothing is made beside it: an animation of 40
# frames takes a third of the time. The lines of a larger one are pulled once, in their order.
_MEMORY_PIXELS = 16_000_000
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
        _decoded[digest] = (image if image.hasalpha() else image.addalpha()).copy_memory()
    except pyvips.Error as exc:
        raise EncodingFailed(f"the watermark cannot be decoded: {reason(exc)}") from exc


def lay_watermark(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Lay the watermark over the finished picture. A transparent result stays transparent beside it."""
    watermark = frame.watermark
    if watermark is None:
        return image
    if watermark.digest not in _decoded:
        raise EncodingFailed("the watermark could not be decoded")
    shorter = min(image.width, image.height)
    margin = round(watermark.margin * shorter if watermark.margin < 1 else watermark.margin)
    mark = _size(watermark, watermark.size * shorter)
    x = _place(image.width - mark.width, margin, watermark.x)
    y = _place(image.height - mark.height, margin, watermark.y)
    if watermark.tile:
        mark = _tile(mark, margin, image.width, image.height, x, y)
        x = y = 0
    return _lay(image, mark, x, y)


def _size(watermark: Watermark, side: float) -> pyvips.Image:
    """The mark with its longer side that long."""
    picture = _decoded[watermark.digest]
    scale = side / max(picture.width, picture.height)
    width, height = (max(1, round(length * scale)) for length in (picture.width, picture.height))
    resize = _resize_again if width * height > _KEPT_PIXELS else _resize
    return resize(watermark.digest, width, height, watermark.opacity)


def _resize_again(digest: str, width: int, height: int, opacity: float) -> pyvips.Image:
    picture = _decoded[digest]
    mark = picture.premultiply().resize(width / picture.width, vscale=height / picture.height)
    return (mark * opacity).unpremultiply().rint().cast("uchar").copy_memory()


# The frames of an animation, and pages with pictures of one size, have the same one.
_resize = lru_cache(maxsize=8)(_resize_again)


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
    """The image with the mark at x and y; no pixel beside it looks otherwise."""
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    if image.width * image.height > _MEMORY_PIXELS:
        return _like(image, image.composite2(mark, "over", x=x, y=y, compositing_space="srgb"))
    image = image.copy_memory()
    place = image.crop(x, y, mark.width, mark.height)
    return image.insert(_like(image, place.composite2(mark, "over", compositing_space="srgb")), x, y)


def _like(image: pyvips.Image, laid: pyvips.Image) -> pyvips.Image:
    """What was laid over the image, without the alpha channel that an opaque image does not need."""
    return laid if image.hasalpha() else laid.extract_band(0, n=3)
