"""`q=auto`: the file of the least quality that looks as good as it has to.

A small picture is tried as a whole. A large one begins with a try of a sample, which costs little and makes
the first try of the whole a good guess. A very large one is searched for by its sample alone.
"""

from __future__ import annotations

from collections.abc import Callable

from origin.formats import Format
from origin.formats.writers import Price
from origin.imaging import search
from origin.imaging.decoders import open_image
from origin.imaging.likeness import Likeness
from origin.imaging.sample import LARGEST_WHOLE
from origin.imaging.sample import take_sample
from origin.imaging.vendor import pyvips

LARGEST_MEASURED = 4_000_000
"""Pixels of the largest picture that is looked at as a whole. Of a larger one, and of an animation, the
sample alone decides."""
_SLACK = 0.7  # points: for less than that, a large picture is not encoded once more

MEASURING = Price(0.05, 16)
"""What it costs to look at a picture each time, after a first look."""

Write = Callable[[pyvips.Image, int], bytes]  # a picture in a quality of URLs


def count_encodings(pixels: int, pages: int, *, hurried: bool = False) -> int:
    """How often at most a picture of so many pixels, all pages together, is encoded as a whole.

    `hurried`: the sample alone decides, since there is no time for more.
    """
    if pages == 1 and pixels <= LARGEST_WHOLE:
        return search.MAX_TRIES
    return 1 if hurried or pages > 1 or pixels > LARGEST_MEASURED else search.MAX_TRIES - 1


def write_near(
    image: pyvips.Image, wanted: float, format: Format, write: Write, *, hurried: bool = False
) -> bytes:
    """The file whose score is nearest to what is wanted, in points of SSIMULACRA2.

    `image` lies in memory. Encodes at most `search.MAX_TRIES` times. Raises pyvips.Error.
    """
    curve = search.SCORES[format.name]
    sample = take_sample(image)
    tries = _Tries(sample, format, write)
    if sample is image:
        return tries.bodies[search.find_near(tries.score, wanted, curve)]
    pages = image.height // image.get_page_height()
    if count_encodings(image.width * image.height, pages, hurried=hurried) == 1:
        return write(image, search.find_near(tries.score, wanted, curve, tries=search.MAX_TRIES - 1))
    first = search.guess_near(tries.score, wanted, curve)
    tries = _Tries(image, format, write)
    left = search.MAX_TRIES - 1
    found = search.find_near(tries.score, wanted, curve, tries=left, first=first, slack=_SLACK)
    return tries.bodies[found]


class _Tries:
    """What was tried with one picture."""

    def __init__(self, picture: pyvips.Image, format: Format, write: Write) -> None:
        self.bodies: dict[int, bytes] = {}  # by quality
        self._picture, self._format, self._write = picture, format, write
        self._likeness = Likeness(picture)

    def score(self, quality: int) -> float:
        body = self._write(self._picture, quality)
        self.bodies[quality] = body
        return self._likeness.score(open_image(body, self._format))
