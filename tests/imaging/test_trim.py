"""Trimming: the borders are those that numpy finds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import Unprocessable
from origin.imaging import decoders
from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job


def framed(
    size: tuple[int, int], box: tuple[int, int, int, int], border: Any = (250, 250, 250), mode: str = "RGB"
) -> Image.Image:
    """`field` in that box, and the border around it."""
    image = Image.new(mode, size, border)
    left, top, right, bottom = box
    image.paste(pictures.field(right - left, bottom - top).convert(mode), (left, top))
    return image


def bounds(image: Image.Image, tolerance: int, corner: tuple[int, int] = (0, 0)) -> tuple[int, int, int, int]:
    """By numpy: the part outside of which every sample is within the tolerance of the corner."""
    samples = np.asarray(image).astype(int)
    samples = samples[..., None] if samples.ndim == 2 else samples
    inside = (np.abs(samples - samples[corner[1], corner[0]]) > tolerance).any(axis=2)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_borders_are_those_that_numpy_finds(seed: int, mode: str) -> None:
    chance = random.Random(seed)
    width, height = chance.randint(20, 90), chance.randint(20, 90)
    left, top = chance.randint(0, 9), chance.randint(0, 9)
    box = left, top, chance.randint(left + 2, width), chance.randint(top + 2, height)
    image = framed(
        (width, height), box, chance.choice([(250, 250, 250), (10, 20, 30)]) if mode == "RGB" else 7, mode
    )
    tolerance = chance.choice([1, 10, 60])
    expected = image.crop(bounds(image, tolerance))
    got = pictures.opened(render(pictures.encoded(image, "PNG"), job(trim=tolerance)).body)
    assert got.size == expected.size
    assert (np.asarray(got.convert("RGB")) == np.asarray(expected.convert("RGB"))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_colour_is_that_of_the_upright_top_left_corner(orientation: int, kind: str) -> None:
    """The border is white at the top and the left, and black elsewhere: white alone goes."""
    image = framed((120, 80), (24, 16, 96, 64), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 120, 16))
    image.paste((255, 255, 255), (0, 0, 24, 80))
    original = pictures.stored_as(image, orientation, kind, quality=98, subsampling=0)
    result = render(original, job(trim=40))
    assert (result.width, result.height) == (96, 64)


def test_a_single_dot_is_no_border() -> None:
    image = framed((100, 60), (40, 20, 60, 40))
    image.putpixel((5, 50), (0, 0, 0))
    result = render(pictures.encoded(image, "PNG"), job(trim=10))
    assert (result.width, result.height) == (55, 31)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_picture_of_one_colour_is_not_trimmed(mode: str) -> None:
    result = render(pictures.encoded(Image.new(mode, (30, 20)), "PNG"), job(trim=1))
    assert (result.width, result.height) == (30, 20)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255)])
def test_a_transparent_border_goes_whatever_colour_it_hides(colour: tuple[int, int, int]) -> None:
    image = Image.new("RGBA", (60, 40), (*colour, 0))
    image.paste((123, 4, 99, 0), (0, 0, 30, 40))
    image.paste((*colour, 255), (10, 5, 50, 30))
    result = render(pictures.encoded(image, "PNG"), job(trim=10))
    assert (result.width, result.height) == (40, 25)


def test_trim_comes_after_rect_and_before_the_box() -> None:
    image = framed((300, 200), (100, 50, 200, 150))
    original = pictures.encoded(image, "PNG")
    # `rect` keeps a quarter of what is inside, at its lower right; then the border on two sides goes.
    quarter = pictures.pixels(render(original, job(trim=10, rect=(50, 25, 100, 75))).body)
    assert (quarter == np.asarray(image.crop((100, 50, 150, 100)))).all()
    result = render(original, job(trim=10, width=50, height=20))
    assert (result.width, result.height) == (50, 20)
    pictures.assert_shows(result.body, 0, 0.3, 1, 0.7)


def test_deep_samples_are_trimmed_by_the_same_tolerance() -> None:
    samples = np.full((40, 60), 60_000, np.uint16)
    samples[10:30, 20:50] = 60_000 - 257 * 20
    original = pictures.encoded(Image.fromarray(samples), "PNG")
    assert render(original, job(trim=25)).width == 60
    result = render(original, job(trim=10))
    assert (result.width, result.height) == (30, 20)


def test_padding_is_judged_by_what_is_left() -> None:
    image = framed((600, 600), (100, 100, 200, 200))
    result = render(pictures.encoded(image, "PNG"), job(trim=10, padding=(10, 10, 10, 10), max_dimension=300))
    assert (result.width, result.height) == (120, 120)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_an_animation_goes_what_no_frame_needs(kind: str) -> None:
    frames = [Image.new("RGB", (100, 60), (250, 250, 250)) for _ in range(3)]
    for frame, box in zip(frames[1:], [(30, 20, 40, 30), (60, 10, 70, 40)], strict=True):
        frame.paste((200, 0, 0), box)
    extra = {"lossless": True} if kind == "WEBP" else {}
    original = pictures.encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **extra
    )
    result = render(original, job(trim=10, format="webp"))
    assert (result.width, result.height) == (40, 30)
    assert getattr(pictures.opened(result.body), "n_frames", 1) == 3
    alone = render(original, job(trim=10, format="png"))
    assert (alone.width, alone.height) == (100, 60)  # the first frame is of one colour


@pytest.mark.parametrize(
    ("box", "shrinks"),
    [
        ((8, 16, 2992, 1984), [8]),  # the picture that is looked at is the one that is rendered
        ((1000, 1000, 1400, 1280), [8, None]),  # little is left: once more, and larger
        ((800, 400, 1800, 1104), [8, 2]),
    ],
)
def test_a_large_jpeg_is_decoded_as_small_as_the_result_allows(
    box: tuple[int, int, int, int], shrinks: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int | None] = []

    def open_image(*arguments: Any, **options: Any) -> Any:
        opened.append(options.get("shrink"))
        return really_open(*arguments, **options)

    really_open = decoders.open_image
    original = pictures.encoded(framed((3000, 2000), box), "JPEG", quality=95, subsampling=0)
    monkeypatch.setattr(decoders, "open_image", open_image)
    result = render(original, job(trim=20, width=240))
    assert opened[1:] == [shrink for shrink in shrinks if shrink]  # the first is the header, and the whole
    left, top, right, bottom = box
    assert result.width == 240
    assert result.height == pytest.approx(240 * (bottom - top) / (right - left), abs=1)
    pictures.assert_shows(result.body, 0, 0, 1, 1)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_decoded() -> None:
    original = pictures.png(4000, 4000)  # holds no pixels
    with pytest.raises(Unprocessable, match=r"option trim: .* 48000000 bytes"):
        render(original, job(trim=10), memory=60_000_000)
