"""Options together, at random: each picture comes out whole, in the size that is told, or is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from PIL import Image

from origin.errors import BadRequest
from origin.errors import Unprocessable
from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import job
from tests.support.various import various

_NAMES = ("alpha", "grey_alpha", "deep", "deep_alpha", "svg")


@cache
def _encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (150, 90)) -> bytes:
    """No larger than the largest result: to render what is larger takes longer, and shows no more."""
    return pictures.encoded(pictures.field(*size).convert(mode), kind)


ORIGINALS: dict[str, Callable[[], bytes]] = {
    "land": lambda: _encoded("JPEG"),
    "port": lambda: _encoded("PNG", size=(90, 150)),
    "cmyk": lambda: _encoded("JPEG", "CMYK"),
    "tiff": lambda: _encoded("TIFF"),
    "grey": lambda: _encoded("JPEG", "L"),
    "palette": lambda: _encoded("PNG", "P"),
    **{name: getattr(pictures, name) for name in _NAMES},
    "turned": lambda: pictures.stored_as(pictures.field(150, 90), 6, "JPEG"),
    "gif": pictures.animation,
    "webp": lambda: pictures.animation("WEBP"),
    "one pixel": lambda: pictures.encoded(pictures.field(1, 1), "PNG"),
    "a line": lambda: pictures.encoded(pictures.field(350, 2), "PNG"),
    "tiff of grey and alpha": lambda: pictures.encoded(pictures.opened(pictures.grey_alpha()), "TIFF"),
}
VALUES: dict[str, tuple[Any, ...]] = {
    "width": (1, 7, 40, 150),
    "height": (1, 9, 40, 100),
    "crop": (False,),
    "fit": ("contain", "outside", "fill"),
    "gravity": ("smart", "entropy", (0, 1)),
    "trim": (10,),
    "rotate": (30.0, 90.0, 270.0),
    "flip": ("h", "v", "hv"),
    "enlarge": (True,),
    "brightness": (0.2, 2.0),
    "contrast": (0.2, 2.0),
    "saturation": (0.0, 2.0),
    "gray": (True,),
    "blur": (0.5, 3.0, 30.0),
    "sharpen": (0.5, 5.0),
    "padding": ((3, 3, 3, 3), (0, 9, 0, 0)),
    "background": ("ff0000", "ffffff80", "888888"),
    "radius": (5.0, "max"),
    "frame": (0, 2),
    "options_quality": ("auto", 1, 35, 65, 100),
    "lossless": (True,),
    "max_bytes": (1000, 20_000),
}
FORMATS = ("jpg", "png", "webp", "avif", "gif", "original", "auto:avif", "auto:webp", "auto:plain")
PARTS = 10
Case = tuple[str, str, dict[str, Any]]


@cache
def cases() -> list[Case]:
    """180, with more combinations of three values in them than 300 at random have."""
    return list(various(_random_cases(), _values, 180))


def _random_cases() -> Iterator[Case]:
    dice = random.Random(7)
    while True:
        options = {name: dice.choice(values) for name, values in VALUES.items() if dice.random() < 0.3}
        yield dice.choice(list(ORIGINALS)), dice.choice(FORMATS), options


def _values(case: Case) -> list[tuple[str, Any]]:
    name, format, options = case
    return [("original", name), ("format", format), *options.items()]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_options_that_come_together_make_a_picture_or_are_refused(part: int) -> None:
    made = 0
    for name, format, options in cases()[part::PARTS]:
        try:
            result = render(ORIGINALS[name](), job(format=format, **options))
        except BadRequest:  # a frame that is not there, padding beyond the limit
            continue
        except Unprocessable:
            if "max_bytes" not in options:
                raise
            continue
        picture: Image.Image = pictures.opened(result.body)
        assert picture.size == (result.width, result.height), (name, format, options)
        assert len(result.body) <= options.get("max_bytes", 10**9)
        made += 1
    assert made >= 10
