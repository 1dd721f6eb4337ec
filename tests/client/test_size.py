"""The sides in a tag are those of the picture that the origin sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import ExifTags
from PIL import Image

from origin.client.info import Info
from origin.client.size import find_size
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings

WIDE = Info(1000, 600)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sizes")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    shelf = Shelf(
        wide=encoded(field(100, 60), "PNG"),
        tall=encoded(field(61, 97), "PNG"),
        lying=encoded(field(60, 40), "JPEG", exif=exif.tobytes()),
    )
    with Running(settings(folder, folder / "cache"), source=shelf) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("key", ["wide", "tall", "lying"])
def test_with_info_the_sides_are_those_of_the_result(origin: Running, key: str) -> None:
    info = Info.read(origin.get(f"/h/{key}?f=json").body)
    wrong = []
    for query in (
        "",
        "w=50",
        "h=33",
        "w=500",
        "w=40&h=40",
        "w=40&h=500",
        "w=40&h=40&c=false",
        "w=40&h=40&fit=inside",
        "w=40&h=40&fit=contain",
        "w=200&h=90&fit=contain",
        "w=40&h=40&fit=outside",
        "w=200&h=90&fit=outside",
        "w=40&h=500&fit=fill",
        "w=200&enlarge=true",
        "w=150&h=150&enlarge=true",
        "w=150&h=150&c=0&enlarge=1",
        "ar=1",
        "ar=3:2",
        "ar=1:3",
        "w=30&ar=3:2",
        "h=30&ar=1.5",
        "w=30&h=30&ar=3:2",
        "rect=10,10,30,20",
        "rect=0.1,0,0.5,1",
        "rect=0.5,0.5,1,1&w=20",
        "rect=30,30,900,900",
        "rotate=90",
        "rotate=-90&w=40&h=20",
        "rotate=180&w=40",
        "pad=5",
        "pad=1,2,3,4&w=30&h=20",
        "pad=2.5,4&h=30&rotate=270",
        "w=12.5&h=12.4",
    ):
        options: dict[str, Any] = dict(pair.split("=") for pair in query.split("&") if pair)
        answer = origin.get(f"/h/{key}?{query}")
        assert answer.status == 200, query
        if find_size(options, info) != opened(answer.body).size:
            wrong.append((query, find_size(options, info), opened(answer.body).size))
    assert wrong == []


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, None),
        ({"w": 300}, None),
        ({"w": 300, "h": 200}, (300, 200)),
        ({"w": 300, "h": 200, "fit": "fill"}, (300, 200)),
        ({"w": 300, "h": 200, "fit": "contain"}, (300, 200)),
        ({"w": 300, "h": 200, "fit": "inside"}, None),
        ({"w": 300, "h": 200, "c": False}, None),
        ({"w": 300, "h": 200, "c": False, "fit": "cover"}, (300, 200)),
        ({"w": 300, "ar": "3:2"}, (300, 200)),
        ({"w": 300, "h": 200, "rotate": 90, "pad": (1, 2)}, (204, 302)),
        ({"w": 300, "h": 200, "rotate": 12}, None),
        ({"w": 300, "h": 200, "dpr": 2}, (300, 200)),
    ],
)
def test_without_info_the_sides_are_those_of_the_box_or_unknown(options: Any, size: Any) -> None:
    assert find_size(options, None) == size


@pytest.mark.parametrize("options", [{"p": "thumb"}, {"trim": 10}, {"w": 300, "trim": 10}, {"rotate": 12}])
def test_what_cannot_be_foreseen_has_no_sides(options: Any) -> None:
    assert find_size(options, WIDE) is None


def test_what_cannot_be_foreseen_leaves_a_box_what_it_is() -> None:
    assert find_size({"w": 300, "h": 200, "trim": 10}, WIDE) == (300, 200)


def test_info_is_the_object_or_its_text() -> None:
    facts = {"width": 3, "height": 2, "frames": 1, "alpha": True, "dominant": "#000000", "more": []}
    assert Info.read(facts) == Info.read(json.dumps(facts)) == Info(3, 2, 1, True, "#000000", None)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "[]",
        "3",
        "{}",
        {"width": 0, "height": 2},
        {"width": 3.5, "height": 2},
        {"width": True, "height": 1},
    ],
)
def test_what_is_no_info(given: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # of json, or ours
        Info.read(given)


def test_a_failure_is_no_info() -> None:
    with pytest.raises(ValueError, match="info: expected"):
        Info.read('{"error": "not-found"}')
