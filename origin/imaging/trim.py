"""Where the borders of one colour end, which `trim` cuts.

That is looked for before the size of the result is settled, in the picture as it is decoded for a result of
nothing trimmed: a large JPEG is shrunk while it is decoded. Where so much is trimmed that the result needs
more pixels, it is decoded once more and looked at again. The last decoded picture stays in memory and is the
one that is rendered, so that each original is decoded at its full size once at most.

A pixel belongs to the border where each of its samples is within the tolerance of the picture's top left
corner. Of an animation what any page needs stays. A picture of one colour stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from origin.errors import Unprocessable
from origin.imaging import animation
from origin.imaging import load
from origin.imaging.frame import Frame
from origin.imaging.frame import Header
from origin.imaging.frame import find_region
from origin.imaging.frame import settle
from origin.imaging.geometry import Region
from origin.imaging.protocol import Job
from origin.imaging.shape import select
from origin.imaging.vendor import pyvips
from origin.urls.options import Options

_SHARE = 0.6  # of the memory that decoding may take, for the decoded picture


def trim(
    original: bytes, opened: pyvips.Image, header: Header, job: Job, memory: int | None
) -> tuple[pyvips.Image, tuple[Frame, ...]]:
    """The decoded picture, in memory, and the frames for it; the best first.

    `opened`: the original, of which no pixel was read yet. `memory`: bytes that decoding may take.
    Raises as `settle` and loading do.
    """
    bare = replace(job, options=replace(job.options, padding=(0, 0, 0, 0)))  # which is judged at the end
    frame = replace(settle(header, bare)[0], scale=1.0)
    while True:
        image = load.load(original, opened, frame)
        _check_memory(image, memory)
        image = image.copy_memory()
        region = _find_region(image, find_region(header, job), frame, job.options)
        frames = tuple(replace(settled, scale=1.0) for settled in settle(header, job, region))
        if frames[0].shrink >= frame.shrink:
            return image, tuple(replace(settled, shrink=frame.shrink) for settled in frames)
        frame = replace(frame, shrink=frames[0].shrink)


def memory_of(image: pyvips.Image) -> int:
    """Bytes that it takes in memory."""
    sample = 1 if image.format == "uchar" else 2 if image.format in ("ushort", "short") else 4
    return int(image.width) * int(image.height) * int(image.bands) * sample


def _check_memory(image: pyvips.Image, memory: int | None) -> None:
    needed = memory_of(image)
    if memory is not None and needed > memory * _SHARE:
        raise Unprocessable(f"option trim: the picture takes {needed} bytes, more than {memory * _SHARE:.0f}")


def _find_region(image: pyvips.Image, selected: Region, frame: Frame, options: Options) -> Region:
    """What no border of any page takes from the selected part, in pixels of the original as it lies."""
    pages = animation.split(image, frame.pages) if frame.pages > 1 else [image]
    parts = [select(page, options, frame) for page in pages]
    boxes = [_find_box(part, frame, options.trim or 0) for part in parts]
    found = [box for box in boxes if box is not None]
    if not found:
        return selected
    # In pixels of the original. What reaches the end of the part does so in both.
    shrink, right, bottom = frame.shrink, selected.left + selected.width, selected.top + selected.height
    left = min(selected.left + shrink * min(box.left for box in found), right - 1)
    top = min(selected.top + shrink * min(box.top for box in found), bottom - 1)
    across, down = max(box.left + box.width for box in found), max(box.top + box.height for box in found)
    if across < parts[0].width:
        right = max(left + 1, min(selected.left + shrink * across, right))
    if down < parts[0].height:
        bottom = max(top + 1, min(selected.top + shrink * down, bottom))
    return Region(left, top, right - left, bottom - top)


def _find_box(page: pyvips.Image, frame: Frame, tolerance: int) -> Region | None:
    """What is not border, in pixels of the page; None where all is of one colour."""
    samples = _comparable(page)
    orientation = frame.original.orientation
    width, height = (page.height, page.width) if orientation >= 5 else (page.width, page.height)
    corner = Region(0, 0, 1, 1).turned(width, height, orientation)
    border = samples.getpoint(corner.left, corner.top)
    inside = ((samples - border).abs() > tolerance).bandor()
    left, top, wide, high = inside.find_trim(background=[0], line_art=True)
    return Region(left, top, wide, high) if wide and high else None


def _comparable(page: pyvips.Image) -> pyvips.Image:
    """Samples of 0 to 255. What is transparent has no colour."""
    if page.format != "uchar":
        page = page.colourspace("b-w" if page.interpretation == "grey16" else "srgb")
    if page.hasalpha():
        return page.premultiply().cast("uchar").copy(interpretation="multiband")
    return page
