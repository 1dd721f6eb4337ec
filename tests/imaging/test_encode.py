"""How results are written: their tables, compression, colour; and what becomes of transparency."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFilter import GaussianBlur

from benchmarks.pictures import LANDSCAPE
from origin.errors import EncodingFailed
from origin.errors import Unprocessable
from origin.formats import QUALITY
from origin.formats import Format
from origin.imaging import encode
from origin.imaging.pipeline import render
from origin.imaging.protocol import largest_result
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


@pytest.mark.many
@pytest.mark.parametrize(
    ("format", "bands", "change"),
    [("avif", 4, {"lossless": True}), ("avif", 3, {"lossless": True}), ("jpg", 3, {"options_quality": 100})],
)
def test_no_noise_makes_a_result_that_is_taken_for_that_of_a_broken_renderer(
    format: str, bands: int, change: dict[str, Any]
) -> None:
    """The worst that was found: levels from both ends alone. The origin ends a renderer that answers more."""
    levels = np.random.default_rng(3).integers(-15, 15, (200, 200, bands), dtype=np.int8)
    noise = pictures.encoded(Image.fromarray(levels.view(np.uint8)), "PNG")
    body = render(noise, job(format=format, **change)).body
    assert 4 * 200 * 200 < len(body) <= largest_result(400, 400, 1) / 4  # of as many such pixels each


@pytest.mark.slow
def test_a_file_that_is_too_large_is_made_of_half_as_many_pixels_or_fails_as_encoding() -> None:
    """A renderer that answers more than it may is taken for a broken one, and ended."""
    noise = np.random.default_rng(3).integers(0, 256, (1500, 1600, 3), dtype=np.uint8)
    original, finest = pictures.encoded(Image.fromarray(noise), "BMP"), job(format="jpg", options_quality=100)
    whole = render(original, finest)
    assert (whole.width, whole.height) == (1600, 1500)
    most = len(whole.body) * 2 // 3
    half = render(original, finest, most=most)
    assert half.width * half.height == pytest.approx(1600 * 1500 / 2, rel=0.01)
    assert pictures.opened(half.body).size == (half.width, half.height)
    with pytest.raises(EncodingFailed, match=rf"^jpg: the result has \d+ bytes, more than {most // 2}$"):
        render(original, finest, most=most // 2)


@pytest.mark.parametrize(("original", "level"), [(pictures.land, 1), (pictures.alpha, 2)])
def test_a_png_with_alpha_is_compressed_harder(original: Callable[[], bytes], level: int) -> None:
    body = render(original(), job(width=50, format="png")).body
    assert body[body.index(b"IDAT") + 5] >> 6 == level  # what zlib says of itself


@cache
def quantized(colours: int) -> Image.Image:
    few = pictures.field(100, 60).quantize(colours)  # to find colours in many pixels takes long
    return pictures.field(400, 240).quantize(palette=few, dither=Image.Dither.NONE)


@pytest.mark.many
@pytest.mark.parametrize("colours", [2, 4, 16, 17, 256])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_png_of_a_palette_keeps_it_at_its_own_size(colours: int, alpha: bool) -> None:
    image = quantized(colours)
    clear = {"transparency": 0} if alpha else {}
    original = pictures.encoded(image, "PNG", optimize=True, **clear)
    result = render(original, job(format="original")).body
    assert result[24:26] == original[24:26]  # bit depth and colour type
    assert len(result) < len(original) * 1.1 + 500  # the largest has 3,147 bytes, and 5,123 without palette
    before, after = (pictures.pixels(data, "RGBA") for data in (original, result))
    assert (before[..., 3] == after[..., 3]).all()
    assert (before == after)[before[..., 3] > 0].all()


@pytest.mark.parametrize("change", [{"width": 200}, {"width": 400, "height": 100}])
def test_a_png_of_a_palette_that_is_changed_has_all_colours(change: dict[str, int]) -> None:
    result = render(pictures.palette(), job(format="original", **change)).body
    assert pictures.opened(result).mode == "RGB"


def test_a_png_of_a_palette_under_a_profile_has_all_colours() -> None:
    profile = pictures.opened(pictures.swapped()).info["icc_profile"]
    original = pictures.encoded(quantized(64), "PNG", icc_profile=profile)
    assert pictures.opened(render(original, job(format="original")).body).mode == "RGB"


@pytest.mark.parametrize(
    ("width", "height", "effort"), [(500, 333, 2), (2000, 1000, 2), (2001, 1000, 1), (6000, 4000, 0)]
)
def test_an_avif_takes_less_effort_the_larger_it_is(width: int, height: int, effort: int) -> None:
    assert Format.AVIF.writer is not None
    assert Format.AVIF.writer.effort("balanced", width * height).options == {"effort": effort}


def test_an_avif_has_all_of_its_colour() -> None:
    body = render(pictures.land(), job(width=300, format="avif")).body
    assert body[body.index(b"av1C") + 6] & 0b1100 == 0  # chroma_subsampling_x and _y


# One scale of quality

LOSSY = [Format.named(name) for name in QUALITY]


@pytest.mark.parametrize("format", LOSSY, ids=str)
def test_the_scale_rises_from_the_least_quality_to_the_best(format: Format) -> None:
    numbers = [format.encoder_quality(quality) for quality in range(1, 101)]
    assert numbers == sorted(numbers)
    assert numbers[0] >= 1
    assert numbers[-1] <= 100
    assert len(set(numbers)) > 40


def test_jpeg_has_the_scale_of_jpeg() -> None:
    assert [Format.JPG.encoder_quality(quality) for quality in (1, 50, 75, 100)] == [1, 50, 75, 100]


@cache
def grained(width: int, height: int) -> bytes:
    """As heavy as a photograph: slopes under soft grain, which is of light more than of colour."""
    slopes = pictures.pixels(pictures.encoded(pictures.field(width, height), "PNG"))
    random = np.random.default_rng(5)
    grain = random.normal(0, 40, (height, width, 1)) + random.normal(0, 6, (height, width, 3))
    soft = Image.fromarray(np.clip(grain + 128, 0, 255).astype(np.uint8)).filter(GaussianBlur(0.8))
    noisy = np.clip(slopes + np.asarray(soft).astype(int) - 128, 0, 255)
    return pictures.encoded(Image.fromarray(noisy.astype(np.uint8)), "PNG")


@pytest.mark.slow
@pytest.mark.parametrize("quality", [30, 50, 75, 90])
def test_an_avif_is_never_larger_than_the_jpeg_for_the_same_q(quality: int) -> None:
    for original in (grained(400, 300), LANDSCAPE.read_bytes()):
        jpg, avif = (
            len(render(original, job(width=400, format=name, options_quality=quality)).body)
            for name in ("jpg", "avif")
        )
        assert avif <= jpg


@pytest.mark.parametrize("quality", [75, 85, 89])
def test_an_avif_of_coloured_noise_is_no_larger_than_the_jpeg_either(quality: int) -> None:
    """Such noise takes a third more with all of its colour, and JPEG keeps a quarter below 90."""
    original = pictures.encoded(pictures.noise(160, 100, seed=4), "PNG")
    jpg, avif = (render(original, job(format=name, options_quality=quality)).body for name in ("jpg", "avif"))
    assert len(avif) <= len(jpg)


def test_the_quality_of_a_handler_is_the_encoders_own_number() -> None:
    for format in LOSSY:
        of_url = render(pictures.land(), job(width=200, format=format.name, options_quality=60)).body
        own = {format.name: format.encoder_quality(60)}
        assert render(pictures.land(), job(width=200, format=format.name, quality=own)).body == of_url


# Without loss


@pytest.mark.parametrize("original", [pictures.small, pictures.alpha, pictures.grey, pictures.palette])
@pytest.mark.parametrize("format", ["webp", "avif"])
def test_without_loss_every_pixel_is_there(original: Callable[[], bytes], format: str) -> None:
    exact = pictures.pixels(render(original(), job(format="png")).body, "RGBA")
    lossless = job(format=format, lossless=True, options_quality=5)
    got = pictures.pixels(render(original(), lossless).body, "RGBA")
    seen = exact[..., 3] > 0
    assert (got[..., 3] == exact[..., 3]).all()
    assert (got[seen] == exact[seen]).all()


@pytest.mark.parametrize("format", ["jpg", "png", "gif"])
def test_other_formats_are_as_without_it(format: str) -> None:
    plain, lossless = (
        render(pictures.land(), job(width=80, format=format, lossless=each)) for each in (False, True)
    )
    assert plain.body == lossless.body


# The best quality within so many bytes, and the least that looks good


class Encodings:
    """Counts how often libvips is asked to write a file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        write = encode._write

        def counted(*arguments: Any) -> bytes:
            self.count += 1
            return write(*arguments)

        monkeypatch.setattr(encode, "_write", counted)


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> Encodings:
    return Encodings(monkeypatch)


@pytest.mark.many
@pytest.mark.parametrize("format", ["jpg", "webp", "avif"])
@pytest.mark.parametrize("most", [2_500, 6_000, 14_000])
def test_a_result_is_within_the_bytes_and_near_them(encodings: Encodings, format: str, most: int) -> None:
    body = render(grained(300, 200), job(format=format, max_bytes=most)).body
    assert len(body) <= most
    assert len(body) >= most * 0.8
    assert encodings.count <= 4


@pytest.mark.parametrize(("format", "most"), [("webp", 4_000), ("avif", 6_000), ("avif", 10_000)])
def test_of_noise_a_result_is_near_the_bytes_as_well(encodings: Encodings, format: str, most: int) -> None:
    """Its size rises with the quality as that of no photograph does."""
    noise = pictures.encoded(pictures.noise(90, 60, 3), "PNG")
    body = render(noise, job(format=format, max_bytes=most)).body
    assert most * 0.8 <= len(body) <= most
    assert encodings.count == 5


@pytest.mark.parametrize(
    "original", [pictures.alpha, pictures.grey, pictures.port, lambda: pictures.turned(6)]
)
def test_a_small_picture_has_the_best_quality_within_many_bytes(
    encodings: Encodings, original: Callable[[], bytes]
) -> None:
    bodies = [
        render(original(), job(format="webp", width=60, **changes)).body
        for changes in ({"max_bytes": 100_000}, {"options_quality": 100})
    ]
    assert bodies[0] == bodies[1]


def test_q_is_the_most_that_is_tried_for_bytes() -> None:
    capped, at_60 = (
        render(grained(200, 150), job(format="jpg", options_quality=60, max_bytes=most)).body
        for most in (10**9, None)
    )
    assert capped == at_60


@pytest.mark.parametrize("format", ["jpg", "webp", "avif", "png", "gif"])
def test_what_no_quality_makes_small_enough_is_refused(encodings: Encodings, format: str) -> None:
    with pytest.raises(Unprocessable, match=rf"^no {format} of 400x300 pixels has 1000 bytes or less"):
        render(pictures.encoded(pictures.noise(400, 300, 1), "PNG"), job(format=format, max_bytes=1000))
    assert encodings.count <= 4


def test_a_format_without_quality_is_within_the_bytes_or_refused() -> None:
    small = render(pictures.port(), job(width=40, format="png", max_bytes=20_000)).body
    assert small == render(pictures.port(), job(width=40, format="png")).body


def test_an_animation_is_within_the_bytes_as_a_whole(encodings: Encodings) -> None:
    body = render(pictures.animation(), job(format="webp", max_bytes=5000)).body
    assert len(body) <= 5000
    assert pictures.opened(body).n_frames == 5  # type: ignore[attr-defined]
    assert encodings.count <= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "size"),
    [
        *(("jpg", (200, 150)), ("webp", (200, 150)), ("avif", (200, 150))),
        ("jpg", (640, 480)),  # of which a sample is taken, as it would be for the others
    ],
)
def test_auto_takes_few_encodings_and_more_bytes_for_more_likeness(
    encodings: Encodings, format: str, size: tuple[int, int]
) -> None:
    sizes = []
    for wanted in (50, 70, 85) if size == (200, 150) and format == "jpg" else (50, 85):
        encodings.count = 0
        sizes.append(
            len(render(grained(*size), job(format=format, options_quality="auto", auto_quality=wanted)).body)
        )
        assert encodings.count <= 4
    assert all(low < high for low, high in pairwise(sizes))


KINDS_OF_PIXELS = (pictures.alpha, pictures.grey, pictures.grey_alpha)  # beside those of `grained`


@pytest.mark.many
@pytest.mark.parametrize(
    ("original", "format"),
    [
        *product(KINDS_OF_PIXELS, ("jpg", "webp", "avif")),
        (lambda: pictures.turned(6), "jpg"),
        (lambda: pictures.encoded(pictures.field(1, 1), "PNG"), "avif"),
        (lambda: pictures.encoded(pictures.field(1000, 2), "PNG"), "webp"),
    ],
)
def test_auto_takes_every_kind_of_picture(original: Callable[[], bytes], format: str) -> None:
    plain, auto = (
        pictures.opened(render(original(), job(height=60, format=format, **changes)).body)
        for changes in ({}, {"options_quality": "auto"})
    )
    assert (auto.size, auto.mode) == (plain.size, plain.mode)


def test_auto_of_an_animation_keeps_its_frames(encodings: Encodings) -> None:
    moving = pictures.opened(render(pictures.animation(), job(format="webp", options_quality="auto")).body)
    assert moving.n_frames == 5  # type: ignore[attr-defined]
    assert encodings.count <= 4
