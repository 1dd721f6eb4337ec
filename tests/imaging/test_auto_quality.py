"""What `q=auto` encodes: a whole picture, or a sample of it first."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks import kinds
from origin.formats import Format
from origin.imaging.auto_quality import count_encodings
from origin.imaging.auto_quality import write_near
from origin.imaging.vendor import pyvips
from tests.support import pictures


@cache
def picture(width: int, height: int) -> pyvips.Image:
    """With noise, so that its files grow with the quality."""
    return pyvips.Image.new_from_buffer(
        pictures.encoded(kinds.draw("noise", 1, width, height), "PNG"), ""
    ).copy_memory()


@pytest.mark.many
@pytest.mark.parametrize(
    ("sides", "hurried", "of_samples", "of_the_whole"),
    [((300, 200), False, 0, 4), ((640, 480), False, 1, 3), ((640, 480), True, 3, 1)],
)
def test_a_large_picture_is_tried_by_a_sample_first(
    sides: tuple[int, int], hurried: bool, of_samples: int, of_the_whole: int
) -> None:
    tried: list[tuple[int, int]] = []

    def write(image: pyvips.Image, quality: int) -> bytes:
        tried.append((image.width, image.height))
        return bytes(image.write_to_buffer(".jpg", Q=quality))

    body = write_near(picture(*sides), 70, Format.JPG, write, hurried=hurried)
    assert pictures.opened(body).size == sides
    whole = [sides == size for size in tried]
    assert whole == sorted(whole)  # samples first
    assert 1 <= whole.count(True) <= of_the_whole
    assert whole.count(False) <= of_samples
    assert bool(of_samples) == (False in whole)
    assert count_encodings(sides[0] * sides[1], 1, hurried=hurried) == of_the_whole


def test_a_very_large_picture_and_an_animation_are_encoded_once() -> None:
    assert count_encodings(5_000_000, 1) == count_encodings(500_000, 5) == 1
