"""How the first bytes of a file tell its format. Names of files and what sources say of types never count.

Standard library only. A row of FORMATS (`formats/table.py`) names the function that knows its files.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SIGNATURE_BYTES = 4096
"""From the start of a file: no more of it is looked at."""


def starts_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(signatures)


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _has_brand(*names: bytes) -> Callable[[bytes], bool]:
    """Whether it is an ISO base media file of one of these brands (ISO/IEC 14496-12, section 4.3)."""

    def matches(data: bytes) -> bool:
        if data[4:8] != b"ftyp":
            return False
        size = min(int.from_bytes(data[:4], "big"), 256)
        return any(data[at : at + 4] in names for at in (8, *range(16, size, 4)))

    return matches


is_avif = _has_brand(b"avif", b"avis")
_is_heif = _has_brand(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif3")


def is_heic(data: bytes) -> bool:
    """The other pictures in a HEIF file: an AVIF may have the general brands, too."""
    return _is_heif(data) and not is_avif(data)


_SVG_ELEMENT = re.compile(rb"<([A-Za-z_][\w.-]*:)?svg(?=[\s/>]|\Z)")


def is_svg(data: bytes) -> bool:
    """An XML document with an element `svg` near its beginning, which may have a prefix (`<s:svg>`)."""
    head = data[:SIGNATURE_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg")):
        return _SVG_ELEMENT.search(head) is not None
    return _SVG_ELEMENT.match(head) is not None


def is_bmp(data: bytes) -> bool:
    """The second header begins with its size, and there are seven of them."""
    return data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


NOT_A_PICTURE = "not a picture"
# Other formats that people send, to name them in a refusal.
OTHERS: dict[str, Callable[[bytes], bool]] = {
    "mp4": lambda data: data[4:8] == b"ftyp",
    "cur": starts_with(b"\0\0\2\0"),
    "gzip": starts_with(b"\x1f\x8b"),
    "html": lambda data: data[:100].lstrip().lower().startswith((b"<!doctype html", b"<html")),
}
