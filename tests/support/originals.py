"""Originals in formats that libvips lacks, each made by its own library; `field`, but for the PDF."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # registers itself with Pillow
from PIL import Image

from tests.support import pictures

assert pillow_jxl

WIDE, HIGH = 200, 120


@cache
def heic(mode: str = "RGB") -> bytes:
    return _heif(pictures.field(WIDE, HIGH).convert(mode))


@cache
def heics() -> bytes:
    """Two pictures; the second, which is smaller, is the primary one."""
    file = pillow_heif.from_pillow(pictures.field(WIDE, HIGH))
    file.add_from_pillow(pictures.field(50, 40, blue=200))
    out = io.BytesIO()
    file.save(out, quality=95, primary_index=1)
    return out.getvalue()


def _heif(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, chroma=444, **options)
    return out.getvalue()


@cache
def heic_with_profile() -> bytes:
    """The picture and the profile of `pictures.swapped`."""
    swapped = pictures.opened(pictures.swapped())
    return _heif(swapped, icc_profile=swapped.info["icc_profile"])


@cache
def jxl(mode: str = "RGB", **options: Any) -> bytes:
    return pictures.encoded(pictures.field(WIDE, HIGH).convert(mode), "JXL", lossless=True, **options)


@cache
def jxl_of_jpeg() -> bytes:
    """A JPEG packed without a loss, which its reader gets back as it was."""
    encoder: Any = pillow_jxl.Encoder(mode="RGB", lossless=True, quality=100)  # type: ignore[call-arg]
    return bytes(encoder(pictures.small(), 100, 80, jpeg_encode=True))


@cache
def icns() -> bytes:
    return pictures.encoded(pictures.field(128, 128).convert("RGBA"), "ICNS")


def icns_of(kind: bytes, body: bytes) -> bytes:
    """An icon file with one entry of that kind (Apple Icon Image format)."""
    entry = kind + struct.pack(">I", len(body) + 8) + body
    return b"icns" + struct.pack(">I", len(entry) + 8) + entry


@cache
def jp2(mode: str = "RGB") -> bytes:
    return pictures.encoded(pictures.field(WIDE, HIGH).convert(mode), "JPEG2000")


def psd(mode: int = 3, channels: Sequence[np.ndarray[Any, Any]] | None = None) -> bytes:
    """The merged picture alone, uncompressed (Adobe Photoshop File Formats Specification)."""
    field = np.asarray(pictures.field(WIDE, HIGH))
    planes = [field[..., band] for band in range(3)] if channels is None else channels
    high, wide = planes[0].shape
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, len(planes), high, wide, 8, mode)
    return head + bytes(12) + bytes(2) + b"".join(plane.astype(np.uint8).tobytes() for plane in planes)


def pdf(*sizes: tuple[float, float], text: str = "Hello") -> bytes:
    """Pages of these sizes in points (ISO 32000-1), each with a grey square at the lower left, and text."""
    sizes = sizes or ((100, 60),)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(len(sizes)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(sizes)}>>"]
    font = "<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    for number, (width, height) in enumerate(sizes):
        drawing = f"0.5 g 0 0 20 20 re f 0 g BT /F1 12 Tf 25 5 Td ({text}) Tj ET"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents {4 + 2 * number} 0 R"
            f"/Resources{font}>>"
        )
        objects.append(f"<</Length {len(drawing)}>>stream\n{drawing}\nendstream")
    body = "".join(f"{number} 0 obj{each}\nendobj\n" for number, each in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R>>".encode()


MORE: dict[str, Callable[[], bytes]] = {
    "heic": heic,
    "jxl": jxl,
    "pdf": pdf,
    "icns": icns,
    "jp2": jp2,
    "psd": psd,
}
