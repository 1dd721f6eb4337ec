"""The life of one render: the bytes of an original and a job go in, the bytes of a result come out.

It knows pixels; no web, no configuration. libvips runs the steps in one pass when the encoder pulls lines.
"""

from __future__ import annotations

import dataclasses
import time
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
from origin.imaging.apng import read_delays
from origin.imaging.cost import Bounds
from origin.imaging.cost import afford
from origin.imaging.cost import without_memory
from origin.imaging.describe import SMALL_SIDE
from origin.imaging.describe import Facts
from origin.imaging.describe import describe
from origin.imaging.encode import encode
from origin.imaging.frame import Frame
from origin.imaging.frame import Header
from origin.imaging.frame import find_part
from origin.imaging.frame import settle
from origin.imaging.kept import KEPT
from origin.imaging.protocol import MAX_RESULT
from origin.imaging.protocol import Job
from origin.imaging.resize import resize
from origin.imaging.shape import find_cut
from origin.imaging.shape import select
from origin.imaging.steps import CHARGES
from origin.imaging.steps import STEPS
from origin.imaging.trim import memory_of
from origin.imaging.trim import trim
from origin.imaging.vendor import pyvips
from origin.imaging.vips import damage
from origin.imaging.vips import field
from origin.imaging.vips import forget_messages
from origin.imaging.vips import reason
from origin.urls.options import Options

PIPELINE_VERSION = "6"
"""Part of every result's key: goes up whenever the bytes of results change."""


@dataclass(frozen=True, slots=True)
class Rendered:
    body: bytes
    format: ResultFormat
    width: int  # px of one page
    height: int
    # Seconds in the encoder, which pulls most of the pixels through the steps.
    encoding: float = dataclasses.field(default=0.0, compare=False)


def render(original: bytes, job: Job, memory: int | None = None, most: int = MAX_RESULT) -> Rendered:
    """`memory`: bytes that decoding may take, judged from the header. `most`: bytes of the result.

    Raises UnsupportedFormat, Unprocessable for a picture that does not decode, EncodingFailed where it does
    and no encoder that may be chosen can write the result, and BadRequest for options that do not fit it.
    """
    description = find_description(job.format)
    format = load.identify(original, job.allowed)
    forget_messages()
    try:
        readable = load.for_decoder(original, format)
        KEPT.begin(job.original and f"{job.original} {len(readable)}", memory)
        if description is None:
            result = _render(readable, format, job, memory, most)
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
    KEPT.forget()
    raise Unprocessable(f"{format.name}: {failure}")


def _render(original: bytes, format: Format, job: Job, memory: int | None, most: int) -> Rendered:
    failure = ""
    opened, header = load.open_original(original, format, job, memory)
    trimmed = None
    bounds = Bounds.of(job.timeout, memory, original)
    if job.options.trim is None:
        frames = settle(header, job)
    else:
        bare = replace(job, options=replace(job.options, padding=(0, 0, 0, 0)))
        afford(settle(header, bare), Options(trim=job.options.trim), CHARGES, bounds)
        trimmed, frames = trim(original, opened, header, job, memory)
        bounds = bounds.without(memory_of(trimmed))
    whole = job.normalisation is not None
    frames = afford(frames, job.options, CHARGES, bounds, whole=whole)
    for frame in (*frames, *(() if whole else without_memory(frames[-1]))):
        frame = _find_cut_of_animation(original, frame, job.options)
        loaded = trimmed or _load(original, opened, frame)
        image = run_steps(loaded, job.options, frame)
        start = time.perf_counter()
        try:
            body, written = encode(image, job.options, frame, original if image is loaded else None)
        except (pyvips.Error, MemoryError) as exc:
            failure, body = f"{frame.format.name}: {_why(exc)}", b""
        if not body:
            # libvips decodes when the encoder pulls lines. Where it is not the encoder that fails, this does.
            opened = load.reopen(original, header)
            run_steps(trimmed or load.load(original, opened, frame), job.options, frame).avg()
        elif len(body) <= most:
            took = time.perf_counter() - start
            return Rendered(body, written, image.width, image.get_page_height(), took)
        else:
            failure = f"{written.name}: the result has {len(body)} bytes, more than {most}"
            del body
        opened = load.reopen(original, header)
    raise EncodingFailed(failure)


def _load(original: bytes, opened: pyvips.Image, frame: Frame) -> pyvips.Image:
    """The image to take the pixels from. Raises pyvips.Error where they are decoded at once and cannot be."""
    kept = KEPT.find(frame)
    return KEPT.keep(load.load(original, opened, frame), frame) if kept is None else kept


def _why(exc: pyvips.Error | MemoryError) -> str:
    return "out of memory" if isinstance(exc, MemoryError) else reason(exc)


def _describe(
    original: bytes, format: Format, description: Description, job: Job, memory: int | None
) -> Rendered:
    """What the original is, told from a small picture that the same steps make of its first page."""
    job = replace(job, options=Options(width=SMALL_SIDE, height=SMALL_SIDE), format=Format.PNG.name)
    opened, header = load.open_original(original, format, job, memory)
    duration = _measure_duration(original, opened, header)
    frame, *_ = settle(header, job)
    small = run_steps(_load(original, opened, frame), job.options, frame)
    seen = find_part(header, job)
    facts = Facts(header, len(original), duration, seen.width, seen.height)
    body = describe(description, small, facts)
    return Rendered(body, description, facts.width, facts.height)


def _measure_duration(original: bytes, opened: pyvips.Image, header: Header) -> int:
    """Milliseconds of all frames; 0 of a still picture."""
    if not header.animated:
        return 0
    return sum(read_delays(original) if header.format is Format.PNG else field(opened, "delay", []))


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


def run_steps(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    if frame.pages > 1:
        before = animation.split(image, frame.pages)
        after = [_run(page, options, frame) for page in before]
        if all(one is other for one, other in zip(before, after, strict=True)):
            return image
        return animation.join(after, image)
    return _run(image, options, frame)


def _run(page: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    for step in STEPS:
        page = step.run(page, options, frame)
    return page
