"""Results of the options that URLs had first (`w h c f q`), to compare with what they were.

    python -m tests.support.old_grammar > tests/vectors/old_grammar.json

writes the digests anew: after another libvips, or where the bytes of results are meant to change, together
with `PIPELINE_VERSION`. The originals are files of this repository, so that no other program takes part.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from origin.imaging.binding import load_libvips
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/old_grammar.json"
PICTURES = ROOT / "origin/pages/pictures"
QUALITY = {"jpg": 80, "webp": 78, "avif": 60}
ALLOWED = ("jpg", "png", "webp", "gif", "avif")
_QUERIES = (
    "",
    "w=301",
    "h=201",
    "w=301&h=200",
    "w=200&h=301",
    "w=301&h=200&c=false",
    "w=2000&h=77",
    "w=1&h=1",
    "w=150&dpr=2&f=webp&q=55",
    "w=99&h=98&f=png",
    "w=120&h=61&f=avif&q=50",
    "w=64&h=64&f=gif",
    "w=640&f=auto",
)
# What depends on how a picture lies. The quarter turn of most cameras is asked for all of them.
_TURNED_QUERIES = ("w=301&h=200", "w=200&h=301", "w=301&h=200&c=false", "w=1&h=1")
_QUARTER_TURN = 6


def cases() -> Iterator[tuple[str, bytes, str]]:
    """The name of an original, its bytes, and a query; large originals are not rendered at their own size."""
    for name, original, queries in _originals():
        for query in queries:
            if query or len(original) < 200_000:
                yield name, original, query


def digest(original: bytes, query: str) -> str:
    """Of the result. `q` was the encoder's own number, as the `quality` of a handler still is."""
    options = parse_options(decode_query(query.encode()), OptionDefaults())
    quality = dict.fromkeys(QUALITY, options.quality) if isinstance(options.quality, int) else QUALITY
    options = replace(options, quality=None)
    format = "auto:plain" if options.format == "auto" else options.format
    result = render(original, Job(options, format, quality, ALLOWED, 100_000_000, 100))
    return hashlib.sha256(result.body).hexdigest()


def _originals() -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    for name in ("landscape.jpg", "portrait.jpg", "logo.png", "spinner.gif"):
        yield name, (PICTURES / name).read_bytes(), _QUERIES
    landscape = (PICTURES / "landscape.jpg").read_bytes()
    for orientation in range(2, 9):
        queries = _QUERIES if orientation == _QUARTER_TURN else _TURNED_QUERIES
        name = f"landscape.jpg as EXIF {orientation}"
        yield name, landscape[:2] + _exif(orientation) + landscape[2:], queries


def _exif(orientation: int) -> bytes:
    """The segment of a JPEG that says how it lies (EXIF 2.32, sections 4.5 and 4.6)."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff


if __name__ == "__main__":
    vectors: dict[str, object] = {"libvips": load_libvips()}
    vectors["digests"] = {f"{name}?{query}": digest(original, query) for name, original, query in cases()}
    sys.stdout.write(json.dumps(vectors, indent=1) + "\n")
