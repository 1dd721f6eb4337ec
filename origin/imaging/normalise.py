"""A picture that comes in: decoded to its last pixel, and put in order before it is stored. An SVG is first
made safe.

Its pixels are encoded anew only where they have to be: turned upright, made smaller, or in another format.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging import load
from origin.imaging.decoders import open_image
from origin.imaging.pipeline import Rendered
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.imaging.protocol import Normalisation
from origin.imaging.protocol import normalised_format
from origin.imaging.strip import metadata_of_jpeg
from origin.imaging.strip import strip
from origin.imaging.vendor import pyvips
from origin.imaging.vips import damage
from origin.imaging.vips import forget_messages
from origin.imaging.vips import reason
from origin.urls.options import Options

QUALITY = {"jpg": 92, "webp": 90, "avif": 85}
"""Of originals that have to be encoded anew: what is made of them loses once more."""


def normalise(original: bytes, job: Job, memory: int | None = None) -> Rendered:
    """The picture as it is to be stored, and its sides as it is seen.

    Raises UnsupportedFormat, Unprocessable, and EncodingFailed.
    """
    normalisation = job.normalisation
    assert normalisation is not None
    format = load.identify(original, job.allowed)
    forget_messages()
    if format is Format.SVG:
        from origin.imaging.svg import sanitise_svg  # which `load_decoders` has imported, outside the sandbox

        original = sanitise_svg(original)
    width, height, orientation = _decode(original, format, job, memory)
    stored = normalised_format(normalisation, format)
    turned = normalisation.orient and orientation > 1
    has_size = format.writer is not None  # an SVG is drawn in any
    is_large = (
        has_size
        and normalisation.max_dimension is not None
        and max(width, height) > normalisation.max_dimension
    )
    if not (turned or is_large or stored is not format):
        body = strip(original, format, normalisation.strip, upright=orientation == 1)
        if orientation > 4:
            width, height = height, width
        return Rendered(body, format, width, height)
    return _encode_anew(original, format, stored, job, memory)


def _decode(original: bytes, format: Format, job: Job, memory: int | None) -> tuple[int, int, int]:
    """Width, height and orientation, once every pixel has been decoded."""
    data = load.for_decoder(original, format)
    try:
        opened, header = load.open_original(data, format, job, memory)
        if header.animated:
            opened = open_image(data, format, n=min(header.pages, job.max_frames))
        opened.avg()
        del opened  # some loaders tell what was wrong when their image goes
    except pyvips.Error as exc:
        raise Unprocessable(f"{format.name}: {reason(exc)}") from exc
    if lost := damage():
        raise Unprocessable(f"{format.name}: {lost}")
    return header.width, header.height, header.orientation


def _encode_anew(original: bytes, format: Format, stored: Format, job: Job, memory: int | None) -> Rendered:
    """The picture in the format in which it is stored, turned and reduced as the job says."""
    normalisation = job.normalisation
    assert normalisation is not None
    options = Options(width=normalisation.max_dimension, height=normalisation.max_dimension, crop=False)
    rendered = render(original, replace(job, options=options, format=stored.name, quality=QUALITY), memory)
    if format is stored is Format.JPG:
        return replace(rendered, body=_with_metadata(rendered.body, original, normalisation))
    return rendered


def _with_metadata(body: bytes, original: bytes, normalisation: Normalisation) -> bytes:
    """A JPEG with what may stay of the original's metadata."""
    try:
        return body[:2] + metadata_of_jpeg(original, normalisation.strip) + body[2:]
    except (ValueError, IndexError, struct.error) as exc:
        raise Unprocessable(f"jpg: its metadata cannot be read: {exc}") from exc
