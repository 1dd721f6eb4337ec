"""The frame of one render: what is settled from the header and the job before the first pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from origin.formats import OUTPUTS
from origin.formats import PLAIN
from origin.formats import Format
from origin.formats import Light
from origin.imaging.geometry import Geometry
from origin.imaging.geometry import fit
from origin.imaging.protocol import AUTO
from origin.imaging.protocol import Job

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


@dataclass(frozen=True, slots=True)
class _Choice:
    """The formats to write opaque and transparent pictures in."""

    format: Format
    if_transparent: Format

    def holds(self, side: int) -> bool:
        return side <= min(self.format.max_side, self.if_transparent.max_side)


def settle(header: Header, job: Job) -> tuple[Frame, ...]:
    """The frames for an original with that header, the best first; the others are for encoders that fail.

    A format that cannot hold the sides of the result is left out. Where none can, the result is shrunk.
    """
    geometry = _geometry(header, job)
    choices = _choices(header, job.format)
    able = [choice for choice in choices if choice.holds(geometry.longest)] or choices[-1:]
    return tuple(_frame(header, job, geometry, choice) for choice in able)


def _frame(header: Header, job: Job, geometry: Geometry, choice: _Choice) -> Frame:
    format = choice.format
    geometry = geometry.within(format.max_side)
    return Frame(
        original=header,
        format=format,
        format_if_transparent=choice.if_transparent,
        geometry=geometry,
        pages=min(header.pages, job.max_frames) if header.animated and format.holds_animation else 1,
        shrink=_shrink(header, geometry),
        light=format.light if header.format is Format.JPG else "encoded",
        quality=job.quality,
    )


def _shrink(header: Header, geometry: Geometry) -> int:
    if header.format is Format.JPG and header.shrinks:
        scale = geometry.scale(header.width, header.height)
        for step in (8, 4, 2):
            if step * scale * _JPEG_HEADROOM <= 1:
                return step
    return 1


def _choices(header: Header, wanted: str) -> list[_Choice]:
    """What the result may be written in, the best first."""
    if wanted == "original":
        if header.format in OUTPUTS:
            return [_Choice(header.format, header.format)]
        wanted = AUTO + PLAIN
    if not wanted.startswith(AUTO):
        return [_Choice(Format.named(wanted), Format.named(wanted))]
    accepted = wanted.removeprefix(AUTO)
    if header.animated:
        better = [] if accepted == PLAIN else [Format.WEBP]
        return [_Choice(format, format) for format in (*better, Format.GIF)]
    better = [] if accepted == PLAIN else [Format.named(accepted)]
    return [
        *(_Choice(format, format) for format in better),
        _Choice(Format.JPG, Format.PNG),
        _Choice(Format.PNG, Format.PNG),
    ]


def _geometry(header: Header, job: Job) -> Geometry:
    """Measured upright (EXIF orientations 5 to 8 lie on their side), told for the file as it lies."""
    if header.orientation >= 5:
        return fit(header.height, header.width, job.options).turned()
    return fit(header.width, header.height, job.options)
