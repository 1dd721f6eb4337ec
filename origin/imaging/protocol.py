"""What the origin and a render process say to each other, and how it looks on the socket between them.

A message, in both directions: the length of the head (4 bytes) and of the body (8 bytes), big-endian,
then the head as a JSON object, then the body. A picture may take over the side that decodes it, so
nothing here is ever pickled, and every length is bounded before a byte of it is read.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import Any

from origin.formats import ACCEPT_CLASSES
from origin.formats import OUTPUTS
from origin.formats import PLAIN
from origin.formats import Format
from origin.formats.writers import EffortLevel
from origin.urls.options import Options

HEAD_LIMIT = 64 * 1024  # bytes
REST_SECONDS = 2.0  # without a job, after which a render process gives back what memory is free
MAX_RESULT = 256_000_000  # bytes that a render process may answer with
_PREFIX = struct.Struct(">IQ")
PREFIX_SIZE = _PREFIX.size  # bytes
_encode = json.JSONEncoder(separators=(",", ":")).encode  # `dumps` makes one anew each time

WATERMARK_BYTES = "watermark_bytes"
"""In the head of a job: how many bytes of its body, behind the original, are the watermark's picture."""

SHARED_BYTES = "shared_bytes"
"""In the head of a job: how many bytes of the memory that both share, from its start, are the original. Its
body then holds none of it."""

AUTO = "auto:"
"""What the format of a job for `f=auto` begins with."""
AUTO_FORMATS = tuple(AUTO + name for name in ACCEPT_CLASSES)
"""The formats of jobs for `f=auto`: what the client's Accept header asks for, the best first."""

_NOT_OF_PICTURE = {"download", "only"}  # what a renderer need not know
# The value of each field that a job does not name.
_DEFAULTS = tuple(
    (each.name, getattr(Options(), each.name)) for each in fields(Options) if each.name not in _NOT_OF_PICTURE
)


@dataclass(frozen=True, slots=True)
class Watermark:
    """A picture that is laid over results. Its bytes go to each renderer once, behind an original."""

    picture: bytes = field(repr=False)  # the file; empty on the renderer's side, which keeps it decoded
    digest: str  # of the file: what the renderer keeps it under
    x: float  # where it lies: fractions of the space that it leaves, from the top left
    y: float
    size: float  # its longer side, as a fraction of the result's shorter side
    opacity: float  # 0 to 1
    tile: bool  # repeat it over the whole result
    margin: float  # px of the result from its edges and between tiles; below 1 a fraction of the shorter side

    @property
    def identity(self) -> str:
        """Equal for all that look the same on a result."""
        return hashlib.sha256(json.dumps(self.to_head()).encode()).hexdigest()[:16]

    def to_head(self) -> dict[str, Any]:
        """All but the picture, as JSON has it."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "picture"}


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What is done to a picture that comes in, before it is stored."""

    orient: bool = True  # turn it upright
    strip: str = "location"  # of its metadata: "all", "location" or "none"
    convert: tuple[tuple[str, str], ...] = ()  # formats, from and to
    max_dimension: int | None = None  # px of its longer side


@dataclass(frozen=True, slots=True)
class Job:
    """What to make of one original."""

    options: Options
    format: str  # "original", the name of a format, or one of `AUTO_FORMATS`
    quality: dict[str, int]  # by output format, where the options name none
    allowed: tuple[str, ...]  # formats of originals that may be decoded
    max_pixels: int  # width x height x frames of the original
    max_frames: int  # animations are cut to their first max_frames frames
    max_dimension: int = 4096  # px of a side that options make longer than the original's
    auto_quality: int = 70  # what `q=auto` has to reach, in points of SSIMULACRA2
    watermark: Watermark | None = None  # where the options name one
    normalisation: Normalisation | None = None  # with it, the original itself is checked and put in order
    moving_png: bool = False  # an animation stays one in PNG as well
    part: tuple[int, int, int, int] | None = None  # all of the upright original that counts: x, y, w, h
    # By output format, where it is not the usual one.
    effort: Mapping[str, EffortLevel] = field(default_factory=dict)
    # A digest of the name and the version of the original, by which its pixels are known again; empty: they
    # are not kept.
    original: str = ""
    timeout: float | None = None  # seconds after which the renderer is killed, where it is to plan with them

    def holds_animation(self, format: Format) -> bool:
        """Whether a result in this format may be an animation."""
        return format.holds_animation or (self.moving_png and format is Format.PNG)

    def to_head(self) -> dict[str, Any]:
        """The job as JSON has it. Options that have their defaults stay away.

        By hand, since `asdict` copies every value in depth: a tenth of all that a miss costs in this process.
        """
        options = self.options
        watermark = {} if self.watermark is None else {"watermark": self.watermark.to_head()}
        return {
            "options": {
                name: value for name, default in _DEFAULTS if (value := getattr(options, name)) != default
            },
            "format": self.format,
            "quality": self.quality,
            "allowed": self.allowed,
            "max_pixels": self.max_pixels,
            "max_frames": self.max_frames,
            "max_dimension": self.max_dimension,
            "auto_quality": self.auto_quality,
            **watermark,
            **({} if self.normalisation is None else {"normalisation": asdict(self.normalisation)}),
            **({"moving_png": True} if self.moving_png else {}),
            **({} if self.part is None else {"part": self.part}),
            **({"effort": self.effort} if self.effort else {}),
            **({"original": self.original} if self.original else {}),
            **({} if self.timeout is None else {"timeout": self.timeout}),
        }

    @classmethod
    def from_head(cls, head: Mapping[str, Any]) -> Job:
        """Raises ValueError for a head that is not a job's."""
        try:
            given = {name: _frozen(value) for name, value in head["options"].items()}
            normalisation = head.get("normalisation")
            own = {
                **head,
                "options": Options(**given),
                "allowed": tuple(head["allowed"]),
                "normalisation": normalisation
                and Normalisation(**{**normalisation, "convert": _frozen(normalisation["convert"])}),
            }
            if "watermark" in head:
                own["watermark"] = Watermark(b"", **head["watermark"])
            if "part" in head:
                own["part"] = _frozen(head["part"])
            return cls(**own)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(f"not a job: {sorted(head)}") from exc


@dataclass(frozen=True, slots=True)
class Output:
    """The formats to write opaque pictures and pictures with transparent pixels in."""

    format: Format
    if_transparent: Format


def outputs(wanted: str, original: Format, animated: bool) -> list[Output]:
    """What the format of a job may come to for an original in that format, the best first."""
    if wanted == "original" and original in OUTPUTS:
        return [Output(original, original)]
    if wanted == "original":
        wanted = AUTO + PLAIN
    if not wanted.startswith(AUTO):
        return [Output(Format.named(wanted), Format.named(wanted))]
    accepted = wanted.removeprefix(AUTO)
    if animated:
        moving = [Format.GIF] if accepted == PLAIN else [Format.WEBP, Format.GIF]
        return [Output(format, format) for format in moving]
    better = [] if accepted == PLAIN else [Format.named(accepted)]
    return [
        *(Output(format, format) for format in better),
        Output(Format.JPG, Format.PNG),
        Output(Format.PNG, Format.PNG),
    ]


def normalised_format(normalisation: Normalisation, sent: Format) -> Format:
    """The format in which a picture of that format is stored."""
    return Format.named(dict(normalisation.convert).get(sent.name, sent.name))


def largest_result(width: int, height: int, frames: int) -> int:
    """Bytes that no result of that size exceeds: 4 channels a pixel, twice as many bytes for what coding may
    add where it saves nothing; colour tables of the frames, headers. AVIF without loss makes 6.4 bytes of
    each pixel of noise, JPEG 4.7."""
    return (width * height * 8 + 1024) * frames + 65_536


def _frozen(value: Any) -> Any:
    """JSON has lists where options have tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def pack_head(head: Mapping[str, Any], body_length: int = 0) -> bytes:
    """The message up to its body, which the caller sends after it without a copy.

    Raises ValueError when the head is over `HEAD_LIMIT`.
    """
    text = _encode(head).encode()
    if len(text) > HEAD_LIMIT:
        raise ValueError(f"head of {len(text)} bytes")
    return _PREFIX.pack(len(text), body_length) + text


def unpack_prefix(prefix: bytes, body_limit: int) -> tuple[int, int]:
    """The lengths of head and body from the first `PREFIX_SIZE` bytes. Raises ValueError."""
    if len(prefix) != PREFIX_SIZE:
        raise ValueError(f"message cut after {len(prefix)} bytes")
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
