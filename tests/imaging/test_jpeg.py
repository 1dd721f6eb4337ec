"""JPEGs of the lossless process are told by their first frame."""

from __future__ import annotations

from origin.imaging.jpeg import is_lossless_jpeg
from tests.support import pictures
from tests.support.cases import check_each


def test_the_lossless_process_is_told() -> None:
    assert is_lossless_jpeg(pictures.lossless_jpeg())
    assert not is_lossless_jpeg(pictures.land())
    assert not is_lossless_jpeg(pictures.progressive())
    assert not is_lossless_jpeg(pictures.tagged())


def test_what_is_cut_or_none_is_not_lossless() -> None:
    def check(length: int) -> None:
        assert not is_lossless_jpeg(pictures.land()[:length])
        assert not is_lossless_jpeg(b"\xff" * length)
        assert not is_lossless_jpeg(bytes(length))

    check_each({f"{length} bytes": length for length in range(0, 40)}, check)
