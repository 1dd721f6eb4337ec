"""What the origin and a render process say to each other, and how it looks on the pipe.

A frame, in both directions: the length of the head (4 bytes) and of the body (8 bytes), big-endian,
then the head as a JSON object, then the body. The side that decodes pictures may be taken over by
one, so nothing here is ever pickled, and every length is bounded before a byte of it is read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from typing import Any

HEAD_LIMIT = 64 * 1024  # bytes
_PREFIX = struct.Struct(">IQ")
PREFIX_SIZE = _PREFIX.size  # bytes
_encode = json.JSONEncoder(separators=(",", ":")).encode  # `dumps` makes one anew each time


@dataclass(frozen=True, slots=True)
class Job:
    """What to make of one original."""

    width: int | None  # device pixels; None = absent
    height: int | None
    crop: bool  # with both sides: fill the box and cut the rest, or fit inside
    target: str  # the name of a format, "original", or one of `AUTO_TARGETS`
    quality: dict[str, int]  # by output format; only the one that is used has to be there
    allowed: tuple[str, ...]  # formats of originals that may be decoded
    max_pixels: int  # width x height x frames of the original
    max_frames: int  # animations are cut to their first max_frames frames

    def to_head(self) -> dict[str, Any]:
        # asdict copies every value in depth, which takes a tenth of all that a miss costs here.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_head(cls, head: Mapping[str, Any]) -> Job:
        """Raises ValueError for a head that is not a job's."""
        try:
            return cls(**{**head, "allowed": tuple(head["allowed"])})
        except (KeyError, TypeError) as exc:
            raise ValueError(f"not a job: {sorted(head)}") from exc


AUTO_TARGETS = ("auto:avif", "auto:webp", "auto:plain")
"""`f=auto` once the Accept header has been read: the best format that the client named."""


def pack_head(head: Mapping[str, Any], body_length: int = 0) -> bytes:
    """The frame up to its body, which the caller writes after it without a copy.

    Raises ValueError when the head is over `HEAD_LIMIT`.
    """
    text = _encode(head).encode()
    if len(text) > HEAD_LIMIT:
        raise ValueError(f"head of {len(text)} bytes")
    return _PREFIX.pack(len(text), body_length) + text


def unpack_prefix(prefix: bytes, body_limit: int) -> tuple[int, int]:
    """The lengths of head and body from the first `PREFIX_SIZE` bytes. Raises ValueError."""
    if len(prefix) != PREFIX_SIZE:
        raise ValueError(f"frame cut after {len(prefix)} bytes")
    head_length, body_length = _PREFIX.unpack(prefix)
    if not 2 <= head_length <= HEAD_LIMIT:
        raise ValueError(f"head of {head_length} bytes")
    if body_length > body_limit:
        raise ValueError(f"body of {body_length} bytes, more than {body_limit}")
    return head_length, body_length


def unpack_head(text: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    try:
        head = json.loads(text)
    except RecursionError as exc:
        raise ValueError("head nested too deep") from exc
    if not isinstance(head, dict):
        raise ValueError("head is not an object")
    return head
