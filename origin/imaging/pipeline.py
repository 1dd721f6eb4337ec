"""The life of one render: the bytes of an original and a job go in, the bytes of a result come out.

It knows pixels; no web, no configuration. libvips runs the steps in one pass when the encoder pulls lines.
To add an effect, write a function `(image, options, frame) -> image` that returns the image itself where
the options do not ask for it, and give it a place in STEPS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace

from origin.errors import EncodingFailed
from origin.errors import Unprocessable
from origin.formats import Description
from origin.formats import Format
from origin.formats import ResultFormat
from origin.formats import find_description
from origin.imaging import animation
from origin.imaging import load
from origin.imaging.colour import to_srgb
from origin.imaging.describe import SMALL_SIDE
from origin.imaging.describe import Facts
from origin.imaging.describe import describe
from origin.imaging.effects import blur
from origin.imaging.effects import check_cost
from origin.imaging.effects import round_corners
from origin.imaging.effects import sharpen
from origin.imaging.effects import tone
from origin.imaging.encode import encode
from origin.imaging.frame import Frame
from origin.imaging.frame import find_part
from origin.imaging.frame import settle
from origin.imaging.protocol import Job
from origin.imaging.resize import resize
from origin.imaging.shape import cut
from origin.imaging.shape import find_cut
from origin.imaging.shape import place
from origin.imaging.shape import select
from origin.imaging.shape import turn
from origin.imaging.shape import turn_upright
from origin.imaging.surround import surround
from origin.imaging.trim import trim
from origin.imaging.vendor import pyvips
from origin.imaging.vips import damage
from origin.imaging.vips import field
from origin.imaging.vips import forget_messages
from origin.imaging.vips import reason
from origin.imaging.watermark import lay_watermark
from origin.urls.options import Options

PIPELINE_VERSION = "4"
"""Part of every result's key: goes up whenever the bytes of results change."""

Step = Callable[[pyvips.Image, Options, Frame], pyvips.Image]

STEPS: tuple[Step, ...] = (
    select,  # rect, trim
    resize,
    cut,
    to_srgb,
    turn_upright,
    place,  # in the box of `contain`
    turn,  # rotate, flip
    tone,
    blur,
    sharpen,
    surround,  # pad, bg
    round_corners,
    lay_watermark,
)
"""What happens to the pixels, in this order; to each page of an animation alone.

To users the picture is upright from the beginning. It is turned where few pixels are left: a `Geometry` tells
the steps before of the picture as it lies in its file.
"""


@dataclass(frozen=True, slots=True)
class Rendered:
    body: bytes
    format: ResultFormat
    width: int  # px of one page
    height: int


def render(original: bytes, job: Job, memory: int | None = None) -> Rendered:
    """`memory`: bytes that decoding may take, judged from the header.

    Raises UnsupportedFormat, Unprocessable for a picture that does not decode, EncodingFailed where it does
    and no encoder that may be chosen can write the result, and BadRequest for options that do not fit it.
    """
    description = find_description(job.format)
    format = load.identify(original, job.allowed)
    forget_messages()
    try:
        readable = load.for_decoder(original, format)
        if description is None:
            result = _render(readable, format, job, memory)
        else:
            result = _describe(readable, format, description, job, memory)
    except pyvips.Error as exc:
        failure = reason(exc)
    else:
        # Some loaders tell what was wrong when their image goes, as all of them have by now.
        lost = damage()
        if lost is None:
            return result
        failure = lost
    raise Unprocessable(f"{format.name}: {failure}")


def _render(original: bytes, format: Format, job: Job, memory: int | None) -> Rendered:
    failure = ""
    opened, header = load.open_original(original, format, job, memory)
    trimmed = None
    if job.options.trim is None:
        frames = settle(header, job)
    else:
        trimmed, frames = trim(original, opened, header, job, memory)
    for frame in frames:
        check_cost(job.options, frame)
        frame = _find_cut_of_animation(original, frame, job.options)
        loaded = trimmed or load.load(original, opened, frame)
        image = _run_steps(loaded, job.options, frame)
        try:
            body, written = encode(image, job.options, frame, original if image is loaded else None)
            return Rendered(body, written, image.width, image.get_page_height())
        except pyvips.Error as exc:
            failure = f"{frame.format.name}: {reason(exc)}"
        # libvips decodes when the encoder pulls lines. Where it is not the encoder that fails, this does.
        opened = load.reopen(original, header)
        _run_steps(trimmed or load.load(original, opened, frame), job.options, frame).avg()
        opened = load.reopen(original, header)
    raise EncodingFailed(failure)


def _describe(
    original: bytes, format: Format, description: Description, job: Job, memory: int | None
) -> Rendered:
    """What the original is, told from a small picture that the same steps make of its first page."""
    job = replace(job, options=Options(width=SMALL_SIDE, height=SMALL_SIDE), format=Format.PNG.name)
    opened, header = load.open_original(original, format, job, memory)
    duration = sum(field(opened, "delay", [])) if header.animated else 0
    frame, *_ = settle(header, job)
    small = _run_steps(load.load(original, opened, frame), job.options, frame)
    seen = find_part(header, job)
    facts = Facts(header, len(original), duration, seen.width, seen.height)
    body = describe(description, small, facts)
    return Rendered(body, description, facts.width, facts.height)


def _find_cut_of_animation(original: bytes, frame: Frame, options: Options) -> Frame:
    """The frame with the cut that suits the first page: it is the same in all of them."""
    if frame.pages == 1 or not isinstance(frame.geometry.focus, str):
        return frame
    alone = replace(frame, pages=1)
    page = load.load(original, load.reopen(original, frame.original), alone)
    page = resize(select(page, options, alone), options, alone).copy_memory()
    if (page.width, page.height) == (frame.geometry.cut_width, frame.geometry.cut_height):
        return frame
    return replace(frame, geometry=frame.geometry.with_cut_at(*find_cut(page, frame)))


def _run_steps(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    if frame.pages > 1:
        before = animation.split(image, frame.pages)
        after = [_run(page, options, frame) for page in before]
        if all(one is other for one, other in zip(before, after, strict=True)):
            return image
        return animation.join(after, image)
    return _run(image, options, frame)


def _run(page: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    for step in STEPS:
        page = step(page, options, frame)
    return page
