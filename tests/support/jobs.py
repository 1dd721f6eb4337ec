"""Jobs for the tests of the pipeline: one with everything allowed, and changes of it."""

from __future__ import annotations

from dataclasses import fields
from dataclasses import replace
from typing import Any

from origin.formats import FORMATS
from origin.imaging.protocol import Job
from origin.urls.options import Options

ALL = tuple(format.name for format in FORMATS)
OUTPUTS = ("jpg", "png", "webp", "avif", "gif")
JOB = Job(
    options=Options(crop=True),
    format="png",
    quality={"jpg": 90, "webp": 90, "avif": 80},
    allowed=ALL,
    max_pixels=100_000_000,
    max_frames=100,
)
_OF_A_JOB = {field.name for field in fields(Job)}


def job(**changes: Any) -> Job:
    """`JOB` with other values: those of its own, such as `format` and `quality`, or of its options.

    Both have a quality; `options_quality` is that of the options.
    """
    own = {name: value for name, value in changes.items() if name in _OF_A_JOB}
    options = {
        name.removeprefix("options_"): value for name, value in changes.items() if name not in _OF_A_JOB
    }
    return replace(JOB, options=replace(JOB.options, **options), **own)
