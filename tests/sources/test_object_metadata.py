"""Rectangles as ImageMagick writes them, and versions that tell of them."""

from __future__ import annotations

import pytest

from origin.sources.object_metadata import CROP
from origin.sources.object_metadata import DERIVED
from origin.sources.object_metadata import WHOLE
from origin.sources.object_metadata import Crop
from origin.sources.object_metadata import bytes_version
from origin.sources.object_metadata import crop_in
from origin.sources.object_metadata import crop_of
from origin.sources.object_metadata import is_derived
from origin.sources.object_metadata import object_version


def test_a_rectangle_is_width_height_left_and_top() -> None:
    assert Crop.parse("200x100+10+20") == Crop(200, 100, 10, 20)
    assert str(Crop(200, 100, 10, 20)) == "200x100+10+20"


@pytest.mark.parametrize(
    "text",
    [
        *("", "200x100", "200x100+10", "0x1+0+0", "1x0+0+0", "-1x1+0+0", "1x1-1+0", "1x1+01+0", "1.5x1+0+0"),
        *("1x1+0+0!", " 1x1+0+0", "1x1+0+0\n", "12345678x1+0+0", "50%x50%+0+0", "\u0661x1+0+0"),
    ],
)
def test_nothing_else_is_a_rectangle(text: str) -> None:
    with pytest.raises(ValueError, match="rectangle"):
        Crop.parse(text)


@pytest.mark.parametrize(
    ("crop", "inside"),
    [
        (Crop(10, 10, 0, 0), Crop(10, 10, 0, 0)),
        (Crop(50, 50, 30, 20), Crop(10, 10, 30, 20)),
        (Crop(10, 10, 40, 0), None),
        (Crop(10, 10, 0, 30), None),
    ],
)
def test_a_rectangle_is_cut_to_the_picture(crop: Crop, inside: Crop | None) -> None:
    assert crop.within(40, 30) == inside


@pytest.mark.parametrize(
    ("etag", "metadata", "version", "crop"),
    [
        ('"9e10"', {}, '"9e10"', None),
        ('"9e10"', {"who": "app"}, '"9e10"', None),
        ('"9e10"', {CROP: WHOLE}, '"9e10-whole"', None),
        ('"9e10"', {CROP: "20x10+1+2"}, '"9e10-20x10+1+2"', Crop(20, 10, 1, 2)),
        ('"9e10-3"', {DERIVED: "ab"}, '"9e10-3-derived"', None),
    ],
)
def test_a_version_tells_what_the_metadata_tell(
    etag: str, metadata: dict[str, str], version: str, crop: Crop | None
) -> None:
    assert object_version(etag, metadata) == version
    assert bytes_version(version) == etag
    assert crop_of(version) == crop == crop_in(metadata)
    assert is_derived(version) == (DERIVED in metadata)
