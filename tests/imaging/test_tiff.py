"""TIFFs of kinds that libvips takes for something else: shown as they are meant, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from origin.errors import Unprocessable
from origin.imaging.pipeline import render
from origin.imaging.tiff import Tiff
from origin.imaging.tiff import read_tiff
from tests.support import pictures
from tests.support.cases import check_each
from tests.support.jobs import job
from tests.support.tiffs import CMYK
from tests.support.tiffs import FLOAT
from tests.support.tiffs import GREY
from tests.support.tiffs import LAB
from tests.support.tiffs import SIGNED
from tests.support.tiffs import YCBCR
from tests.support.tiffs import tiff
from tests.support.tiffs import with_band

FIELD = np.asarray(pictures.field(100, 60))
GREYS = FIELD[..., 0]
LINEAR = np.where(FIELD > 10, ((FIELD / 255 + 0.055) / 1.055) ** 2.4, FIELD / 255 / 12.92).astype(np.float32)
INKS = with_band(255 - FIELD, 0)
LAB_16 = np.dstack([GREYS.astype(np.uint16) * 257, np.zeros((60, 100, 2), np.uint16)])
PROFILE = pictures.opened(pictures.swapped()).info["icc_profile"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "pixels", [FIELD, FIELD.astype(np.uint16) * 257, with_band(FIELD, 255)], ids=["8", "16", "8 and alpha"]
)
def test_what_the_others_are_changes_of_is_shown(pixels: NDArray[np.uint8], order: str) -> None:
    extra = (2,) if pixels.shape[2] == 4 else ()
    pictures.assert_shows(render(tiff(pixels, extra=extra, order=order), job()).body, 0, 0, 1, 1)


@pytest.mark.parametrize("profile", [b"", PROFILE])
def test_floats_are_linear_light_whatever_the_profile(profile: bytes) -> None:
    original = tiff(LINEAR, samples=FLOAT, profile=profile)
    pictures.assert_shows(render(original, job()).body, 0, 0, 1, 1)


def test_lab_is_lab_whatever_the_profile() -> None:
    plain = pictures.pixels(render(tiff(LAB_16, LAB), job()).body)
    assert plain[30, 80, 0] > 150
    assert (pictures.pixels(render(tiff(LAB_16, LAB, profile=PROFILE), job()).body) == plain).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("pixels", "photometric", "extra"),
    [(FIELD, 2, (0,)), (FIELD, 2, (0, 0)), (GREYS, GREY, (0,)), (INKS, CMYK, (0,))],
    ids=["rgb", "rgb, two", "grey", "cmyk"],
)
def test_an_extra_sample_that_is_nothing_is_not_alpha(
    pixels: NDArray[np.uint8], photometric: int, extra: tuple[int, ...], order: str
) -> None:
    more = pixels
    for _ in extra:
        more = with_band(more, 0)
    expected = pictures.pixels(render(tiff(pixels, photometric), job()).body, "RGBA")
    original = tiff(more, photometric, extra=extra, order=order)
    assert (pictures.pixels(render(original, job()).body, "RGBA") == expected).all()


def test_an_extra_sample_that_is_alpha_is() -> None:
    got = pictures.pixels(render(tiff(with_band(FIELD, 100), extra=(2,)), job()).body, "RGBA")
    assert (got[..., 3] == 100).all()


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (tiff(FIELD.astype(np.uint32) * 16843009), "samples of uint"),
        (tiff((FIELD.astype(int) - 128).astype(np.int8), samples=SIGNED), "samples of char"),
        (tiff(FIELD.astype(np.int16) * 128, samples=SIGNED), "samples of short"),
        (tiff(GREYS.astype(np.int32), GREY, samples=SIGNED), "samples of int"),
        (tiff(LINEAR[..., 0], GREY, samples=FLOAT), "samples of float"),
        (tiff(LINEAR[..., 0].astype(np.float16), GREY, samples=FLOAT), "samples of float"),
        (tiff(FIELD, YCBCR), "YCbCr"),
        (tiff(FIELD, YCBCR, compression=6), "old-style JPEG"),
        (tiff(with_band(LAB_16, 65535), LAB, extra=(2,)), "Lab with alpha"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_be_shown_wrongly_is_refused(original: bytes, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        render(original, job())


def test_a_cut_directory_says_nothing() -> None:
    def check(length: int) -> None:
        assert read_tiff(whole[:length]) == Tiff()

    whole = tiff(FIELD, extra=(0,))
    check_each({f"{length} bytes": length for length in (*range(4, 40), 18_020, 18_100)}, check)


def test_a_directory_that_points_nowhere_says_nothing() -> None:
    assert read_tiff(b"II*\0\xff\xff\xff\xff" + bytes(100)) == Tiff()
    assert read_tiff(b"MM\0+" + b"\xff" * 100) == Tiff()
