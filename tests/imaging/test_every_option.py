"""Each option with each kind of original: the same picture, stored in another way, has the same result.

A picture may lie on its side, have an alpha channel that hides nothing, be a frame of an animation, be huge,
or hardly there. What an option does to it is known from what it does to the plain picture. A shift by one
pixel is a difference of two levels in the mean; Lanczos differs on single pixels of hard edges.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL import ImageDraw

from origin.imaging import watermark
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.imaging.protocol import Watermark
from origin.urls.options import OPTIONS
from tests.support import pictures
from tests.support.jobs import job

WIDE, HIGH = 120, 80
FRAMES = 3
TIMES = 30  # a huge original is so much larger: 3600 x 2400

VALUES: dict[str, list[dict[str, Any]]] = {
    "w": [{"width": 60}],
    "h": [{"height": 40}],
    "fit": [{"width": 50, "height": 50, "fit": fit} for fit in ("contain", "outside", "fill")],
    "c": [{"width": 50, "height": 40, "crop": crop} for crop in (True, False)],
    "g": [{"width": 30, "height": 60, "gravity": g} for g in ((0.0, 1.0), (0.3, 0.6), "smart", "entropy")],
    "ar": [{"aspect": (1, 1), "width": 60}, {"aspect": (3, 1)}],
    "rect": [{"rect": (0.25, 0.5, 0.5, 0.5)}, {"rect": (0.5, 0.0, 0.5, 0.25), "width": 20}],
    "enlarge": [{"width": 200, "enlarge": True}],
    "trim": [{"trim": 30}],
    "rotate": [{"rotate": degrees, "width": 60} for degrees in (90.0, 180.0, 270.0, 25.0)],
    "flip": [{"flip": flip} for flip in ("h", "v", "hv")],
    "brightness": [{"brightness": 1.4}],
    "contrast": [{"contrast": 0.6}],
    "saturation": [{"saturation": 1.8}],
    "gray": [{"gray": True}],
    "blur": [{"blur": 2.0, "width": 60}, {"blur": 9.0, "width": 60}],
    "sharpen": [{"sharpen": 2.0, "width": 60}],
    "pad": [{"padding": (1, 2, 3, 4), "width": 60}],
    "bg": [{"background": "ff8800", "padding": (5, 5, 5, 5)}, {"background": "00ff0080", "rotate": 25.0}],
    "radius": [{"radius": 15.0}, {"radius": "max", "width": 60}],
    "wm": [{"options_watermark": "mark"}],
}
OF_THE_FILE = {"frame", "f", "q", "lossless", "bytes", "dl"}  # which change no pixel, or name a frame
CASES = [
    pytest.param(name, each, id=f"{name}-{n}") for name, them in VALUES.items() for n, each in enumerate(them)
]


def test_every_option_is_here() -> None:
    assert {option.name for option in OPTIONS if option.field} == VALUES.keys() | OF_THE_FILE


@cache
def scene(number: int = 0) -> Image.Image:
    """Two shapes on slopes, within a border of one colour; nothing of it is symmetric."""
    image = Image.new("RGB", (WIDE, HIGH), (30, 60, 90))
    image.paste(pictures.field(WIDE - 20, HIGH - 12, blue=60 + 40 * number), (8, 4))
    draw = ImageDraw.Draw(image)
    draw.rectangle([20, 12, 49, 39], fill=(250, 220, 40))
    draw.rectangle([70, 40, 95, 67], fill=(200, 30, 60))
    return image


@cache
def mark() -> Watermark:
    picture = pictures.encoded(Image.new("RGB", (20, 10), (255, 0, 255)), "PNG")
    digest = hashlib.sha256(picture).hexdigest()
    watermark.keep(digest, picture)
    return Watermark(b"", digest, 0.8, 0.2, 0.3, 0.7, False, 3)


def wanted(asked: dict[str, Any], **changes: Any) -> Job:
    return job(watermark=mark() if "options_watermark" in asked else None, **{**asked, **changes})


def shown(original: bytes, asked: dict[str, Any]) -> NDArray[np.int32]:
    return seen(pictures.opened(render(original, wanted(asked)).body))


def assert_alike(got: NDArray[np.int32], expected: NDArray[np.int32], mean: float = 0.5) -> None:
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() <= mean


def seen(image: Image.Image) -> NDArray[np.int32]:
    """Pixels, in which what is transparent has no colour."""
    pixels = np.asarray(image.convert("RGBA")).astype(np.int32)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def plain(asked: dict[str, Any], number: int = 0) -> NDArray[np.int32]:
    return _plain(tuple(asked.items()), number)


@cache
def _plain(asked: tuple[tuple[str, Any], ...], number: int) -> NDArray[np.int32]:
    return shown(upright(number), dict(asked))


@cache
def upright(number: int) -> bytes:
    return pictures.encoded(scene(number), "PNG")


@cache
def lying(orientation: int) -> bytes:
    return pictures.stored_as(scene(), orientation, "PNG")


@cache
def with_alpha() -> bytes:
    image = scene().copy()
    image.putalpha(255)
    return pictures.encoded(image, "PNG")


@cache
def moving() -> bytes:
    frames = [scene(number) for number in range(FRAMES)]
    return pictures.encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


@pytest.mark.many
@pytest.mark.parametrize("orientation", [3, 6, 7])
@pytest.mark.parametrize(("name", "asked"), CASES)
def test_of_a_picture_that_lies_on_its_side(name: str, asked: dict[str, Any], orientation: int) -> None:
    if asked.get("gravity") == "smart":
        asked = {**asked, "gravity": (1.0, 1.0)}  # it looks at the picture as it lies
    assert_alike(shown(lying(orientation), asked), plain(asked))


@pytest.mark.many
@pytest.mark.parametrize(("name", "asked"), CASES)
def test_of_a_picture_whose_alpha_channel_hides_nothing(name: str, asked: dict[str, Any]) -> None:
    assert_alike(shown(with_alpha(), asked), plain(asked))


@pytest.mark.many
@pytest.mark.parametrize(("name", "asked"), CASES)
def test_of_each_frame_of_an_animation(name: str, asked: dict[str, Any]) -> None:
    if isinstance(asked.get("gravity"), str):
        asked = {**asked, "gravity": (1.0, 1.0)}  # the first frame decides for all
    body = render(moving(), wanted(asked, format="webp", lossless=True)).body
    shown: Any = Image.open(io.BytesIO(body))
    assert shown.n_frames == FRAMES
    for number in range(FRAMES):
        shown.seek(number)
        assert_alike(seen(shown), plain(asked, number))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "asked"), [case for case in CASES if "width" in case.values[1]])  # type: ignore[operator]
def test_of_a_huge_picture(name: str, asked: dict[str, Any]) -> None:
    """It is the small one, each of whose pixels has become 900."""
    got = shown(huge(), asked)
    if name == "enlarge":
        assert got.shape[1] == 200  # it is made smaller
    else:
        assert_alike(got, plain(asked), 4.0)


@cache
def huge() -> bytes:
    large = scene().resize((WIDE * TIMES, HIGH * TIMES), Image.Resampling.NEAREST)
    return pictures.encoded(large, "JPEG", quality=95, subsampling=0)


@pytest.mark.many
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2)])
@pytest.mark.parametrize(("name", "asked"), CASES)
def test_of_a_picture_of_a_few_pixels(name: str, asked: dict[str, Any], size: tuple[int, int]) -> None:
    """One of one colour stays of one colour, as far as it reaches."""
    colour = (90, 140, 30)
    got = shown(pictures.encoded(Image.new("RGB", size, colour), "PNG"), asked)
    if name in ("bg", "wm", "pad", "radius") or asked.get("fit") == "contain" or asked.get("rotate") == 25.0:
        assert got.shape[0] >= 1  # something else is to be seen beside it
        return
    assert (got == got[0, 0]).all()
    if name not in ("brightness", "contrast", "saturation", "gray"):
        assert np.abs(got[0, 0] - (*colour, 255)).max() <= 1
