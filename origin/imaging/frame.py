"""The frame of one render: what is settled from the header and the job before the first pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from origin.errors import BadRequest
from origin.formats import Format
from origin.formats import Light
from origin.formats.writers import DEFAULT_EFFORT
from origin.formats.writers import EffortLevel
from origin.imaging.geometry import Geometry
from origin.imaging.geometry import Region
from origin.imaging.geometry import fit
from origin.imaging.geometry import part_of
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
_WEBP_HEADROOM = 1.5  # left to Lanczos, as for JPEG


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an original says."""

    format: Format
    width: int  # px of one page, as the file lies
    height: int
    pages: int = 1  # frames of an animation, pages of a TIFF; 1 where one of them was asked for
    orientation: int = 1  # EXIF, 1 to 8
    shrinks: bool = True  # whether the decoder can shrink the picture, where its format can
    gif: Gif | None = None  # what the blocks of a GIF say
    colour_bands: int = 0  # of a TIFF whose other bands mean nothing; 0: all mean something
    palette_bits: int = 0  # for a pixel of a PNG with a palette; 0: it has none
    page: int | None = None  # the one of several that was asked for, from 0
    alpha: bool = False  # it has an alpha channel
    decoding: int = 0  # bytes that its decoder takes

    @property
    def animated(self) -> bool:
        return self.format.may_move and self.pages > 1

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once it is turned: EXIF orientations 5 to 8 lie on their side."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def loader_options(self) -> dict[str, int]:
        """What the decoder is told beside the number of pages."""
        return {} if self.page is None else {"page": self.page}


@dataclass(frozen=True, slots=True)
class Frame:
    """What every step knows besides the pixels and the options. One for all pages of an animation."""

    original: Header
    format: Format  # to write
    format_if_transparent: Format  # to write where a pixel of the result is transparent
    region: Region | None  # of one page, as the file lies: the part that counts; None: all of it
    geometry: Geometry  # of that part, as the file lies
    upright: Geometry  # the same as it is seen
    pages: int  # of the result; more than one: an animation
    shrink: int  # by which the JPEG decoder shrinks the picture
    scale: float  # to which the WebP decoder shrinks the picture, and the SVG decoder enlarges it
    light: Light  # to resize in
    quality: Mapping[str, int]  # by format, where the options name none
    auto_quality: int  # what `q=auto` has to reach, in points of SSIMULACRA2
    watermark: Watermark | None = None
    effort: Mapping[str, EffortLevel] = field(default_factory=dict)  # of the encoders that have another level
    lowered: int = 0  # steps by which the effort of the encoder is lowered, for want of time or memory

    def effort_of(self, format: Format) -> EffortLevel:
        return self.effort.get(format.name, DEFAULT_EFFORT)

    def within(self, side: int) -> Frame:
        """This frame with a result whose sides are at most so long."""
        upright = self.upright.within(side)
        return replace(self, upright=upright, geometry=upright.turned(self.original.orientation))


def settle(header: Header, job: Job, region: Region | None = None) -> tuple[Frame, ...]:
    """The frames for an original with that header, the best first; the others are for encoders that fail.

    `region` is what `trim` has left of the original; without it, what `rect` leaves.
    A format that cannot hold the sides of the result is left out. Where none can, the result is shrunk.
    Raises BadRequest, which names the option.
    """
    region = region or find_region(header, job)
    upright = _measure(region, header.orientation, job)
    choices = outputs(job.format, header.format, header.animated)
    able = [output for output in choices if _holds(output, upright.longest)] or choices[-1:]
    return tuple(_frame(header, job, region, upright, output) for output in able)


def find_region(header: Header, job: Job) -> Region:
    """The part that the job, then `inset`, then `rect` leave, as the file lies.

    Raises BadRequest where one of them misses the picture.
    """
    if job.options.rect is None and job.options.inset is None and job.part is None:
        return Region(0, 0, header.width, header.height)
    part = find_part(header, job)
    if job.options.inset is not None:
        part = _without_edges(part, job.options.inset)
    if job.options.rect is not None:
        inner = part_of(job.options.rect, part.width, part.height, job.options.rect_at or (0.0, 0.0))
        if inner is None:
            raise BadRequest(f"option rect: misses the picture, which is {part.width}x{part.height}")
        part = replace(inner, left=part.left + inner.left, top=part.top + inner.top)
    return part.turned(*header.upright, header.orientation)


def _without_edges(part: Region, inset: tuple[int, int, int, int]) -> Region:
    """What is left once so many pixels are cut off: top, right, bottom, left. Raises BadRequest."""
    top, right, bottom, left = inset
    width, height = part.width - left - right, part.height - top - bottom
    if width < 1 or height < 1:
        raise BadRequest(f"the edges that are cut off leave nothing of {part.width}x{part.height}")
    return Region(part.left + left, part.top + top, width, height)


def find_part(header: Header, job: Job) -> Region:
    """What counts of the upright original. Raises BadRequest where that is nothing."""
    width, height = header.upright
    if job.part is None:
        return Region(0, 0, width, height)
    left, top, across, down = job.part
    part = Region(left, top, min(across, width - left), min(down, height - top))
    if part.width < 1 or part.height < 1:
        raise BadRequest(f"the part misses the picture, which is {width}x{height}")
    return part


def _holds(output: Output, side: int) -> bool:
    return side <= min(output.format.max_side, output.if_transparent.max_side)


def _frame(header: Header, job: Job, region: Region, upright: Geometry, output: Output) -> Frame:
    format = output.format
    upright = upright.within(format.max_side)
    effort = job.effort.get(format.name, DEFAULT_EFFORT)
    geometry = upright.turned(header.orientation)
    return Frame(
        original=header,
        region=None if (region.width, region.height) == (header.width, header.height) else region,
        format=format,
        format_if_transparent=output.if_transparent,
        geometry=geometry,
        upright=upright,
        pages=min(header.pages, job.max_frames) if header.animated and job.holds_animation(format) else 1,
        shrink=_shrink(header, region, geometry),
        scale=_scale(header, region, geometry),
        light=format.light[effort] if header.format is Format.JPG else "encoded",
        quality=job.quality,
        auto_quality=job.auto_quality,
        watermark=job.watermark,
        effort=job.effort,
    )


def _shrink(header: Header, region: Region, geometry: Geometry) -> int:
    if header.format is Format.JPG and header.shrinks:
        scale = geometry.scale(region.width, region.height)
        for step in (8, 4, 2):
            if step * scale * _JPEG_HEADROOM <= 1:
                return step
    return 1


def _scale(header: Header, region: Region, geometry: Geometry) -> float:
    if header.format is Format.WEBP and not header.animated and header.page is None:
        return min(1.0, geometry.scale(region.width, region.height) * _WEBP_HEADROOM)
    if header.format is Format.SVG:  # what grows is drawn larger, and stays sharp
        return max(1.0, geometry.width / region.width, geometry.height / region.height)
    return 1.0


def _measure(region: Region, orientation: int, job: Job) -> Geometry:
    """What becomes of that part, upright: EXIF orientations 5 to 8 lie on their side.

    Raises BadRequest where padding makes the result larger than it may be.
    """
    width, height = region.width, region.height
    if orientation >= 5:
        width, height = height, width
    geometry = fit(width, height, job.options, job.max_dimension)
    if any(job.options.padding):
        geometry = replace(geometry, padding=job.options.padding)
        if geometry.longest > job.max_dimension:
            sides = "x".join(map(str, geometry.size))
            raise BadRequest(f"option pad: makes a result of {sides} pixels, more than {job.max_dimension}")
    return geometry
