"""The frame of one render: what is settled from the header and the job before the first pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from origin.formats import Format
from origin.formats import Light
from origin.imaging.geometry import Geometry
from origin.imaging.geometry import fit
from origin.imaging.gif import Gif
from origin.imaging.protocol import Job
from origin.imaging.protocol import Output
from origin.imaging.protocol import Watermark
from origin.imaging.protocol import outputs

# Shrinking while decoding is fast and coarse, so some of the way is left to Lanczos. To 500 px, before
# encoding: with 1.73 times left (2 MP) decoding and resizing take 8.9 ms instead of 11.7 and the picture
# loses 9 points of SSIMULACRA2, with 1.5 left (6 MP) 18.7 instead of 21.6 and 1 point; 1.0 loses 12. A
# little below 1.5, so that it is not the rounding of the other side that decides at exactly 1.5.
_JPEG_HEADROOM = 1.49


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an original says."""

    format: Format
    width: int  # px of one page, as the file lies
    height: int
    pages: int = 1  # frames of an animation, pages of a TIFF
    orientation: int = 1  # EXIF, 1 to 8
    shrinks: bool = True  # whether the decoder can shrink the picture, where its format can
    gif: Gif | None = None  # what the blocks of a GIF say
    colour_bands: int = 0  # of a TIFF whose other bands mean nothing; 0: all mean something
    palette_bits: int = 0  # for a pixel of a PNG with a palette; 0: it has none

    @property
    def animated(self) -> bool:
        return self.format.holds_animation and self.pages > 1


@dataclass(frozen=True, slots=True)
class Frame:
    """What every step knows besides the pixels and the options. One for all pages of an animation."""

    original: Header
    format: Format  # to write
    format_if_transparent: Format  # to write where a pixel of the result is transparent
    geometry: Geometry  # of one page, as the file lies
    pages: int  # of the result; more than one: an animation
    shrink: int  # by which the JPEG decoder shrinks the picture
    light: Light  # to resize in
    quality: Mapping[str, int]  # by format, where the options name none
    watermark: Watermark | None = None


def settle(header: Header, job: Job) -> tuple[Frame, ...]:
    """The frames for an original with that header, the best first; the others are for encoders that fail.

    A format that cannot hold the sides of the result is left out. Where none can, the result is shrunk.
    """
    geometry = _geometry(header, job)
    choices = outputs(job.format, header.format, header.animated)
    able = [output for output in choices if _holds(output, geometry.longest)] or choices[-1:]
    return tuple(_frame(header, job, geometry, output) for output in able)


def _holds(output: Output, side: int) -> bool:
    return side <= min(output.format.max_side, output.if_transparent.max_side)


def _frame(header: Header, job: Job, geometry: Geometry, output: Output) -> Frame:
    format = output.format
    geometry = geometry.within(format.max_side)
    return Frame(
        original=header,
        format=format,
        format_if_transparent=output.if_transparent,
        geometry=geometry,
        pages=min(header.pages, job.max_frames) if header.animated and format.holds_animation else 1,
        shrink=_shrink(header, geometry),
        light=format.light if header.format is Format.JPG else "encoded",
        quality=job.quality,
        watermark=job.watermark,
    )


def _shrink(header: Header, geometry: Geometry) -> int:
    if header.format is Format.JPG and header.shrinks:
        scale = geometry.scale(header.width, header.height)
        for step in (8, 4, 2):
            if step * scale * _JPEG_HEADROOM <= 1:
                return step
    return 1


def _geometry(header: Header, job: Job) -> Geometry:
    """Measured upright (EXIF orientations 5 to 8 lie on their side), told for the file as it lies."""
    if header.orientation >= 5:
        return fit(header.height, header.width, job.options).turned()
    return fit(header.width, header.height, job.options)
