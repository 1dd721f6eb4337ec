"""Watermarks: where they lie, how large and how strong, on every kind of original."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from origin.errors import EncodingFailed
from origin.imaging import watermark as step
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.imaging.protocol import Watermark
from tests.support import pictures
from tests.support.jobs import job
from tests.support.pictures import encoded

RED = (200, 40, 30)
GREY = (90, 90, 90)
PLACES = [(x, y) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0)]


def mark(picture: bytes, **changes: Any) -> Watermark:
    """A watermark whose picture this process keeps, as a renderer does."""
    digest = hashlib.sha256(picture).hexdigest()
    step.keep(digest, picture)
    settings = {"x": 0.0, "y": 0.0, "size": 0.2, "opacity": 1.0, "tile": False, "margin": 0.0, **changes}
    return Watermark(b"", digest, **settings)


def solid(width: int, height: int, colour: tuple[int, ...] = RED) -> bytes:
    return encoded(Image.new("RGBA" if len(colour) == 4 else "RGB", (width, height), colour), "PNG")


def shown(original: bytes, watermark: Watermark | None, **changes: Any) -> NDArray[np.int32]:
    """The pixels of the result, as PNG."""
    return pictures.pixels(render(original, job(watermark=watermark, **changes)).body)


def box(pixels: NDArray[np.int32], colour: tuple[int, ...] = RED) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what has exactly that colour, all of which is a rectangle."""
    rows, columns = np.nonzero((pixels == colour).all(axis=2))
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert len(rows) == (found[2] - found[0]) * (found[3] - found[1])
    return tuple(int(edge) for edge in found)  # type: ignore[return-value]


@pytest.mark.parametrize("place", PLACES)
def test_it_lies_where_its_gravity_says_and_nowhere_else(place: tuple[float, float]) -> None:
    x, y = place
    plain = shown(solid(400, 200, GREY), None)
    laid = shown(solid(400, 200, GREY), mark(solid(50, 30), x=x, y=y, size=0.25, margin=10))
    left, top, right, bottom = box(laid)
    assert (right - left, bottom - top) == (50, 30)  # a quarter of 200, on its longer side
    assert (left, top) == (10 + round(330 * x), 10 + round(150 * y))
    laid[top:bottom, left:right] = plain[top:bottom, left:right]
    assert (laid == plain).all()


@pytest.mark.parametrize(
    ("size", "mark_size", "result", "expected"),
    [
        (0.5, (40, 20), (100, 100), (50, 25)),  # enlarged: the fraction counts
        (0.5, (20, 40), (100, 100), (25, 50)),
        (1, (40, 20), (100, 300), (100, 50)),
        (0.1, (1000, 10), (100, 100), (10, 1)),
        (0.001, (10, 10), (100, 100), (1, 1)),
    ],
)
def test_its_longer_side_is_a_fraction_of_the_shorter_side(
    size: float, mark_size: tuple[int, int], result: tuple[int, int], expected: tuple[int, int]
) -> None:
    left, top, right, bottom = box(shown(solid(*result, GREY), mark(solid(*mark_size), size=size)))
    assert (right - left, bottom - top) == expected


@pytest.mark.parametrize(("margin", "left"), [(0, 0), (7, 7), (1, 1), (0.1, 10), (0.999, 40), (5000, 40)])
def test_a_margin_is_pixels_or_a_fraction_and_gives_way(margin: float, left: int) -> None:
    laid = shown(solid(100, 100, GREY), mark(solid(8, 8), margin=margin))
    assert box(laid) == (left, left, left + 20, left + 20)


@pytest.mark.parametrize("opacity", [0.0, 0.25, 0.5, 1.0])
def test_opacity_mixes_the_two(opacity: float) -> None:
    laid = shown(solid(100, 100, GREY), mark(solid(8, 8), opacity=opacity))
    expected = np.array(RED) * opacity + np.array(GREY) * (1 - opacity)
    assert np.abs(laid[5, 5] - expected).max() <= 1
    assert tuple(laid[50, 50]) == GREY


def test_what_is_transparent_in_it_stays_so() -> None:
    half = encoded(Image.new("RGBA", (20, 20), (*RED, 128)), "PNG")
    laid = shown(solid(100, 100, GREY), mark(half))
    expected = np.array(RED) * 128 / 255 + np.array(GREY) * 127 / 255
    assert np.abs(laid[5, 5] - expected).max() <= 1


def test_it_agrees_with_pillow() -> None:
    original, picture = pictures.field(300, 200), pictures.opened(pictures.alpha()).convert("RGBA")
    side = max(picture.size)
    laid = shown(encoded(original, "PNG"), mark(pictures.alpha(), size=side / 200, x=0.5, y=0.5))
    expected = original.convert("RGBA")
    place = (round((300 - picture.width) / 2), round((200 - picture.height) / 2))
    expected.alpha_composite(picture, place)
    assert np.abs(laid - np.asarray(expected.convert("RGB"), int)).max() <= 2


@pytest.mark.parametrize(
    ("gap", "place"), [(0, (0.0, 0.0)), (5, (0.5, 0.5)), (30, (1.0, 1.0)), (0.05, (0, 1))]
)
def test_tiles_cover_the_result_and_one_lies_where_a_single_one_would(gap: float, place: Any) -> None:
    x, y = place
    single = box(shown(solid(130, 100, GREY), mark(solid(8, 8), x=x, y=y, margin=gap)))
    laid = shown(solid(130, 100, GREY), mark(solid(8, 8), x=x, y=y, margin=gap, tile=True))
    pitch = 20 + (round(gap * 100) if gap < 1 else gap)
    columns, rows = np.meshgrid(np.arange(130), np.arange(100))
    inside = ((columns - single[0]) % pitch < 20) & ((rows - single[1]) % pitch < 20)
    assert ((laid == RED).all(axis=2) == inside).all()
    assert (laid[~inside] == GREY).all()


def test_tiny_tiles_on_a_large_result_take_no_time() -> None:
    dots = encoded(Image.new("RGBA", (1, 1), (*RED, 255)), "PNG")
    laid = shown(solid(2000, 20, GREY), mark(dots, size=0.0001, tile=True, margin=1))
    assert laid.shape == (20, 2000, 3)
    assert (laid[1::2, 1::2] == RED).all()
    assert (laid[::2] == GREY).all()


@pytest.mark.parametrize(
    "original", ["grey", "grey_alpha", "alpha", "palette", "cmyk", "deep", "land", "port"]
)
def test_every_kind_of_original_takes_it_in_colour(original: str) -> None:
    body = getattr(pictures, original)()
    result = render(body, job(watermark=mark(solid(8, 8)), width=60))
    found = np.asarray(pictures.opened(result.body).convert("RGBA"), int)
    side = round(min(found.shape[:2]) * 0.2)
    assert (found[:side, :side] == (*RED, 255)).all()
    plain = np.asarray(pictures.opened(render(body, job(width=60)).body).convert("RGBA"), int)
    assert found.shape == plain.shape
    found, plain = found[side:, side:], plain[side:, side:]  # beside it, transparency too
    assert (found[..., 3] == plain[..., 3]).all()
    assert (found[plain[..., 3] > 0] == plain[plain[..., 3] > 0]).all()


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_it_is_upright_where_the_original_lies_on_its_side(orientation: int) -> None:
    laid = shown(pictures.turned(orientation), mark(solid(8, 4), x=1.0, y=1.0), width=100)
    left, top, right, bottom = box(laid)
    assert (right, bottom) == (laid.shape[1], laid.shape[0])
    assert right - left == 2 * (bottom - top)


def test_each_frame_of_an_animation_has_it() -> None:
    body = render(
        pictures.animation(), job(watermark=mark(solid(8, 8), size=0.5), format="webp", width=40)
    ).body
    animation: Any = Image.open(io.BytesIO(body))
    assert animation.n_frames > 1
    for number in range(animation.n_frames):
        animation.seek(number)
        side = min(animation.size) // 2
        corner = np.asarray(animation.convert("RGB"), int)[2 : side - 2, 2 : side - 2]
        assert np.abs(corner - RED).max() <= 12


@cache
def _large() -> bytes:
    return encoded(Image.new("RGB", (5000, 3400), GREY), "JPEG")


@pytest.mark.slow
@pytest.mark.parametrize(("y", "tile"), [(0.0, False), (0.9, True)])
def test_a_large_result_is_written_line_by_line(y: float, tile: bool) -> None:
    watermark = mark(solid(9, 9), size=0.1, x=0.5, y=y, tile=tile)
    found = pictures.opened(render(_large(), job(watermark=watermark, format="jpg")).body)
    assert found.width * found.height > step._MEMORY_PIXELS
    top = round((3400 - 340) * y)
    inside = np.asarray(found.crop((2350, top + 20, 2650, top + 320)), int)
    assert np.abs(inside - RED).max() <= 12


def test_the_smallest_result_takes_it() -> None:
    assert tuple(shown(solid(1, 1, GREY), mark(solid(8, 8)))[0, 0]) == RED


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (b"", "not a picture"),
        (b"<svg/>", "not a picture"),
        (solid(50, 50)[:60], "cannot be decoded"),
        (pictures.png(2001, 2000), "4002000 pixels, more than 4000000"),
    ],
)
def test_what_is_no_watermark_is_refused(picture: bytes, reason: str) -> None:
    with pytest.raises(EncodingFailed, match=reason):
        step.keep("x", picture)


def test_one_that_did_not_come_fails_the_render() -> None:
    never = Watermark(b"", "never", 0, 0, 0.5, 1, False, 0)
    with pytest.raises(EncodingFailed, match="could not be decoded"):
        render(solid(9, 9), job(watermark=never))


def test_it_travels_as_json_without_its_picture() -> None:
    watermark = Watermark(b"picture", "digest", 0.5, 1.0, 0.25, 0.5, True, 3.0)
    whole = job(watermark=watermark)
    assert "picture" not in str(whole.to_head()["watermark"])
    assert Job.from_head(whole.to_head()).watermark == Watermark(
        b"", "digest", 0.5, 1.0, 0.25, 0.5, True, 3.0
    )
    assert "watermark" not in job().to_head()


@pytest.mark.parametrize("change", [{"digest": "other"}, {"x": 0.1}, {"opacity": 0.4}, {"tile": False}])
def test_another_look_has_another_identity(change: dict[str, Any]) -> None:
    settings: dict[str, Any] = {
        "digest": "d",
        "x": 0.5,
        "y": 1.0,
        "size": 0.25,
        "opacity": 0.5,
        "tile": True,
        "margin": 3.0,
    }
    one, other = Watermark(b"", **settings), Watermark(b"", **{**settings, **change})
    assert one.identity == Watermark(b"bytes", **settings).identity
    assert one.identity != other.identity
