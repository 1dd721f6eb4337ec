"""Pictures that come in: what of their files is stored. Pillow writes and reads them."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL import ImageCms
from PIL import ImageOps
from PIL.PngImagePlugin import PngInfo

from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.imaging.normalise import normalise
from origin.imaging.pipeline import Rendered
from origin.imaging.protocol import Job
from origin.imaging.protocol import Normalisation
from origin.urls.options import Options
from tests.support import bitmaps
from tests.support.cases import check_each

ACCEPT = ("jpg", "png", "webp", "gif", "avif", "bmp")
FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}
ORIENTATION, MAKE, COPYRIGHT, GPS, EXIF, TAKEN, MAKER_NOTE = (
    *(0x0112, 0x010F, 0x8298, 0x8825, 0x8769, 0x9003, 0x927C),
)
XMP = b'<x:xmpmeta><rdf exif:GPSLatitude="52,31.2N"/></x:xmpmeta>'
SECRETS = (b"GPSLatitude", b"MAKERNOTE", b"BEHIND", struct.pack("<II", 31, 1), b"thumbnail-of-the-whole")


def texture(width: int = 60, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def exif(orientation: int = 1) -> bytes:
    written = Image.Exif()
    written[ORIENTATION], written[MAKE], written[COPYRIGHT] = orientation, "Acme", "(c) somebody"
    written.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    written.get_ifd(EXIF).update({TAKEN: "2024:03:05 12:00:00", MAKER_NOTE: b"MAKERNOTE" * 9})
    return written.tobytes() + b"thumbnail-of-the-whole"  # to which no field points


def photo(format: str, orientation: int = 1, **more: Any) -> bytes:
    file = io.BytesIO()
    texts = PngInfo()
    texts.add_text("Raw profile type exif", "GPSLatitude")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    texts.add_text("Author", "somebody")
    own: dict[str, Any] = {"PNG": {"pnginfo": texts}}.get(format, {"xmp": XMP})
    texture().save(file, format, exif=exif(orientation), **own, **more)
    return file.getvalue()


def job(**normalisation: Any) -> Job:
    return Job(
        Options(), "original", {}, ACCEPT, 10_000_000, 50, normalisation=Normalisation(**normalisation)
    )


def take(body: bytes, **normalisation: Any) -> Rendered:
    return normalise(body, job(**normalisation), 1_000_000_000)


def opened(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


@pytest.mark.parametrize("format", FORMATS)
def test_what_tells_a_place_goes_and_the_pixels_stay(format: str) -> None:
    body = photo(format)
    stored = take(body).body
    read = opened(stored)
    assert not read.getexif().get_ifd(GPS)
    assert [secret for secret in SECRETS if secret in stored] == []
    assert np.array_equal(np.asarray(read), np.asarray(opened(body)))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_what_tells_no_place_stays(format: str) -> None:
    read = opened(take(photo(format)).body).getexif()
    assert (read[MAKE], read[COPYRIGHT]) == ("Acme", "(c) somebody")
    assert read.get_ifd(EXIF)[TAKEN] == "2024:03:05 12:00:00"
    assert MAKER_NOTE not in read.get_ifd(EXIF)


@pytest.mark.parametrize("format", FORMATS)
def test_all_leaves_the_orientation_alone(format: str) -> None:
    read = opened(take(photo(format, 3), strip="all", orient=False).body)
    told = dict(read.getexif())
    assert told.pop(ORIENTATION, 3) == 3
    assert told == {}
    assert "xmp" not in read.info or not read.info["xmp"].strip(b"\0")


@pytest.mark.parametrize("format", FORMATS)
def test_none_leaves_every_byte(format: str) -> None:
    body = photo(format)
    assert take(body, strip="none").body == body


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_is_turned_upright_once(format: str, orientation: int) -> None:
    quality = {} if format == "PNG" else {"quality": 95}
    body = photo(format, orientation, **quality)
    stored = take(body)
    upright = opened(body)
    assert upright.getexif()[ORIENTATION] == orientation
    turned = Image.open(io.BytesIO(body))

    expected = np.asarray(ImageOps.exif_transpose(turned).convert("RGB"), dtype=int)
    read = opened(stored.body)
    assert (stored.width, stored.height) == read.size == expected.shape[1::-1]
    assert read.getexif().get(ORIENTATION, 1) == 1
    assert np.abs(np.asarray(read.convert("RGB"), dtype=int) - expected).mean() < 6
    assert [secret for secret in SECRETS if secret in stored.body] == []


def test_a_jpeg_that_is_turned_keeps_its_metadata() -> None:
    read = opened(take(photo("JPEG", 6)).body).getexif()
    assert (read[MAKE], read[ORIENTATION]) == ("Acme", 1)
    assert not read.get_ifd(GPS)
    everything = opened(take(photo("JPEG", 6), strip="none").body).getexif()
    assert (everything[ORIENTATION], everything.get_ifd(GPS)[1]) == (1, "N")
    assert dict(opened(take(photo("JPEG", 6), strip="all").body).getexif()) == {}


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_sides_are_those_that_are_seen(orientation: int) -> None:
    stored = take(photo("JPEG", orientation), orient=False)
    assert (stored.width, stored.height) == ((60, 40) if orientation == 1 else (40, 60))


def test_what_stands_behind_the_end_goes() -> None:
    for format in ("JPEG", "PNG", "WEBP"):
        assert b"BEHIND" not in take(photo(format) + b"PK\x03\x04BEHIND").body
    gif = io.BytesIO()
    texture().save(gif, "GIF", comment=b"GPSLatitude")
    stored = take(gif.getvalue() + b"BEHIND").body
    assert [secret for secret in SECRETS if secret in stored] == []
    assert np.array_equal(
        np.asarray(opened(stored).convert("RGB")), np.asarray(opened(gif.getvalue()).convert("RGB"))
    )


def test_a_thumbnail_and_hidden_segments_go() -> None:
    body = photo("JPEG")
    iptc = b"\xff\xed" + struct.pack(">H", 2 + 30) + b"Photoshop 3.0\0GPSLatitude".ljust(30, b"\0")
    other = b"\xff\xe5" + struct.pack(">H", 2 + 8) + b"BEHIND\0\0"
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 13) + b"taken at City"
    stored = take(body[:2] + iptc + other + comment + body[2:]).body
    assert [part for part in (*SECRETS, b"City", b"Photoshop") if part in stored] == []


CARGO = b"BEHIND-and-BEHIND"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def carriers() -> dict[str, bytes]:
    """Pictures with something in a place that no decoder looks at."""
    jpeg, avif = photo("JPEG"), photo("AVIF")
    file = io.BytesIO()
    texture().save(file, "BMP")
    bmp = file.getvalue()
    head, (offset,) = bytearray(bmp[:54]), struct.unpack_from("<I", bmp, 10)
    struct.pack_into("<I", head, 10, offset + len(CARGO))
    rle = bitmaps.dib(4, 2, 8, RLE, compression=bitmaps.RLE8, palette=PALETTE)
    last = avif.rindex(b"mdat") - 4
    (size,) = struct.unpack_from(">I", avif, last)
    assert last + size == len(avif)
    return {
        "jpeg, a thumbnail in its header": jpeg[:2]
        + segment(0xE0, jpeg[6:18] + bytes([3, 1]) + b"BEHIND..." + bytes(9))
        + jpeg[20:],
        "jpeg, a header with more": jpeg[:2] + segment(0xE0, jpeg[6:20] + CARGO) + jpeg[20:],
        "jpeg, a header of extensions": jpeg[:20] + segment(0xE0, b"JFXX\0\x10" + CARGO) + jpeg[20:],
        "jpeg, HTML for a header": jpeg[:20] + segment(0xE0, b"<html>" + CARGO) + jpeg[20:],
        "jpeg, behind Adobe": jpeg[:20] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + CARGO) + jpeg[20:],
        "avif, a box": avif + box(b"abcd", CARGO),
        "avif, another mdat": avif + box(b"mdat", CARGO),
        "avif, behind the pixels": avif[:last]
        + struct.pack(">I", size + len(CARGO))
        + avif[last + 4 :]
        + CARGO,
        "bmp, behind the pixels": bmp + CARGO,
        "bmp, before the pixels": bytes(head) + CARGO + bmp[54:],
        "bmp, behind what is packed": bitmaps.bmp(rle, PALETTE) + CARGO,
    }


PALETTE = b"".join(struct.pack("<BBBB", level, level, level, 0) for level in range(256))
RLE = bytes([4, 9, 0, 0, 0, 4, 1, 2, 3, 4, 0, 1])  # a run, the end of a line, four as they are, the end


def test_nothing_hides_where_no_decoder_looks() -> None:
    def check(body: bytes) -> None:
        assert b"BEHIND" in body
        for how in ("location", "all"):
            stored = take(body, strip=how).body
            assert b"BEHIND" not in stored
            assert np.array_equal(np.asarray(opened(stored)), np.asarray(opened(body)))

    check_each(carriers(), check)


def test_what_hides_nothing_keeps_every_byte() -> None:
    def check(body: bytes) -> None:
        assert take(body, strip="all").body == body

    plain = {}
    for format in ("JPEG", "AVIF", "BMP"):
        file = io.BytesIO()
        texture().save(file, format)
        plain[format] = file.getvalue()
    plain["RLE"] = bitmaps.bmp(bitmaps.dib(4, 2, 8, RLE, compression=bitmaps.RLE8, palette=PALETTE), PALETTE)
    check_each(plain, check)


def test_a_colour_profile_stays() -> None:

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for how in ("location", "all"):
        for format in ("JPEG", "PNG", "WEBP"):
            assert (
                opened(take(photo(format, icc_profile=profile), strip=how).body).info["icc_profile"]
                == profile
            )


def test_a_progressive_jpeg_keeps_its_scans() -> None:
    body = photo("JPEG", progressive=True)
    stored = take(body, strip="all").body
    assert np.array_equal(np.asarray(opened(stored)), np.asarray(opened(body)))
    assert opened(stored).info.get("progressive")


def test_a_png_becomes_a_jpeg_on_white() -> None:
    file = io.BytesIO()
    picture = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (20, 0, 40, 20))
    picture.save(file, "PNG")
    stored = take(file.getvalue(), convert=(("png", "jpg"),))
    read = opened(stored.body)
    assert (read.format, stored.format.name) == ("JPEG", "jpg")
    pixels = np.asarray(read, dtype=int)
    assert pixels[10, 4].min() > 250
    assert np.abs(pixels[10, 34] - (0, 0, 255)).max() < 8


def test_a_large_picture_is_made_smaller() -> None:
    stored = take(photo("JPEG"), max_dimension=30)
    assert (stored.width, stored.height) == opened(stored.body).size == (30, 20)
    assert take(photo("PNG"), max_dimension=60, strip="none").body == photo("PNG")


def test_an_animation_stays_one() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (30, 20), (number * 40, 0, 0)) for number in range(5)]
    for format in ("GIF", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, format, save_all=True, append_images=frames[1:], duration=100, loop=0)
        read = Image.open(io.BytesIO(take(file.getvalue()).body))
        assert getattr(read, "n_frames", 1) == 5
        read.seek(1)
        read.load()
        assert read.info["duration"] == 100


def test_what_is_damaged_is_refused() -> None:
    for format in FORMATS:
        body = photo(format)
        with pytest.raises(Unprocessable):
            take(body[: len(body) * 2 // 3])
    with pytest.raises(UnsupportedFormat):
        normalise(photo("PNG"), replace(job(), allowed=("jpg",)), None)


def test_broken_metadata_is_left_out_or_refused() -> None:
    """Exif whose offsets lead anywhere, and segments of any length, raise nothing else."""

    def check(cut: int) -> None:
        body = bytearray(whole)
        body[cut] ^= 0xFF
        try:
            stored = take(bytes(body)).body
        except (Unprocessable, UnsupportedFormat):
            return
        opened(stored)

    whole = photo("JPEG")
    check_each({f"byte {cut}": cut for cut in range(4, 200, 3)}, check)
