"""HEIC, JPEG XL, PDF, ICNS, JPEG 2000 and PSD: what they become, the bounds on them, and what is refused."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import BadRequest
from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging.jxl_size import read_jxl_size
from origin.imaging.pipeline import render
from tests.support import originals
from tests.support import pictures
from tests.support.jobs import job
from tests.support.originals import HIGH
from tests.support.originals import WIDE


@pytest.mark.many
@pytest.mark.parametrize(
    "make",
    [
        originals.heic,
        lambda: originals.heic("RGBA"),
        originals.jxl,
        lambda: originals.jxl("RGBA"),
        lambda: originals.jxl(use_container=True),
        originals.jxl_of_jpeg,
        originals.jp2,
        lambda: originals.jp2("RGBA"),
        originals.psd,
        originals.icns,
        lambda: originals.icns_of(b"ic08", pictures.encoded(pictures.field(256, 256), "PNG")),
        lambda: originals.icns_of(b"ic08", pictures.encoded(pictures.field(256, 256), "JPEG2000")),
    ],
)
def test_each_is_shown_as_it_is(make: Callable[[], bytes]) -> None:
    original = make()
    result = render(original, job())
    pictures.assert_shows(result.body, 0, 0, 1, 1)
    smaller = render(original, job(width=50, height=30))
    assert (smaller.width, smaller.height) == (50, 30)


@pytest.mark.parametrize("make", [originals.heic, originals.jxl, originals.jp2])
def test_grey_stays_grey(make: Callable[[str], bytes]) -> None:
    found = pictures.opened(render(make("L"), job()).body)
    expected = np.asarray(pictures.field(WIDE, HIGH).convert("L"), int)
    assert np.abs(np.asarray(found.convert("L"), int) - expected).max() <= 6
    assert np.ptp(np.asarray(found.convert("RGB"), int), axis=2).max() <= 2


def test_transparency_is_kept() -> None:
    picture = pictures.opened(pictures.alpha())
    for kind in ("JXL", "JPEG2000"):
        lossless: dict[str, Any] = {"lossless": True} if kind == "JXL" else {}
        result = render(pictures.encoded(picture, kind, **lossless), job(format="original"))
        assert result.format is Format.PNG
        found = np.asarray(pictures.opened(result.body), int)
        assert np.abs(found[..., 3] - np.asarray(picture, int)[..., 3]).max() <= 1


@pytest.mark.parametrize("name", originals.MORE)
def test_without_a_format_they_become_jpeg(name: str) -> None:
    original = originals.MORE[name]()
    assert render(original, job(format="original")).format is Format.JPG
    assert render(original, job(format="auto:webp")).format is Format.WEBP


def test_a_profile_is_heeded() -> None:
    pair = (originals.heic_with_profile(), pictures.swapped())
    shown, same = (pictures.pixels(render(original, job()).body) for original in pair)
    assert np.abs(shown - same).max() <= 6


def _ramp() -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.linspace(0, 65535, 100 * 50).reshape(50, 100).astype(np.uint16)


def test_sixteen_bits_become_eight() -> None:
    original = pictures.encoded(Image.fromarray(_ramp()), "JPEG2000")
    assert np.abs(pictures.pixels(render(original, job()).body, "L") - _ramp() / 257).max() <= 1


def test_linear_light_is_heeded() -> None:
    """A JPEG XL of 16 bits has it here. The curve is that of IEC 61966-2-1."""
    original = pictures.encoded(Image.fromarray(_ramp()), "JXL", lossless=True)
    light = _ramp() / 65535
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(pictures.pixels(render(original, job()).body, "L") - expected).mean() <= 1.5


def test_cmyk_of_a_psd_is_shown_in_its_colours() -> None:
    inks = [np.full((10, 10), value) for value in (255 - 255, 255, 255, 255)]  # cyan alone: 0 is all of it
    red, green, blue = pictures.pixels(render(originals.psd(4, inks), job()).body)[5, 5]
    assert red < 60 < 120 < green < blue


# PDF


def test_a_page_is_drawn_on_white_at_144_dots_per_inch() -> None:
    result = render(originals.pdf((100, 60)), job())
    assert (result.width, result.height) == (200, 120)
    found = pictures.pixels(result.body)
    assert (found[:60] == 255).all()
    assert np.abs(found[85:119, 1:39] - 128).max() <= 1
    assert (found[90:118, 50:110].min(axis=(0, 1)) < 60).all()  # the text


def test_the_first_page_is_shown_or_the_one_that_is_asked_for() -> None:
    pages = originals.pdf((100, 60), (30, 40), (50, 50))
    shown = [render(pages, job(frame=frame)) for frame in (None, 0, 1, 2)]
    assert [(page.width, page.height) for page in shown] == [(200, 120), (200, 120), (60, 80), (100, 100)]
    with pytest.raises(BadRequest, match="option frame: expected a number from 0 to 2, got 3"):
        render(pages, job(frame=3))


def test_each_page_is_judged_by_its_own_size() -> None:
    pages = originals.pdf((10, 10), (1000, 1000))
    assert render(pages, job(max_pixels=1000)).width == 20
    with pytest.raises(Unprocessable, match="pdf of 4000000 pixels, more than 1000"):
        render(pages, job(max_pixels=1000, frame=1))


def test_many_pages_cost_no_more_than_one() -> None:
    pages = originals.pdf(*[(100, 60)] * 500)
    assert render(pages, job(max_pixels=200 * 120)).width == 200


# HEIC


def test_the_primary_picture_is_shown_or_the_one_that_is_asked_for() -> None:
    shown = [render(originals.heics(), job(frame=frame)) for frame in (None, 0, 1)]
    assert [picture.width for picture in shown] == [50, 50, WIDE]
    pictures.assert_shows(shown[2].body, 0, 0, 1, 1)
    with pytest.raises(BadRequest, match="option frame"):
        render(originals.heics(), job(frame=2))


# Bounds and refusals


@pytest.mark.parametrize("name", originals.MORE)
def test_sizes_are_judged_before_a_pixel_is_decoded(name: str) -> None:
    original = originals.MORE[name]()
    with pytest.raises(Unprocessable, match=r"pixels, more than 1000 \(limits.max_original_pixels\)$"):
        render(original, job(max_pixels=1000))
    with pytest.raises(Unprocessable, match="bytes to decode, more than 2000"):
        render(original, job(), memory=2000)


@pytest.mark.many
@pytest.mark.parametrize("name", originals.MORE)
def test_what_is_cut_or_damaged_is_refused_or_shown_and_nothing_else(name: str) -> None:
    original = originals.MORE[name]()
    dice = random.Random(name)
    for number in range(30):
        broken = bytearray(original)
        if number % 3:
            for _ in range(5):
                broken[dice.randrange(12, len(broken))] = dice.randrange(256)
        else:
            del broken[dice.randrange(12, len(broken)) :]
        with contextlib.suppress(Unprocessable):
            render(bytes(broken), job(), memory=200_000_000)


@pytest.mark.parametrize("name", ["heic", "jxl", "jp2", "psd", "icns"])
def test_half_a_file_is_refused(name: str) -> None:
    original = originals.MORE[name]()
    with pytest.raises(Unprocessable):
        render(original[: len(original) // 2], job())


@pytest.mark.parametrize(
    "original",
    [
        # A picture in it that is larger than its place says.
        originals.icns_of(b"icp4", pictures.encoded(pictures.field(400, 400), "PNG")),
        originals.icns_of(b"icp4", pictures.encoded(pictures.field(400, 400), "JPEG2000")),
        # A header that says less than the codestream.
        originals.jp2().replace(b"ihdr" + struct.pack(">II", HIGH, WIDE), b"ihdr" + struct.pack(">II", 1, 1)),
    ],
)
def test_what_is_decoded_is_what_is_judged(original: bytes) -> None:
    with pytest.raises(Unprocessable):
        render(original, job(max_pixels=10_000))


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (b"%PDF-1.7 nothing", "pdf: Failed to load document"),
        (b"8BPS\0\1" + bytes(99), "psd: "),
        (b"icns\0\0\0\x08", "icns: No 32bit icon resources found"),
        (b"\xff\x0a", "jxl: "),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "heic: "),
        (b"\xff\x4f\xff\x51", "jp2: "),
    ],
)
def test_what_is_none_of_them_is_refused(original: bytes, reason: str) -> None:
    with pytest.raises(Unprocessable, match=f"^{reason}"):
        render(original, job())


# The sides of a JPEG XL: what libjxl says of its own files


@pytest.mark.many
@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (256, 256), (257, 3), (512, 256), (300, 200), (1600, 90), (70, 9000)]
)
def test_the_size_of_a_jxl_is_read_from_its_first_bytes(size: tuple[int, int]) -> None:
    for options in ({}, {"use_container": True}):
        original = pictures.encoded(Image.new("RGB", size), "JXL", effort=1, **options)
        assert read_jxl_size(original[:200]) == size


@pytest.mark.parametrize(
    "data", [b"", b"\xff", bytes(100), b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x01JXL " + bytes(99)]
)
def test_what_is_no_jxl_has_no_size(data: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        read_jxl_size(data)
