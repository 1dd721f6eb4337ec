"""Colours: whatever comes in, eight bits of sRGB or grey go out."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import ImageCms

from origin.imaging.pipeline import render
from tests.support import pictures
from tests.support.jobs import OUTPUTS
from tests.support.jobs import job


def test_grey_stays_grey() -> None:
    got = pictures.pixels(render(pictures.grey(), job(width=100, format="jpg")).body)
    assert got[30, 50] == pytest.approx([128, 128, 128], abs=3)
    transparent = pictures.pixels(render(pictures.grey_alpha(), job(width=100, format="png")).body, "RGBA")
    assert transparent[25, 10, 3] == 0
    assert transparent[25, 90, 3] == 255


@pytest.mark.parametrize("format", OUTPUTS)
def test_sixteen_bits_become_eight(format: str) -> None:
    image = pictures.opened(render(pictures.deep(), job(format=format)).body)
    assert image.mode in ("RGB", "P")
    assert np.asarray(image.convert("RGB")).astype(int)[30, 50] == pytest.approx([128, 128, 128], abs=8)


@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("width", [None, 50])
def test_sixteen_bits_under_a_profile_become_eight(format: str, width: int | None) -> None:
    body = render(pictures.deep_alpha(), job(width=width, format=format)).body
    image = pictures.opened(body)
    opaque = image.convert("RGBA").getpixel((image.width * 3 // 4, image.height // 2))
    clear = image.convert("RGBA").getpixel((image.width // 4, image.height // 2))
    assert isinstance(opaque, tuple) and isinstance(clear, tuple)  # noqa: PT018 - for the type checker
    assert opaque == pytest.approx((0, 255, 0, 255), abs=3)  # the primaries changed places
    assert clear[3] == 0 or clear == (255, 255, 255, 255)
    if format == "png":
        assert body[24] == 8  # bit depth
    if format == "avif":
        assert body[body.index(b"av1C") + 6] & 0b0100_0000 == 0  # high_bitdepth


@pytest.mark.parametrize(("format", "clear"), [("jpg", 255), ("png", 0), ("webp", 0), ("avif", 0)])
def test_sixteen_bits_of_grey_under_a_profile_become_eight(format: str, clear: int) -> None:
    rows = np.full((60, 100, 2), 0x8080, ">u2")
    rows[:, :50, 1], rows[:, 50:, 1] = 0, 65535
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    profile = pictures.grey_profile(gamma=1.0)
    original = pictures.png(100, 60, depth=16, data=data, colours=pictures.GREY_ALPHA, profile=profile)
    got = pictures.pixels(render(original, job(format=format)).body, "RGBA")
    assert got[30, 75] == pytest.approx([188, 188, 188, 255], abs=3)  # linear half, as sRGB has it
    assert got[30, 25, 0 if format == "jpg" else 3] == clear


def test_an_avif_that_says_full_range_alone_has_it() -> None:
    """The box wins over the bitstream (AV1 Image File Format, section 2.2.1), as libavif has it."""
    original = pictures.encoded(pictures.field(256, 128), "AVIF", quality=95, range="limited")
    at = original.index(b"colrnclx") + 8  # primaries, transfer, matrix, range; 2 is unspecified
    original = original[:at] + b"\0\2\0\2\0\2\x80" + original[at + 7 :]
    got, expected = pictures.pixels(render(original, job()).body), pictures.pixels(original)
    assert (expected.min(), expected.max()) == (pytest.approx(12, abs=4), pytest.approx(238, abs=4))
    assert np.abs(got - expected).mean() < 1


def test_cmyk_without_a_profile_becomes_srgb() -> None:
    got = pictures.pixels(render(pictures.cmyk(), job(width=300, format="jpg")).body)
    assert got.shape == (180, 300, 3)
    red, green, blue = got[90, 50]
    assert red < 60 < green < blue  # printed cyan
    assert got[90, 250] == pytest.approx([255, 255, 255], abs=4)


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("width", [None, 100])
def test_an_embedded_profile_is_converted(format: str, width: int | None) -> None:
    original = pictures.swapped()
    expected = ImageCms.profileToProfile(
        pictures.opened(original),
        ImageCms.ImageCmsProfile(io.BytesIO(pictures.opened(original).info["icc_profile"])),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert expected is not None
    got = pictures.pixels(render(original, job(width=width, format=format)).body)
    assert got[20, 20] == pytest.approx(expected.getpixel((20, 20)), abs=6)
    assert got[20, 20, 1] > 200


def _spoilt(profile: bytes, tag: bytes) -> bytes:
    """The profile with nonsense for a tag: it parses, and no transform can be made of it."""
    spoilt = bytearray(profile)
    for n in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name == tag:
            spoilt[offset : offset + 4] = b"junk"
    return bytes(spoilt)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("tag", [b"rTRC", b"gXYZ"])
def test_a_profile_that_cannot_be_used_is_as_none(kind: str, tag: bytes) -> None:
    profile = _spoilt(pictures.opened(pictures.swapped()).info["icc_profile"], tag)
    original = pictures.encoded(pictures.field(400, 240), kind, quality=95, icc_profile=profile)
    pictures.assert_shows(render(original, job(width=100)).body, 0, 0, 1, 1)


def test_a_grey_profile_that_cannot_be_used_is_as_none() -> None:
    profile = _spoilt(pictures.grey_profile(gamma=1.0), b"kTRC")
    grey = pictures.field(400, 240).getchannel("R")
    original = pictures.encoded(grey, "JPEG", quality=95, icc_profile=profile)
    got = pictures.pixels(render(original, job(width=100)).body)
    assert np.abs(got - (255 * (np.arange(100) + 0.5) / 100)[None, :, None]).max() <= 8


def test_a_cmyk_profile_that_cannot_be_used_is_as_none() -> None:
    profile = bytearray(_spoilt(pictures.SRGB, b"rTRC"))
    profile[16:20] = b"CMYK"
    image = pictures.opened(pictures.cmyk())
    spoilt = pictures.encoded(image, "JPEG", quality=95, icc_profile=bytes(profile))
    plain = pictures.encoded(image, "JPEG", quality=95)
    one, other = (pictures.pixels(render(data, job(width=300)).body) for data in (spoilt, plain))
    assert np.abs(one - other).max() == 0


@pytest.mark.parametrize("profile", [b"garbage", pictures.SRGB[:200], b"\0" * 16 + b"GRAY" + b"\0" * 400])
def test_a_broken_profile_is_as_none(profile: bytes) -> None:
    original = pictures.encoded(pictures.field(400, 240), "JPEG", quality=95, icc_profile=profile)
    pictures.assert_shows(render(original, job(width=100)).body, 0, 0, 1, 1)
