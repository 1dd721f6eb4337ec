"""Tone, blur, sharpening and round corners, judged by numpy after the formulas of CSS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL import ImageDraw

from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job

Pixels = NDArray[np.float64]


@cache
def land() -> bytes:
    return pictures.encoded(pictures.field(250, 150), "JPEG", quality=95, subsampling=0)


@cache
def port() -> bytes:
    return pictures.encoded(pictures.field(150, 250), "PNG")


ORIGINALS = [
    land,
    port,
    pictures.odd,
    pictures.alpha,
    pictures.palette,
    pictures.grey,
    pictures.grey_alpha,
    pictures.deep,
    pictures.swapped,
    lambda: pictures.turned(6, width=250),
    lambda: pictures.encoded(pictures.field(1, 1), "PNG"),
]
IDS = ["land", "port", "odd", "alpha", "palette", "grey", "grey_alpha", "deep", "swapped", "turned", "tiny"]
each_original = pytest.mark.parametrize("original", ORIGINALS, ids=IDS)


def shown(original: bytes, mode: str = "RGBA", **changes: Any) -> Pixels:
    """The pixels of the result, as numbers from 0 to 255."""
    return pictures.pixels(render(original, job(**changes)).body, mode).astype(float)


# Tone: Filter Effects Module Level 1, the filter functions and what they are equal to


def brightness(rgb: Pixels, amount: float) -> Pixels:
    return np.clip(rgb * amount, 0, 255)


def contrast(rgb: Pixels, amount: float) -> Pixels:
    return np.clip(255 * ((rgb / 255 - 0.5) * amount + 0.5), 0, 255)


def saturate(rgb: Pixels, amount: float) -> Pixels:
    s = amount
    matrix = [
        [0.213 + 0.787 * s, 0.715 - 0.715 * s, 0.072 - 0.072 * s],
        [0.213 - 0.213 * s, 0.715 + 0.285 * s, 0.072 - 0.072 * s],
        [0.213 - 0.213 * s, 0.715 - 0.715 * s, 0.072 + 0.928 * s],
    ]
    return np.asarray(np.clip(rgb @ np.array(matrix).T, 0, 255))


def grayscale(rgb: Pixels) -> Pixels:
    return np.repeat((rgb @ np.array([0.2126, 0.7152, 0.0722]))[..., None], 3, axis=-1)


@cache
def small(original: bytes) -> Pixels:
    return shown(original, width=60)


TONES: list[tuple[dict[str, Any], Callable[[Pixels], Pixels]]] = [
    ({"brightness": 1.5}, lambda rgb: brightness(rgb, 1.5)),
    ({"brightness": 0.0}, lambda rgb: rgb * 0),
    ({"lift": 102.0}, lambda rgb: np.clip(rgb + 102, 0, 255)),
    ({"lift": -102.0, "contrast": 0.5}, lambda rgb: contrast(np.clip(rgb - 102, 0, 255), 0.5)),
    ({"contrast": 0.4}, lambda rgb: contrast(rgb, 0.4)),
    ({"contrast": 3.0}, lambda rgb: contrast(rgb, 3)),
    ({"saturation": 0.3}, lambda rgb: saturate(rgb, 0.3)),
    ({"saturation": 2.5}, lambda rgb: saturate(rgb, 2.5)),
    ({"gray": True}, grayscale),
    # One clips what the one before it gave, so that their order shows.
    ({"brightness": 2.0, "contrast": 0.5}, lambda rgb: contrast(brightness(rgb, 2), 0.5)),
    (
        {"brightness": 0.7, "contrast": 1.6, "saturation": 1.8},
        lambda rgb: saturate(contrast(brightness(rgb, 0.7), 1.6), 1.8),
    ),
    ({"contrast": 2.0, "gray": True}, lambda rgb: grayscale(contrast(rgb, 2))),
]


@pytest.mark.many
@pytest.mark.parametrize(
    ("options", "formula"), TONES, ids=lambda case: str(case) if isinstance(case, dict) else ""
)
@each_original
def test_tone_is_that_of_css(
    original: Callable[[], bytes], options: dict[str, Any], formula: Callable[[Pixels], Pixels]
) -> None:
    before, after = small(original()), shown(original(), width=60, **options)
    assert (after[..., 3] == before[..., 3]).all()
    # Each of up to three filters is rounded once more than the formula.
    assert np.abs(after[..., :3] - formula(before[..., :3])).max() <= 2.5


def test_gray_has_one_channel() -> None:
    assert pictures.opened(render(pictures.land(), job(width=60, gray=True, format="jpg")).body).mode == "L"
    assert pictures.opened(render(pictures.alpha(), job(width=60, gray=True)).body).mode == "LA"


# Blur


def gaussian(image: Pixels, sigma: float) -> Pixels:
    """What is beyond the edge is as the edge."""
    reach = int(4 * sigma) + 1
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    bell /= bell.sum()
    for axis in (0, 1):
        side = image.shape[axis]
        shares = np.zeros((side, side))  # of each pixel, in each pixel of the result
        for at in range(side):
            np.add.at(shares[at], np.clip(np.arange(at - reach, at + reach + 1), 0, side - 1), bell)
        image = np.moveaxis(np.tensordot(shares, image, (1, axis)), 0, axis)
    return image


def blurred(rgba: Pixels, sigma: float) -> Pixels:
    """Colours count by how much of them is seen."""
    alpha = rgba[..., 3:] / 255
    mixed = gaussian(np.concatenate([rgba[..., :3] * alpha, alpha], axis=-1), sigma)
    colours = mixed[..., :3] / np.maximum(mixed[..., 3:], 1e-9)
    return np.concatenate([colours, mixed[..., 3:] * 255], axis=-1)


def scene(width: int, height: int, alpha: bool = False) -> bytes:
    """Slopes, and shapes with hard edges over them."""
    image = pictures.field(width, height)
    draw = ImageDraw.Draw(image)
    draw.rectangle([width // 8, height // 8, width // 3, height // 2], fill=(255, 255, 0))
    draw.ellipse([width // 2, height // 3, width - 4, height - 4], fill=(0, 0, 60))
    if alpha:
        mask = Image.new("L", image.size, 0)
        ImageDraw.Draw(mask).ellipse([width // 10, 4, width * 3 // 4, height - 2], fill=255)
        image.putalpha(mask)
    return pictures.encoded(image, "PNG")


@pytest.mark.many
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize("sigma", [0.3, 0.5, 1, 2.2, 5.9, 6, 12, 31, 100])
def test_blur_is_a_gaussian(sigma: float, alpha: bool) -> None:
    original = scene(200, 140, alpha)
    got, expected = shown(original, blur=sigma), blurred(shown(original), sigma)
    assert np.abs(got[..., 3] - expected[..., 3]).max() <= 3
    seen = expected[..., 3] > 40  # of what is hardly seen the colour is coarse
    assert np.abs(got - expected)[seen].max() <= 4
    assert np.abs(got - expected)[seen].mean() <= 0.7
    assert (got - expected)[seen][:, :3].mean() == pytest.approx(0, abs=0.25)  # neither darker nor lighter


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (9, 9)])
@pytest.mark.parametrize("sigma", [0.3, 3, 100])
def test_blur_of_a_picture_that_is_smaller_than_its_bell(size: tuple[int, int], sigma: float) -> None:
    original = pictures.encoded(pictures.field(*size), "PNG")
    assert np.abs(shown(original, blur=sigma) - blurred(shown(original), sigma)).max() <= 3


@pytest.mark.parametrize(
    "original", [pictures.land, pictures.port, pictures.grey, lambda: pictures.turned(6)]
)
def test_blur_is_measured_in_pixels_of_the_result(original: Callable[[], bytes]) -> None:
    got, expected = shown(original(), width=90, blur=4.0), blurred(shown(original(), width=90), 4)
    assert np.abs(got - expected).max() <= 3


def test_an_opaque_picture_stays_opaque_under_blur() -> None:
    assert pictures.opened(render(pictures.land(), job(width=100, blur=20.0)).body).mode == "RGB"


# Sharpening


def edge() -> bytes:
    """Dark on the left, light on the right, a colour throughout."""
    image = Image.new("RGB", (60, 40), (90, 60, 60))
    image.paste((190, 160, 160), (30, 0, 60, 40))
    return pictures.encoded(image, "PNG")


def test_sharpening_raises_edges_in_proportion_and_leaves_flat_areas() -> None:
    plain = shown(edge(), "L")
    steps = [shown(edge(), "L", sharpen=strength) - plain for strength in (0.25, 0.5, 1.0)]
    for step in steps:
        assert (step[:, :25] == 0).all()
        assert (step[:, 35:] == 0).all()
        assert step[:, 29].max() < 0 < step[:, 30].min()
    rises = [step[:, 30].mean() - step[:, 29].mean() for step in steps]
    assert rises[1] / rises[0] == pytest.approx(2, rel=0.2)
    assert rises[2] / rises[1] == pytest.approx(2, rel=0.2)


def test_sharpening_adds_no_colour() -> None:
    def colours(rgb: Pixels) -> Pixels:
        return np.stack([rgb[..., 0] - rgb[..., 1], rgb[..., 1] - rgb[..., 2]])

    before, after = (shown(edge(), "RGB", **changes) for changes in ({}, {"sharpen": 1.0}))
    assert np.abs(colours(after) - colours(before)).max() <= 12


@pytest.mark.parametrize("rim", [(0, 0, 0, 0), (255, 255, 255, 40)])
def test_sharpening_makes_no_halo_of_colours_that_are_hardly_seen(rim: tuple[int, ...]) -> None:
    image = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse([9, 9, 51, 51], fill=rim)
    ImageDraw.Draw(image).ellipse([10, 10, 50, 50], fill=(200, 120, 40, 255))
    after = shown(pictures.encoded(image, "PNG"), sharpen=5.0)
    assert (after[..., 3] == np.asarray(image)[..., 3]).all()
    assert np.abs(after[after[..., 3] == 255] - [200, 120, 40, 255]).max() <= 3


@pytest.mark.parametrize("original", [pictures.grey, pictures.grey_alpha, pictures.palette, pictures.port])
def test_sharpening_takes_every_kind_of_picture(original: Callable[[], bytes]) -> None:
    before, after = (
        pictures.opened(render(original(), job(width=80, **c)).body) for c in ({}, {"sharpen": 2.0})
    )
    assert (after.size, after.mode) == (before.size, before.mode)
    difference = np.asarray(after).astype(int) - np.asarray(before)
    assert np.abs(difference).mean() < 6


# Round corners


def covered(width: int, height: int, radius: float) -> Pixels:
    """How much of each pixel is inside, from 0 to 255: counted in 16x16 points of it."""
    x, y = ((np.arange(side * 16) + 0.5) / 16 for side in (width, height))
    from_x = np.maximum(np.abs(x - width / 2) - (width / 2 - radius), 0)
    from_y = np.maximum(np.abs(y - height / 2) - (height / 2 - radius), 0)
    inside = from_x[None, :] ** 2 + from_y[:, None] ** 2 <= radius**2
    return np.asarray(255 * inside.reshape(height, 16, width, 16).mean(axis=(1, 3)))


@pytest.mark.parametrize(
    ("size", "radius", "in_pixels"),
    [
        ((80, 60), 12.0, 12.0),
        ((80, 60), 12.5, 12.5),
        ((81, 60), 0.5, 0.5),
        ((80, 60), "max", 30.0),
        ((61, 61), "max", 30.5),
        ((60, 80), 500.0, 30.0),
        ((7, 2), "max", 1.0),
    ],
)
def test_corners_are_round(size: tuple[int, int], radius: float | str, in_pixels: float) -> None:
    original = pictures.encoded(pictures.field(*size), "PNG")
    got = shown(original, radius=radius)
    assert np.abs(got[..., 3] - covered(*size, in_pixels)).max() <= 48  # an edge pixel by its distance
    assert np.abs(got[..., 3] - covered(*size, in_pixels)).mean() <= 4
    visible = got[..., 3] > 0
    assert (got[visible][:, :3] == shown(original)[visible][:, :3]).all()


def test_corners_are_cut_off_what_is_transparent_already() -> None:
    original = scene(120, 90, alpha=True)
    before, after = shown(original), shown(original, radius=40.0)
    assert np.abs(after[..., 3] - before[..., 3] * covered(120, 90, 40) / 255).max() <= 40
    assert (after[..., :3] == before[..., :3]).all()


@pytest.mark.many
@pytest.mark.parametrize(
    "original", [pictures.land, lambda: pictures.turned(6), pictures.grey, pictures.alpha]
)
@pytest.mark.parametrize("format", ["png", "webp", "avif", "gif"])
def test_corners_are_transparent_in_the_upright_result(original: Callable[[], bytes], format: str) -> None:
    body = render(
        original(), job(width=100, radius=20.0, format=format, quality={"webp": 90, "avif": 80})
    ).body
    alpha = pictures.pixels(body, "RGBA")[..., 3]
    assert max(alpha[y, x] for y in (0, -1) for x in (0, -1)) <= 2  # AVIF is not exact
    assert alpha[alpha.shape[0] // 2, 75] == 255


@pytest.mark.parametrize("original", [pictures.land, pictures.grey, pictures.alpha])
def test_corners_show_the_background_in_a_jpeg_and_stay_transparent_elsewhere(
    original: Callable[[], bytes],
) -> None:
    changes: dict[str, Any] = {"width": 100, "radius": 30.0, "background": "2060c0", "padding": (5, 5, 5, 5)}
    corners = ([0, 0, -1, -1], [0, -1, 0, -1])
    jpg = shown(original(), "RGB", format="jpg", **changes)
    assert np.abs(jpg[corners] - [0x20, 0x60, 0xC0]).max() <= 8
    assert np.abs(jpg[2, 50] - [0x20, 0x60, 0xC0]).max() <= 16
    assert (shown(original(), **changes)[corners][:, 3] == 0).all()


def test_effects_touch_the_picture_and_neither_padding_nor_background() -> None:
    changes: dict[str, Any] = {"width": 80, "height": 80, "fit": "contain", "background": "2060c0"}
    effects: dict[str, Any] = {"brightness": 0.3, "saturation": 0.0, "sharpen": 3.0, "padding": (6, 6, 6, 6)}
    got = shown(pictures.land(), "RGB", crop=False, **changes, **effects)
    assert got.shape[:2] == (92, 92)
    assert (got[:12] == [0x20, 0x60, 0xC0]).all()
    assert (got[:, :6] == [0x20, 0x60, 0xC0]).all()
    assert got[46, 10:80].max() < 90


def test_corners_are_white_in_a_jpeg_and_make_a_png_where_it_may_be_one() -> None:
    got = pictures.pixels(render(pictures.land(), job(width=100, radius="max", format="original")).body)
    assert (got[[0, 0, -1, -1], [0, -1, 0, -1]] >= 250).all()
    assert render(pictures.land(), job(width=100, radius="max", format="auto:plain")).format.name == "png"


# All of them


EFFECTS = [
    {"brightness": 0.5},
    {"saturation": 0.2},
    {"gray": True},
    {"blur": 3.0},
    {"blur": 30.0},
    {"sharpen": 2.0},
    {"radius": "max"},
]


@pytest.mark.many
@pytest.mark.parametrize("effect", EFFECTS, ids=str)
@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_each_frame_of_an_animation_has_the_effect(kind: str, effect: dict[str, Any]) -> None:
    original = pictures.animation(kind)
    moving = pictures.opened(render(original, job(width=60, format="webp", lossless=True, **effect)).body)
    assert moving.n_frames == 5  # type: ignore[attr-defined]
    for n in (0, 1, 4):
        moving.seek(n)
        still = shown(original, width=60, frame=n, **effect)
        # The animation encodes what is transparent as it likes.
        got = np.asarray(moving.convert("RGBA")).astype(float)
        seen = still[..., 3] > 0
        assert (got[..., 3] == still[..., 3]).all()
        assert np.abs(got - still)[seen].max() <= 1


@pytest.mark.parametrize(
    "neutral",
    [
        {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0},
        {"gray": False, "blur": 0.0, "sharpen": 0.0, "radius": 0.0},
    ],
)
def test_neutral_values_change_no_byte(neutral: dict[str, Any]) -> None:
    for original in (pictures.land(), pictures.animation()):
        plain, same = (render(original, job(format="original", **changes)) for changes in ({}, neutral))
        assert plain == same
