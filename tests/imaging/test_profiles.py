"""Which profiles count as sRGB. The profiles are LittleCMS' own, and changed copies of them."""

from __future__ import annotations

import struct

import pytest

from origin.imaging.profiles import color_space
from origin.imaging.profiles import is_srgb
from tests.support import pictures


def _with_gamma(gamma: float) -> bytes:
    """sRGB's primaries under a plain power curve, the name unchanged."""
    profile = bytearray(pictures.SRGB)
    for n in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            struct.pack_into(">4sIIH", profile, offset, b"curv", 0, 1, round(gamma * 256))
    return bytes(profile)


def test_srgb_is_known() -> None:
    assert is_srgb(pictures.SRGB)
    assert color_space(pictures.SRGB) == "RGB"


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_another_curve_under_the_same_name_is_not_srgb(gamma: float) -> None:
    assert not is_srgb(_with_gamma(gamma))


def test_other_primaries_are_not_srgb() -> None:
    assert not is_srgb(pictures.opened(pictures.swapped()).info["icc_profile"])


@pytest.mark.parametrize("length", [0, 10, 131, 140, 300, 500])
def test_a_cut_profile_is_not_srgb(length: int) -> None:
    assert not is_srgb(pictures.SRGB[:length])
