"""GIFs: what no frame covers, and those that go out as they came."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job
from tests.support.pictures import GifFrame

UPPER, LOWER = GifFrame(0, 0, 100, 50, 80), GifFrame(0, 50, 100, 50, 50)
WHOLE = GifFrame(0, 0, 100, 100, 100)


def _frames(body: bytes) -> list[Image.Image]:
    image = Image.open(io.BytesIO(body))
    frames = []
    for n in range(getattr(image, "n_frames", 1)):
        image.seek(n)
        frames.append(image.convert("RGBA"))
    return frames


def _seen(frame: Image.Image) -> tuple[int, int]:
    """The red of the upper and of the lower half; -100 for one that is see-through."""
    colours = (frame.getpixel((frame.width // 2, frame.height * part // 4)) for part in (1, 3))
    return tuple(colour[0] if colour[3] else -100 for colour in colours)  # type: ignore[return-value, index]


@pytest.mark.many
@pytest.mark.parametrize(
    ("frames", "seen"),
    [
        ([UPPER], [(160, -100)]),
        ([UPPER, LOWER], [(160, -100), (160, 100)]),
        ([WHOLE, LOWER], [(200, 200), (200, 100)]),
        ([LOWER, WHOLE, UPPER], [(-100, 100), (200, 200), (160, 200)]),
    ],
)
@pytest.mark.parametrize("format", ["png", "webp", "gif", "avif"])
@pytest.mark.parametrize("width", [None, 50])
def test_what_no_frame_covers_is_transparent(
    frames: list[GifFrame], seen: list[tuple[int, int]], format: str, width: int | None
) -> None:
    result = render(pictures.gif(100, 100, *frames), job(width=width, format=format))
    got = [_seen(frame) for frame in _frames(result.body)]
    assert len(got) == (len(frames) if format in ("gif", "webp") else 1)
    for one, expected in zip(got, seen, strict=False):
        assert one == pytest.approx(expected, abs=4)


def test_what_no_frame_covers_is_white_in_a_jpeg() -> None:
    got = pictures.pixels(render(pictures.gif(100, 100, UPPER), job(format="jpg")).body)
    assert got[75, 50] == pytest.approx([255, 255, 255], abs=2)
    assert got[25, 50] == pytest.approx([160, 0, 0], abs=4)


@pytest.mark.parametrize("frames", [[WHOLE], [WHOLE, UPPER], [GifFrame(0, 0, 120, 110, 100)]])
def test_frames_that_cover_the_canvas_stay_opaque(frames: list[GifFrame]) -> None:
    result = render(pictures.gif(100, 100, *frames), job(format="auto:plain", max_frames=1))
    assert pictures.opened(result.body).mode in ("RGB", "P", "L")
    assert result.format.name == ("jpg" if len(frames) == 1 else "gif")


@pytest.mark.parametrize(("frames", "flag"), [([UPPER, LOWER], 0x10), ([WHOLE, LOWER], 0)])
def test_a_webp_says_whether_it_has_transparency(frames: list[GifFrame], flag: int) -> None:
    """WebP container, "Extended File Format": viewers that go by the flag show black without it."""
    body = render(pictures.gif(100, 100, *frames), job(format="webp")).body
    assert body[12:16] == b"VP8X"
    assert body[20] & 0x10 == flag


def _noisy(frames: int, side: int = 64) -> bytes:
    """Frames that a quantizer of its own would change, with a delay of their own each."""
    rng = np.random.default_rng(2)
    images = [
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).quantize(256)
        for _ in range(frames)
    ]
    delays = [50 + 10 * n for n in range(frames)]
    return pictures.encoded(
        images[0], "GIF", save_all=True, append_images=images[1:], duration=delays, loop=2
    )


def _timing(body: bytes) -> tuple[list[int], int | None]:
    image = Image.open(io.BytesIO(body))
    delays = []
    for n in range(getattr(image, "n_frames", 1)):
        image.seek(n)
        delays.append(image.info.get("duration", 0))
    return delays, image.info.get("loop")


@pytest.mark.parametrize("options", [{}, {"width": 64}, {"width": 500, "height": 400}])
@pytest.mark.parametrize("frames", [1, 5])
def test_a_gif_that_is_not_changed_keeps_every_pixel(frames: int, options: dict[str, int]) -> None:
    original = _noisy(frames)
    result = render(original, job(format="original", **options))
    assert (result.format.name, result.width, result.height) == ("gif", 64, 64)
    assert len(result.body) <= len(original)
    before, after = _frames(original), _frames(result.body)
    assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(before, after, strict=True))
    assert _timing(result.body) == _timing(original)


def test_only_the_first_frames_of_a_long_animation_are_kept() -> None:
    original = _noisy(5)
    result = render(original, job(format="gif", max_frames=3))
    delays, loop = _timing(original)
    assert _timing(result.body) == (delays[:3], loop)
    one = render(original, job(format="gif", max_frames=1))
    assert _timing(one.body)[0] == [] or len(_frames(one.body)) == 1


@pytest.mark.parametrize(
    "extra",
    [
        b"\x21\xfe\x0eCANARY-COMMENT\0",
        b"\x21\xff\x0bXMP DataXMP\x06CANARY\0",
        b"\x21\xff\x0bICCRGBG1012\x06CANARY\0",
        b"\x21\xf9\x04\x01\0\0\0\0\x21\x01\x0c" + bytes(12) + b"\x06CANARY\0",  # plain text
        b"\x21\x99\x06CANARY\0",
    ],
)
def test_nothing_but_pictures_is_kept(extra: bytes) -> None:
    frames = (GifFrame(0, 0, 100, 100, 10), GifFrame(0, 0, 100, 100, 100))
    result = render(pictures.gif(100, 100, *frames, extra=extra) + b"CANARY", job(format="gif"))
    assert b"CANARY" not in result.body
    assert result.body == pictures.gif(100, 100, *frames)


@pytest.mark.slow
def test_a_gif_that_is_not_changed_takes_no_quantizer() -> None:
    """Which takes several times as long as all the rest."""
    original = _noisy(5, side=130)

    def seconds(**wanted: Any) -> float:  # of this process
        start = time.process_time()
        render(original, job(format="gif", **wanted))
        return time.process_time() - start

    unchanged = min(seconds() for _ in range(3))  # the collector of garbage may meet one of them
    assert unchanged < seconds(width=129) / 1.5


TWO = pictures.gif(100, 100, WHOLE, GifFrame(0, 0, 100, 100, 50))
BLOCK = TWO.index(b"\x07\xff") + 1  # the first piece of data, of 255 bytes
DAMAGED = {
    "a piece is missing": TWO[:BLOCK] + TWO[BLOCK + 256 :],
    "no data": TWO[:BLOCK] + TWO[TWO.index(b"\0\x21\xf9", BLOCK) :],
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_gif_whose_data_end_early_is_not_passed_on(damaged: bytes) -> None:
    """libvips shows what is there; not every decoder does."""
    with pytest.raises(OSError, match=r"truncated|broken"):
        _frames(damaged)
    result = render(damaged, job(format="gif"))
    assert len(_frames(result.body)) == 2


@pytest.mark.parametrize("canvas", [(0, 0), (1, 1), (20, 10)])
def test_a_gif_whose_frames_are_larger_than_its_canvas_is_written_anew(canvas: tuple[int, int]) -> None:
    """Decoders do not agree on its size."""
    original = pictures.gif(*canvas, *(GifFrame(0, 0, 900, 900, n) for n in (10, 100)))
    result = render(original, job(format="gif"))
    assert pictures.opened(result.body).size == (result.width, result.height)
    assert len(result.body) < len(original) / 100
