"""GIFs whose frames do not cover the canvas."""

from __future__ import annotations

import io

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
