"""The estimate of how alike two pictures look, beside points of SSIMULACRA2 from its own tool."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFilter import GaussianBlur

from benchmarks import kinds
from benchmarks.pictures import LANDSCAPE
from origin.imaging.likeness import Likeness
from origin.imaging.sample import LARGEST_WHOLE
from origin.imaging.sample import take_sample
from origin.imaging.vendor import pyvips
from tests.support import pictures


def vips(image: Image.Image) -> pyvips.Image:
    image = image.convert("RGB")
    plain = pyvips.Image.new_from_memory(image.tobytes(), *image.size, 3, "uchar")
    return plain.copy(interpretation="srgb")


@cache
def _landscape() -> Image.Image:
    return Image.open(LANDSCAPE).convert("RGB")


def landscape(width: int = 300) -> Image.Image:
    image = _landscape()
    return image.resize((width, width * image.height // image.width))


def jpeg(image: Image.Image, quality: int) -> pyvips.Image:
    return vips(Image.open(io.BytesIO(pictures.encoded(image, "JPEG", quality=quality))))


@pytest.mark.slow
def test_a_picture_is_most_like_itself_and_the_less_the_more_was_lost() -> None:
    image = landscape()
    likeness = Likeness(vips(image))
    scores = [likeness.score(other) for other in (vips(image), *(jpeg(image, q) for q in (90, 70, 50, 20)))]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 95
    assert 40 < scores[2] < 85  # high quality is about 70
    blurred = likeness.score(vips(image.filter(GaussianBlur(2))))
    assert blurred < 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "at_40", "at_75"),
    [
        # What the tool `ssimulacra2` gives for files of Pillow's JPEG encoder.
        ("gradient", 62.4, 81.0),
        ("skin", 55.2, 78.0),
        ("night", 63.1, 81.2),
        ("leaves", 78.0, 88.3),
        ("line art", 49.1, 70.8),
        ("cartoon", 66.9, 75.9),
        ("pixel art", 76.0, 86.8),
        ("edges", 60.1, 72.6),
        ("noise", 62.1, 86.4),
    ],
)
def test_the_estimate_is_near_to_ssimulacra2(kind: str, at_40: float, at_75: float) -> None:
    image = kinds.draw(kind, 1, 400, 280)
    likeness = Likeness(vips(image))
    for quality, expected in ((40, at_40), (75, at_75)):
        body = pictures.encoded(image, "JPEG", quality=quality, subsampling=0)
        score = likeness.score(vips(Image.open(io.BytesIO(body))))
        assert score == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (100, 80), (300, 200)])
def test_a_picture_of_any_size_is_measured(size: tuple[int, int]) -> None:
    image = kinds.draw("noise", 1, *size)
    likeness = Likeness(vips(image))
    assert likeness.score(vips(image)) > 99
    assert likeness.score(vips(image.point(lambda level: level // 2))) < 60


def test_lost_colour_counts() -> None:
    image = landscape()
    grey = Likeness(vips(image)).score(vips(image.convert("L").convert("RGB")))
    assert grey < 85


@pytest.mark.slow
def test_a_sample_is_as_hard_to_encode_as_the_whole() -> None:
    whole = landscape(1000)
    sample = take_sample(vips(whole))
    assert sample.width * sample.height < whole.width * whole.height / 2
    of_sample = Image.fromarray(np.asarray(sample.numpy()))
    measures = [(each, Likeness(vips(each))) for each in (whole, of_sample)]
    for quality in (30, 85):
        scores = [likeness.score(jpeg(each, quality)) for each, likeness in measures]
        assert scores[1] == pytest.approx(scores[0], abs=4), quality


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (2000, 5), (160, 160), (500, 500), (1200, 900)])
def test_a_sample_shows_pixels_of_the_picture_alone(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (10, 200, 30))
    sample = take_sample(vips(image))
    assert (np.asarray(sample.numpy()) == [10, 200, 30]).all()
    assert (sample.width, sample.height) == size or size == (1200, 900)
    assert sample.width * sample.height <= LARGEST_WHOLE
