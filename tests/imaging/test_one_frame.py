"""One frame of an animation, one page of a TIFF, alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import BadRequest
from origin.errors import Unprocessable
from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job


def pages(*images: Image.Image, **options: Any) -> bytes:
    return pictures.encoded(images[0], "TIFF", save_all=True, append_images=list(images[1:]), **options)


def still(original: bytes, **changes: Any) -> Image.Image:
    image = pictures.opened(render(original, job(**changes)).body)
    assert getattr(image, "n_frames", 1) == 1
    return image


@pytest.mark.many
@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("format", ["png", "webp", "gif", "original", "auto:avif", "auto:plain"])
@pytest.mark.parametrize("frame", [0, 3, 4])
def test_a_frame_of_an_animation_is_a_still(kind: str, format: str, frame: int) -> None:
    image = still(pictures.animation(kind), width=50, height=20, format=format, frame=frame)
    assert image.size == (50, 20)
    got = np.asarray(image.convert("RGB")).astype(int)
    assert got[10, 25] == pytest.approx([128, 128, 50 * frame], abs=20)


def test_a_still_of_an_animation_may_be_what_stills_may_be() -> None:
    result = render(pictures.animation(), job(frame=1, format="auto:avif"))
    assert result.format.name == "avif"
    assert render(pictures.animation(), job(format="auto:avif")).format.name == "webp"


def test_a_frame_shows_what_the_frames_before_it_left() -> None:
    first = pictures.GifFrame(0, 0, 20, 20, colour=100)
    second = pictures.GifFrame(10, 0, 10, 20, colour=50)
    got = np.asarray(still(pictures.gif(20, 20, first, second), frame=1).convert("RGB"))
    assert (got[:, 5, 0] == 200).all()
    assert (got[:, 15, 0] == 100).all()


def test_what_no_frame_covers_is_transparent_in_one_of_them() -> None:
    frames = (pictures.GifFrame(0, 0, 10, 20, colour=100), pictures.GifFrame(0, 0, 5, 20, colour=50))
    got = np.asarray(still(pictures.gif(20, 20, *frames), frame=1).convert("RGBA"))
    assert (got[:, 15, 3] == 0).all()
    assert (got[:, 2] == [100, 0, 0, 255]).all()


def test_pages_of_a_tiff_have_sizes_and_orientations_of_their_own() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    first, second = pictures.field(100, 60, blue=0), pictures.field(40, 90, blue=250)
    original = pages(first, second)
    assert still(original).size == still(original, frame=0).size == (100, 60)
    image = still(original, frame=1)
    assert image.size == (40, 90)
    assert (np.asarray(image.convert("RGB"))[..., 2] == 250).all()
    assert still(original, frame=1, width=20).size == (20, 45)


def test_what_a_page_of_a_tiff_says_is_read_from_its_own_directory() -> None:
    fine, foreign = pictures.field(40, 30), pictures.field(40, 30).convert("YCbCr")
    original = pages(fine, foreign)
    assert still(original, frame=0).size == (40, 30)
    with pytest.raises(Unprocessable, match="YCbCr"):
        render(original, job(frame=1))


def test_a_sequence_of_avif_gives_its_first_frame() -> None:
    got = np.asarray(still(pictures.animation("AVIF"), frame=0).convert("RGB")).astype(int)
    assert got[40, 50] == pytest.approx([128, 128, 0], abs=20)


@pytest.mark.parametrize(
    ("original", "last"),
    [
        (pictures.animation, 4),
        (lambda: pictures.animation("WEBP"), 4),
        (lambda: pages(pictures.field(9, 9), pictures.field(9, 9)), 1),
        (pictures.land, 0),
        (pictures.alpha, 0),
        (pictures.svg, 0),
    ],
)
def test_a_frame_past_the_last_is_refused(original: Callable[[], bytes], last: int) -> None:
    still(original(), frame=last)
    with pytest.raises(
        BadRequest, match=rf"^option frame: expected a number from 0 to {last}, got {last + 1}$"
    ):
        render(original(), job(frame=last + 1))


@pytest.mark.parametrize(
    "original", [pictures.land, pictures.wide, pictures.alpha, lambda: pictures.turned(6)]
)
def test_the_only_frame_is_the_picture(original: Callable[[], bytes]) -> None:
    whole, frame = (
        render(original(), job(width=50, format="original", **each)) for each in ({}, {"frame": 0})
    )
    assert whole == frame
