"""From the bytes of an original to the bytes of a result. Knows pixels; no web, no configuration.

The header is read and judged before a pixel is decoded: format by content, size against the limits,
memory against the budget. Then the steps: load (shrinking while decoding), resize, cut, colours,
turn upright, encode. libvips runs them in one pass when the encoder pulls the first line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import sniff
from origin.imaging.geometry import Box
from origin.imaging.geometry import box
from origin.imaging.gif import is_whole_gif
from origin.imaging.profiles import color_space
from origin.imaging.profiles import is_srgb
from origin.imaging.protocol import Job
from origin.imaging.vendor import pyvips

PIPELINE_VERSION = "2"
"""Part of every result's key: goes up whenever the bytes of results change."""

# Shrinking while decoding is fast and coarse, so some of the way is left to Lanczos. To 500 px, before
# encoding: with 1.73 times left (2 MP) decoding and resizing take 8.9 ms instead of 11.7 and the picture
# loses 9 points of SSIMULACRA2, with 1.5 left (6 MP) 18.7 instead of 21.6 and 1 point; 1.0 loses 12. A
# little below 1.5, so that it is not the rounding of the other side that decides at exactly 1.5.
_JPEG_HEADROOM = 1.49
_WEBP_HEADROOM = 1.5

# Bytes that a decoder which holds the whole picture takes for each pixel, measured.
_AVIF_COST = 14
_WEBP_COST = 8
_WHOLE_COST = 2  # per band, for progressive JPEG and interlaced PNG

_WHITE = 255
_PNG_END = b"IEND\xaeB`\x82"  # the closing chunk and its checksum
_PROFILE = "icc-profile-data"
_SPACES = {"b-w": "GRAY", "grey16": "GRAY", "cmyk": "CMYK"}  # of libvips' interpretations; the rest is RGB

# Chosen by measuring photographs at 500 px: each is the fastest step that costs few bytes.
_ENCODER: dict[Format, dict[str, object]] = {
    # Tables made for MS-SSIM: no time, -4 % bytes at 80, there and below 1 to 7 points of SSIMULACRA2 better
    # at the same bytes, at 90 half a point worse. Huffman tables of its own would save 3 % and double the
    # time; the default ones also need no coefficients in memory, 140 MB less at 24 MP.
    Format.JPG: {"quant_table": 2},
    Format.PNG: {"filter": "sub"},  # -24 % against none in photographs, +3 % in drawings
    # 8 ms; 4 takes 17 and scores 0.8 better at the same bytes, 1 takes 6 and scores 1.3 worse.
    Format.WEBP: {"effort": 2},
    Format.AVIF: {"subsample_mode": "off"},  # +10 ms, 0.2 points better; red stays sharp
    Format.GIF: {"effort": 3},  # 84 ms; 7 takes 500
}
# By whether it has alpha: 4 takes 8 ms instead of 14 and +1 % bytes in photographs, but up to +12 % in
# logos, which are few and kept for long.
_PNG_COMPRESSION = {False: 4, True: 6}
# Up to so many pixels; 0 beyond. At 500 px 3 takes 113 ms, 2 takes 66 and scores 1.2 worse at the same bytes,
# 1 takes 34 and scores 2.4 worse, 0 takes 12 and scores 4.8 worse. Texture takes five times as long, so
# that 24 MP take 4 s with 0 and would take 13 with 1.
_AVIF_EFFORT = ((2_000_000, 2), (6_000_000, 1))
# The light that photographs, which are JPEGs, are resized in. Linear light wins 0.3 to 2.2 points of
# SSIMULACRA2 at the same bytes, 7 in a sky of stars, 1.8 in the mean; to 500 px it takes 7 to 14 ms more.
# Nearly linear light (`_NEAR`) wins 1.4 in the mean and takes 1.3 to 2.6 ms, since libvips resizes eight bits
# five times as fast as more. It costs slopes without any grain 1 to 3 points, so AVIF, which is slow anyway,
# has the real one. Drawings have neither: within black that borders on white, linear light leaves a faint
# line (33 of 255; the near one 12, none 4).
_LIGHT = {Format.AVIF: "linear", Format.WEBP: "near"}
_HAS_QUALITY = frozenset({Format.JPG, Format.WEBP, Format.AVIF})


def _table(values: Iterable[float]) -> pyvips.Image:
    return pyvips.Image.new_from_memory(bytes(round(value) for value in values), 256, 1, 1, "uchar")


# Nearly linear light that fits into eight bits: the curve of sRGB with its offset of 0.055 enlarged, so that
# the darkest greys are three levels apart and not thirteen; and the way back.
_POWER, _OFFSET = 2.4, 0.4
_NEAR_BLACK, _NEAR_WHITE = _OFFSET**_POWER, (1 + _OFFSET) ** _POWER
_NEAR = _table(
    255 * ((v / 255 + _OFFSET) ** _POWER - _NEAR_BLACK) / (_NEAR_WHITE - _NEAR_BLACK) for v in range(256)
)
_BACK = _table(
    255 * ((v / 255 * (_NEAR_WHITE - _NEAR_BLACK) + _NEAR_BLACK) ** (1 / _POWER) - _OFFSET)
    for v in range(256)
)

pyvips.cache_set_max(0)
pyvips.concurrency_set(1)
# libvips reports each defect of a picture as a warning; half a PNG has hundreds.
pyvips.logger.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Rendered:
    body: bytes
    format: Format
    width: int  # of one frame
    height: int


def render(original: bytes, job: Job, memory: int | None = None) -> Rendered:
    """`memory`: bytes that decoding may take, judged from the header.

    Raises Unprocessable and UnsupportedFormat.
    """
    found = sniff(original)
    if found is None or found.value not in job.allowed:
        raise UnsupportedFormat(f"{found.value if found else 'unknown'} is not an allowed format")
    try:
        header = _open(original, found)
        _check(header, found, job, memory)
        if not _has_its_end(original, found):
            raise Unprocessable(f"{found.value}: truncated")
        return _render(original, header, found, job)
    except pyvips.Error as exc:
        raise Unprocessable(f"{found.value}: {exc}") from exc


def _open(original: bytes, found: Format, **options: object) -> pyvips.Image:
    # A TIFF without its last strips is an "error" to libvips and passes as "truncated".
    fail_on = "error" if found is Format.TIFF else "truncated"
    return pyvips.Image.new_from_buffer(original, "", access="sequential", fail_on=fail_on, **options)


def _has_its_end(original: bytes, found: Format) -> bool:
    """Where libvips itself never misses the end: in a GIF, and after the last pixel of a PNG."""
    if found is Format.GIF:
        return is_whole_gif(original)
    return found is not Format.PNG or _PNG_END in original


def _check(header: pyvips.Image, found: Format, job: Job, memory: int | None) -> None:
    codec = _field(header, "heif-compression", "av1")
    if codec != "av1":
        raise UnsupportedFormat(f"{codec} cannot be decoded")
    pixels = header.width * header.height * _frames(header)
    if pixels > job.max_pixels:
        raise Unprocessable(f"{found.value} of {pixels} pixels, more than {job.max_pixels}")
    needed = header.width * header.height * _cost(header, found)
    if memory is not None and needed > memory:
        raise Unprocessable(f"{found.value} that takes {needed} bytes to decode, more than {memory}")


def _frames(header: pyvips.Image) -> int:
    # get_n_pages() answers 1 from 10,000 pages on.
    return int(_field(header, "n-pages", 1))


def _cost(header: pyvips.Image, found: Format) -> int:
    if found is Format.AVIF:
        return _AVIF_COST
    if found is Format.WEBP:
        return _WEBP_COST
    return int(header.bands) * _WHOLE_COST if _field(header, "interlaced", 0) else 0


def _field(image: pyvips.Image, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _render(original: bytes, header: pyvips.Image, found: Format, job: Job) -> Rendered:
    animated = found.holds_animation and _frames(header) > 1
    target = _target(found, animated, job.target)
    frame = _box(header, job)
    if animated and target is not None and target.holds_animation:
        image = _animation(original, header, found, frame, job.max_frames)
    else:
        light = _LIGHT.get(target) if found is Format.JPG and target else None
        image = _fit(_load(original, header, found, frame), frame, light)
    if target is None:
        image = image.copy_memory()  # looked at first, then encoded
        target = Format.PNG if _shows_through(image) else Format.JPG
    if not target.holds_alpha and image.hasalpha():
        image = image.flatten(background=_WHITE)
    return Rendered(_encode(image, target, job.quality), target, image.width, image.get_page_height())


def _target(found: Format, animated: bool, wanted: str) -> Format | None:
    """The format of the result; None when it takes the pixels to tell."""
    if wanted == "original":
        if found.is_output:
            return found
        wanted = "auto:plain"
    kind, _, accepted = wanted.partition(":")
    if kind != "auto":
        return Format(wanted)
    if animated:
        return Format.GIF if accepted == "plain" else Format.WEBP
    return None if accepted == "plain" else Format(accepted)


def _box(header: pyvips.Image, job: Job) -> Box:
    """Measured upright (EXIF orientations 5 to 8 lie on their side), told for the file as it lies."""
    if _field(header, "orientation", 1) >= 5:
        return box(header.height, header.width, job).turned()
    return box(header.width, header.height, job)


def _load(original: bytes, header: pyvips.Image, found: Format, frame: Box) -> pyvips.Image:
    scale = frame.scale(header.width, header.height)
    if found is Format.JPG:
        for step in (8, 4, 2):
            if step * scale * _JPEG_HEADROOM <= 1:
                return _open(original, found, shrink=step)
    elif found is Format.WEBP and _frames(header) == 1 and scale * _WEBP_HEADROOM < 1:
        return _open(original, found, scale=scale * _WEBP_HEADROOM)
    return header  # of which no pixel has been read yet


def _animation(
    original: bytes, header: pyvips.Image, found: Format, frame: Box, max_frames: int
) -> pyvips.Image:
    """The frames one below the other, as libvips keeps them.

    Each is resized alone: done on the whole strip, a crop cuts the strip and neighbours bleed into
    each other.
    """
    count = min(_frames(header), max_frames)
    strip = _open(original, found, n=count)
    each = strip.get_page_height()
    cells = (strip.crop(0, each * n, strip.width, each) for n in range(count))
    frames = [_fit(cell, frame) for cell in cells]
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    joined.set_type(pyvips.GValue.array_int_type, "delay", strip.get("delay")[:count])
    return joined


def _fit(image: pyvips.Image, frame: Box, light: str | None = None) -> pyvips.Image:
    return _upright(_to_srgb(_cut(_resize(image, frame, light), frame)))


def _resize(image: pyvips.Image, frame: Box, light: str | None) -> pyvips.Image:
    """Not by `thumbnail`, whose result is 1.3 dB further from the reference in the same time.

    In which light: see `_LIGHT`.
    """
    if (image.width, image.height) == (frame.width, frame.height):
        return image
    across, down = frame.width / image.width, frame.height / image.height
    if not image.hasalpha():
        eight = image.format == "uchar"
        if light == "linear" and eight and image.interpretation == "srgb":
            return image.colourspace("scrgb").resize(across, vscale=down).colourspace("srgb")
        if light == "near" and eight and image.interpretation in ("srgb", "b-w"):
            return image.maplut(_NEAR).resize(across, vscale=down).maplut(_BACK)
        return image.resize(across, vscale=down)
    # Colour under transparent pixels must not leak into their neighbours.
    return image.premultiply().resize(across, vscale=down).unpremultiply().cast(image.format)


def _cut(image: pyvips.Image, frame: Box) -> pyvips.Image:
    if (image.width, image.height) == (frame.cut_width, frame.cut_height):
        return image
    left, top = (image.width - frame.cut_width) // 2, (image.height - frame.cut_height) // 2
    return image.crop(left, top, frame.cut_width, frame.cut_height)


def _to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Eight bits of sRGB or grey. After the resize, since few pixels are left then."""
    space = _SPACES.get(image.interpretation, "RGB")
    profile = _field(image, _PROFILE, b"")
    if space == "CMYK" or (color_space(profile) == space and not is_srgb(profile)):
        # The named profile is for pictures whose own is missing or broken; there is none for grey.
        fallback = {"input_profile": space.lower().replace("rgb", "srgb")} if space != "GRAY" else {}
        return image.icc_transform("srgb", embedded=True, **fallback)
    if image.format == "uchar" and image.interpretation in ("srgb", "b-w"):
        return image
    return image.colourspace("b-w" if space == "GRAY" else "srgb")


def _upright(image: pyvips.Image) -> pyvips.Image:
    if _field(image, "orientation", 1) == 1:
        return image
    return image.copy_memory().autorot()  # turning needs all lines at once


def _shows_through(image: pyvips.Image) -> bool:
    return bool(image.hasalpha()) and image[image.bands - 1].min() < 255


def _encode(image: pyvips.Image, target: Format, quality: Mapping[str, int]) -> bytes:
    options = _options(image, target)
    if target in _HAS_QUALITY:
        options["Q"] = quality[target.value]
    return bytes(image.write_to_buffer(f".{target.value}", **options))


def _options(image: pyvips.Image, target: Format) -> dict[str, object]:
    options = {**_ENCODER[target], "keep": "none"}
    if target is Format.PNG:
        options["compression"] = _PNG_COMPRESSION[bool(image.hasalpha())]
    if target is Format.AVIF:
        pixels = image.width * image.height
        options["effort"] = next((effort for limit, effort in _AVIF_EFFORT if pixels <= limit), 0)
    return options
