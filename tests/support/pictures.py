"""Pictures for the tests, made by Pillow and numpy so that libvips is never judged by itself.

Red is x and green is y, so that a test can ask which pixel of the original landed where. Each is made
once per session.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL import ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def field(width: int, height: int, blue: int = 128) -> Image.Image:
    """Red runs from 0 to 255 from left to right, green from top to bottom."""
    pixels = np.full((height, width, 3), blue, np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


def noise(width: int, height: int, seed: int) -> Image.Image:
    """What no codec makes small."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8))


@cache
def noise_png(width: int, height: int, seed: int) -> bytes:
    """Noise again, and not compressed: to try takes longer than most tests do."""
    lines = np.frombuffer(np.random.default_rng(seed).bytes(height * (1 + 3 * width)), np.uint8)
    lines = lines.reshape(height, 1 + 3 * width).copy()
    lines[:, 0] = 0  # the filter of each line: none
    return png(width, height, packed=zlib.compress(lines.tobytes(), 0))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    if kind == "PNG":  # three times as quick as Pillow's own choice
        options = {"compress_level": 1, **options}
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes, mode: str = "RGB") -> NDArray[np.int32]:
    return np.asarray(opened(data).convert(mode)).astype(np.int32)


def assert_shows(result: bytes, left: float, top: float, right: float, bottom: float) -> None:
    """That part of `field` (in shares of its sides) fills the result from edge to edge."""
    assert_field(pixels(result), left, top, right, bottom)


def assert_field(got: NDArray[Any], left: float, top: float, right: float, bottom: float) -> None:
    """As `assert_shows`, of pixels."""
    height, width = got.shape[:2]
    x = 255 * (left + (right - left) * (np.arange(width, dtype=np.float32) + 0.5) / width)
    y = 255 * (top + (bottom - top) * (np.arange(height, dtype=np.float32) + 0.5) / height)
    red, green = got[..., 0].astype(np.float32) - x[None, :], got[..., 1].astype(np.float32) - y[:, None]
    for off in (red, green):
        assert max(off.max(), -off.min()) <= 8
        assert abs(off.mean()) <= 1
    assert np.abs(got[..., 2].astype(np.int16) - 128).max() <= 8


@cache
def land() -> bytes:
    return encoded(field(1000, 600), "JPEG", quality=95, subsampling=0)


@cache
def port() -> bytes:
    return encoded(field(600, 1000), "PNG")


@cache
def small() -> bytes:
    return encoded(field(100, 80), "JPEG", quality=95)


@cache
def odd() -> bytes:
    return encoded(field(333, 257), "JPEG", quality=95)


def small_fallback(folder: Path) -> str:
    """A file for `error_image`: to render the built-in one in every format takes longer than most tests."""
    file = folder / "error.png"
    file.write_bytes(encoded(field(8, 8), "PNG"))
    return str(file)


@cache
def wide() -> bytes:
    return encoded(field(1000, 600), "WEBP", quality=95, method=0)  # the quickest


@cache
def progressive() -> bytes:
    return encoded(field(1000, 600), "JPEG", quality=95, progressive=True)


@cache
def _code_of_difference(difference: int) -> str:
    length = abs(difference).bit_length()
    low = difference if difference > 0 else difference + (1 << length) - 1
    return f"{length:04b}" + (f"{low:0{length}b}" if length else "")


@cache
def lossless_jpeg() -> bytes:
    """The red of `field(400, 240)` by the lossless process, which Pillow cannot write (ITU-T T.81, annex H):
    each sample as its difference from the one to the left, a code of four bits for the length of it first."""
    values = pixels(encoded(field(400, 240).getchannel("R"), "PNG"), "L")
    before = np.column_stack([np.concatenate([[128], values[:-1, 0]]), values[:, :-1]])
    bits = "".join(map(_code_of_difference, (values - before).ravel().tolist()))
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = b"\xff\xc3" + struct.pack(">HBHHBBBB", 11, 8, 240, 400, 1, 1, 0x11, 0)
    codes = b"\xff\xc4" + struct.pack(">HB", 28, 0) + bytes([0, 0, 0, 9, *[0] * 12, *range(9)])
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0)
    return b"\xff\xd8" + frame + codes + scan + data + b"\xff\xd9"


@cache
def avif() -> bytes:
    return encoded(field(400, 240), "AVIF", quality=90, subsampling="4:4:4")


@cache
def tiff() -> bytes:
    return encoded(field(400, 240), "TIFF")


@cache
def svg() -> bytes:
    return (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">'
        b'<rect width="100" height="100" fill="#ff0000"/></svg>'
    )


@cache
def alpha() -> bytes:
    """The left half is see-through and green, the right half opaque and red."""
    image = Image.new("RGBA", (200, 100), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (100, 0, 200, 100))
    return encoded(image, "PNG")


@cache
def opaque_alpha() -> bytes:
    image = field(200, 100)
    image.putalpha(255)
    return encoded(image, "PNG")


@cache
def palette() -> bytes:
    of_few_pixels = field(100, 60).quantize(64)  # to find the colours takes long
    return encoded(field(400, 240).quantize(palette=of_few_pixels, dither=Image.Dither.NONE), "PNG")


@cache
def grey() -> bytes:
    return encoded(field(400, 240).getchannel("R"), "JPEG", quality=95)


@cache
def grey_alpha() -> bytes:
    return encoded(opened(alpha()).convert("LA"), "PNG")


@cache
def deep() -> bytes:
    """A 16-bit RGB PNG, which Pillow cannot write: red is x, green is y, blue 0x80ff."""
    rows = np.full((60, 100, 3), 0x80FF, ">u2")
    rows[..., 0] = np.linspace(0, 65535, 100)[None, :]
    rows[..., 1] = np.linspace(0, 65535, 60)[:, None]
    return png(100, 60, depth=16, data=b"".join(b"\0" + row.tobytes() for row in rows))


@cache
def deep_alpha() -> bytes:
    """16 bits under the profile of `swapped`: the left half see-through, the right half opaque and red."""
    rows = np.zeros((60, 100, 4), ">u2")
    rows[..., 0] = 65535
    rows[:, 50:, 3] = 65535
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    profile = opened(swapped()).info["icc_profile"]
    return png(100, 60, depth=16, data=data, colours=RGBA, profile=profile)


@cache
def cmyk() -> bytes:
    """Without a profile: the left half pure cyan, the right half no ink."""
    image = Image.new("CMYK", (1000, 600), (255, 0, 0, 0))
    image.paste((0, 0, 0, 0), (500, 0, 1000, 600))
    return encoded(image, "JPEG", quality=95)


@cache
def swapped() -> bytes:
    """Embeds a profile whose red and green primaries changed places; converted, red becomes green."""
    profile = bytearray(SRGB)
    for n in range(struct.unpack_from(">I", profile, 128)[0]):
        at = 132 + 12 * n
        name = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(bytes(profile[at : at + 4]))
        profile[at : at + 4] = name or profile[at : at + 4]
    return encoded(Image.new("RGB", (400, 240), (255, 0, 0)), "JPEG", quality=95, icc_profile=bytes(profile))


@cache
def tagged() -> bytes:
    """Everything that must not come out again: a profile, GPS, XMP, a comment and bytes after the end."""
    exif = Image.Exif()
    exif[0x010E] = "CANARY-DESCRIPTION"
    exif.get_ifd(0x8825)[1] = "N"
    return (
        encoded(
            field(1000, 600),
            "JPEG",
            quality=95,
            exif=exif,
            icc_profile=SRGB,
            comment=b"CANARY-COMMENT",
            xmp=b"<x:xmpmeta>CANARY-XMP</x:xmpmeta>",
        )
        + b"<script>CANARY-TAIL</script>"
    )


_UNTURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@cache
def turned(orientation: int, kind: str = "JPEG", width: int = 1000) -> bytes:
    """`field`, of a height of 3/5 of its width, as a camera held that way stores it: upright again once it is
    turned."""
    image = field(width, width * 3 // 5)
    return stored_as(image, orientation, kind, quality=95, method=0)  # WebP's quickest


def stored_as(image: Image.Image, orientation: int, kind: str, **options: Any) -> bytes:
    """An upright picture as a camera held that way stores it."""
    if orientation in _UNTURN:
        image = image.transpose(_UNTURN[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, kind, exif=exif, **options)


DELAYS = (50, 60, 70, 80, 90)


@cache
def animation(kind: str = "GIF") -> bytes:
    """Five frames of 100x80; frame n has blue 50 * n, the red and green of `field`."""
    frames = [field(100, 80, blue=50 * n) for n in range(5)]
    extra = {"lossless": True} if kind == "WEBP" else {"quality": 90} if kind == "AVIF" else {}
    return encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=list(DELAYS), loop=3, **extra
    )


GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6  # colour types of PNG


def grey_profile(gamma: float) -> bytes:
    """A profile for grey with that curve (ICC.1:2001-04, sections 6.1 and 6.3.2)."""
    text = b"grey\0"
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(78),
        b"cprt": b"text" + bytes(4) + text,
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)),
    }
    table, data = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    header = b"".join(
        (
            struct.pack(
                ">I4sI4s4s4s", 128 + len(table) + len(data), bytes(4), 0x02100000, b"mntr", b"GRAY", b"XYZ "
            ),
            bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061),
        )
    )
    return header.ljust(128, b"\0") + table + data


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    interlaced: bool = False,
    data: bytes = b"",
    packed: bytes | None = None,
    colours: int = RGB,
    profile: bytes | None = None,
) -> bytes:
    """A PNG whose header may promise more than its data holds. `packed`: data that are compressed already."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"IDAT", packed or zlib.compress(data)), (b"IEND", b"")]
    if profile is not None:
        chunks.insert(1, (b"iCCP", b"profile\0\0" + zlib.compress(profile)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@dataclass(frozen=True)
class GifFrame:
    """A rectangle of one colour, which is a shade of red: twice its number."""

    left: int
    top: int
    width: int
    height: int
    colour: int
    disposal: int = 1  # 1 leaves it, 2 clears it, 3 puts back what was there before
    transparent: int | None = None


def gif(width: int, height: int, *frames: GifFrame, delay: int = 10, extra: bytes = b"") -> bytes:
    """A GIF of such frames, with 128 colours; `extra` are blocks before the last frame. Each code of eight
    bits is a pixel, and so is its byte, since the table is cleared before it grows (GIF89a, appendix F)."""
    palette = b"".join(bytes((2 * n, 0, 0)) for n in range(128))
    out = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF6, 0, 0) + palette
    for number, frame in enumerate(frames):
        if number == len(frames) - 1:
            out += extra
        packed = frame.disposal << 2 | (frame.transparent is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHBB", packed, delay, frame.transparent or 0, 0)
        out += b"\x2c" + struct.pack("<HHHHB", frame.left, frame.top, frame.width, frame.height, 0) + b"\x07"
        pixels = bytes([frame.colour]) * (frame.width * frame.height)
        runs = (b"\x80" + pixels[at : at + 100] for at in range(0, len(pixels), 100))
        data = b"".join(runs) + b"\x81"
        blocks = (data[at : at + 255] for at in range(0, len(data), 255))
        out += b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return out + b";"


def plain_webp(width: int, height: int, frames: int = 1) -> bytes:
    """A lossless WebP whose frames are of one colour each, so that no pixel takes a bit: their header alone
    says how many there are (RFC 9649, sections 2.7 and 3.4). To encode a large one takes half a second."""
    bodies = [_plain_vp8l(width, height, 97 * n % 256) for n in range(frames)]
    if frames == 1:
        return _riff(bodies[0])
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    head = _webp_chunk(b"VP8X", b"\2\0\0\0" + sides) + _webp_chunk(b"ANIM", bytes(6))
    start, delay = bytes(6) + sides, b"\x32\0\0\0"
    return _riff(head + b"".join(_webp_chunk(b"ANMF", start + delay + body) for body in bodies))


def _plain_vp8l(width: int, height: int, red: int) -> bytes:
    tiny = encoded(Image.new("RGB", (16, 16), (red, 0, 255)), "WEBP", lossless=True, quality=0, method=0)
    chunk = bytearray(tiny[12:])
    flags = int.from_bytes(chunk[9:13], "little") >> 28 << 28
    chunk[9:13] = (flags | (height - 1) << 14 | (width - 1)).to_bytes(4, "little")
    return bytes(chunk)


def _webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@cache
def many_frames(count: int) -> bytes:
    """A GIF of `count` frames on a canvas of 2000x2000, each frame one pixel."""
    frame = (
        b"\x21\xf9\x04\x00\x01\x00\x00\x00" + b"\x2c" + bytes(4) + b"\x01\0\x01\0\0" + b"\x02\x02\x44\x01\0"
    )
    canvas = b"GIF89a" + struct.pack("<HHBBB", 2000, 2000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return canvas + frame * count + b";"
