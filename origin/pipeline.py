"""From the bytes of an original to the bytes of a result. Knows pixels; no web, no configuration.

The header is read and judged before a pixel is decoded: format by content, size against the limits,
memory against the budget. Then one call of libvips decodes, shrinks, turns, crops and encodes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pyvips

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import sniff
from origin.frames import Job
from origin.gif import is_whole_gif

PIPELINE_VERSION = "1"
"""Part of every result's key: goes up whenever the bytes of results change."""

_ANY = 10_000_000  # a side that does not bind; libvips' own largest coordinate
_WHITE = 255

pyvips.cache_set_max(0)
pyvips.concurrency_set(1)
# libvips reports each defect of a picture as a warning; half a PNG has hundreds.
logging.getLogger("pyvips").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Rendered:
    body: bytes
    format: Format
    width: int  # of one frame
    height: int


def render(original: bytes, job: Job) -> Rendered:
    """Raises Unprocessable and UnsupportedFormat."""
    found = sniff(original)
    if found is None or found.value not in job.allowed:
        raise UnsupportedFormat(f"{found.value if found else 'unknown'} is not an allowed format")
    try:
        header = _open(original)
        _check(header, found, original, job)
        return _render(original, header, found, job)
    except pyvips.Error as exc:
        raise Unprocessable(f"{found.value}: {exc}") from exc


def _open(original: bytes, options: str = "") -> pyvips.Image:
    return pyvips.Image.new_from_buffer(original, options, access="sequential")


def _frames(header: pyvips.Image) -> int:
    # get_n_pages() answers 1 from 10,000 pages on.
    return int(header.get("n-pages")) if header.get_typeof("n-pages") else 1


def _check(header: pyvips.Image, found: Format, original: bytes, job: Job) -> None:
    pixels = header.width * header.height * _frames(header)
    if pixels > job.max_pixels:
        raise Unprocessable(f"{found.value} of {pixels} pixels, more than {job.max_pixels}")
    if header.get_typeof("heif-compression") and header.get("heif-compression") != "av1":
        raise UnsupportedFormat(f"{header.get('heif-compression')} cannot be decoded")
    if found is Format.GIF and not is_whole_gif(original):
        raise Unprocessable("gif is truncated")


def _render(original: bytes, header: pyvips.Image, found: Format, job: Job) -> Rendered:
    animated = found.holds_animation and _frames(header) > 1
    target = _target(found, animated, job.target)
    if animated and (target is None or target.holds_animation):
        image = _animation(original, header, job)
    else:
        image = _still(original, job)
    image = _to_srgb(image)
    if target is None:
        image = image.copy_memory()
        target = Format.PNG if _shows_through(image) else Format.JPG
    if not target.holds_alpha and image.hasalpha():
        image = image.flatten(background=_WHITE)
    body = _encode(image, target, job.quality)
    return Rendered(body, target, image.width, image.get_page_height())


def _target(found: Format, animated: bool, wanted: str) -> Format | None:
    """The format of the result; None when it takes the pixels to tell."""
    if wanted == "original" and not found.is_output:
        wanted = "auto:plain"
    if wanted == "original":
        return found
    kind, _, accepted = wanted.partition(":")
    if kind != "auto":
        return Format(wanted)
    if animated:
        return Format.GIF if accepted == "plain" else Format.WEBP
    return None if accepted == "plain" else Format(accepted)


def _box(job: Job) -> tuple[int, dict[str, object]]:
    crop = "centre" if job.crop and job.width and job.height else "none"
    return job.width or _ANY, {"height": job.height or _ANY, "size": "down", "crop": crop}


def _still(original: bytes, job: Job) -> pyvips.Image:
    width, rest = _box(job)
    # fail_on as a keyword is ignored by thumbnail_buffer (libvips #5195).
    return pyvips.Image.thumbnail_buffer(
        original, width, option_string="[fail_on=truncated]", export_profile="srgb", **rest
    )


def _animation(original: bytes, header: pyvips.Image, job: Job) -> pyvips.Image:
    """All frames, one below the other, as libvips keeps them.

    Each is resized alone: done on the whole strip, neighbouring frames bleed into each other and
    a crop cuts the strip.
    """
    count = min(_frames(header), job.max_frames)
    strip = _open(original, f"[n={count},fail_on=truncated]")
    width, rest = _box(job)
    each = strip.get_page_height()
    frames = [strip.crop(0, each * n, strip.width, each).thumbnail_image(width, **rest) for n in range(count)]
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    joined.set_type(pyvips.GValue.array_int_type, "delay", strip.get("delay")[:count])
    return joined


def _to_srgb(image: pyvips.Image) -> pyvips.Image:
    if image.interpretation in ("srgb", "b-w") and image.format == "uchar":
        return image
    return image.colourspace("b-w" if image.interpretation == "grey16" else "srgb")


def _shows_through(image: pyvips.Image) -> bool:
    return bool(image.hasalpha()) and image[image.bands - 1].min() < 255


def _encode(image: pyvips.Image, target: Format, quality: dict[str, int]) -> bytes:
    options: dict[str, object] = {"keep": "none"}
    if target.value in quality and target in (Format.JPG, Format.WEBP, Format.AVIF):
        options["Q"] = quality[target.value]
    suffix = {Format.AVIF: ".avif"}.get(target, f".{target.value}")
    return bytes(image.write_to_buffer(suffix, **options))
