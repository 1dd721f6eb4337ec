"""Fitting, cutting, turning, surrounding: sizes, where pixels of the original land, what is around them."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import BadRequest
from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import OUTPUTS
from tests.support.jobs import job
from tests.support.pictures import assert_field


def shown(original: bytes, mode: str = "RGBA", **options: Any) -> np.ndarray[Any, Any]:
    return pictures.pixels(render(original, job(**options)).body, mode)


# The box


@pytest.mark.many
@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({"fit": "contain", "width": 300, "height": 300}, (300, 300)),
        ({"fit": "contain", "width": 1200, "height": 900}, (1200, 900)),
        ({"fit": "outside", "width": 300, "height": 300}, (500, 300)),
        ({"fit": "outside", "width": 2000, "height": 300}, (1000, 600)),
        ({"fit": "fill", "width": 300, "height": 300}, (300, 300)),
        ({"fit": "fill", "width": 2000, "height": 300}, (1000, 300)),
        ({"fit": "fill", "width": 2000, "height": 300, "enlarge": True}, (2000, 300)),
        ({"fit": "contain", "width": 1200, "height": 900, "enlarge": True}, (1200, 900)),
        ({"fit": "outside", "width": 1200, "height": 900, "enlarge": True}, (1500, 900)),
        ({"crop": True, "width": 1200, "height": 900, "enlarge": True}, (1200, 900)),
        ({"crop": False, "width": 1200, "height": 900, "enlarge": True}, (1200, 720)),
        ({"width": 1500, "enlarge": True}, (1500, 900)),
        ({"aspect": (1, 1)}, (600, 600)),
        ({"aspect": (16, 9)}, (1000, 563)),
        ({"aspect": (10**6, 1)}, (1000, 1)),
        ({"aspect": (1, 10**6)}, (1, 600)),
        # Nothing that grows is larger than a result may be.
        ({"height": 4000, "enlarge": True, "max_dimension": 1024}, (1024, 614)),
        (
            {"fit": "outside", "width": 4096, "height": 4096, "enlarge": True, "max_dimension": 1024},
            (1024, 614),
        ),
    ],
)
def test_sizes(wanted: dict[str, Any], size: tuple[int, int]) -> None:
    result = render(pictures.land(), job(format="jpg", **wanted))
    assert (result.width, result.height) == pictures.opened(result.body).size == size


def test_a_stretched_picture_is_all_there() -> None:
    assert_field(shown(pictures.land(), "RGB", fit="fill", width=200, height=400), 0, 0, 1, 1)


def test_a_picture_in_a_box_lies_in_its_middle_with_transparent_bars() -> None:
    got = shown(pictures.land(), fit="contain", width=300, height=300)
    assert (got[:60, :, 3] == 0).all()
    assert (got[240:, :, 3] == 0).all()
    assert (got[60:240, :, 3] == 255).all()
    assert_field(got[60:240, :, :3], 0, 0, 1, 1)


def test_a_small_picture_in_a_box_is_not_enlarged() -> None:
    got = shown(pictures.small(), fit="contain", width=301, height=200, gravity=(1.0, 0.0))
    assert got.shape[:2] == (200, 301)
    assert (got[:80, 201:, 3] == 255).all()
    assert got[..., 3].sum() == 255 * 100 * 80


EDGES = [((0.0, 0.0), 0, 0), ((1.0, 1.0), 0.7, 0.5)]
POINTS = [((0.3, 0.6), 0.15, 0.35), ((0.9, 0.1), 0.7, 0)]


@pytest.mark.many
@pytest.mark.parametrize(
    ("orientation", "gravity", "left", "top"),
    [
        *((orientation, *cut) for orientation in range(1, 9) for cut in POINTS),
        *((orientation, *cut) for orientation in (1, 7) for cut in EDGES),
    ],
)
def test_a_cut_keeps_what_is_around_the_focal_point_of_the_upright_picture(
    orientation: int, gravity: tuple[float, float], left: float, top: float
) -> None:
    original = pictures.turned(orientation, "PNG", 500)
    got = shown(original, "RGB", aspect=(3, 6), gravity=gravity)  # 150 of 500, all of 300
    assert got.shape[:2] == (300, 150)
    assert_field(got, left, 0, left + 0.3, 1)
    got = shown(original, "RGB", aspect=(1000, 300), gravity=gravity)
    assert got.shape[:2] == (150, 500)
    assert_field(got, 0, top, 1, top + 0.5)


def test_an_odd_cut_leaves_the_half_pixel_at_the_end() -> None:
    pixels = np.arange(7, dtype=np.uint8)[None, :].repeat(4, axis=0) * 30
    got = shown(pictures.encoded(Image.fromarray(pixels), "PNG"), "L", width=4, height=4, enlarge=False)
    assert got[0].tolist() == [30, 60, 90, 120]


def test_a_smart_cut_finds_the_only_thing_there_is() -> None:
    image = Image.new("RGB", (900, 300), (90, 90, 90))
    image.paste(pictures.noise(80, 80, seed=1), (700, 110))
    original = pictures.encoded(image, "PNG")
    for way in ("smart", "entropy"):
        got = shown(original, "RGB", width=200, height=200, gravity=way)
        assert got.shape[:2] == (200, 200)
        assert (np.abs(got - 90).max(axis=2) > 20).sum() >= 40 * 40, way
    assert (np.abs(shown(original, "RGB", width=200, height=200) - 90).max(axis=2) <= 20).all()


def test_a_smart_cut_of_an_animation_is_the_same_in_all_frames() -> None:
    frames = [Image.new("RGB", (300, 100), (90, 90, 80 + 10 * n)) for n in range(4)]
    for n, left in enumerate((220, 10, 120, 10)):
        frames[n].paste((255, 0, 0), (left, 30, left + 40, 70))
    original = pictures.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    result = pictures.opened(
        render(original, job(width=100, height=100, gravity="smart", format="webp")).body
    )
    reds = []
    for n in range(4):
        result.seek(n)
        got = np.asarray(result.convert("RGB")).astype(int)
        reds.append(int(((got[..., 0] - got[..., 1]) > 100).sum()))
    assert reds[0] > 1200  # the first frame decides
    assert reds[1] == reds[3] == 0


def test_a_drawing_that_grows_is_drawn_larger() -> None:
    got = shown(pictures.svg(), width=1001, enlarge=True)
    assert got.shape[:2] == (501, 1001)
    assert got[250, 490].tolist() == [255, 0, 0, 255]
    assert got[250, 510, 3] == 0
    assert (got[250, :, 3] % 255 > 0).sum() <= 3  # a sharp edge
    part = shown(pictures.svg(), rect=(50, 0, 100, 100), width=1000, enlarge=True)
    assert part.shape[:2] == (1000, 1000)
    assert (part[500, :, 3] % 255 > 0).sum() <= 3
    assert part[500, 490, 3] == 255
    assert part[500, 510, 3] == 0


# The part of the original


@pytest.mark.many
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_rect_counts_pixels_of_the_upright_original(orientation: int, kind: str) -> None:
    original = pictures.turned(orientation, kind)
    for rect in ((100.0, 300.0, 700.0, 240.0), (0.1, 0.5, 0.7, 0.4)):
        got = shown(original, "RGB", rect=rect)
        assert got.shape[:2] == (240, 700)
        assert_field(got, 0.1, 0.5, 0.8, 0.9)
        small = shown(original, "RGB", rect=rect, width=70)
        assert small.shape[:2] == (24, 70)
        assert_field(small, 0.1, 0.5, 0.8, 0.9)


@pytest.mark.many
@pytest.mark.parametrize("orientation", range(1, 9))
def test_edges_are_cut_off_the_upright_original(orientation: int) -> None:
    original = pictures.turned(orientation, "PNG", 500)
    inset = (30, 100, 60, 50)  # of 500 x 300: top, right, bottom, left
    assert_field(shown(original, "RGB", inset=inset), 0.1, 0.1, 0.8, 0.8)
    assert_field(shown(original, "RGB", inset=inset, width=35), 0.1, 0.1, 0.8, 0.8)
    inner = shown(original, "RGB", inset=inset, rect=(0.5, 0, 0.5, 1))
    assert inner.shape[:2] == (210, 175)
    assert_field(inner, 0.45, 0.1, 0.8, 0.8)


@pytest.mark.parametrize("inset", [(300, 0, 300, 0), (0, 999, 0, 1), (0, 10**9, 0, 0)])
def test_edges_that_leave_nothing_are_refused(inset: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadRequest, match="leave nothing of 1000x600"):
        render(pictures.land(), job(inset=inset))


@pytest.mark.many
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_aligned_cut_lies_as_css_places_a_background(orientation: int) -> None:
    """`background-position: 25% 75%`: that point of the cut lies on that point of the picture."""
    original = pictures.turned(orientation, "PNG", 500)
    square = shown(original, "RGB", width=300, height=300, crop=True, gravity=(0.25, 0.75), aligned=True)
    assert_field(square, 0.1, 0, 0.7, 1)
    flat = shown(original, "RGB", width=500, height=100, crop=True, gravity=(0.25, 0.75), aligned=True)
    assert_field(flat, 0, 0.5, 1, 5 / 6)


def test_rect_is_clipped_to_the_picture() -> None:
    got = shown(pictures.land(), "RGB", rect=(900, 500, 5000, 5000))
    assert got.shape[:2] == (100, 100)
    assert_field(got, 0.9, 5 / 6, 1, 1)
    assert shown(pictures.land(), rect=(999.9, 0, 10, 10)).shape[:2] == (10, 1)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_part_stands_for_the_original(orientation: int) -> None:
    """Of 1000 x 600 upright; `rect`, `trim` and facts count in it."""
    original = pictures.stored_as(pictures.field(1000, 600), orientation, "JPEG", quality=100)
    part = (200, 300, 500, 150)
    assert_field(shown(original, "RGB", part=part), 0.2, 0.5, 0.7, 0.75)
    assert_field(shown(original, "RGB", part=part, width=50), 0.2, 0.5, 0.7, 0.75)
    inner = shown(original, "RGB", part=part, rect=(0.5, 0, 0.5, 1))
    assert inner.shape[:2] == (150, 250)
    assert_field(inner, 0.45, 0.5, 0.7, 0.75)
    assert shown(original, "RGB", part=part, trim=1).shape[:2] == (150, 500)
    facts = render(original, job(part=part, format="json"))
    assert (facts.width, facts.height) == (500, 150)
    assert b'"width":500,"height":150' in facts.body


def test_a_part_is_clipped_and_one_beside_the_picture_is_a_bad_request() -> None:
    assert shown(pictures.land(), part=(900, 500, 5000, 5000)).shape[:2] == (100, 100)
    with pytest.raises(BadRequest, match="misses the picture, which is 1000x600"):
        render(pictures.land(), job(part=(1000, 0, 10, 10)))


@pytest.mark.parametrize("rect", [(1000, 0, 10, 10), (0, 600, 10, 10), (5000, 5000, 1, 2), (1, 0, 1, 1)])
def test_a_rect_beside_the_picture_is_a_bad_request(rect: tuple[int, ...]) -> None:
    with pytest.raises(BadRequest, match=r"option rect: .* 1000x600"):
        render(pictures.land(), job(rect=rect))


@pytest.mark.parametrize(("width", "left"), [(500, 3), (333, 1001), (120, 2017)])
def test_a_part_of_a_large_jpeg_lands_where_it_belongs(width: int, left: int) -> None:
    """It is shrunk while it is decoded, in steps that the part knows nothing of."""
    size = 3001, 2003
    original = pictures.encoded(pictures.field(*size), "JPEG", quality=95, subsampling=0)
    got = shown(original, "RGB", rect=(left, 101, 903, 1805), width=width // 4)
    assert_field(got, left / size[0], 101 / size[1], (left + 903) / size[0], 1906 / size[1])


# Turning


WAYS: list[tuple[dict[str, Any], Image.Transpose]] = [
    ({"rotate": 90.0}, Image.Transpose.ROTATE_90),
    ({"rotate": 180.0}, Image.Transpose.ROTATE_180),
    ({"rotate": 270.0}, Image.Transpose.ROTATE_270),
    ({"flip": "h"}, Image.Transpose.FLIP_LEFT_RIGHT),
    ({"flip": "v"}, Image.Transpose.FLIP_TOP_BOTTOM),
    ({"flip": "hv"}, Image.Transpose.ROTATE_180),
    ({"rotate": 90.0, "flip": "h"}, Image.Transpose.TRANSPOSE),
    ({"rotate": 270.0, "flip": "h"}, Image.Transpose.TRANSVERSE),
]


@pytest.mark.many
@pytest.mark.parametrize(
    ("orientation", "wanted", "back"),
    [
        *((orientation, *way) for orientation in (1, 6) for way in WAYS),
        # What lies otherwise is upright before it is turned.
        *((orientation, *way) for orientation in (2, 3, 4, 5, 7, 8) for way in WAYS[-2:]),
    ],
)
def test_turned_back_it_is_the_original(
    orientation: int, wanted: dict[str, Any], back: Image.Transpose
) -> None:
    result = render(pictures.turned(orientation, "PNG", 500), job(width=125, **wanted))
    turned_back = pictures.opened(result.body).transpose(back)
    assert turned_back.size == (125, 75)
    assert_field(np.asarray(turned_back.convert("RGB")).astype(int), 0, 0, 1, 1)


def test_a_turned_picture_at_its_own_size_loses_nothing() -> None:
    original = pictures.encoded(pictures.noise(31, 17, seed=3), "PNG")
    for wanted, back in (
        ({"rotate": 90.0}, Image.Transpose.ROTATE_90),
        ({"rotate": 180.0}, Image.Transpose.ROTATE_180),
        ({"flip": "v"}, Image.Transpose.FLIP_TOP_BOTTOM),
    ):
        turned = pictures.opened(render(original, job(**wanted)).body).transpose(back)
        assert (np.asarray(turned) == pictures.pixels(original)).all()


@pytest.mark.parametrize("degrees", [1.0, 10.0, 45.0, 130.0, 200.5, 359.0])
def test_a_picture_that_is_askew_lies_as_pillow_lays_it(degrees: float) -> None:
    original = pictures.encoded(pictures.field(300, 180), "PNG")
    got = shown(original, rotate=degrees)
    expected = np.asarray(
        pictures.opened(original).convert("RGBA").rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    ).astype(int)
    height, width = got.shape[:2]
    assert abs(height - expected.shape[0]) <= 2
    assert abs(width - expected.shape[1]) <= 2
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    assert width == pytest.approx(300 * cosine + 180 * sine, abs=1.5)
    y, x = (np.arange(-40, 41) for _ in range(2))
    mine, theirs = (
        image[np.ix_(image.shape[0] // 2 + y, image.shape[1] // 2 + x)] for image in (got, expected)
    )
    assert np.abs(mine - theirs).max() <= 4
    assert got[0, 0, 3] == got[0, -1, 3] == got[-1, 0, 3] == 0 or degrees in (1.0, 359.0)
    assert got[..., 3].sum() == pytest.approx(expected[..., 3].sum(), rel=0.01)


@pytest.mark.parametrize("degrees", [5.0, 91.0, 135.0, 200.0, 300.0])
def test_a_picture_that_is_askew_lies_in_the_middle_of_its_canvas(degrees: float) -> None:
    """What the colour of each pixel says of its place in the original is what the angle says."""
    width, height = 120, 80
    got = shown(pictures.encoded(pictures.field(width, height), "PNG"), rotate=degrees)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    y, x = np.indices(got.shape[:2], float)
    x, y = x - (got.shape[1] - 1) / 2, y - (got.shape[0] - 1) / 2
    across, down = x * cosine + y * sine, y * cosine - x * sine
    inside = (abs(across) < width / 2 - 4) & (abs(down) < height / 2 - 4)
    shift = [
        (got[..., 0] / 255 - 0.5) * (width - 1) - across,
        (got[..., 1] / 255 - 0.5) * (height - 1) - down,
    ]
    assert np.abs([axis[inside].mean() for axis in shift]).max() < 0.3


@pytest.mark.parametrize(
    "wanted",
    [
        {"rotate": 20.0},
        {"width": 150, "enlarge": True},
        {"width": 150, "enlarge": True, "rotate": 200.0},
        {"width": 37},
        {"blur": 2.0},
        {"blur": 12.0},
    ],
)
def test_the_edge_of_a_shape_on_transparent_ground_has_the_colour_of_the_shape(
    wanted: dict[str, Any],
) -> None:
    drawing = Image.new("RGBA", (60, 40), (255, 0, 255, 0))
    drawing.paste((100, 150, 60, 255), (15, 10, 45, 30))
    got = shown(pictures.encoded(drawing, "PNG"), **wanted)
    edge = got[(got[..., 3] > 40) & (got[..., 3] < 230)]
    assert len(edge) > 40
    assert np.abs(edge[:, :3] - [100, 150, 60]).max() <= 3


def test_no_darkness_leaks_into_the_edges_of_a_picture_that_is_askew() -> None:
    white = pictures.encoded(Image.new("RGB", (100, 60), (255, 255, 255)), "PNG")
    got = shown(white, rotate=20.0)
    seen = got[..., 3] > 8
    assert got[seen][:, :3].min() >= 250
    flat = shown(white, "RGB", rotate=20.0, background="ffffff")
    assert flat.min() >= 252
    assert shown(white, "RGB", rotate=20.0, format="jpg").min() >= 250


def test_the_canvas_of_a_picture_that_is_askew_stays_within_the_limit() -> None:
    result = render(pictures.land(), job(rotate=45.0, max_dimension=500))
    assert 490 <= max(result.width, result.height) <= 500
    padded = render(
        pictures.land(), job(rotate=45.0, fit="contain", width=400, height=500, max_dimension=500)
    )
    assert 490 <= max(padded.width, padded.height) <= 500
    upright = render(pictures.land(), job(rotate=90.0, max_dimension=500))
    assert (upright.width, upright.height) == (600, 1000)  # nothing has grown


def test_the_order_is_cut_rotate_flip_pad() -> None:
    got = shown(
        pictures.land(),
        width=200,
        height=100,
        gravity=(0.0, 0.0),
        rotate=90.0,
        flip="h",
        padding=(1, 2, 3, 4),
    )
    assert got.shape[:2] == (200 + 4, 100 + 6)
    inner = got[1:-3, 4:-2, :3].transpose(1, 0, 2)  # a mirrored quarter turn is a transposition
    assert_field(inner, 0, 0, 1, 5 / 6)
    assert got[..., 3].sum() == 255 * 200 * 100


# What is around


@pytest.mark.parametrize(
    ("format", "around"),
    [("png", (0, 0, 0, 0)), ("webp", (0, 0, 0, 0)), ("avif", (0, 0, 0, 0)), ("jpg", (255, 255, 255, 255))],
)
def test_padding_is_transparent_or_white(format: str, around: tuple[int, ...]) -> None:
    got = shown(pictures.land(), width=100, padding=(10, 10, 10, 10), format=format)
    assert got.shape[:2] == (80, 120)
    for pixel in (got[2, 2], got[-3, -3], got[40, 3]):
        assert pixel[3] == pytest.approx(around[3], abs=2)
        assert around[3] == 0 or pixel == pytest.approx(around, abs=3)
    assert got[40, 60] == pytest.approx([128, 128, 128, 255], abs=8)


@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("original", [pictures.land, pictures.grey, pictures.grey_alpha, pictures.deep])
def test_padding_has_the_colour_of_the_background(original: Callable[[], bytes], format: str) -> None:
    got = shown(original(), width=60, padding=(10, 10, 10, 10), background="ff6347", format=format)
    assert got[3, 3] == pytest.approx([255, 99, 71, 255], abs=12)


def test_a_background_is_behind_what_is_transparent() -> None:
    got = shown(pictures.alpha(), background="0080ff")
    assert got[50, 20].tolist() == [0, 128, 255, 255]
    assert got[50, 180].tolist() == [255, 0, 0, 255]
    assert pictures.opened(render(pictures.alpha(), job(background="0080ff")).body).mode == "RGB"


def test_a_background_may_let_something_through() -> None:
    got = shown(pictures.alpha(), background="0000ff80", padding=(5, 5, 5, 5))
    assert got[50, 20] == pytest.approx([0, 0, 255, 128], abs=1)
    assert got[2, 2].tolist() == [0, 0, 255, 128]
    assert got[50, 180].tolist() == [255, 0, 0, 255]
    flat = shown(pictures.alpha(), "RGB", background="0000ff80", padding=(5, 5, 5, 5), format="jpg")
    assert flat[50, 20] == pytest.approx([127, 127, 255], abs=4)
    assert flat[2, 2] == pytest.approx([127, 127, 255], abs=4)


def test_a_half_transparent_pixel_is_mixed_with_the_background() -> None:
    original = pictures.encoded(Image.new("RGBA", (20, 20), (255, 0, 0, 128)), "PNG")
    assert shown(original, "RGB", background="0000ff")[10, 10] == pytest.approx([128, 0, 127], abs=1)


def test_padding_beyond_the_limit_is_a_bad_request() -> None:
    wanted = {"width": 300, "padding": (0, 100, 0, 101), "max_dimension": 500}
    with pytest.raises(BadRequest, match=r"option pad: .*501x180.* 500"):
        render(pictures.land(), job(**wanted))
    assert render(pictures.land(), job(**{**wanted, "padding": (0, 100, 0, 100)})).width == 500


def test_a_padded_result_that_a_format_cannot_hold_is_shrunk_with_its_padding() -> None:
    tall = pictures.encoded(pictures.field(100, 16_000), "PNG")
    result = render(tall, job(format="webp", padding=(400, 0, 400, 0), max_dimension=20_000))
    assert 16_370 <= result.height <= 16_383
    assert pictures.opened(result.body).size == (result.width, result.height)


# Every kind of original

ALL: dict[str, Any] = {
    "fit": "contain",
    "width": 60,
    "height": 60,
    "gravity": (0.0, 1.0),
    "rect": (0.0, 0.0, 1.0, 0.75),
    "rotate": 90.0,
    "flip": "v",
    "padding": (3, 3, 3, 3),
    "background": "ffcc00",
}


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_goes_through_all_of_it_frame_by_frame(kind: str) -> None:
    result = render(pictures.animation(kind), job(**ALL, format="webp"))
    image = Image.open(io.BytesIO(result.body))
    assert (image.size, getattr(image, "n_frames", 1)) == ((66, 66), 5)
    for n in range(5):
        image.seek(n)
        got = np.asarray(image.convert("RGB")).astype(int)
        assert got[1, 1] == pytest.approx([255, 204, 0], abs=12)
        assert got[33, 20] == pytest.approx([128, 96, 50 * n], abs=40), n


@pytest.mark.many
@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0])
@pytest.mark.parametrize("fit", ["contain", "outside", "fill", None])
@pytest.mark.parametrize("gravity", [(0.0, 1.0), "smart", "entropy"])
@pytest.mark.parametrize("enlarge", [True, False])
def test_a_picture_of_one_pixel_goes_through_all_of_it(
    degrees: float, fit: str | None, gravity: Any, enlarge: bool
) -> None:
    dot = pictures.encoded(Image.new("RGB", (1, 1), (200, 100, 50)), "PNG")
    wanted = {**ALL, "rotate": degrees, "fit": fit, "gravity": gravity, "enlarge": enlarge, "trim": 10}
    got = shown(dot, "RGB", **wanted)
    middle = got[got.shape[0] // 2, got.shape[1] // 2]
    if enlarge or (fit != "contain" and not degrees % 90):
        assert middle == pytest.approx([200, 100, 50], abs=3)


@pytest.mark.slow
def test_a_thin_picture_that_grows_is_bounded() -> None:
    thin = pictures.encoded(pictures.field(2, 1000), "PNG")
    result = render(thin, job(width=400, height=400, enlarge=True, max_dimension=400))
    assert (result.width, result.height) == (3, 400)
    for gravity in ("smart", "entropy"):
        result = render(thin, job(width=400, height=400, enlarge=True, max_dimension=400, gravity=gravity))
        assert (result.width, result.height) == (3, 400)


@cache
def _as_large_as_any() -> bytes:
    """10,000 pixels of either side, white with a grey box in the middle. A hundred rows of each kind are
    compressed, so that nothing before them counts, and taken again and again."""
    white, grey = b"\0" + b"\xff" * 10_000, b"\0" + b"\xff" * 3000 + b"\x5a" * 4000 + b"\xff" * 3000
    packed, check = b"\x78\1", 1
    for row, hundreds in ((white, 40), (grey, 20), (white, 40)):
        deflate = zlib.compressobj(1, wbits=-15)
        rows = row * 100
        packed += (deflate.compress(rows) + deflate.flush(zlib.Z_FULL_FLUSH)) * hundreds
        for _ in range(hundreds):
            check = zlib.adler32(rows, check)
    packed += b"\3\0" + check.to_bytes(4, "big")  # an empty block, the last
    return pictures.png(10_000, 10_000, colours=pictures.GREY, packed=packed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({"rotate": 45.0, "max_dimension": 2048}, (2046, 2046)),
        ({"rotate": 90.0, "width": 4000, "height": 10, "enlarge": True}, (10, 4000)),
        ({"trim": 10}, (4000, 2000)),
        ({"aspect": (2, 1), "gravity": "entropy"}, (10_000, 5000)),
        ({"width": 4096, "height": 64, "gravity": "smart", "enlarge": True}, (4096, 64)),
        ({"width": 4096, "height": 2000, "fit": "contain", "padding": (48, 0, 48, 0)}, (4096, 2096)),
    ],
)
def test_an_original_as_large_as_any_goes_through_all_of_it(
    wanted: dict[str, Any], size: tuple[int, int]
) -> None:
    result = render(_as_large_as_any(), job(format="jpg", **wanted), 1_000_000_000)
    assert (result.width, result.height) == pictures.opened(result.body).size
    assert (result.width, result.height) == pytest.approx(size, abs=3)


@pytest.mark.parametrize("format", OUTPUTS)
def test_transparent_originals_go_through_all_of_it(format: str) -> None:
    got = shown(pictures.alpha(), **{**ALL, "format": format})
    assert got.shape[:2] == (66, 66)
    assert got[1, 1] == pytest.approx([255, 204, 0, 255], abs=12)


@pytest.mark.many
@pytest.mark.parametrize("size", [(200, 120), (400, 240), (333, 200), (800, 480), (400, 30), (50, 240)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_what_is_enlarged_stays_where_it_is(size: tuple[int, int], mode: str) -> None:
    image = Image.new("L", (100, 60))
    image.paste(255, (62, 12, 66, 16))
    original = pictures.encoded(image.convert(mode), "PNG")
    got = shown(original, "L", width=size[0], height=size[1], fit="fill", enlarge=True)
    for axis, side, centre in ((0, size[0], 64 / 100), (1, size[1], 14 / 60)):
        line = got.astype(float).sum(axis=axis)
        assert (line * (np.arange(side) + 0.5)).sum() / line.sum() == pytest.approx(centre * side, abs=0.15)
