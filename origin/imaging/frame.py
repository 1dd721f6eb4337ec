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


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an original says."""

    format: Format
    width: int  # px of one page, as the file lies
    height: int
    pages: int  # frames of an animation, pages of a TIFF
    orientation: int  # EXIF, 1 to 8

    @property
    def animated(self) -> bool:
        return self.format.holds_animation and self.pages > 1


@dataclass(frozen=True, slots=True)
class Frame:
    """What every step knows besides the pixels and the options. One for all pages of an animation."""

    original: Format
    format: Format  # to write
    format_if_transparent: Format  # to write where a pixel of the result is transparent
    geometry: Geometry  # of one page, as the file lies
    pages: int  # of the result; more than one: an animation
    light: Light  # to resize in
    quality: Mapping[str, int]  # by format, where the options name none


def settle(header: Header, job: Job) -> Frame:
    """The frame for an original with that header."""
    format, if_transparent = _formats(header, job.format)
    return Frame(
        original=header.format,
        format=format,
        format_if_transparent=if_transparent,
        geometry=_geometry(header, job),
        pages=min(header.pages, job.max_frames) if header.animated and format.holds_animation else 1,
        light=format.light if header.format is Format.JPG else "encoded",
        quality=job.quality,
    )


def _formats(header: Header, wanted: str) -> tuple[Format, Format]:
    """The formats to write opaque and transparent pictures in."""
    if wanted == "original":
        if header.format in OUTPUTS:
            return header.format, header.format
        wanted = AUTO + PLAIN
    if not wanted.startswith(AUTO):
        return Format.named(wanted), Format.named(wanted)
    accepted = wanted.removeprefix(AUTO)
    if header.animated:
        format = Format.GIF if accepted == PLAIN else Format.WEBP
        return format, format
    if accepted == PLAIN:
        return Format.JPG, Format.PNG
    return Format.named(accepted), Format.named(accepted)


def _geometry(header: Header, job: Job) -> Geometry:
    """Measured upright (EXIF orientations 5 to 8 lie on their side), told for the file as it lies."""
    if header.orientation >= 5:
        return fit(header.height, header.width, job.options).turned()
    return fit(header.width, header.height, job.options)
