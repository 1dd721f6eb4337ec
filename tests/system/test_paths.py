"""Paths as attackers and odd uploads write them, byte for byte over a raw socket.

Three handlers share one counting source. Each has an output format of its own, which tells who answered.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import pictures
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings

PREFIXES = {"img": "png", "imgx": "gif", "img/deep": "webp", "bü cher": "jpg"}
NFC = unicodedata.normalize("NFC", "é.jpg")
NFD = unicodedata.normalize("NFD", "é.jpg")
LONGEST = "k" * 1020 + ".jpg"  # 1024 bytes, as S3 has it


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(**{"cat.jpg": pictures.small()})


@pytest.fixture(scope="module")
def origin(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    top = tmp_path_factory.mktemp("paths")
    config = settings(top, top / "cache")
    (handler,) = config["handlers"]
    config["handlers"] = [
        handler | {"name": prefix, "output_format": format, "cache_enabled": False, "error_status": "exact"}
        for prefix, format in PREFIXES.items()
    ]
    with Running(config, source=shelf) as running:
        yield running


@pytest.fixture
def gets(shelf: Shelf) -> list[tuple[str, str | None]]:
    """What the source is asked for by this test."""
    shelf.gets.clear()
    return shelf.gets


@pytest.mark.parametrize(
    "path",
    [
        # Dot segments, plain and escaped
        "/img/..",
        "/img/../cat.jpg",
        "/img/../img/cat.jpg",
        "/img/a/../cat.jpg",
        "/img/a/..",
        "/img/%2e%2e/cat.jpg",
        "/img/%2E%2e/cat.jpg",
        "/img/.%2e/cat.jpg",
        "/img/..%2fcat.jpg",
        "/img/%2e%2e%2Fcat.jpg",
        "/img/../../../../../../etc/passwd",
        "/img/.",
        "/img/./cat.jpg",
        "/img/%2e/cat.jpg",
        # Empty segments
        "/img/",
        "/img//cat.jpg",
        "/img/%2Fcat.jpg",
        "/img/%2F%2Fetc/passwd",
        "/img/a//cat.jpg",
        "/img/cat.jpg/",
        "/img/cat.jpg%2f",
        # Control characters: NUL, CR, LF, ESC, DEL, and one of C1
        "/img/cat.jpg%00",
        "/img/%00/cat.jpg",
        "/img/cat.jpg%00.png",
        "/img/cat%0d%0aSet-Cookie:%20a=b.jpg",
        "/img/cat%0a.jpg",
        "/img/cat%1b[2J.jpg",
        "/img/cat%7f.jpg",
        "/img/cat%c2%85.jpg",
        # Escapes that are none
        "/img/cat%zz.jpg",
        "/img/cat.jpg%",
        "/img/cat.jpg%2",
        "/img/%u002e%u002e/cat.jpg",
        "/img/%+2e/cat.jpg",
        # UTF-8 that is none: a stray byte, a cut sequence, overlong dots and slash, surrogates, too high
        "/img/%ff.jpg",
        "/img/caf%c3.jpg",
        "/img/%c0%ae%c0%ae/cat.jpg",
        "/img/..%c0%afcat.jpg",
        "/img/%e0%80%af.jpg",
        "/img/%ed%a0%80.jpg",
        "/img/%ed%a0%bd%ed%b8%80.jpg",
        "/img/%f4%90%80%80.jpg",
        # Longer than a key can be: in bytes, not in characters
        f"/img/{'k' * 1021}.jpg",
        f"/img/{'%C3%A9' * 511}.jpg",
    ],
)
def test_a_refused_path_gets_the_fallback_and_asks_no_source(
    origin: Running, gets: list[Any], path: str
) -> None:
    answer = origin.get(f"{path}?w=20&f=png")

    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.type == "image/png"
    assert pictures.opened(answer.body).width == 20
    assert gets == []


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("cat.jpg", "cat.jpg"),
        ("%63at%2Ejpg", "cat.jpg"),
        ("users/42/cat.jpg", "users/42/cat.jpg"),
        ("users%2F42%2fcat.jpg", "users/42/cat.jpg"),  # proxies write one for the other
        # Decoded once: what is left is a name like any other
        ("%252e%252e/cat.jpg", "%2e%2e/cat.jpg"),
        ("%252fcat.jpg", "%2fcat.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("a%2500.jpg", "a%00.jpg"),
        # Not special, though they are elsewhere
        ("...", "..."),
        (".hidden.jpg", ".hidden.jpg"),
        ("..cat.jpg", "..cat.jpg"),
        ("..;/cat.jpg", "..;/cat.jpg"),
        ("cat.jpg;x.css", "cat.jpg;x.css"),
        ("..%5Ccat.jpg", "..\\cat.jpg"),
        ("..\\cat.jpg", "..\\cat.jpg"),
        ("C:/cat.jpg", "C:/cat.jpg"),
        ("~root/cat.jpg", "~root/cat.jpg"),
        ("http://evil.example/cat.jpg".replace("//", "/"), "http:/evil.example/cat.jpg"),
        ("a+b.jpg", "a+b.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("a%20b.jpg", "a b.jpg"),
        ("a%3Fb.jpg", "a?b.jpg"),
        ("a%23b.jpg", "a#b.jpg"),
        ("a&b=c.jpg", "a&b=c.jpg"),
        ("'\"%3Cb%3E.jpg", "'\"<b>.jpg"),
        # Unicode: never normalised, never folded, never dropped
        (quote(NFC), NFC),
        (quote(NFD), NFD),
        ("%EF%BC%8E%EF%BC%8E/cat.jpg", "\uff0e\uff0e/cat.jpg"),
        ("%EF%BF%BD.jpg", "\ufffd.jpg"),
        ("cat%E2%80%AEgpj.jpg", "cat\u202egpj.jpg"),
        ("cat%E2%80%8B.jpg", "cat\u200b.jpg"),
        ("%F0%9F%90%88.jpg", "\U0001f408.jpg"),
        (LONGEST, LONGEST),
    ],
)
def test_the_source_gets_the_key_as_it_was_meant(
    origin: Running, shelf: Shelf, gets: list[Any], path: str, key: str
) -> None:
    shelf.originals[key] = pictures.small()

    assert origin.get(f"/img/{path}?w=20").status == 200
    assert gets == [(key, None)]


def test_composed_and_decomposed_letters_are_two_keys(origin: Running, shelf: Shelf) -> None:
    shelf.originals |= {NFC: pictures.small(), NFD: pictures.odd()}
    sizes = [pictures.opened(origin.get(f"/img/{quote(key)}").body).size for key in (NFC, NFD)]
    assert sizes == [(100, 80), (333, 257)]


def test_nothing_of_the_query_is_part_of_the_key(origin: Running, gets: list[Any]) -> None:
    assert origin.get("/img/cat.jpg?versionId=null&acl&prefix=../&utm_source=mail").status == 200
    assert gets == [("cat.jpg", None)]


@pytest.mark.parametrize(
    ("path", "format", "key"),
    [
        ("/img/cat.jpg", "png", "cat.jpg"),
        ("/imgx/cat.jpg", "gif", "cat.jpg"),
        ("/img/deep/cat.jpg", "webp", "cat.jpg"),
        ("/img/deepcat.jpg", "png", "deepcat.jpg"),
        ("/img/deep", "png", "deep"),
        ("/img/deeper/cat.jpg", "png", "deeper/cat.jpg"),
        ("/img/x/deep/cat.jpg", "png", "x/deep/cat.jpg"),
        ("/img/deep/img/deep/cat.jpg", "webp", "img/deep/cat.jpg"),
        ("/%69mg/cat.jpg", "png", "cat.jpg"),
        ("/img%2Fcat.jpg", "png", "cat.jpg"),
        ("/img%2Fdeep%2Fcat.jpg", "webp", "cat.jpg"),
        ("/b%C3%BC%20cher/cat.jpg", "jpeg", "cat.jpg"),
    ],
)
def test_the_longest_prefix_of_whole_segments_answers(
    origin: Running, shelf: Shelf, gets: list[Any], path: str, format: str, key: str
) -> None:
    shelf.originals[key] = pictures.small()

    answer = origin.get(path)

    assert (answer.status, answer.type, gets) == (200, f"image/{format}", [(key, None)])


@pytest.mark.parametrize(
    "path",
    ["/img/deep/../cat.jpg", "/img/../imgx/cat.jpg", "/imgx/../img/cat.jpg", "/img/deep/%2e%2e/cat.jpg"],
)
def test_no_path_climbs_from_one_prefix_into_another(origin: Running, gets: list[Any], path: str) -> None:
    assert (origin.get(path).kind, gets) == ("bad-request", [])


@pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/img", "/im/cat.jpg", "/imgcat.jpg", "/imgxx/cat.jpg", "/IMG/cat.jpg", "//img/cat.jpg"),
        *(
            "/cat.jpg",
            "/%2e%2e/img/cat.jpg",
            "/../img/cat.jpg",
            "/./img/cat.jpg",
            "/x/img/cat.jpg",
            "/favicon.ico",
        ),
        *("/-/", "/-/cat.jpg", "/status/", "/%ff", "/%zz", "/b%C3%BC+cher/cat.jpg"),
    ],
)
def test_a_path_below_no_prefix_is_a_plain_404(origin: Running, gets: list[Any], path: str) -> None:
    answer = origin.get(path)

    assert (answer.status, answer.type, answer.kind) == (404, "text/plain; charset=utf-8", None)
    assert answer.headers["Cache-Control"] == "no-store"
    assert gets == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/img/cat.jpg?w=20&x=" + "x" * (8192 - len("/img/cat.jpg?w=20&x=")), 200),
        ("/img/cat.jpg?w=20&x=" + "x" * 8192, 414),
        ("/img/" + "x" * 8192, 414),
        ("/img/" + "%20" * 3000, 414),
        ("/nowhere?" + "x" * 8192, 414),
    ],
)
def test_a_url_has_8_kilobytes_at_most(origin: Running, target: str, status: int) -> None:
    answer = origin.get(target)

    assert answer.status == status
    assert (answer.headers["Cache-Control"] == "no-store") == (status == 414)


def test_the_absolute_form_names_no_other_host(origin: Running, gets: list[Any]) -> None:
    answer = origin.get("http://evil.example/img/cat.jpg?w=20")

    assert (answer.status, gets) == (200, [("cat.jpg", None)])
    assert "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    "target",
    [b"/img/caf\xc3\xa9.jpg", b"/img/\xff.jpg", b"/img/a\x00.jpg", b"/img/a\x1b.jpg", b"img/cat.jpg"],
)
def test_bytes_that_http_does_not_allow_are_400(origin: Running, gets: list[Any], target: bytes) -> None:
    assert (origin.get(target).status, gets) == (400, [])
