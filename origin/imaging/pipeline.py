"""The life of one render: the bytes of an original and a job go in, the bytes of a result come out.

It knows pixels; no web, no configuration. libvips runs the steps in one pass when the encoder pulls lines.
To add an effect, write a function `(image, options, frame) -> image` that returns the image itself where
the options do not ask for it, and give it a place in STEPS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from origin.errors import EncodingFailed
from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging import animation
from origin.imaging import load
from origin.imaging.colour import to_srgb
from origin.imaging.decoders import open_image
from origin.imaging.encode import encode
from origin.imaging.frame import Frame
from origin.imaging.frame import settle
from origin.imaging.protocol import Job
from origin.imaging.resize import resize
from origin.imaging.shape import cut
from origin.imaging.shape import turn_upright
from origin.imaging.vendor import pyvips
from origin.imaging.vips import damage
from origin.imaging.vips import forget_messages
from origin.imaging.vips import reason
from origin.imaging.watermark import lay_watermark
from origin.urls.options import Options

PIPELINE_VERSION = "3"
"""Part of every result's key: goes up whenever the bytes of results change."""

Step = Callable[[pyvips.Image, Options, Frame], pyvips.Image]

STEPS: tuple[Step, ...] = (
    resize,
    cut,
    to_srgb,
    turn_upright,
    lay_watermark,
)
"""What happens to the pixels, in this order; to each page of an animation alone."""


@dataclass(frozen=True, slots=True)
class Rendered:
    body: bytes
    format: Format
    width: int  # px of one page
    height: int


def render(original: bytes, job: Job, memory: int | None = None) -> Rendered:
    """`memory`: bytes that decoding may take, judged from the header.

    Raises UnsupportedFormat, Unprocessable for a picture that does not decode, and EncodingFailed where it
    does and no encoder that may be chosen can write the result.
    """
    format = load.identify(original, job.allowed)
    forget_messages()
    try:
        result = _render(load.for_decoder(original, format), format, job, memory)
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
    for frame in settle(header, job):
        loaded = load.load(original, opened, frame)
        image = _run_steps(loaded, job.options, frame)
        try:
            body, written = encode(image, job.options, frame, original if image is loaded else None)
            return Rendered(body, written, image.width, image.get_page_height())
        except pyvips.Error as exc:
            failure = f"{frame.format.name}: {reason(exc)}"
        # libvips decodes when the encoder pulls lines. Where it is not the encoder that fails, this does.
        opened = open_image(original, format)
        _run_steps(load.load(original, opened, frame), job.options, frame).avg()
        opened = open_image(original, format)
    raise EncodingFailed(failure)


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
