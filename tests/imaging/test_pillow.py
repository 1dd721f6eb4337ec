"""BMP and ICO: each kind of them, the bounds on them, and what of them is refused."""

from __future__ import annotations

import contextlib
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from origin.errors import Unprocessable
from origin.formats import Format
from origin.formats import sniff
from origin.imaging import load
from origin.imaging.pipeline import render
from tests.support import bitmaps
from tests.support import pictures
from tests.support.jobs import job
from tests.support.pictures import encoded

FIELD = np.asarray(pictures.field(100, 60))
WIDE, HIGH = 100, 60


def _bgr(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[bytes]:
    return [row[:, ::-1].tobytes() for row in pixels]


def _rgb16(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[bytes]:
    red, green, blue = (pixels[..., n].astype(np.uint16) for n in range(3))
    return [row.astype("<u2").tobytes() for row in red >> 3 << 11 | green >> 2 << 5 | blue >> 3]


def _os2() -> bytes:
    return struct.pack("<IHHHH", 12, WIDE, HIGH, 1, 24) + bitmaps.bottom_up(_bgr(FIELD))


def _with_alpha(value: int) -> bytes:
    pixels = np.dstack([FIELD[..., ::-1], np.full((HIGH, WIDE), value, np.uint8)])
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    rows = [row.tobytes() for row in pixels]
    return bitmaps.bmp(
        bitmaps.dib(WIDE, HIGH, 32, bitmaps.bottom_up(rows), compression=bitmaps.BITFIELDS, masks=masks)
    )


BMPS = {
    "24 bits": bitmaps.bmp(bitmaps.dib(WIDE, HIGH, 24, bitmaps.bottom_up(_bgr(FIELD)))),
    "top down": bitmaps.bmp(bitmaps.dib(WIDE, -HIGH, 24, b"".join(_bgr(FIELD)))),
    "OS/2": bitmaps.bmp(_os2()),
    "32 bits, the last unused": encoded(pictures.field(WIDE, HIGH).convert("RGBA"), "BMP"),
    "alpha, opaque": _with_alpha(255),
    "alpha that nobody wrote": _with_alpha(0),
}


@pytest.mark.parametrize("original", BMPS.values(), ids=BMPS.keys())
def test_each_kind_of_bmp_is_shown(original: bytes) -> None:
    assert sniff(original) is Format.BMP
    result = render(original, job(format="original"))
    assert (result.format, result.width, result.height) == (Format.JPG, WIDE, HIGH)
    pictures.assert_shows(render(original, job()).body, 0, 0, 1, 1)
    pictures.assert_shows(render(original, job(width=50, height=10)).body, 0, 1 / 3, 1, 2 / 3)


SIXTEEN_BITS = bitmaps.bmp(
    bitmaps.dib(
        WIDE,
        HIGH,
        16,
        bitmaps.bottom_up(_rgb16(FIELD)),
        compression=bitmaps.BITFIELDS,
        masks=(0xF800, 0x7E0, 0x1F),
    )
)


def test_a_bmp_of_sixteen_bits_is_shown() -> None:
    got = pictures.pixels(render(SIXTEEN_BITS, job()).body)
    assert np.abs(got - FIELD).max() <= 8  # five bits for red and blue


@pytest.mark.parametrize("mode", ["P", "L", "1"])
def test_a_bmp_of_a_palette_is_shown(mode: str) -> None:
    image = (
        pictures.field(WIDE, HIGH).quantize(200) if mode == "P" else pictures.field(WIDE, HIGH).convert(mode)
    )
    got = pictures.pixels(render(encoded(image, "BMP"), job()).body)
    assert (got == np.asarray(image.convert("RGB"))).all()


def test_a_bmp_of_runs_is_shown() -> None:
    palette = b"".join(bytes((0, 0, 2 * n, 0)) for n in range(256 // 2)) + bytes(512)
    runs = b"".join(bytes((100, n)) + b"\0\0" for n in range(60)) + b"\0\1"
    bitmap = bitmaps.dib(100, 60, 8, runs, compression=bitmaps.RLE8, palette=palette)
    got = pictures.pixels(render(bitmaps.bmp(bitmap, palette), job()).body)
    assert (got[..., 0] == 2 * np.arange(59, -1, -1)[:, None]).all()


def test_a_see_through_bmp_becomes_a_png() -> None:
    result = render(_with_alpha(100), job(format="original"))
    assert result.format is Format.PNG
    assert (pictures.pixels(result.body, "RGBA")[..., 3] == 100).all()


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def _bitmap(side: int, colour: tuple[int, int, int], bits: int = 24, alpha: int = 255) -> bytes:
    pixel = bytes(colour[::-1]) + (bytes([alpha]) if bits == 32 else b"")
    rows = [pixel * side] * side
    mask = bitmaps.bottom_up([bytes(side // 8)] * side)
    return bitmaps.masked(side, side, bits, bitmaps.bottom_up(rows), mask)


@pytest.mark.parametrize(
    ("images", "side", "colour"),
    [
        ([(16, 24, _bitmap(16, RED)), (48, 24, _bitmap(48, GREEN)), (32, 24, _bitmap(32, BLUE))], 48, GREEN),
        ([(16, 24, _bitmap(16, RED)), (64, 32, bitmaps.plain_png(64, GREEN))], 64, GREEN),
        ([(256, 32, bitmaps.plain_png(256, BLUE)), (48, 24, _bitmap(48, GREEN))], 256, BLUE),
        ([(32, 24, _bitmap(32, RED)), (32, 32, _bitmap(32, BLUE, 32)), (32, 24, _bitmap(32, RED))], 32, BLUE),
        ([(32, 32, _bitmap(32, GREEN, 32, alpha=0))], 32, GREEN),
    ],
    ids=["bitmaps", "a png and a bitmap", "256", "the deepest of one size", "alpha that nobody wrote"],
)
def test_of_an_ico_the_largest_is_shown(
    images: list[tuple[int, int, bytes]], side: int, colour: tuple[int, int, int]
) -> None:
    original = bitmaps.icon(*((width, width, bits, image) for width, bits, image in images))
    assert sniff(original) is Format.ICO
    result = render(original, job(format="original"))
    assert (result.format, result.width, result.height) == (Format.JPG, side, side)
    assert pictures.pixels(render(original, job()).body)[side // 2, side // 3] == pytest.approx(colour, abs=1)


@pytest.mark.parametrize("kind", ["png", "bmp"])
def test_a_see_through_ico_becomes_a_png(kind: str) -> None:
    original = encoded(
        pictures.opened(pictures.alpha()).resize((64, 64)), "ICO", bitmap_format=kind, sizes=[(64, 64)]
    )
    result = render(original, job(format="original"))
    assert result.format is Format.PNG
    got = pictures.pixels(result.body, "RGBA")
    assert got[32, 8, 3] == 0
    assert tuple(got[32, 56]) == (255, 0, 0, 255)


def test_the_mask_of_a_bitmap_is_its_transparency() -> None:
    rows = [bytes(RED[::-1]) * 32] * 32
    mask = bitmaps.bottom_up([b"\xff\xff\0\0"] * 32)
    original = bitmaps.icon((32, 32, 24, bitmaps.masked(32, 32, 24, bitmaps.bottom_up(rows), mask)))
    got = pictures.pixels(render(original, job()).body, "RGBA")
    assert (got[:, :16, 3] == 0).all()
    assert (got[:, 16:, 3] == 255).all()


LARGE = bitmaps.dib(20_000, 20_000, 24, b"")
HIDDEN = pictures.png(20_000, 20_000)
BOMBS = {
    "bmp": bitmaps.bmp(LARGE),
    "ico of a bitmap": bitmaps.icon((16, 16, 24, bitmaps.dib(20_000, 40_000, 24, b""))),
    "ico of a png": bitmaps.icon((16, 16, 32, HIDDEN)),
}


@pytest.mark.parametrize("original", BOMBS.values(), ids=BOMBS.keys())
def test_one_of_too_many_pixels_is_refused_by_its_header(original: bytes) -> None:
    with pytest.raises(Unprocessable, match="of 400000000 pixels, more than"):
        render(original, job())
    with pytest.raises(Unprocessable, match="to decode, more than 1000000000"):
        render(original, job(max_pixels=10**9), memory=10**9)


IHDR = slice(8, 33)  # signature, then length, name, data and checksum of the first chunk
SMALL = pictures.png(16, 16)
JUNK = struct.pack(">4sIIIB", b"juNk", 16, 16, 0, 0)
ANOTHER_CHUNK = struct.pack(">I", 13) + JUNK + struct.pack(">I", zlib.crc32(JUNK))


@pytest.mark.parametrize("first", [SMALL[IHDR], ANOTHER_CHUNK], ids=["a header", "another chunk"])
def test_a_png_in_an_ico_is_judged_by_the_header_that_counts(first: bytes) -> None:
    """Pillow takes the last IHDR, wherever it is; PNG (section 5.6) has one, which comes first."""
    original = bitmaps.icon((16, 16, 32, HIDDEN[:8] + first + HIDDEN[8:]))
    with pytest.raises(Unprocessable, match="its sides are not those of its first header"):
        render(original, job())


@pytest.mark.parametrize(
    "original",
    [BMPS["24 bits"], bitmaps.icon((48, 48, 24, _bitmap(48, GREEN))), encoded(pictures.field(64, 64), "ICO")],
    ids=["bmp", "ico of a bitmap", "ico of a png"],
)
@pytest.mark.parametrize("share", [0.03, 0.5, 0.9, 0.999])
def test_one_that_is_cut_is_refused(original: bytes, share: float) -> None:
    render(original, job())
    with pytest.raises(Unprocessable):
        render(original[: min(int(len(original) * share), len(original) - 1)], job())


@pytest.mark.parametrize(
    "original",
    [
        b"\0\0\1\0",
        b"\0\0\1\0\0\0",
        b"\0\0\1\0\xff\xff" + bytes(100),
        bitmaps.icon((16, 16, 24, b"")),
        bitmaps.icon((16, 16, 24, b"\x89PNG\r\n\x1a\n")),
        b"BM" + bytes(12) + b"\x28" + bytes(100),
        bitmaps.bmp(bitmaps.dib(10, 10, 24, bytes(400), compression=4)),
    ],
)
def test_garbage_is_refused_and_the_reason_told(original: bytes) -> None:
    with pytest.raises(Unprocessable, match=r"^(bmp|ico): ."):
        render(original, job())


@pytest.mark.slow
def test_whatever_comes_is_shown_or_refused() -> None:
    """As it is by Pillow, whose plugins raise much: twice as many changes meet nothing more of it."""
    rng = random.Random(1)
    originals = [
        SIXTEEN_BITS,
        BMPS["OS/2"],
        encoded(pictures.field(40, 30).quantize(16), "BMP"),
        bitmaps.icon((16, 16, 24, _bitmap(16, RED)), (8, 8, 32, _bitmap(8, RED, 32))),
        encoded(pictures.field(32, 32).convert("RGBA"), "ICO", sizes=[(32, 32)]),
    ]
    shown = 0
    for _ in range(2100):
        changed = bytearray(rng.choice(originals))
        for _ in range(rng.choice([1, 2, 5])):
            changed[rng.randrange(4, min(len(changed), 120))] = rng.choice(
                [0, 1, 4, 8, 127, 255, rng.randrange(256)]
            )
        original, limits = bytes(changed), job(max_pixels=50_000)
        with contextlib.suppress(Unprocessable):
            load.open_original(original, load.identify(original, limits.allowed), limits, None)
            shown += 1  # its pixels are there: what comes now is that of any picture
    assert 300 < shown < 2000


def test_a_picture_of_the_web_in_an_image_file_is_not_read_by_pillow() -> None:
    """Its other plugins are not even there."""
    image = encoded(Image.new("RGB", (10, 10)), "TGA")
    assert sniff(image) is None
