"""How results are written: their tables, compression, colour; and what becomes of transparency."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from origin.formats import Format
from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job


def test_transparency_is_flattened_on_white() -> None:
    got = pictures.pixels(render(pictures.alpha(), job(width=50, format="jpg")).body)
    assert got[12, 6] == pytest.approx([255, 255, 255], abs=4)
    assert got[12, 44] == pytest.approx([255, 0, 0], abs=8)


def test_a_jpeg_has_the_chosen_tables() -> None:
    """libvips leaves them out without a word where it is built without mozjpeg."""
    ours = pictures.opened(render(pictures.land(), job(width=300, format="jpg")).body)
    plain = pictures.opened(pictures.encoded(pictures.field(300, 180), "JPEG", quality=90))
    assert ours.quantization[0] != plain.quantization[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("original", "level"), [(pictures.land, 1), (pictures.alpha, 2)])
def test_a_png_with_alpha_is_compressed_harder(original: Callable[[], bytes], level: int) -> None:
    body = render(original(), job(width=50, format="png")).body
    assert body[body.index(b"IDAT") + 5] >> 6 == level  # what zlib says of itself


@pytest.mark.parametrize("colours", [2, 4, 16, 17, 256])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_png_of_a_palette_keeps_it_at_its_own_size(colours: int, alpha: bool) -> None:
    image = pictures.field(400, 240).quantize(colours)
    clear = {"transparency": 0} if alpha else {}
    original = pictures.encoded(image, "PNG", optimize=True, **clear)
    result = render(original, job(format="original")).body
    assert result[24:26] == original[24:26]  # bit depth and colour type
    assert len(result) < len(original) * 1.1 + 500  # the largest has 3,866 bytes, and 6,458 without palette
    before, after = (pictures.pixels(data, "RGBA") for data in (original, result))
    assert (before[..., 3] == after[..., 3]).all()
    assert (before == after)[before[..., 3] > 0].all()


@pytest.mark.parametrize("change", [{"width": 200}, {"width": 400, "height": 100}])
def test_a_png_of_a_palette_that_is_changed_has_all_colours(change: dict[str, int]) -> None:
    result = render(pictures.palette(), job(format="original", **change)).body
    assert pictures.opened(result).mode == "RGB"


def test_a_png_of_a_palette_under_a_profile_has_all_colours() -> None:
    profile = pictures.opened(pictures.swapped()).info["icc_profile"]
    original = pictures.encoded(pictures.field(400, 240).quantize(64), "PNG", icc_profile=profile)
    assert pictures.opened(render(original, job(format="original")).body).mode == "RGB"


@pytest.mark.parametrize(
    ("width", "height", "effort"), [(500, 333, 2), (2000, 1000, 2), (2001, 1000, 1), (6000, 4000, 0)]
)
def test_an_avif_takes_less_effort_the_larger_it_is(width: int, height: int, effort: int) -> None:
    assert Format.AVIF.writer is not None
    assert Format.AVIF.writer.options_for(alpha=False, pixels=width * height)["effort"] == effort


def test_an_avif_has_all_of_its_colour() -> None:
    body = render(pictures.land(), job(width=300, format="avif")).body
    assert body[body.index(b"av1C") + 6] & 0b1100 == 0  # chroma_subsampling_x and _y
