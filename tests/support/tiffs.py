"""TIFFs of kinds that Pillow does not write: one directory, one strip, no compression."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

GREY, RGB, CMYK, YCBCR, LAB = 1, 2, 5, 6, 8  # photometric interpretations
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # sample formats
_SIZES = {3: "H", 4: "I", 7: "B"}


def tiff(
    pixels: NDArray[Any],
    photometric: int = RGB,
    *,
    samples: int = UNSIGNED,
    extra: tuple[int, ...] = (),
    compression: int = 1,
    profile: bytes = b"",
    order: str = "<",
) -> bytes:
    """Little-endian or big-endian, as struct has it (TIFF 6.0, section 2)."""
    height, width = pixels.shape[:2]
    bands = pixels.shape[2] if pixels.ndim == 3 else 1
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    data += bytes(len(data) % 2)
    fields: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (pixels.dtype.itemsize * 8,) * bands),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        273: (4, (8,)),
        277: (3, (bands,)),
        278: (4, (height,)),
        279: (4, (pixels.nbytes,)),
        338: (3, extra),
        339: (3, (samples,) * bands),
        34675: (7, tuple(profile)),
    }
    fields = {tag: field for tag, field in fields.items() if field[1]}
    behind = 8 + len(data) + 2 + 12 * len(fields) + 4
    directory, tail = struct.pack(order + "H", len(fields)), b""
    for tag, (kind, values) in sorted(fields.items()):
        raw = struct.pack(f"{order}{len(values)}{_SIZES[kind]}", *values)
        directory += struct.pack(order + "HHI", tag, kind, len(values))
        if len(raw) > 4:
            directory += struct.pack(order + "I", behind + len(tail))
            tail += raw + bytes(len(raw) % 2)
        else:
            directory += raw.ljust(4, b"\0")
    magic = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return magic + struct.pack(order + "I", 8 + len(data)) + data + directory + bytes(4) + tail


def with_band(pixels: NDArray[Any], value: int) -> NDArray[Any]:
    return np.dstack([pixels, np.full(pixels.shape[:2], value, pixels.dtype)])
