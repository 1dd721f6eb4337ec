"""What a URL asks for does not depend on the URLs that were read before it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from origin.delivery.reading import MAX_PARSED
from origin.delivery.reading import MAX_PARSED_QUERY
from origin.delivery.reading import UrlReader
from origin.delivery.request import ImageRequest
from origin.urls.dialects.dialect import keep_words
from origin.urls.options import BY_NAME
from origin.urls.parsing import OptionDefaults
from origin.urls.presets import Preset
from origin.urls.presets import PresetNames
from origin.urls.url_keys import read_plain_key

LONG = b"&x=" + b"y" * MAX_PARSED_QUERY
QUERIES = [
    *(b"", b"w=300", b"w=300&t=one", b"t=two&w=300", b"w=300&h=200", b"h=200&w=300", b"w=200&h=300"),
    *(b"w=300&unknown=1", b"w=%3300", b"w=300+", b"w=3+00", b"width=300", b"w=", b"w=&h=200"),
    *(b"w=300&w=300", b"w=300&width=200", b"w=much", b"q=0", b"w=300&f=auto", b"f=auto&w=300&dpr=2"),
    *(b"w=300" + LONG, b"w=400" + LONG, b"w=much" + LONG),
    *(b"w=%d" % width for width in range(1, MAX_PARSED + 2)),
]


KEYS = ("cat.jpg", "dog.png", "-/publish", "a//b.jpg", "catI.jpg", "dog.png")
THUMB = Preset({BY_NAME[b"w"]: 20})
OTHERS: list[dict[str, Any]] = [
    {},
    {"is_written": True},
    {"debug": True},
    {"passthrough": "plain"},
    {"passthrough": "always"},
    {"defaults": OptionDefaults(presets={"thumb": THUMB}, preset_names=PresetNames({"I": "thumb"}))},
]


def reader(**others: Any) -> UrlReader:
    usual: dict[str, Any] = {
        "defaults": OptionDefaults(),
        "translate": keep_words,
        "read_key": read_plain_key,
    }
    usual |= {"passthrough": "never", "is_written": False, "debug": False}
    return UrlReader("photos", "folder", **usual | others)


def read(by: UrlReader, key: str, query: bytes) -> dict[str, object]:
    return told(by.read(key, query))


def told(image: ImageRequest) -> dict[str, object]:
    all_of_it = {each.name: getattr(image, each.name) for each in fields(image)}
    otherwise = [told(other) for other in image.otherwise]
    return all_of_it | {"error": str(image.error), "otherwise": otherwise, "text": image.options.canonical()}


@pytest.mark.parametrize("others", OTHERS, ids=lambda others: ",".join(others) or "usual")
def test_what_was_read_before_changes_nothing(others: dict[str, Any]) -> None:
    busy = reader(**others)
    queries = [*QUERIES[:30], *QUERIES] if not others else QUERIES[:30]
    for key in KEYS:
        for query in (*queries, *queries[:30]):
            assert read(busy, key, query) == read(reader(**others), key, query), (key, query)


def test_queries_are_not_mixed_up() -> None:
    busy = reader()
    for _ in range(3):
        assert busy.read("cat.jpg", b"w=300&t=one").options.width == 300
        assert busy.read("cat.jpg", b"w=301&t=one").options.width == 301
        assert "twice" in str(busy.read("cat.jpg", b"w=300&w=300").error)
        assert "segment" in str(busy.read("a//cat.jpg", b"w=300&t=one").error)


def test_a_query_is_read_once_it_has_come_again() -> None:
    busy = reader()
    images = [busy.read(key, b"w=300&h=200&t=x") for key in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")]
    assert images[0].pairs is not images[1].pairs
    assert images[3].pairs is images[2].pairs
    assert [image.original for image in images] == [f"photos\0folder\0{name}.jpg\0" for name in "abcd"]
