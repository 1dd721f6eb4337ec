"""Attacks by what an original is or holds: the answer is a new picture of its pixels, or none.

What each of these hides is looked for in the bytes of every answer.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support import pictures
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings

CANARY = b"CANARY"
SCRIPT = b"<script>alert('CANARY')</script>"
TARGETS = ["original", "auto", "jpg", "png", "webp", "avif", "gif"]
MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
}


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("CANARY.class", SCRIPT)
    return out.getvalue()


def png_with_text() -> bytes:
    info = PngInfo()
    info.add_text("Comment", SCRIPT.decode())
    info.add_itxt("XML:com.adobe.xmp", SCRIPT.decode())
    info.add_text("Packed", SCRIPT.decode() * 9, zip=True)
    return pictures.encoded(pictures.field(90, 60), "PNG", pnginfo=info)


def gif_with_script() -> bytes:
    """Reads as JavaScript as well: `GIF89a/*...*/=1;alert('CANARY')`."""
    whole = pictures.encoded(pictures.field(90, 60).quantize(16), "GIF", comment=b"*/=1;alert('CANARY')//")
    return whole[:6] + b"\x2f\x2a" + whole[8:]  # the width becomes the beginning of a comment


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x010E] = tags[0x010F] = tags[0x8298] = tags[0x013B] = (
        "CANARY"  # description, maker, copyright, artist
    )
    place = tags.get_ifd(0x8825)
    place[1], place[2] = "N", (52.0, 31.0, 12.0)
    place[29] = "CANARY"
    tags.get_ifd(0x8769)[0x927C] = SCRIPT  # maker's note
    return tags


def profiled() -> bytes:
    """An sRGB profile with its description changed to the canary."""
    profile = pictures.SRGB.replace("sRGB".encode("utf-16-be"), "CANA".encode("utf-16-be"), 1) + CANARY
    return struct.pack(">I", len(profile)) + profile[4:]


def jpeg_with_everything() -> bytes:
    whole = pictures.encoded(
        pictures.field(90, 60),
        "JPEG",
        exif=exif(),
        icc_profile=profiled(),
        comment=SCRIPT,
        xmp=b"<x>CANARY</x>",
    )
    iptc = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 11) + b"\x1c\x02\x78\0\x06CANARY\0"
    segment = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    return whole[:2] + segment + whole[2:] + archive() + SCRIPT


def webp_with_everything() -> bytes:
    field = pictures.field(90, 60)
    whole = pictures.encoded(field, "WEBP", exif=exif(), icc_profile=profiled(), xmp=b"<x>CANARY</x>")
    return whole + b"CANA" + struct.pack("<I", len(SCRIPT)) + SCRIPT


def avif_with_everything() -> bytes:
    field = pictures.field(90, 60)
    whole = pictures.encoded(field, "AVIF", exif=exif(), icc_profile=profiled(), xmp=b"<x>CANARY</x>")
    return whole + struct.pack(">I", 8 + len(SCRIPT)) + b"free" + SCRIPT


HIDING: dict[str, Callable[[], bytes]] = {
    "jpeg-with-everything": jpeg_with_everything,
    "webp-with-everything": webp_with_everything,
    "avif-with-everything": avif_with_everything,
    "png-with-text": png_with_text,
    "jpeg-and-zip": lambda: pictures.small() + archive(),
    "jpeg-and-html": lambda: pictures.small() + SCRIPT,
    "png-and-zip": lambda: png_with_text() + archive(),
    "gif-and-zip": lambda: pictures.animation() + archive(),
    "gif-and-html": lambda: pictures.animation() + SCRIPT,
}


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(**{name: make() for name, make in HIDING.items()})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("hiding")
    with Running(settings(folder, folder / "cache", error_status="exact"), source=shelf) as running:
        yield running


def is_clean(answer: Answer) -> bool:
    """Whether nothing of what was hidden is there, plainly, packed or as metadata."""
    image = pictures.opened(answer.body)
    assert answer.type == Image.MIME[image.format or ""]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    metadata = {
        "exif",
        "xmp",
        "icc_profile",
        "comment",
        "photoshop",
        "XML:com.adobe.xmp",
        "Comment",
        "Packed",
    }
    held = {name for name in metadata & image.info.keys() if image.info[name]}
    return not held and not image.getexif() and CANARY not in answer.body and b"PK\x03\x04" not in answer.body


@pytest.mark.parametrize("name", HIDING)
def test_polyglot_and_metadata_leak(origin: Running, shelf: Shelf, name: str) -> None:
    assert CANARY in shelf.originals[name]
    for target in TARGETS:
        for size in ("", "&w=30"):  # its own size is no reason to pass it on as it is
            answer = origin.get(f"/h/{name}?f={target}{size}")
            assert answer.status == 200
            assert is_clean(answer), (target, size)


def test_gif_that_is_a_script(origin: Running, shelf: Shelf) -> None:
    shelf.originals["script.js"] = gif_with_script()
    answer = origin.get("/h/script.js")
    assert answer.status in (200, 422)
    assert CANARY not in answer.body
    assert answer.type in MIME.values()


def test_orientation_is_kept_though_its_tag_is_not(origin: Running, shelf: Shelf) -> None:
    shelf.originals["turned.jpg"] = pictures.turned(6)
    image = pictures.opened(origin.get("/h/turned.jpg?w=100").body)
    assert image.size == (100, 60)
    assert 0x0112 not in image.getexif()


# --- what is not what its name says -----------------------------------------------------------------

CONFUSED = {
    "svg": pictures.svg(),
    "svg-with-a-mark": b"\xef\xbb\xbf" + pictures.svg(),
    "html": b"<!doctype html>" + SCRIPT,
    "pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "vips-dump": bytes.fromhex("08f2a6b6") + bytes(60),
    "text-matrix": b"3 3\n1 0 0\n0 1 0\n0 0 1\n",
    "csv": b"1,2,3\n4,5,6\n",
    "ppm": b"P6 1 1 255\n\0\0\0",
    "bmp-without-its-header": b"BM" + bytes(99),
    "cur": pictures.encoded(pictures.field(16, 16), "ICO").replace(b"\0\0\1\0", b"\0\0\2\0", 1),
    "tga": pictures.encoded(pictures.field(9, 9), "TGA"),
    "psd": b"8BPS\0\1" + bytes(99),
    "tiff": pictures.tiff(),
    "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
    "jpeg-xl": b"\xff\x0a" + bytes(99),
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
    "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(99),
    "msl": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    "mvg": b"push graphic-context\nimage over 0,0 0,0 'https://x/'\npop graphic-context\n",
    "zip": archive(),
    "elf": b"\x7fELF" + bytes(99),
    "php": b"<?php system('id'); ?>",
    "nothing": b"",
    "one-byte": b"\xff",
    "spaces": b" " * 5000,
}


@pytest.mark.parametrize("kind", CONFUSED)
def test_mime_confusion(origin: Running, shelf: Shelf, kind: str) -> None:
    """A name and a type are what somebody says; the bytes decide."""
    shelf.originals[f"{kind}.jpg"] = CONFUSED[kind]
    answer = origin.get(f"/h/{kind}.jpg?f=png&w=20")
    assert (answer.status, answer.kind) == (415, "unprocessable")
    assert answer.type == "image/png"
    assert pictures.opened(answer.body).format == "PNG"


@pytest.mark.parametrize("kind", ["tiff", "svg"])
def test_mime_confusion_behind_a_true_signature(origin: Running, shelf: Shelf, kind: str) -> None:
    """A decoder that is not allowed does not come in behind the first bytes of one that is."""
    for n, signature in enumerate(
        (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP")
    ):
        shelf.originals[f"{kind}-{n}"] = signature + CONFUSED[kind]
        answer = origin.get(f"/h/{kind}-{n}")
        assert (answer.status, answer.kind) == (422, "unprocessable")


def test_a_key_decides_on_no_type(origin: Running, shelf: Shelf) -> None:
    for name in ("cat.html", "cat.svg", "cat.js", "cat.php", "cat", ".htaccess", "cat.jpg.exe"):
        shelf.originals[name] = pictures.small()
        answer = origin.get(f"/h/{name}")
        assert answer.type == "image/jpeg"
        assert answer.headers["Content-Disposition"].partition(";")[0] == "inline"
        assert '.jpg"' in answer.headers["Content-Disposition"]
