"""What a render process answers with: read, and checked before anything of it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from origin.errors import BadRequest
from origin.errors import EncodingFailed
from origin.errors import OriginError
from origin.errors import RenderFailed
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import DESCRIPTION_NAMES
from origin.formats import MAX_SIDE
from origin.formats import Description
from origin.formats import Format
from origin.formats import ResultFormat
from origin.formats import named_result
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.imaging.protocol import largest_result
from origin.imaging.protocol import normalised_format
from origin.imaging.protocol import outputs
from origin.render.descriptions import check_description

_ADDED = 4_096  # bytes by which metadata written anew may make a picture larger that comes in
_ERRORS: dict[str, type[OriginError]] = {
    "bad-request": BadRequest,
    "unprocessable": Unprocessable,
    "unsupported-format": UnsupportedFormat,
    "render-failed": EncodingFailed,
}  # by the kind that a renderer gives


@dataclass(frozen=True, slots=True)
class Rendered:
    """A result, or a description, and how long it took."""

    body: bytes
    format: ResultFormat
    width: int  # px of one frame
    height: int
    waited: float  # seconds in the queue
    took: float  # seconds in the renderer
    encoding: float = 0.0  # of these, seconds in the encoder; the renderer says so


def read_answer(
    head: dict[str, Any],
    body: bytes,
    job: Job,
    original: bytes | memoryview,
    *,
    waited: float,
    took: float,
) -> Rendered:
    """The result that a renderer answers with.

    A picture may have taken the renderer over, so nothing it says is trusted: the body has to be a picture in
    a format that the job can have, and no larger than a result of those sides can be; or the description that
    the job asks for. `waited` and `took` are seconds, as in `Rendered`.
    Raises OriginError for a failed job and one of `PROTOCOL_ERRORS`.
    """
    if head["ok"] is not True:
        raise _ERRORS.get(head["kind"], RenderFailed)(str(head["reason"])[:1000])
    format = named_result(head["format"])
    width, height = int(head["width"]), int(head["height"])
    if not 1 <= width <= MAX_SIDE >= height >= 1:
        raise ValueError(f"the result is of {width}x{height} pixels")
    if isinstance(format, Description):
        if format.name != job.format:
            raise ValueError(f"the result is a {format.name}, and {job.format} was asked for")
        check_description(format, body)
    else:
        _check_picture(format, width, height, body, job, original)
    return Rendered(body, format, width, height, waited, took, _encoding(head, took))


def _check_picture(
    format: Format, width: int, height: int, body: bytes, job: Job, original: bytes | memoryview
) -> None:
    """Raises ValueError."""
    if sniff(body) is not format:
        raise ValueError(f"the result is no {format.name}")
    if format not in _possible_formats(job, original):
        raise ValueError(f"the result is a {format.name}, and {job.format} was asked for")
    largest = largest_result(width, height, job.max_frames if job.holds_animation(format) else 1)
    if len(body) > (largest if job.normalisation is None else max(largest, len(original) + _ADDED)):
        raise ValueError(f"the result is of {width}x{height} pixels and {len(body)} bytes")


def _possible_formats(job: Job, original: bytes | memoryview) -> set[Format]:
    sniffed = sniff(original)
    if sniffed is None or job.format in DESCRIPTION_NAMES:
        return set()
    if job.normalisation is not None:
        return {normalised_format(job.normalisation, sniffed)}
    return {
        format
        for animated in {False, sniffed.may_move}
        for output in outputs(job.format, sniffed, animated)
        for format in (output.format, output.if_transparent)
    }


def _encoding(head: dict[str, Any], took: float) -> float:
    """Seconds in the encoder, as far as what a renderer says can be."""
    told = head.get("ms")
    milliseconds = told.get("encode") if isinstance(told, dict) else None
    seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0
    return min(max(seconds, 0.0), took)
