"""What is decoded and what is refused: formats, limits, whole files; and shrinking while decoding."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.imaging import decoders
from origin.imaging.pipeline import render
from origin.imaging.vips import load
from tests.support import bombs
from tests.support import pictures
from tests.support.jobs import JOB
from tests.support.jobs import job


@pytest.mark.many
@pytest.mark.parametrize("format", ["jpg", "original"])
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
        lambda: pictures.encoded(pictures.field(300, 200).quantize(method=Image.Quantize.FASTOCTREE), "GIF"),
    ],
    ids=["jpg", "progressive", "png", "webp", "avif", "tiff", "gif", "animated webp", "still gif"],
)
def test_a_truncated_original_is_never_rendered(original: Callable[[], bytes], format: str) -> None:
    whole = original()
    render(whole, job(width=50, format=format))
    for share in (0.5, 0.9, 0.999):
        with pytest.raises(Unprocessable):
            render(whole[: min(int(len(whole) * share), len(whole) - 1)], job(width=50, format=format))


KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 20},
}


@cache
def _textured(kind: str, width: int = 800, height: int = 600) -> bytes:
    noise = np.random.default_rng(1).normal(0, 20, (height, width, 3))
    image = np.clip(np.asarray(pictures.field(width, height)) + noise, 0, 255).astype(np.uint8)
    return pictures.encoded(Image.fromarray(image), "JPEG", quality=85, **KINDS[kind])


def _overwritten(data: bytes, filling: bytes) -> bytes:
    at = len(data) // 2
    return data[:at] + filling + data[at + len(filling) :]


@pytest.mark.many
@pytest.mark.parametrize("width", [200, 75, 23])
@pytest.mark.parametrize("format", ["jpg", pytest.param("png", marks=pytest.mark.slow), "auto:avif"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_whose_end_was_put_back_is_never_rendered(kind: str, format: str, width: int) -> None:
    whole = _textured(kind, 200, 150)
    with pytest.raises(Unprocessable, match=r"premature end of data segment|found marker"):
        render(whole[: len(whole) * 4 // 10] + b"\xff\xd9", job(width=width, format=format))
    render(whole, job(width=width, format=format))  # and the next one is not blamed


@pytest.mark.parametrize(
    ("whole", "filling"),
    [
        (pictures.land, bytes(500)),
        (pictures.land, b"\xff" * 500),
        (lambda: _textured("baseline"), b"\xff" * 500),
        (lambda: _textured("restarts"), b"\xff" * 500),
    ],
)
def test_a_jpeg_with_a_hole_in_it_is_never_rendered(whole: Callable[[], bytes], filling: bytes) -> None:
    with pytest.raises(Unprocessable, match=r"premature end of data segment|found marker|bad Huffman code"):
        render(_overwritten(whole(), filling), job(width=300))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-2] + b"junk" + data[-2:],
        lambda data: data + b"\xff\xd9",
        lambda data: data[:2] + b"\xff\xe3\0\x10" + bytes(14) + data[2:],
        lambda data: data.replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),
    ],
    ids=["junk before the end", "two ends", "unknown segment", "fill bytes"],
)
def test_a_harmless_defect_of_a_jpeg_is_forgiven(kind: str, change: Callable[[bytes], bytes]) -> None:
    assert render(change(_textured(kind)), job(width=300)).width == 300


def test_a_png_whose_data_do_not_sum_up_is_never_rendered() -> None:
    with pytest.raises(Unprocessable, match="incorrect data check"):
        render(_overwritten(pictures.port(), bytes(50)), job(width=50))


@pytest.mark.parametrize(
    "original", [pictures.land, pictures.port, pictures.wide, pictures.avif, pictures.animation]
)
def test_bytes_after_the_end_neither_harm_nor_survive(original: Callable[[], bytes]) -> None:
    result = render(original() + b"<script>CANARY</script>" * 10, job(width=50, format="original"))
    assert b"CANARY" not in result.body
    assert pictures.opened(result.body).width == 50


@pytest.mark.parametrize(
    "original",
    [
        b"",
        b"\xff",
        b"<html><script>alert(1)</script></html>",
        b"\x1f\x8b\x08",
        b"BM" + bytes(100),
        b"\0\0\0\x18ftypisom\0\0\0\0mp42mp41" + bytes(100),
    ],
    ids=["empty", "one byte", "html", "gzip", "bmp", "mp4"],
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


PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (PNG_HEAD + bytes(100) + b"IEND\xaeB`\x82", "^png: .*bad header"),
        (pictures.land()[:-500], "^jpg: VipsJpeg: premature end of JPEG image$"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + bytes(100), "^avif: heif: Invalid input"),
        (bombs.avif(100)[:500], "^avif: heif: Invalid input"),
        (b"GIF89a" + bytes(100), "^gif: gifload_source: no frames in GIF$"),
        (b"<svg", "^svg: .*XML parse error"),
    ],
)
def test_the_reason_of_a_failure_is_what_the_decoder_says(original: bytes, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason) as failure:
        render(original, JOB)
    assert "bad seek" not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_reason_of_a_failure_is_not_that_of_another_picture() -> None:
    whole = _textured("progressive")
    render(whole[:-2] + b"junk" + whole[-2:], job(width=50))  # libjpeg warns, and goes on
    with pytest.raises(Unprocessable) as failure:
        render(PNG_HEAD + bytes(100) + b"IEND\xaeB`\x82", JOB)
    assert "peg" not in str(failure.value).lower()


def _big(kind: str, side: int, **options: Any) -> bytes:
    return pictures.encoded(Image.new("L", (side, side)), kind, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bomb", "limits"),
    [
        (lambda: pictures.png(30_000, 30_000), {}),
        (lambda: pictures.png(12_000, 12_000, interlaced=True), {}),
        (lambda: pictures.many_frames(10_000), {}),
        (lambda: bombs.webp(16_383), {}),
        (lambda: bombs.jpeg(16_000), {}),
        (lambda: _big("AVIF", 2048, speed=10), {"max_pixels": 4_000_000}),
    ],
    ids=["png", "interlaced png", "gif frames", "webp", "progressive jpeg", "avif"],
)
def test_a_bomb_is_refused_by_its_header(bomb: Callable[[], bytes], limits: dict[str, int]) -> None:
    original, took = bomb(), []
    for _ in range(3):  # the collector of garbage may meet one of them
        start = time.process_time()
        with pytest.raises(Unprocessable, match="pixels, more than"):
            render(original, job(width=100, **limits))
        took.append(time.process_time() - start)
    assert min(took) < 0.1  # decoding any of them takes longer


@pytest.mark.parametrize("size", [(100_001, 1), (1, 100_001)])
def test_a_side_that_nothing_can_hold_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(Unprocessable, match="side of 100001 pixels, more than 100000"):
        render(pictures.encoded(Image.new("L", size), "PNG"), job(width=1))


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


@cache
def _disc(width: int, height: int) -> Image.Image:
    x, y = (np.arange(side, dtype=np.float32) - (side - 1) / 2 for side in (width, height))
    distance = np.hypot(x[None, :], y[:, None])
    return Image.fromarray(np.clip(255 * (min(width, height) * 0.4 - distance), 0, 255).astype(np.uint8))


@pytest.mark.many
@pytest.mark.parametrize(
    ("size", "width"),
    [
        ((1136, 775), 160),
        ((2437, 1662), 160),
        ((2164, 1626), 160),
        ((1000, 601), 160),
        ((1000, 600), 160),
        ((1733, 1155), 500),
        ((1023, 1025), 99),
        ((801, 599), 33),
    ],
)
@pytest.mark.parametrize("options", [{}, {"quality": 90, "progressive": True}])
def test_a_jpeg_that_is_shrunk_while_it_is_decoded_stays_in_place(
    size: tuple[int, int], width: int, options: dict[str, Any]
) -> None:
    """By the centre of a disc in the middle, and by where the ends of `field` land."""
    original = pictures.encoded(_disc(*size), "JPEG", **{"quality": 95, **options})
    got = pictures.pixels(render(original, job(width=width)).body, "L")
    for axis in (0, 1):
        line = got.sum(axis=axis)
        centre = (line * np.arange(len(line))).sum() / line.sum()
        assert centre == pytest.approx((len(line) - 1) / 2, abs=0.1)
    shown = pictures.encoded(pictures.field(*size), "JPEG", **{"quality": 95, "subsampling": 0, **options})
    pictures.assert_shows(render(shown, job(width=width)).body, 0, 0, 1, 1)


@pytest.mark.parametrize("width", [400, 160, 100, 30])
@pytest.mark.parametrize("before", [b"", b"\xff\xfe\0\x06no\xff\xc0", b"\xff\xff\xff\xfe\0\x02"])
def test_a_lossless_jpeg_is_not_shrunk_while_it_is_decoded(width: int, before: bytes) -> None:
    """libjpeg does not scale them: what it gives then is a corner."""
    original = pictures.lossless_jpeg()
    original = original[:2] + before + original[2:]  # a comment that looks like another frame, fill bytes
    got = pictures.pixels(render(original, job(width=width)).body, "L")
    expected = 255 * (np.arange(width) + 0.5) / width
    assert np.abs(got - expected[None, :]).max() <= 3


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

    def open_image(*arguments: Any, **options: Any) -> Any:
        opened.append(options.get("shrink"))
        return really_open(*arguments, **options)

    really_open = decoders.open_image
    monkeypatch.setattr(decoders, "open_image", open_image)
    render(pictures.encoded(Image.new("RGB", size), "JPEG"), job(width=500, format="jpg"))
    assert opened == [None] + [shrink] * (shrink is not None)  # the header, and anew only to shrink


def test_the_bytes_live_as_long_as_what_is_made_of_them() -> None:
    """libvips reads them where they are, when pixels are asked for."""

    class Watched(bytearray):
        """Bytes that a weak reference can tell of."""

    data: Any = Watched(pictures.encoded(pictures.field(60, 40), "PNG"))
    is_there = weakref.ref(data)
    image = load("pngload_source", data, access="sequential")
    del data
    changes: list[Callable[[Any], Any]] = [
        lambda it: it.colourspace("b-w"),
        lambda it: it.embed(1, 1, 70, 50),
        lambda it: it[0],
    ]
    for change in changes:
        image = change(image)
        gc.collect()
        assert is_there() is not None
    assert len(image.write_to_memory()) == 70 * 50
    del image
    gc.collect()
    assert is_there() is None
