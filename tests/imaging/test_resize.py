"""Resizing: in which light, and what happens at edges."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from origin.formats import Format
from origin.imaging.frame import Header
from origin.imaging.frame import settle
from origin.imaging.pipeline import render
from origin.imaging.resize import FROM_NEAR_LINEAR
from origin.imaging.resize import TO_NEAR_LINEAR
from origin.imaging.resize import resize
from origin.imaging.vendor import pyvips
from tests.support import pictures
from tests.support.jobs import job


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_hidden_colour_does_not_leak_through_an_edge(format: str) -> None:
    got = pictures.pixels(render(pictures.alpha(), job(width=51, format=format)).body, "RGBA")
    assert got[12, 6, 3] <= 2
    assert got[12, 45] == pytest.approx([255, 0, 0, 255], abs=12)
    edge = got[12, 25]
    assert 60 < edge[3] < 200
    assert edge[1] < 40, "the green under the transparent half shows"


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_with_alpha_is_as_bright_as_without_and_opaque_parts_stay_opaque(mode: str) -> None:
    noise = pictures.noise(150, 90, seed=3).convert(mode)
    expected = np.asarray(noise.resize((70, 42), Image.Resampling.LANCZOS).convert("RGB")).astype(int)
    noise.putalpha(255)
    result = render(pictures.encoded(noise, "PNG"), job(width=70, format="png")).body
    got = pictures.pixels(result, "RGBA").astype(int)
    assert got[..., 3].min() == 255
    assert (got[..., :3] - expected).mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("kind", "mode", "format", "grey"),
    [
        ("JPEG", "RGB", "avif", 188),
        ("JPEG", "RGB", "webp", 171),
        ("JPEG", "L", "webp", 171),
        ("JPEG", "CMYK", "webp", 137),  # by its profile
        ("JPEG", "RGB", "png", 128),
        ("PNG", "RGB", "avif", 128),
        ("PNG", "RGB", "webp", 128),
    ],
)
def test_a_photograph_is_resized_in_linear_light_for_avif_and_near_linear_for_webp(
    kind: str, mode: str, format: str, grey: int
) -> None:
    board = (np.indices((200, 200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    original = pictures.encoded(Image.fromarray(board).convert(mode), kind, quality=100)
    got = pictures.pixels(render(original, job(width=140, format=format)).body)
    assert got[9:-9, 9:-9].mean() == pytest.approx(grey, abs=3)


def test_near_linear_light_keeps_black_white_and_every_grey() -> None:
    greys = np.arange(256)
    back = pyvips.Image.identity().maplut(TO_NEAR_LINEAR).maplut(FROM_NEAR_LINEAR).numpy().ravel().astype(int)
    assert (back[0], back[255]) == (0, 255)
    assert abs(back - greys).max() <= 2
    assert abs(back - greys)[64:].max() <= 1


def test_black_that_borders_on_white_stays_black_in_near_linear_light() -> None:
    image = pyvips.Image.black(1000, 50).insert(pyvips.Image.black(500, 50) + 255, 500, 0).cast("uchar")
    for_webp = job(width=416, format="webp")
    frame, *_ = settle(Header(Format.JPG, 1000, 50), for_webp)
    small = resize(image.copy(interpretation="srgb"), for_webp.options, frame).numpy()
    assert small[:, :206].max() <= 15  # 33 in linear light
    assert small[:, 210:].min() >= 245
