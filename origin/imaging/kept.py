"""The decoded pixels of the last original, for the next results of it.

The sizes and formats of one `srcset` are asked for one after the other, and most of what each of them costs
is decoding the same original: of a JPEG of 24 megapixels 50 ms of 60. So what was decoded is kept, as the
decoder gave it, until another original comes. Results are the same bytes with it and without it: pixels are
used again only where the decoder would give the same ones.

To switch it off, let `MOST_BYTES` be 0.
"""

from __future__ import annotations

from origin.imaging.frame import Frame
from origin.imaging.vendor import pyvips

MOST_BYTES = 24_000_000
"""Of pixels: of a JPEG of 24 megapixels, those for widths up to 2000 px."""
_SHARE_OF_MEMORY = 40  # of a renderer, that may be such pixels: one part in so many
_LEAST_SECONDS = 0.05  # of decoding: keeping takes a copy, 2 to 7 % of a whole render where it is in vain

Key = tuple[int, float, int | None]  # what the decoder shrinks by, and scales to; the page


class KeptPixels:
    """Of one original, the last that was asked about."""

    def __init__(self) -> None:
        self._original = ""
        self._images: dict[Key, pyvips.Image] = {}  # the oldest first
        self._most = MOST_BYTES

    @property
    def size(self) -> int:
        """Bytes of the pixels that are kept."""
        return sum(map(_size, self._images.values()))

    def begin(self, original: str, memory: int | None = None) -> None:
        """Forget the pixels of any other original, before memory is needed for this one.

        `original` names it and its version; empty: nothing is kept. `memory`: bytes that this process may
        take; few of them are for pixels that are kept.
        """
        self._most = MOST_BYTES if memory is None else min(MOST_BYTES, memory // _SHARE_OF_MEMORY)
        if original != self._original:
            self._original = original
            self._images.clear()

    def forget(self) -> None:
        self._images.clear()

    def find(self, frame: Frame) -> pyvips.Image | None:
        """The pixels for this frame, if they are kept."""
        return self._images.get(_key(frame))

    def keep(self, image: pyvips.Image, frame: Frame) -> pyvips.Image:
        """The image with its pixels in memory, kept, where that pays; else the image itself.

        Raises pyvips.Error for an original that does not decode.
        """
        if not (self._original and _size(image) <= self._most and _is_dear(frame)):
            return image
        image = image.copy_memory()
        self._images[_key(frame)] = image
        while self.size > self._most:
            del self._images[next(iter(self._images))]
        return image


def _size(image: pyvips.Image) -> int:
    return int(image.width * image.height * image.bands) * (1 if image.format == "uchar" else 4)


def _is_dear(frame: Frame) -> bool:
    """Whether it takes long to decode what libvips reads line by line or at once, and nothing else."""
    header = frame.original
    if frame.pages > 1 or header.format.loader is None or header.format.reads_fonts:
        return False
    if header.gif is not None or header.colour_bands:
        return False
    return header.width * header.height / 1e6 * header.format.decoding >= _LEAST_SECONDS


def _key(frame: Frame) -> Key:
    return frame.shrink, frame.scale, frame.original.page


KEPT = KeptPixels()
"""Those of this process, which has one job at a time."""
