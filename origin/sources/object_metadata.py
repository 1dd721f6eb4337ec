"""What the metadata of an object tell of a picture, and how its version tells it too.

A rectangle that a picture is cut to, and that a file was made of another picture, stand in the metadata of
the object. The version that a source gives ends in the same words, so that each change of them is a new
version: `"9e10-200x100+10+20"`. S3's own ETag tells of the bytes alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CROP = "origin-crop"
"""In the metadata: the rectangle, or `WHOLE`. With either, the picture may be cut anew at any time."""
DERIVED = "origin-derived"
"""In the metadata of a file that was made of another picture: a digest of what it was made of, and how."""
WHOLE = "whole"

_NUMBER = r"(0|[1-9][0-9]{0,6})"
_CROP = re.compile(rf"{_NUMBER}x{_NUMBER}\+{_NUMBER}\+{_NUMBER}")
_VERSION = re.compile(rf'(.*)-(whole|derived|{_CROP.pattern})"', re.DOTALL)
_DERIVED_END = '-derived"'


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of an upright picture, in its pixels; written as ImageMagick does: `200x100+10+20`."""

    width: int
    height: int
    left: int
    top: int

    @classmethod
    def parse(cls, text: str) -> Crop:
        """Raises ValueError."""
        match = _CROP.fullmatch(text)
        if match is None or not int(match[1]) or not int(match[2]):
            raise ValueError(f"{text!r} is no rectangle such as 200x100+10+20")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"

    def within(self, width: int, height: int) -> Crop | None:
        """What of it lies in a picture of that size; None where nothing does."""
        across, down = min(self.width, width - self.left), min(self.height, height - self.top)
        return Crop(across, down, self.left, self.top) if across > 0 and down > 0 else None


def object_version(etag: str, metadata: Mapping[str, str]) -> str:
    """The version of an object, of the version of its bytes (which ends in a quotation mark)."""
    told = "derived" if DERIVED in metadata else metadata.get(CROP)
    return etag if told is None else f'{etag[:-1]}-{told}"'


def bytes_version(version: str) -> str:
    """The version of the bytes, of the version of an object."""
    match = _VERSION.fullmatch(version)
    return version if match is None else f'{match[1]}"'


def is_derived(version: str) -> bool:
    """Whether it is a file that was made of another picture."""
    return version.endswith(_DERIVED_END)


def crop_of(version: str) -> Crop | None:
    """The rectangle that the picture is cut to."""
    match = _VERSION.fullmatch(version)
    if match is None or match[2] in (WHOLE, "derived"):
        return None
    return Crop.parse(match[2])


def crop_in(metadata: Mapping[str, str]) -> Crop | None:
    text = metadata.get(CROP, WHOLE)
    return None if text == WHOLE else Crop.parse(text)
