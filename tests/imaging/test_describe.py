"""What `f=json` and the hashes tell of an original, and that other programs read the hashes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import blurhash as reference_blurhash
import numpy as np
import pytest
import thash as reference_thumbhash
from PIL import Image
from PIL import ImageDraw

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import DESCRIPTIONS
from origin.imaging import hashes
from origin.imaging.pipeline import render
from origin.imaging.vendor import pyvips
from origin.render.descriptions import check_description
from tests.support import pictures
from tests.support.jobs import job

EACH = [
    *(
        pictures.land,
        pictures.port,
        pictures.odd,
        pictures.wide,
        pictures.avif,
        pictures.alpha,
        pictures.palette,
    ),
    *(pictures.grey, pictures.grey_alpha, pictures.deep, pictures.cmyk, pictures.tiff, pictures.animation),
    lambda: pictures.turned(6),
    lambda: pictures.encoded(pictures.field(1, 1), "PNG"),
    lambda: pictures.encoded(pictures.field(3000, 2), "PNG"),
    lambda: pictures.encoded(Image.new("RGBA", (30, 20), (255, 0, 0, 0)), "PNG"),
    lambda: pictures.encoded(Image.new("RGB", (30, 20), (0, 0, 0)), "PNG"),
]


def told(original: bytes, format: str = "json", **changes: Any) -> Any:
    body = render(original, job(format=format, **changes)).body
    return json.loads(body) if format == "json" else body.decode()


@pytest.mark.many
@pytest.mark.parametrize("original", EACH)
def test_every_description_has_the_form_that_is_let_through(original: Callable[[], bytes]) -> None:
    bodies = {}
    for description in DESCRIPTIONS:
        result = render(original(), job(format=description.name))
        assert result.format is description
        check_description(description, result.body)
        bodies[description.name] = result.body.decode()
    facts = json.loads(bodies["json"])
    assert (facts["thumbhash"], facts["blurhash"]) == (bodies["thumbhash"], bodies["blurhash"])


@pytest.mark.many
@pytest.mark.parametrize(
    ("original", "facts"),
    [
        (pictures.land, {"width": 1000, "height": 600, "format": "jpg", "frames": 1, "orientation": 1}),
        (pictures.port, {"width": 600, "height": 1000, "format": "png", "duration_ms": 0, "alpha": False}),
        (lambda: pictures.turned(6), {"width": 1000, "height": 600, "orientation": 6}),
        (lambda: pictures.turned(3), {"width": 1000, "height": 600, "orientation": 3}),
        (pictures.alpha, {"width": 200, "height": 100, "alpha": True}),
        (pictures.opaque_alpha, {"alpha": False}),
        (pictures.grey_alpha, {"alpha": True}),
        (pictures.avif, {"width": 400, "height": 240, "format": "avif", "alpha": False}),
        (pictures.tiff, {"format": "tiff"}),
        (pictures.animation, {"width": 100, "height": 80, "format": "gif", "frames": 5, "duration_ms": 350}),
        (lambda: pictures.animation("WEBP"), {"format": "webp", "frames": 5, "duration_ms": 350}),
        (lambda: pictures.animation("PNG"), {"format": "png", "frames": 5, "duration_ms": 350}),
    ],
)
def test_the_facts_are_those_of_the_upright_original(
    original: Callable[[], bytes], facts: dict[str, Any]
) -> None:
    found = told(original(), width=50, height=10, quality=3)  # of the original, not of a result
    assert {name: found[name] for name in facts} == facts
    assert found["bytes"] == len(original())


def colours(facts: dict[str, Any]) -> list[list[int]]:
    return [list(bytes.fromhex(colour[1:])) for colour in facts["palette"]]


def test_the_colours_are_those_that_cover_most_first() -> None:
    image = Image.new("RGB", (300, 200), (20, 90, 200))
    image.paste((250, 240, 230), (0, 0, 100, 200))
    image.paste((180, 20, 30), (250, 150, 300, 200))
    facts = told(pictures.encoded(image, "PNG"))
    assert facts["dominant"] == facts["palette"][0]
    for found, expected in zip(colours(facts), [[20, 90, 200], [250, 240, 230], [180, 20, 30]], strict=False):
        assert found == pytest.approx(expected, abs=6)


def test_what_cannot_be_seen_is_no_colour() -> None:
    image = Image.new("RGBA", (300, 200), (0, 255, 0, 0))
    image.paste((200, 30, 60, 255), (0, 0, 60, 200))
    facts = told(pictures.encoded(image, "PNG"))
    assert colours(facts)[0] == pytest.approx([200, 30, 60], abs=6)
    assert not any(green > 200 for _, green, _ in colours(facts))
    clear = told(pictures.encoded(Image.new("RGBA", (30, 20)), "PNG"))
    assert (clear["dominant"], clear["palette"]) == ("#ffffff", ["#ffffff"])


@pytest.mark.parametrize(
    "original", [pictures.land, pictures.port, pictures.alpha, lambda: pictures.turned(6)]
)
def test_the_placeholder_is_a_tiny_picture_of_it(original: Callable[[], bytes]) -> None:
    head, _, data = told(original())["lqip"].partition(",")
    assert head == "data:image/webp;base64"
    assert len(data) < 600
    tiny = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")
    assert max(tiny.size) == 16
    small = pictures.opened(render(original(), job(width=100)).body).convert("RGBA").resize(tiny.size)
    mine, theirs = (np.asarray(each).astype(int) for each in (tiny, small))
    seen = theirs[..., 3] > 200
    assert np.abs(mine - theirs)[..., 3].mean() < 8
    assert np.abs(mine - theirs)[seen].mean() < 14


# The hashes, read and written by other programs


def small(alpha: bool, width: int = 100, height: int = 61) -> Image.Image:
    image = pictures.field(width, height)
    ImageDraw.Draw(image).rectangle([width // 9, 0, width // 2, height // 2], fill=(255, 220, 30))
    if alpha:
        mask = Image.new("L", image.size, 255)
        ImageDraw.Draw(mask).ellipse([0, 0, width // 2, height // 2], fill=40)
        image.putalpha(mask)
    return image.convert("RGBA")


def bands(image: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_memory(image.tobytes(), *image.size, len(image.getbands()), "uchar")


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [(100, 61), (61, 100), (100, 100), (20, 70), (30, 7), (7, 30)])
def test_a_thumbhash_is_that_of_another_program(alpha: bool, size: tuple[int, int]) -> None:
    image = small(alpha, *size)
    mine = base64.b64decode(hashes.thumbhash(bands(image)))
    theirs = bytes(reference_thumbhash.rgba_to_thumb_hash(*image.size, list(image.tobytes())))
    assert mine == theirs


@pytest.mark.parametrize("size", [(100, 61), (61, 100), (100, 100), (100, 2), (1, 1), (7, 30)])
def test_a_blurhash_is_that_of_another_program(size: tuple[int, int]) -> None:
    image = small(False, *size).convert("RGB")
    across, down = (4, 3) if image.width >= image.height else (3, 4)
    mine = hashes.blurhash(bands(image))
    assert mine == reference_blurhash.encode(np.asarray(image), across, down)


def test_the_waves_are_those_of_the_definition_to_the_last_bit() -> None:
    """Sums in double precision, from left to right as numpy's `cumsum` has them: their rounding decides over
    the hash of a picture of one colour."""
    values = np.random.default_rng(1).integers(0, 256, (7, 30), np.uint8)
    image = pyvips.Image.new_from_memory(values.tobytes(), 30, 7, 1, "uchar") / 1.0
    wave = np.cos(np.pi * 3 * (np.arange(30) + 0.5) / 30)
    (sums,) = hashes.sums_of_rows(image, [list(wave)])
    assert list(sums) == list(np.cumsum(values * wave, axis=1)[:, -1])


@pytest.mark.parametrize(
    "original", [pictures.land, pictures.port, lambda: pictures.turned(6), pictures.wide]
)
def test_the_hashes_of_a_picture_decode_to_a_blur_of_it(original: Callable[[], bytes]) -> None:
    facts = told(original())
    shown = pictures.opened(render(original(), job(width=32)).body).convert("RGB")
    expected = np.asarray(shown).astype(float)
    decoded = np.asarray(reference_blurhash.decode(facts["blurhash"], *shown.size)).astype(float)
    assert np.abs(decoded - expected).mean() < 14
    width, height, rgba = reference_thumbhash.thumb_hash_to_rgba(base64.b64decode(facts["thumbhash"]))
    thumb = np.frombuffer(rgba, np.uint8).reshape(height, width, 4)
    assert (width > height) == (shown.width > shown.height)
    resized = np.asarray(shown.resize((width, height))).astype(float)
    assert np.abs(thumb[..., :3] - resized).mean() < 14


def test_a_thumbhash_tells_transparency_and_a_blurhash_shows_white() -> None:
    facts = told(pictures.alpha())
    width, height, rgba = reference_thumbhash.thumb_hash_to_rgba(base64.b64decode(facts["thumbhash"]))
    alpha = np.frombuffer(rgba, np.uint8).reshape(height, width, 4)[..., 3]
    assert alpha[:, : width // 4].mean() < 60
    assert alpha[:, -width // 4 :].mean() > 200
    left = np.asarray(reference_blurhash.decode(facts["blurhash"], 16, 8))[:, :3]
    assert left.mean() > 220


# What is refused


@pytest.mark.parametrize("format", [description.name for description in DESCRIPTIONS])
def test_what_is_no_whole_picture_is_not_described(format: str) -> None:
    with pytest.raises(Unprocessable):
        render(pictures.land()[:-500], job(format=format))
    with pytest.raises(UnsupportedFormat):
        render(b"<html>", job(format=format))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *((name, b"x" * 20_000) for name in ("json", "thumbhash", "blurhash")),
        *((name, b"\xff") for name in ("json", "thumbhash", "blurhash")),
        ("json", b"{}"),
        ("json", b"[" * 10_000),
        ("json", b"null"),
        ("json", {"more": 1}),
        ("json", {"width": "wide"}),
        ("json", {"alpha": 1}),
        ("json", {"orientation": 9}),
        ("json", {"dominant": "red;}"}),
        ("json", {"palette": ["#00000g"]}),
        ("json", {"lqip": "javascript:alert(1)"}),
        ("json", {"format": "exe"}),
        ("thumbhash", b"<script>"),
        ("blurhash", b"<script>alert(1)</script>"),
        ("blurhash", b""),
    ],
)
def test_a_description_of_another_form_is_not_let_through(name: str, body: bytes | dict[str, Any]) -> None:
    """Bodies, and what is other than in a right one."""
    if isinstance(body, dict):
        body = json.dumps({**told(pictures.small()), **body}).encode()
    (description,) = [each for each in DESCRIPTIONS if each.name == name]
    with pytest.raises(ValueError, match=r"."):
        check_description(description, body)
