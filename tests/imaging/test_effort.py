"""`effort`: how hard each encoder tries, and what the bounds on work know of it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from benchmarks.pictures import LANDSCAPE
from origin.formats import OUTPUTS
from origin.formats.writers import EFFORT_LEVELS
from origin.formats.writers import EffortLevel
from origin.imaging.cost import Bounds
from origin.imaging.cost import afford
from origin.imaging.frame import Header
from origin.imaging.frame import settle
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.imaging.steps import CHARGES
from tests.support import pictures
from tests.support.jobs import job

ORIGINAL = LANDSCAPE.read_bytes()


def made(format: str, level: EffortLevel, **changes: Any) -> bytes:
    wanted = job(width=240, crop=False, format=format, **changes)
    return render(ORIGINAL, replace(wanted, effort={format: level})).body


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif"])
def test_more_effort_makes_files_smaller(format: str) -> None:
    bodies = [made(format, level) for level in EFFORT_LEVELS]
    fast, balanced, best = map(len, bodies)
    assert balanced <= fast
    # AVIF uses what it saves to look better.
    assert (bodies[2] != bodies[1]) if format == "avif" else (best < balanced)
    assert bodies[1] == render(ORIGINAL, job(width=240, crop=False, format=format)).body
    for body in bodies:
        with Image.open(io.BytesIO(body)) as opened:
            opened.load()
            assert opened.size == (240, 160)


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_more_effort_without_loss_makes_files_smaller_and_changes_no_pixel(format: str) -> None:
    small = pictures.encoded(pictures.field(120, 80), "PNG")
    bodies = [
        render(small, replace(job(lossless=True, format=format), effort={format: level})).body
        for level in EFFORT_LEVELS
    ]
    assert len(bodies[0]) > len(bodies[2])
    shown = [Image.open(io.BytesIO(body)).convert("RGB").tobytes() for body in bodies]
    assert shown[0] == shown[1] == shown[2]


def test_a_level_counts_for_the_formats_that_it_names_alone() -> None:
    plain = job(width=240, crop=False, format="webp")
    other = replace(plain, effort={"avif": "best"})
    assert render(ORIGINAL, other).body == render(ORIGINAL, plain).body


def lowered(level: EffortLevel, side: int, seconds: float, **changes: Any) -> int:
    """Steps by which the effort for an AVIF of that size is lowered, to be done in time."""
    wanted = replace(job(crop=False, format="avif", **changes), effort={"avif": level})
    header = Header(next(format for format in OUTPUTS if format.name == "png"), side, side)
    (frame,) = afford(settle(header, wanted), wanted.options, CHARGES, Bounds(seconds, None))
    return frame.lowered


def test_what_there_is_no_time_for_takes_less_effort() -> None:
    """A megapixel takes 0.9 s with the most effort and 0.1 s with the least."""
    assert [lowered(level, 1000, 2.0) for level in EFFORT_LEVELS] == [0, 0, 0]
    assert [lowered(level, 1000, 0.7) for level in EFFORT_LEVELS] == [0, 0, 1]
    assert [lowered(level, 1000, 0.2) for level in EFFORT_LEVELS] == [0, 2, 3]


def test_a_search_for_bytes_counts_the_effort_of_all_its_tries() -> None:
    assert lowered("best", 600, 1.0) == 0
    assert lowered("best", 600, 1.0, max_bytes=20_000) == 1


def test_every_level_of_every_encoder_ends_in_an_effort_for_any_size() -> None:
    for format in OUTPUTS:
        assert format.writer is not None
        for levels in (format.writer.efforts, format.writer.lossless):
            for level in levels:
                lossless = levels is format.writer.lossless
                prices = [
                    format.writer.effort(level, pixels, lowered=steps, lossless=lossless).opaque.seconds
                    for pixels in (1, 1_500_000, 3_000_000, 10**9)
                    for steps in range(4)
                ]
                assert prices[:4] == sorted(prices[:4], reverse=True)
                assert min(prices) == prices[-1]


def test_the_job_tells_its_renderer() -> None:
    wanted = replace(job(format="avif"), effort={"avif": "fast"})
    assert Job.from_head(wanted.to_head()).effort == {"avif": "fast"}
    assert "effort" not in job().to_head()
