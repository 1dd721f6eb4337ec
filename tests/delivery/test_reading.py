"""What a URL asks for does not depend on the URLs that were read before it."""

from __future__ import annotations

from origin.delivery.reading import MAX_PARSED
from origin.delivery.reading import MAX_PARSED_QUERY
from origin.delivery.reading import UrlReader
from origin.urls.dialects.dialect import keep_words
from origin.urls.parsing import OptionDefaults
from origin.urls.url_keys import read_plain_key

LONG = b"&x=" + b"y" * MAX_PARSED_QUERY
QUERIES = [
    *(b"", b"w=300", b"w=300&t=one", b"t=two&w=300", b"w=300&h=200", b"h=200&w=300", b"w=200&h=300"),
    *(b"w=300&unknown=1", b"w=%3300", b"w=300+", b"w=3+00", b"width=300", b"w=", b"w=&h=200"),
    *(b"w=300&w=300", b"w=300&width=200", b"w=much", b"q=0", b"w=300&f=auto", b"f=auto&w=300&dpr=2"),
    *(b"w=300" + LONG, b"w=400" + LONG, b"w=much" + LONG),
    *(b"w=%d" % width for width in range(1, MAX_PARSED + 2)),
]


def reader() -> UrlReader:
    return UrlReader(
        "photos",
        "folder",
        OptionDefaults(),
        translate=keep_words,
        read_key=read_plain_key,
        passthrough="never",
        is_written=False,
        debug=False,
    )


def read(by: UrlReader, key: str, query: bytes) -> tuple[object, ...]:
    image = by.read(key, query)
    return image.key, image.original, image.pairs, image.options, image.options.canonical(), str(image.error)


def test_what_was_read_before_changes_nothing() -> None:
    busy = reader()
    for key in ("cat.jpg", "dog.png"):
        for query in (*QUERIES, *QUERIES[:30]):
            assert read(busy, key, query) == read(reader(), key, query), query
    assert busy.read("cat.jpg", b"w=300&t=one").options.width == 300
    assert busy.read("cat.jpg", b"w=301&t=one").options.width == 301
    assert "twice" in str(busy.read("cat.jpg", b"w=300&w=300").error)
