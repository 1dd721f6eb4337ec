"""FORMATS: one row for each image format. All other lists of formats are derived from these rows.

To add a format, add a row. Code that treats one format apart from the others names it as `Format.JPG`.
Standard library only: the origin, the renderers and the URL helpers all read these rows.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from itertools import pairwise
from typing import ClassVar
from typing import Literal

from origin.formats.signatures import is_avif
from origin.formats.signatures import is_bmp
from origin.formats.signatures import is_heic
from origin.formats.signatures import is_svg
from origin.formats.signatures import is_webp
from origin.formats.signatures import starts_with
from origin.formats.writers import AVIF_WRITER
from origin.formats.writers import GIF_WRITER
from origin.formats.writers import JPG_WRITER
from origin.formats.writers import PNG_WRITER
from origin.formats.writers import WEBP_WRITER
from origin.formats.writers import EffortLevel
from origin.formats.writers import Writer
from origin.formats.writers import by_level

Light = Literal["encoded", "linear", "near-linear"]
"""The light in which a photograph is resized: as sRGB encodes it, physically linear, or close to linear."""

MAX_SIDE = 100_000
"""Pixels of the longest side of an original or a result, where its format has no lower limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Format:
    """One image format. The rows of FORMATS are its only instances, so `is` compares formats."""

    name: str  # in URLs and in the configuration
    other_names: tuple[str, ...] = ()
    mime: str
    matches: Callable[[bytes], bool]  # whether a file is of this format, by its first bytes
    loader: str | None  # the libvips operation that decodes it; None: a module of `imaging` does
    module: str = "pillow"  # that module
    extra: str | None = None  # of this package, which brings the library that decodes it
    fail_on: str = "truncated"  # the mildest defect at which libvips refuses a file
    by_default: bool = True  # False: originals are decoded only where a handler names the format
    reads_fonts: bool = False  # the decoder reads the fonts of the system
    decoding: float = 0.03  # seconds of one core for a million pixels, measured by benchmarks/costs.py
    # What a decoder that holds the whole picture takes, in bytes. 0: it decodes line by line.
    memory_per_pixel: int = 0
    memory_per_interlaced_band: int = 0  # for each pixel and band of a progressive or interlaced file

    writer: Writer | None = None  # None: never written
    default_quality: int | None = None  # of the encoder's own scale; None: the format has no quality
    # Qualities of JPEG and those of this encoder that look alike, ascending; empty: they are the same.
    scale: tuple[tuple[int, int], ...] = ()
    holds_lossless: bool = False  # beside its lossy form
    holds_alpha: bool = True
    holds_animation: bool = False
    reads_animation: bool = False  # where originals move, and what is written does not
    max_side: int = MAX_SIDE  # px of the longer side of what is written
    # In which JPEG originals are resized for this format.
    light: Mapping[EffortLevel, Light] = field(default_factory=lambda: by_level("encoded"))
    # For `f=auto`: the highest rank that Accept names wins. 0: what every client shows. None: never chosen.
    accept_rank: int | None = None

    # The rows that code treats apart from the others; assigned below the table.
    JPG: ClassVar[Format]
    PNG: ClassVar[Format]
    WEBP: ClassVar[Format]
    AVIF: ClassVar[Format]
    GIF: ClassVar[Format]
    TIFF: ClassVar[Format]
    SVG: ClassVar[Format]
    BMP: ClassVar[Format]
    ICO: ClassVar[Format]
    HEIC: ClassVar[Format]
    JXL: ClassVar[Format]
    PDF: ClassVar[Format]
    ICNS: ClassVar[Format]
    JP2: ClassVar[Format]
    PSD: ClassVar[Format]

    @staticmethod
    def named(name: str) -> Format:
        """The format of that name, in any case, with or without a leading dot.

        Raises ValueError when there is none.
        """
        try:
            return _BY_NAME[name.lower().removeprefix(".")]
        except (KeyError, AttributeError):
            raise ValueError(f"{name!r} is not the name of a format") from None

    @property
    def may_move(self) -> bool:
        """Whether an original can be an animation."""
        return self.holds_animation or self.reads_animation

    def encoder_quality(self, quality: int) -> int:
        """The encoder's own number for a quality of URLs, 1 to 100, which is on JPEG's scale."""
        for (low, from_), (high, to) in pairwise(self.scale):
            if quality <= high:
                return round(from_ + (to - from_) * (quality - low) / (high - low))
        return quality

    def __repr__(self) -> str:
        return f"<Format {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Format], tuple[str]]:
        return Format.named, (self.name,)  # a copy is the same row


JPEG_FULL_COLOUR = 90
"""The quality from which on libvips keeps all of the colour in a JPEG; below, it keeps a quarter."""
JPEG_SCALE = (1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 89, 90, 95, 100)
"""Qualities of JPEG that were measured, on both sides of that step."""


def _scale(*qualities: int) -> tuple[tuple[int, int], ...]:
    """Beside each of `JPEG_SCALE` the quality of an encoder that looks alike, or a lower one where that one
    made a larger file than JPEG of any picture. Measured by benchmarks/scale.py."""
    return tuple(zip(JPEG_SCALE, qualities, strict=True))


# Light, measured with photographs at 500 px; scores are points of SSIMULACRA2. Linear light wins 0.3 to 2.2
# points at the same bytes, 7 in a sky of stars, 1.8 in the mean; it takes 7 to 14 ms more. Near-linear light
# wins 1.4 in the mean and takes 1.3 to 2.6 ms, since libvips resizes eight bits five times as fast as more.
# It costs slopes without any grain 1 to 3 points, so AVIF, which is slow anyway, has linear light. Drawings
# have neither: within black that borders on white, linear light leaves a faint line (33 of 255; near-linear
# 12, encoded 4).
FORMATS: tuple[Format, ...] = (
    Format(
        name="jpg",
        other_names=("jpeg", "jpe"),
        mime="image/jpeg",
        matches=starts_with(b"\xff\xd8\xff"),
        loader="jpegload_source",
        decoding=0.006,
        memory_per_interlaced_band=2,
        writer=JPG_WRITER,
        light=by_level("encoded", best="near-linear"),
        default_quality=80,
        holds_alpha=False,
        max_side=65_500,
        accept_rank=0,
    ),
    Format(
        name="png",
        mime="image/png",
        matches=starts_with(b"\x89PNG\r\n\x1a\n"),
        loader="pngload_source",
        decoding=0.018,
        reads_animation=True,
        memory_per_interlaced_band=2,
        writer=PNG_WRITER,
        light=by_level("encoded", best="linear"),
        accept_rank=0,
    ),
    Format(
        name="webp",
        mime="image/webp",
        matches=is_webp,
        loader="webpload_source",
        decoding=0.025,
        memory_per_pixel=8,
        writer=WEBP_WRITER,
        default_quality=78,
        scale=_scale(1, 2, 3, 14, 29, 45, 54, 63, 76, 78, 81, 85, 89, 95, 97, 100),
        holds_lossless=True,
        holds_animation=True,
        max_side=16_383,
        light=by_level("near-linear", best="linear"),
        accept_rank=1,
    ),
    Format(
        name="gif",
        mime="image/gif",
        matches=starts_with(b"GIF87a", b"GIF89a"),
        loader="gifload_source",
        decoding=0.012,
        writer=GIF_WRITER,
        holds_animation=True,
        max_side=65_535,
    ),
    Format(
        name="avif",
        mime="image/avif",
        # AV1 Image File Format, section 6. HEIC files (HEVC) have the same box and other brands.
        matches=is_avif,
        loader="heifload_source",
        decoding=0.055,
        memory_per_pixel=14,
        writer=AVIF_WRITER,
        default_quality=60,
        scale=_scale(1, 2, 6, 26, 35, 40, 44, 49, 54, 57, 62, 67, 73, 85, 92, 99),
        holds_lossless=True,
        max_side=16_384,
        light=by_level("linear", fast="near-linear"),
        accept_rank=2,
    ),
    Format(name="bmp", mime="image/bmp", matches=is_bmp, loader=None, decoding=0.011, memory_per_pixel=10),
    Format(
        name="ico",
        mime="image/vnd.microsoft.icon",
        matches=starts_with(b"\0\0\1\0"),
        loader=None,
        memory_per_pixel=12,
    ),
    Format(
        name="tiff",
        other_names=("tif",),
        mime="image/tiff",
        matches=starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        loader="tiffload_source",
        decoding=0.015,
        # A file without its last strips is an "error" to libvips and passes as "truncated".
        fail_on="error",
        by_default=False,
    ),
    Format(
        name="svg",
        mime="image/svg+xml",
        matches=is_svg,
        loader="svgload_source",
        by_default=False,
        reads_fonts=True,
    ),
    Format(
        name="heic",
        other_names=("heif",),
        mime="image/heic",
        matches=is_heic,
        loader=None,
        decoding=0.04,
        module="heif",
        extra="heic",
        by_default=False,
        memory_per_pixel=18,
    ),
    Format(
        name="jxl",
        mime="image/jxl",
        matches=starts_with(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
        loader=None,
        decoding=0.031,
        module="jxl",
        extra="jxl",
        by_default=False,
        memory_per_pixel=20,
    ),
    Format(
        name="pdf",
        mime="application/pdf",
        matches=starts_with(b"%PDF-"),
        loader=None,
        module="pdf",
        extra="pdf",
        by_default=False,
        memory_per_pixel=8,
    ),
    Format(
        name="icns",
        mime="image/icns",
        matches=starts_with(b"icns"),
        loader=None,
        by_default=False,
        memory_per_pixel=12,
    ),
    Format(
        name="jp2",
        other_names=("j2k", "jpx"),
        mime="image/jp2",
        matches=starts_with(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
        loader=None,
        decoding=0.236,
        by_default=False,
        memory_per_pixel=20,
    ),
    Format(
        name="psd",
        mime="image/vnd.adobe.photoshop",
        matches=starts_with(b"8BPS"),
        loader=None,
        by_default=False,
        memory_per_pixel=14,
    ),
)

_BY_NAME = {name: format for format in FORMATS for name in (format.name, *format.other_names)}
for _format in FORMATS:
    setattr(Format, _format.name.upper(), _format)

OUTPUTS = tuple(format for format in FORMATS if format.writer is not None)
"""The formats that results are written in."""
QUALITY = {format.name: format.default_quality for format in OUTPUTS if format.default_quality is not None}
"""The default quality of each format that has one, by name."""
DEFAULT_ORIGINALS = tuple(format for format in FORMATS if format.by_default)
"""The formats of originals that are decoded unless a handler says otherwise."""
OPTIONAL = tuple(format for format in FORMATS if format.extra is not None)
"""The formats whose decoder an extra of this package brings."""
PLAIN = "plain"
"""The class of an Accept header that names no format above rank 0."""
ACCEPT_CLASSES = (
    *(
        format.name
        for format in sorted(OUTPUTS, key=lambda format: format.accept_rank or 0, reverse=True)
        if format.accept_rank
    ),
    PLAIN,
)
"""What an Accept header can ask for with `f=auto`, the best first: names of formats, then PLAIN."""
