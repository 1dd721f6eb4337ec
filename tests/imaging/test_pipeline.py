"""The pipeline as a whole, judged by Pillow: sizes, which pixel of the original landed where, formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.formats import Format
from origin.formats import sniff
from origin.imaging import pipeline
from origin.imaging.cost import Step
from origin.imaging.frame import Frame
from origin.imaging.frame import Header
from origin.imaging.frame import settle
from origin.imaging.pipeline import render
from origin.imaging.steps import STEPS
from origin.imaging.vendor import pyvips
from origin.urls.options import Options
from tests.support import pictures
from tests.support.jobs import OUTPUTS
from tests.support.jobs import job


@pytest.mark.many
# The table of s3imageserver (section 4.4), with its enlarging undone.
@pytest.mark.parametrize(
    ("original", "wanted", "size"),
    [
        (pictures.land, {}, (1000, 600)),
        (pictures.land, {"width": 64}, (64, 38)),
        (pictures.land, {"width": 300}, (300, 180)),
        (pictures.land, {"height": 200}, (333, 200)),
        (pictures.land, {"width": 300, "height": 300}, (300, 300)),
        (pictures.land, {"width": 300, "height": 300, "crop": False}, (300, 180)),
        (pictures.land, {"width": 2000}, (1000, 600)),
        (pictures.land, {"width": 2000, "height": 2000}, (1000, 600)),
        (pictures.land, {"width": 2000, "height": 2000, "crop": False}, (1000, 600)),
        (pictures.land, {"width": 2000, "height": 300}, (1000, 300)),
        (pictures.land, {"width": 300, "height": 2000}, (300, 600)),
        (pictures.land, {"width": 300, "height": 2000, "crop": False}, (300, 180)),
        (pictures.land, {"width": 3064, "height": 10}, (1000, 10)),
        (pictures.land, {"width": 12}, (12, 7)),
        (pictures.land, {"width": 1, "height": 1}, (1, 1)),
        (pictures.land, {"width": 1, "crop": False}, (1, 1)),
        (pictures.small, {"width": 200, "height": 200}, (100, 80)),
        (pictures.small, {"width": 200}, (100, 80)),
        (pictures.small, {"width": 200, "height": 50}, (100, 50)),
        (pictures.small, {"width": 200, "height": 50, "crop": False}, (63, 50)),
        (pictures.small, {"width": 50, "height": 200}, (50, 80)),
        (pictures.odd, {"width": 100}, (100, 77)),
        (pictures.odd, {"height": 100}, (130, 100)),
        (pictures.odd, {"width": 100, "height": 100}, (100, 100)),
        (pictures.odd, {"width": 111, "height": 77}, (111, 77)),
        (pictures.port, {"width": 300, "height": 300}, (300, 300)),
        (pictures.port, {"width": 301, "height": 77, "crop": False}, (46, 77)),
        (pictures.wide, {"width": 300}, (300, 180)),
        (pictures.alpha, {"width": 50}, (50, 25)),
    ],
)
@pytest.mark.parametrize("format", ["jpg", "png"])
def test_sizes(
    original: Callable[[], bytes], wanted: dict[str, Any], size: tuple[int, int], format: str
) -> None:
    result = render(original(), job(format=format, **wanted))
    assert (result.width, result.height) == size
    assert pictures.opened(result.body).size == size


@pytest.mark.many
@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ({}, (0, 0, 1, 1)),
        ({"width": 500}, (0, 0, 1, 1)),
        ({"width": 250}, (0, 0, 1, 1)),
        ({"width": 100}, (0, 0, 1, 1)),
        ({"width": 300, "height": 300}, (0.2, 0, 0.8, 1)),
        ({"width": 300, "height": 90}, (0, 0.25, 1, 0.75)),
        ({"width": 300, "height": 300, "crop": False}, (0, 0, 1, 1)),
        ({"width": 2000, "height": 300}, (0, 0.25, 1, 0.75)),
    ],
)
@pytest.mark.parametrize("original", [pictures.land, pictures.wide, pictures.progressive])
def test_a_crop_keeps_the_centre_and_a_fit_keeps_all(
    original: Callable[[], bytes], wanted: dict[str, Any], part: tuple[float, float, float, float]
) -> None:
    pictures.assert_shows(render(original(), job(**wanted)).body, *part)


@pytest.mark.many
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_camera_orientation_is_applied_before_measuring(orientation: int, kind: str) -> None:
    original = pictures.turned(orientation, kind, 500)
    pictures.assert_shows(render(original, job(width=150)).body, 0, 0, 1, 1)
    cropped = render(original, job(width=150, height=44))
    assert (cropped.width, cropped.height) == (150, 44)
    pictures.assert_shows(cropped.body, 0, 23 / 90, 1, 67 / 90)


@pytest.mark.many
@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize(
    "original",
    [pictures.land, pictures.wide, pictures.avif, pictures.tiff, pictures.palette, pictures.deep],
)
def test_every_format_comes_out_of_every_other(original: Callable[[], bytes], format: str) -> None:
    result = render(original(), job(width=80, format=format))
    assert result.format is sniff(result.body) is Format.named(format)
    assert pictures.opened(result.body).size == (result.width, result.height)
    assert pictures.pixels(result.body)[24, 40] == pytest.approx([128, 128, 128], abs=30)


@pytest.mark.parametrize("original", [pictures.land, pictures.alpha, pictures.grey, pictures.deep])
@pytest.mark.parametrize("format", OUTPUTS)
def test_a_result_of_one_pixel_is_a_picture(original: Callable[[], bytes], format: str) -> None:
    result = render(original(), job(width=1, height=1, format=format))
    assert pictures.opened(result.body).size == (1, 1)


@pytest.mark.parametrize("format", OUTPUTS)
def test_nothing_but_the_picture_comes_out(format: str) -> None:
    body = render(pictures.tagged(), job(width=300, format=format)).body
    for trace in (b"CANARY", b"Exif", b"xmp", b"ICC", b"iCCP", b"GPS"):
        assert trace not in body
    info = pictures.opened(body).info
    assert not {"exif", "icc_profile", "xmp", "comment"} & info.keys()
    assert not pictures.opened(body).getexif()


@pytest.mark.many
@pytest.mark.parametrize(
    ("original", "format", "expected"),
    [
        (pictures.land, "original", Format.JPG),
        (pictures.port, "original", Format.PNG),
        (pictures.wide, "original", Format.WEBP),
        (pictures.avif, "original", Format.AVIF),
        (pictures.animation, "original", Format.GIF),
        (pictures.tiff, "original", Format.JPG),
        (pictures.svg, "original", Format.PNG),
        (pictures.land, "auto:avif", Format.AVIF),
        (pictures.land, "auto:webp", Format.WEBP),
        (pictures.land, "auto:plain", Format.JPG),
        (pictures.wide, "auto:plain", Format.JPG),
        (pictures.alpha, "auto:plain", Format.PNG),
        (pictures.opaque_alpha, "auto:plain", Format.JPG),
        (pictures.animation, "auto:avif", Format.WEBP),
        (pictures.animation, "auto:webp", Format.WEBP),
        (pictures.animation, "auto:plain", Format.GIF),
        (lambda: pictures.animation("WEBP"), "auto:plain", Format.GIF),
        (lambda: pictures.animation("WEBP"), "auto:avif", Format.WEBP),
    ],
)
def test_the_format_of_the_result(original: Callable[[], bytes], format: str, expected: Format) -> None:
    result = render(original(), job(width=50, format=format))
    assert result.format is sniff(result.body) is expected


@pytest.mark.many
# WebP has 14 bits for a side less one; the others are what libvips and libjpeg write.
@pytest.mark.parametrize(
    ("format", "limit"), [("webp", 16_383), ("avif", 16_384), ("jpg", 65_500), ("gif", 65_535)]
)
@pytest.mark.parametrize("tall", [True, False])
def test_a_format_asked_for_by_name_gets_what_it_can_hold(format: str, limit: int, tall: bool) -> None:
    size = (4, limit + 1000) if tall else (limit + 1000, 4)
    result = render(pictures.encoded(pictures.field(*size), "PNG"), job(format=format))
    assert (result.width, result.height) == ((4, limit) if tall else (limit, 4))
    got = pictures.pixels(result.body)
    assert got.shape[:2] == (result.height, result.width)
    along = got[:, 2, 1] if tall else got[2, :, 0]  # all of the picture, from end to end
    assert [along[0], along[limit // 2], along[-1]] == pytest.approx([0, 128, 255], abs=12)


@pytest.mark.parametrize(
    ("size", "format", "expected"),
    [
        ((4, 16_384), "auto:webp", Format.JPG),
        ((4, 16_384), "auto:avif", Format.AVIF),
        ((4, 16_385), "auto:avif", Format.JPG),
        ((16_385, 4), "auto:avif", Format.JPG),
        ((2, 65_501), "auto:plain", Format.PNG),
        ((2, 65_501), "auto:webp", Format.PNG),
    ],
)
def test_a_format_that_cannot_hold_the_result_is_never_picked(
    size: tuple[int, int], format: str, expected: Format
) -> None:
    result = render(pictures.encoded(pictures.field(*size), "PNG"), job(format=format))
    assert result.format is sniff(result.body) is expected
    assert pictures.opened(result.body).size == (result.width, result.height) == size


def test_the_sides_of_the_result_decide_and_not_those_of_the_original() -> None:
    tall = pictures.encoded(pictures.field(20, 20_000), "PNG")
    assert render(tall, job(width=10, format="auto:webp")).format is Format.WEBP
    cropped = render(tall, job(width=20, height=100, format="auto:avif"))
    assert (cropped.format, cropped.width, cropped.height) == (Format.AVIF, 20, 100)


def test_a_see_through_picture_that_webp_cannot_hold_becomes_a_png() -> None:
    image = Image.new("RGBA", (4, 17_000), (255, 0, 0, 0))
    assert render(pictures.encoded(image, "PNG"), job(format="auto:webp")).format is Format.PNG


def test_an_animation_that_webp_cannot_hold_becomes_a_gif() -> None:
    frames = [Image.new("L", (2, 17_000), 50 * n) for n in range(3)]
    original = pictures.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    by_accept, by_name = (render(original, job(format=format)) for format in ("auto:webp", "webp"))
    assert (by_accept.format, by_accept.height, len(_frames(by_accept.body))) == (Format.GIF, 17_000, 3)
    assert (by_name.format, by_name.height, len(_frames(by_name.body))) == (Format.WEBP, 16_383, 3)


def _frames(body: bytes) -> list[tuple[Image.Image, int]]:
    image = Image.open(io.BytesIO(body))
    frames = []
    for n in range(getattr(image, "n_frames", 1)):
        image.seek(n)
        frames.append((image.convert("RGB"), image.info.get("duration", 0)))
    return frames


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("format", ["gif", "webp"])
def test_an_animation_stays_one_and_each_frame_is_cut_alone(kind: str, format: str) -> None:
    result = render(pictures.animation(kind), job(width=40, height=40, format=format))
    frames = _frames(result.body)
    assert (result.width, result.height) == (40, 40)
    assert [delay for _, delay in frames] == list(pictures.DELAYS)
    for n, (frame, _) in enumerate(frames):
        got = np.asarray(frame).astype(int)
        assert got.shape == (40, 40, 3)
        # 100x80 to 40x40 shows x from 10 % to 90 % and all of y. A GIF has few colours: wide margins.
        assert got[20, 20] == pytest.approx([128, 128, 50 * n], abs=25)
        assert got[2, 2] == pytest.approx([255 * 0.15, 255 * 0.0625, 50 * n], abs=30)
        assert got[37, 37] == pytest.approx([255 * 0.85, 255 * 0.9375, 50 * n], abs=30)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_keeps_its_loop_count(kind: str) -> None:
    result = render(pictures.animation(kind), job(width=50, format=kind.lower()))
    assert pictures.opened(result.body).info["loop"] == pictures.opened(pictures.animation(kind)).info["loop"]


def test_an_animation_is_cut_to_its_first_frames() -> None:
    result = render(pictures.animation(), job(width=50, format="gif", max_frames=3))
    assert [delay for _, delay in _frames(result.body)] == list(pictures.DELAYS[:3])


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("format", ["jpg", "png", "avif"])
def test_a_format_without_animation_gets_the_first_frame(kind: str, format: str) -> None:
    result = render(pictures.animation(kind), job(width=50, format=format))
    assert len(_frames(result.body)) == 1
    assert pictures.pixels(result.body)[20, 25] == pytest.approx([128, 128, 0], abs=20)


@pytest.mark.parametrize("format", ["jpg", "original", "auto:webp"])
def test_an_avif_sequence_is_shown_by_its_first_frame(format: str) -> None:
    original = pictures.animation("AVIF")
    assert original[8:12] == b"avis"  # major brand, which libvips does not look for
    result = render(original, job(width=50, format=format))
    assert len(_frames(result.body)) == 1
    assert pictures.pixels(result.body)[20, 25] == pytest.approx([128, 128, 0], abs=20)


def test_an_svg_whose_names_have_a_prefix_is_drawn() -> None:
    original = pictures.svg().replace(b"<svg xmlns", b"<s:svg xmlns:s").replace(b"<rect", b"<s:rect")
    original = original.replace(b"</svg>", b"</s:svg>")
    got = pictures.pixels(render(original, job(width=100)).body, "RGBA")
    assert got[25, 25] == pytest.approx([255, 0, 0, 255], abs=2)


def test_an_svg_is_drawn_and_reads_no_file(tmp_path: Any) -> None:
    pictures.field(100, 100).save(tmp_path / "secret.png")
    original = pictures.svg().replace(
        b"</svg>",
        f'<image href="file://{tmp_path}/secret.png" x="100" width="100" height="100"/></svg>'.encode(),
    )
    got = pictures.pixels(render(original, job(width=100)).body, "RGBA")
    assert got[25, 25] == pytest.approx([255, 0, 0, 255], abs=2)
    assert got[25, 75, 3] == 0


@pytest.mark.parametrize("original", [pictures.land, pictures.animation])
def test_an_effect_is_one_more_step_and_sees_each_frame_alone(
    original: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def invert(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
        sizes.append((image.width, image.height, options.width, frame.geometry.width))
        return image.invert()

    sizes: list[tuple[int, int, int | None, int]] = []
    plain = _frames(render(original(), job(width=50, format="webp")).body)
    monkeypatch.setattr(pipeline, "STEPS", (*STEPS, Step(invert)))
    inverted = _frames(render(original(), job(width=50, format="webp")).body)
    assert len(inverted) == len(plain) == len(sizes)
    assert set(sizes) == {(*plain[0][0].size, 50, 50)}
    for (before, delay), (after, same_delay) in zip(plain, inverted, strict=True):
        assert delay == same_delay
        assert np.abs(np.asarray(before).astype(int) + np.asarray(after) - 255).mean() < 8


@pytest.mark.parametrize("step", STEPS)
def test_a_step_with_nothing_to_do_returns_the_image_itself(step: Step[pyvips.Image]) -> None:
    image = pyvips.Image.black(100, 80, bands=3).copy(interpretation="srgb")
    frame, *_ = settle(Header(Format.PNG, 100, 80), job())
    assert step.run(image, job().options, frame) is image
