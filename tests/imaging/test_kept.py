"""Decoded pixels are kept for the next results of the same original, and no result is another for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import Unprocessable
from origin.imaging import kept
from origin.imaging.kept import KEPT
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from tests.support.jobs import job

TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
WIDTHS = 120, 500, 900, 1300


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    KEPT.forget()
    yield
    KEPT.forget()


@cache
def picture(format: str, width: int, height: int, **settings: Any) -> bytes:
    out = io.BytesIO()
    clouds(width, height).save(out, format, **settings)
    return out.getvalue()


@cache
def clouds(width: int, height: int) -> Image.Image:
    """Pixels that all differ a little."""
    random = np.random.default_rng(1)
    small = random.integers(0, 256, (height // 40, width // 40, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def large_jpeg(quality: int = 75) -> bytes:
    """Of 9 megapixels, whose sides are no multiples of what the decoder shrinks by."""
    return picture("JPEG", 3605, 2503, quality=quality)


def known(**changes: Any) -> Job:
    """A job for an original that has a name."""
    return job(**{"original": "cat", **changes})


def made(file: bytes, width: int, format: str, **changes: Any) -> bytes:
    return render(file, known(width=width, crop=False, format=format, **changes)).body


ORIGINALS: dict[str, Callable[[], bytes]] = {
    "jpg": large_jpeg,
    "turned": lambda: picture("JPEG", 3605, 2503, exif=TURNED),
    "png": lambda: picture("PNG", 2000, 1500, compress_level=0),
    "webp": lambda: picture("WEBP", 1700, 1300, method=0),
    "avif": lambda: picture("AVIF", 1200, 900, speed=10),
}


@pytest.mark.many
@pytest.mark.parametrize("name", ORIGINALS)
def test_the_results_are_the_same_bytes_in_any_order(name: str) -> None:
    original = ORIGINALS[name]()
    asked = [*((width, "jpg") for width in WIDTHS[:3]), (120, "png"), (500, "webp")]
    alone = {}
    for each in asked:
        KEPT.forget()
        alone[each] = made(original, *each)
    KEPT.forget()
    for each in (*asked, *reversed(asked)):
        assert made(original, *each) == alone[each], each
    assert KEPT.size > 0


@pytest.mark.slow
def test_options_that_look_at_other_parts_get_the_same_pixels() -> None:
    original = large_jpeg()
    asked: list[dict[str, Any]] = [
        {"rect": (0.25, 0.25, 0.5, 0.5)},
        {"rotate": 90.0, "blur": 2.0},
        {"gravity": "smart", "crop": True, "height": 100},
        {"trim": 10},
        {"format": "json"},
    ]
    alone = []
    for changes in asked:
        KEPT.forget()
        alone.append(render(original, known(width=300, **changes)).body)
    made(original, 300, "jpg")
    assert [render(original, known(width=300, **changes)).body for changes in asked] == alone


def test_the_three_sizes_that_a_jpeg_is_shrunk_to_are_kept_and_none_twice() -> None:
    original = large_jpeg()
    for width in WIDTHS:
        made(original, width, "jpg")
    sizes = {(450, 312), (901, 625), (1802, 1251)}  # what did not fill a step is left out
    assert {(image.width, image.height) for image in KEPT._images.values()} == sizes
    before = dict(KEPT._images)
    made(original, 480, "webp")
    assert KEPT._images == before


def test_another_original_takes_their_place_before_it_is_decoded() -> None:
    first, second = large_jpeg(), large_jpeg(60)
    made(first, 300, "jpg")
    with pytest.raises(Unprocessable):
        made(second[:-9000], 300, "jpg", original="dog")
    assert KEPT.size == 0
    one = made(second, 300, "jpg", original="dog")
    assert made(first, 300, "jpg") != one
    assert made(second, 300, "jpg") == one  # which would be another of the same name


def test_nothing_is_kept_of_what_has_no_name() -> None:
    """Of pictures that are posted, and of those that come in."""
    made(large_jpeg(), 300, "jpg")
    made(large_jpeg(), 300, "jpg", original="")
    assert KEPT.size == 0


def test_nothing_is_kept_of_what_does_not_decode() -> None:
    broken = large_jpeg()[:-9000]
    for _ in range(2):
        with pytest.raises(Unprocessable):
            made(broken, 300, "jpg")
        assert KEPT.size == 0


def test_it_takes_no_more_memory_than_it_may() -> None:
    original = large_jpeg()
    for width in WIDTHS:
        made(original, width, "jpg")
        assert KEPT.size <= kept.MOST_BYTES
    assert KEPT.size > 5_000_000
    KEPT.forget()
    small = known(width=1300, crop=False, format="jpg")
    render(original, small, memory=200_000_000)  # of which a fortieth is less than this takes
    assert KEPT.size <= 5_000_000


def test_what_decodes_quickly_is_not_kept() -> None:
    made(picture("JPEG", 1600, 1200), 300, "jpg")
    assert KEPT.size == 0
