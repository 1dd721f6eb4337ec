"""The pipeline, judged by Pillow: sizes, which pixel of the original landed where, and colours."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL import ImageCms

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import sniff
from origin.imaging.geometry import Box
from origin.imaging.pipeline import _BACK
from origin.imaging.pipeline import _NEAR
from origin.imaging.pipeline import _options
from origin.imaging.pipeline import _resize
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.imaging.vendor import pyvips
from tests.support import pictures

ALL = ("jpg", "png", "webp", "gif", "avif", "tiff", "svg")
OUTPUTS = ("jpg", "png", "webp", "avif", "gif")
JOB = Job(
    width=None,
    height=None,
    crop=True,
    target="png",
    quality={"jpg": 90, "webp": 90, "avif": 80},
    allowed=ALL,
    max_pixels=100_000_000,
    max_frames=100,
)


def job(**changes: Any) -> Job:
    return replace(JOB, **changes)


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
@pytest.mark.parametrize("target", ["jpg", "png"])
def test_sizes(
    original: Callable[[], bytes], wanted: dict[str, Any], size: tuple[int, int], target: str
) -> None:
    result = render(original(), job(target=target, **wanted))
    assert (result.width, result.height) == size
    assert pictures.opened(result.body).size == size


def _assert_shows(result: bytes, left: float, top: float, right: float, bottom: float) -> None:
    """That part of `field` (in shares of its sides) fills the result from edge to edge."""
    got = pictures.pixels(result)
    height, width = got.shape[:2]
    x = left + (right - left) * (np.arange(width) + 0.5) / width
    y = top + (bottom - top) * (np.arange(height) + 0.5) / height
    assert np.abs(got[..., 0] - 255 * x[None, :]).max() <= 8
    assert np.abs(got[..., 1] - 255 * y[:, None]).max() <= 8
    assert np.abs(np.mean(got[..., 0] - 255 * x[None, :])) <= 1
    assert np.abs(np.mean(got[..., 1] - 255 * y[:, None])) <= 1
    assert np.abs(got[..., 2] - 128).max() <= 8


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
    _assert_shows(render(original(), job(**wanted)).body, *part)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_camera_orientation_is_applied_before_measuring(orientation: int, kind: str) -> None:
    original = pictures.turned(orientation, kind)
    _assert_shows(render(original, job(width=300)).body, 0, 0, 1, 1)
    cropped = render(original, job(width=300, height=90))
    assert (cropped.width, cropped.height) == (300, 90)
    _assert_shows(cropped.body, 0, 0.25, 1, 0.75)


@pytest.mark.parametrize("target", OUTPUTS)
@pytest.mark.parametrize(
    "original",
    [pictures.land, pictures.wide, pictures.avif, pictures.tiff, pictures.palette, pictures.deep],
)
def test_every_format_comes_out_of_every_other(original: Callable[[], bytes], target: str) -> None:
    result = render(original(), job(width=80, target=target))
    assert result.format is sniff(result.body) is Format.named(target)
    assert pictures.opened(result.body).size == (result.width, result.height)
    assert pictures.pixels(result.body)[24, 40] == pytest.approx([128, 128, 128], abs=30)


@pytest.mark.parametrize("original", [pictures.land, pictures.alpha, pictures.grey, pictures.deep])
@pytest.mark.parametrize("target", OUTPUTS)
def test_a_result_of_one_pixel_is_a_picture(original: Callable[[], bytes], target: str) -> None:
    result = render(original(), job(width=1, height=1, target=target))
    assert pictures.opened(result.body).size == (1, 1)


@pytest.mark.parametrize("target", OUTPUTS)
def test_nothing_but_the_picture_comes_out(target: str) -> None:
    body = render(pictures.tagged(), job(width=300, target=target)).body
    for trace in (b"CANARY", b"Exif", b"xmp", b"ICC", b"iCCP", b"GPS"):
        assert trace not in body
    info = pictures.opened(body).info
    assert not {"exif", "icc_profile", "xmp", "comment"} & info.keys()
    assert not pictures.opened(body).getexif()


def test_transparency_is_flattened_on_white() -> None:
    got = pictures.pixels(render(pictures.alpha(), job(width=50, target="jpg")).body)
    assert got[12, 6] == pytest.approx([255, 255, 255], abs=4)
    assert got[12, 44] == pytest.approx([255, 0, 0], abs=8)


@pytest.mark.parametrize("target", ["png", "webp", "avif"])
def test_hidden_colour_does_not_leak_through_an_edge(target: str) -> None:
    got = pictures.pixels(render(pictures.alpha(), job(width=51, target=target)).body, "RGBA")
    assert got[12, 6, 3] <= 2
    assert got[12, 45] == pytest.approx([255, 0, 0, 255], abs=12)
    edge = got[12, 25]
    assert 60 < edge[3] < 200
    assert edge[1] < 40, "the green under the transparent half shows"


def test_grey_stays_grey() -> None:
    got = pictures.pixels(render(pictures.grey(), job(width=100, target="jpg")).body)
    assert got[30, 50] == pytest.approx([128, 128, 128], abs=3)
    transparent = pictures.pixels(render(pictures.grey_alpha(), job(width=100, target="png")).body, "RGBA")
    assert transparent[25, 10, 3] == 0
    assert transparent[25, 90, 3] == 255


@pytest.mark.parametrize("target", OUTPUTS)
def test_sixteen_bits_become_eight(target: str) -> None:
    image = pictures.opened(render(pictures.deep(), job(target=target)).body)
    assert image.mode in ("RGB", "P")
    assert np.asarray(image.convert("RGB")).astype(int)[30, 50] == pytest.approx([128, 128, 128], abs=8)


def test_cmyk_without_a_profile_becomes_srgb() -> None:
    got = pictures.pixels(render(pictures.cmyk(), job(width=300, target="jpg")).body)
    assert got.shape == (180, 300, 3)
    red, green, blue = got[90, 50]
    assert red < 60 < green < blue  # printed cyan
    assert got[90, 250] == pytest.approx([255, 255, 255], abs=4)


@pytest.mark.parametrize("target", ["jpg", "png", "webp"])
@pytest.mark.parametrize("width", [None, 100])
def test_an_embedded_profile_is_converted(target: str, width: int | None) -> None:
    original = pictures.swapped()
    expected = ImageCms.profileToProfile(
        pictures.opened(original),
        ImageCms.ImageCmsProfile(io.BytesIO(pictures.opened(original).info["icc_profile"])),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert expected is not None
    got = pictures.pixels(render(original, job(width=width, target=target)).body)
    assert got[20, 20] == pytest.approx(expected.getpixel((20, 20)), abs=6)
    assert got[20, 20, 1] > 200


@pytest.mark.parametrize("profile", [b"garbage", pictures.SRGB[:200], b"\0" * 16 + b"GRAY" + b"\0" * 400])
def test_a_broken_profile_is_as_none(profile: bytes) -> None:
    original = pictures.encoded(pictures.field(400, 240), "JPEG", quality=95, icc_profile=profile)
    _assert_shows(render(original, job(width=100)).body, 0, 0, 1, 1)


@pytest.mark.parametrize(
    ("original", "target", "expected"),
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
def test_the_format_of_the_result(original: Callable[[], bytes], target: str, expected: Format) -> None:
    result = render(original(), job(width=50, target=target))
    assert result.format is sniff(result.body) is expected


def _frames(body: bytes) -> list[tuple[Image.Image, int]]:
    image = Image.open(io.BytesIO(body))
    frames = []
    for n in range(getattr(image, "n_frames", 1)):
        image.seek(n)
        frames.append((image.convert("RGB"), image.info.get("duration", 0)))
    return frames


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("target", ["gif", "webp"])
def test_an_animation_stays_one_and_each_frame_is_cut_alone(kind: str, target: str) -> None:
    result = render(pictures.animation(kind), job(width=40, height=40, target=target))
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
    result = render(pictures.animation(kind), job(width=50, target=kind.lower()))
    assert pictures.opened(result.body).info["loop"] == pictures.opened(pictures.animation(kind)).info["loop"]


def test_an_animation_is_cut_to_its_first_frames() -> None:
    result = render(pictures.animation(), job(width=50, target="gif", max_frames=3))
    assert [delay for _, delay in _frames(result.body)] == list(pictures.DELAYS[:3])


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("target", ["jpg", "png", "avif"])
def test_a_format_without_animation_gets_the_first_frame(kind: str, target: str) -> None:
    result = render(pictures.animation(kind), job(width=50, target=target))
    assert len(_frames(result.body)) == 1
    assert pictures.pixels(result.body)[20, 25] == pytest.approx([128, 128, 0], abs=20)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("target", ["jpg", "original"])
@pytest.mark.parametrize(
    "original",
    [
        pictures.land,
        pictures.progressive,
        pictures.port,
        pictures.wide,
        pictures.avif,
        pictures.tiff,
        pictures.animation,
        lambda: pictures.animation("WEBP"),
        lambda: pictures.encoded(pictures.field(300, 200).quantize(), "GIF"),
    ],
    ids=["jpg", "progressive", "png", "webp", "avif", "tiff", "gif", "animated webp", "still gif"],
)
def test_a_truncated_original_is_never_rendered(
    original: Callable[[], bytes], share: float, target: str
) -> None:
    whole = original()
    render(whole, job(width=50, target=target))
    with pytest.raises(Unprocessable):
        render(whole[: min(int(len(whole) * share), len(whole) - 1)], job(width=50, target=target))


@pytest.mark.parametrize(
    "original", [pictures.land, pictures.port, pictures.wide, pictures.avif, pictures.animation]
)
def test_bytes_after_the_end_neither_harm_nor_survive(original: Callable[[], bytes]) -> None:
    result = render(original() + b"<script>CANARY</script>" * 10, job(width=50, target="original"))
    assert b"CANARY" not in result.body
    assert pictures.opened(result.body).width == 50


@pytest.mark.parametrize(
    "original",
    [
        b"",
        b"\xff",
        b"<html><script>alert(1)</script></html>",
        b"%PDF-1.7",
        b"BM" + bytes(100),
        b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(100),
    ],
    ids=["empty", "one byte", "html", "pdf", "bmp", "heic"],
)
def test_what_is_not_one_of_our_formats_is_unsupported(original: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        render(original, JOB)


@pytest.mark.parametrize("original", [pictures.land, pictures.port, pictures.svg, pictures.tiff])
def test_a_format_that_is_not_allowed_is_unsupported(original: Callable[[], bytes]) -> None:
    with pytest.raises(UnsupportedFormat):
        render(original(), job(allowed=("webp",)))


@pytest.mark.parametrize(
    "original",
    [
        b"\xff\xd8\xff" + bytes(100),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\0\0\0\0WEBP" + bytes(100),
        b"GIF89a" + bytes(100),
        b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + bytes(100),
        b"<svg",
    ],
)
def test_garbage_behind_a_signature_is_unprocessable(original: bytes) -> None:
    with pytest.raises(Unprocessable):
        render(original, JOB)


def _big(kind: str, side: int, **options: Any) -> bytes:
    return pictures.encoded(Image.new("L", (side, side)), kind, **options)


@pytest.mark.parametrize(
    ("bomb", "limits"),
    [
        (lambda: pictures.png(30_000, 30_000), {}),
        (lambda: pictures.png(12_000, 12_000, interlaced=True), {}),
        (lambda: pictures.many_frames(10_000), {}),
        (lambda: _big("WEBP", 16_000, lossless=True), {}),
        (lambda: _big("JPEG", 12_000, progressive=True), {}),
        (lambda: _big("AVIF", 4096, speed=10), {"max_pixels": 10_000_000}),
    ],
    ids=["png", "interlaced png", "gif frames", "webp", "progressive jpeg", "avif"],
)
def test_a_bomb_is_refused_by_its_header(bomb: Callable[[], bytes], limits: dict[str, int]) -> None:
    original = bomb()
    start = time.process_time()
    with pytest.raises(Unprocessable, match="pixels, more than"):
        render(original, job(width=100, **limits))
    assert time.process_time() - start < 0.1  # decoding any of them takes longer


@pytest.mark.parametrize(
    ("original", "cost"),
    [
        (pictures.avif, 14 * 400 * 240),
        (pictures.progressive, 6 * 1000 * 600),
        (pictures.wide, 8 * 1000 * 600),
    ],
)
def test_a_decoder_that_needs_more_memory_than_there_is_does_not_start(
    original: Callable[[], bytes], cost: int
) -> None:
    render(original(), job(width=50), memory=cost)
    with pytest.raises(Unprocessable, match="to decode, more than"):
        render(original(), job(width=50), memory=cost - 1)


def test_an_svg_is_drawn_and_reads_no_file(tmp_path: Any) -> None:
    pictures.field(100, 100).save(tmp_path / "secret.png")
    original = pictures.svg().replace(
        b"</svg>",
        f'<image href="file://{tmp_path}/secret.png" x="100" width="100" height="100"/></svg>'.encode(),
    )
    got = pictures.pixels(render(original, job(width=100)).body, "RGBA")
    assert got[25, 25] == pytest.approx([255, 0, 0, 255], abs=2)
    assert got[25, 75, 3] == 0


@pytest.mark.parametrize(
    ("size", "shrink"),
    [
        ((1400, 933), None),  # 2.8 times as wide, halved it would leave too little to Lanczos
        ((1732, 1155), 2),
        ((2900, 1933), 2),
        ((3000, 2000), 4),
        ((3000, 2001), 4),  # a height of 334 is rounded up
        ((6000, 4000), 8),
    ],
)
def test_a_large_jpeg_is_shrunk_while_it_is_decoded(
    size: tuple[int, int], shrink: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def new_from_buffer(*arguments: Any, **options: Any) -> Any:
        opened.append(options.get("shrink"))
        return new(*arguments, **options)

    new = pyvips.Image.new_from_buffer
    monkeypatch.setattr(pyvips.Image, "new_from_buffer", new_from_buffer)
    render(pictures.encoded(Image.new("RGB", size), "JPEG"), job(width=500, target="jpg"))
    assert opened == [None] + [shrink] * (shrink is not None)  # the header, and anew only to shrink


def test_a_jpeg_has_the_chosen_tables() -> None:
    """libvips leaves them out without a word where it is built without mozjpeg."""
    ours = pictures.opened(render(pictures.land(), job(width=300, target="jpg")).body)
    plain = pictures.opened(pictures.encoded(pictures.field(300, 180), "JPEG", quality=90))
    assert ours.quantization[0] != plain.quantization[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("original", "level"), [(pictures.land, 1), (pictures.alpha, 2)])
def test_a_png_with_alpha_is_compressed_harder(original: Callable[[], bytes], level: int) -> None:
    body = render(original(), job(width=50, target="png")).body
    assert body[body.index(b"IDAT") + 5] >> 6 == level  # what zlib says of itself


@pytest.mark.parametrize(
    ("width", "height", "effort"), [(500, 333, 2), (2000, 1000, 2), (2001, 1000, 1), (6000, 4000, 0)]
)
def test_an_avif_takes_less_effort_the_larger_it_is(width: int, height: int, effort: int) -> None:
    assert _options(pyvips.Image.black(width, height), Format.AVIF)["effort"] == effort


def test_an_avif_has_all_of_its_colour() -> None:
    body = render(pictures.land(), job(width=300, target="avif")).body
    assert body[body.index(b"av1C") + 6] & 0b1100 == 0  # chroma_subsampling_x and _y


@pytest.mark.parametrize(
    ("kind", "mode", "target", "grey"),
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
def test_a_photograph_is_resized_in_linear_light_for_avif_and_nearly_for_webp(
    kind: str, mode: str, target: str, grey: int
) -> None:
    board = (np.indices((200, 200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    original = pictures.encoded(Image.fromarray(board).convert(mode), kind, quality=100)
    got = pictures.pixels(render(original, job(width=140, target=target)).body)
    assert got[9:-9, 9:-9].mean() == pytest.approx(grey, abs=3)


def test_nearly_linear_light_keeps_black_white_and_every_grey() -> None:
    greys = np.arange(256)
    back = pyvips.Image.identity().maplut(_NEAR).maplut(_BACK).numpy().ravel().astype(int)
    assert (back[0], back[255]) == (0, 255)
    assert abs(back - greys).max() <= 2
    assert abs(back - greys)[64:].max() <= 1


def test_black_that_borders_on_white_stays_black_in_nearly_linear_light() -> None:
    image = pyvips.Image.black(1000, 50).insert(pyvips.Image.black(500, 50) + 255, 500, 0).cast("uchar")
    small = _resize(image.copy(interpretation="srgb"), Box(416, 21, 416, 21), "near").numpy()
    assert small[:, :206].max() <= 15  # 33 in linear light
    assert small[:, 210:].min() >= 245
