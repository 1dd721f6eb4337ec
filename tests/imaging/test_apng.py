"""Animated PNGs as originals: every way of disposing and blending, judged by Pillow and by hand."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL import PngImagePlugin

from origin.errors import Unprocessable
from origin.formats import Format
from origin.imaging.apng import count_frames
from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job

Disposal, Blend = PngImagePlugin.Disposal, PngImagePlugin.Blend


def apng(frames: list[Image.Image], **options: Any) -> bytes:
    settings = {"duration": [50, 60, 70, 80, 90][: len(frames)], "loop": 3, **options}
    return pictures.encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], **settings)


def shown(body: bytes) -> list[NDArray[np.int32]]:
    animation: Any = Image.open(io.BytesIO(body))
    frames = []
    for number in range(animation.n_frames):
        animation.seek(number)
        frames.append(np.asarray(animation.convert("RGBA"), int))
    return frames


FIELDS = [pictures.field(100, 80, blue=50 * n) for n in range(5)]


@pytest.mark.parametrize("format", ["webp", "gif", "auto:webp", "auto:plain"])
def test_it_stays_animated_where_the_result_can_hold_that(format: str) -> None:
    result = render(apng(FIELDS), job(format=format, width=50))
    animation: Any = Image.open(io.BytesIO(result.body))
    assert (result.format in (Format.WEBP, Format.GIF), animation.n_frames, animation.size) == (
        True,
        5,
        (50, 40),
    )
    durations = []
    for number in range(5):
        animation.seek(number)
        animation.load()
        durations.append(animation.info["duration"])
        blue = np.asarray(animation.convert("RGB"), int)[..., 2]
        assert abs(blue.mean() - 50 * number) <= 12
    assert durations == [50, 60, 70, 80, 90]


@pytest.mark.parametrize("format", ["original", "png", "jpg", "avif"])
def test_it_is_its_first_picture_elsewhere(format: str) -> None:
    found = pictures.pixels(render(apng(FIELDS), job(format=format)).body)
    assert np.abs(found - np.asarray(FIELDS[0], int)).max() <= 12


def boxes(alpha: int) -> list[Image.Image]:
    """Squares that wander over nothing, some of them see-through."""
    frames = []
    for number in range(4):
        frame = Image.new("RGBA", (40, 30))
        frame.paste((200, 50 * number, 30, alpha), (number * 8, number * 5, number * 8 + 12, number * 5 + 10))
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("disposal", "blend"),
    # Of the one that is left out, Pillow restores the frame itself.
    [each for each in product(Disposal, Blend) if each != (Disposal.OP_PREVIOUS, Blend.OP_OVER)],
)
def test_frames_are_put_together_as_pillow_does(disposal: Any, blend: Any) -> None:
    original = apng(boxes(255), disposal=disposal, blend=blend)
    expected = shown(original)
    result = shown(render(original, job(format="webp", quality={"webp": 100})).body)
    assert len(result) == len(expected)
    for found, right in zip(result, expected, strict=True):
        assert (found[..., 3] == right[..., 3]).all()
        inside = right[..., 3] > 0
        assert np.abs(found[inside] - right[inside]).mean() <= 6


@pytest.mark.parametrize("blend", list(Blend))
def test_what_was_there_before_a_frame_comes_back(blend: Any) -> None:
    frames = [Image.new("RGBA", (40, 30), (200, 30, 30, 255)) for _ in range(3)]
    frames[1].paste((30, 200, 30, 255), (0, 0, 10, 10))
    frames[2].paste((30, 30, 200, 255), (20, 10, 35, 25))
    disposal = [Disposal.OP_NONE, Disposal.OP_PREVIOUS, Disposal.OP_NONE]
    found = shown(render(apng(frames, disposal=disposal, blend=blend), job(format="gif")).body)
    for one, other in zip(found, frames, strict=True):
        assert np.abs(one - np.asarray(other, int)).max() <= 8


def test_what_is_see_through_is_laid_over_what_was_there() -> None:
    """As the specification has it: alpha compositing, which Pillow only comes near to."""
    red, blue = (Image.new("RGBA", (20, 20), colour) for colour in ((255, 0, 0, 255), (0, 0, 255, 128)))
    original = apng([red, blue], blend=[Blend.OP_SOURCE, Blend.OP_OVER])
    _, second = shown(render(original, job(format="gif")).body)
    assert np.abs(second[10, 10] - (127, 0, 128, 255)).max() <= 8


def test_a_default_picture_is_no_frame() -> None:
    original = with_default()
    assert count_frames(original) == 4
    assert len(shown(render(original, job(format="webp")).body)) == 4
    assert pictures.pixels(render(original, job(format="png")).body).min() == 255


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_samples_moves(mode: str) -> None:
    if mode == "I;16":
        frames = [Image.fromarray(np.full((20, 20), value, np.uint16)) for value in (0, 60_000)]
    else:
        frames = [frame.convert(mode) for frame in FIELDS[::4]]
    result = render(apng(frames), job(format="webp"))
    first, second = shown(result.body)
    assert np.abs(first - second).max() > 20


@pytest.mark.parametrize("frame", [0, 3])
def test_one_frame_is_a_still(frame: int) -> None:
    for original, blue in ((apng(FIELDS), 50 * frame), (with_default(), 50 * (frame + 1))):
        found = pictures.pixels(render(original, job(frame=frame, format="webp")).body)
        assert abs(found[..., 2].mean() - blue) <= 8


def with_default() -> bytes:
    """White, for those who show no animation."""
    return apng([Image.new("RGB", (100, 80), "white"), *FIELDS[1:]], default_image=True)


def test_frames_are_bounded() -> None:
    assert len(shown(render(apng(FIELDS), job(format="webp", max_frames=2)).body)) == 2
    with pytest.raises(Unprocessable, match="png of 40000 pixels, more than 39999"):
        render(apng(FIELDS), job(max_pixels=39_999))


def patched(original: bytes, kind: bytes, change: Any) -> bytes:
    """With the content of the first chunk of that kind changed, and its checksum with it."""
    at = original.index(kind)
    (length,) = struct.unpack_from(">I", original, at - 4)
    body: bytes = change(original[at + 4 : at + 4 + length])
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return original[: at + 4] + body + checksum + original[at + 8 + length :]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda whole: patched(whole, b"acTL", lambda body: struct.pack(">II", 9, 0)), "truncated"),
        (lambda whole: whole[: whole.rindex(b"fdAT")] + whole[-12:], "truncated"),
        (
            lambda whole: patched(whole, b"fcTL", lambda body: body[:12] + struct.pack(">I", 50) + body[16:]),
            "outside of the picture",
        ),
        (lambda whole: patched(whole, b"fdAT", lambda body: body[:4] + bytes(len(body) - 4)), "png: "),
    ],
)
def test_what_is_wrong_with_its_frames_is_refused(change: Any, reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        render(change(apng(FIELDS)), job(format="webp"))


def test_a_still_picture_is_none() -> None:
    assert count_frames(pictures.port()) == count_frames(b"") == count_frames(pictures.alpha()) == 1
    assert render(pictures.alpha(), job(format="auto:webp")).format is Format.WEBP
