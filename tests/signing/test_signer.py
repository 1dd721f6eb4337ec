"""URLs that an application writes: all of them are accepted, and the rest raises."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

import pytest

from origin.signing import Reason
from origin.signing import UrlSigner
from origin.signing import Verifier
from origin.signing import decode_query
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.signing import signer
from tests.support.signing import verifier
from tests.support.signing import verify
from tests.support.signing import verify_url


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, ""),
        ({"w": 300}, "w=300&"),
        ({"width": 300, "f": "webp"}, "w=300&f=webp&"),
        ({"f": "webp", "w": 300}, "w=300&f=webp&"),
        ({"w": 300, "h": None}, "w=300&"),
        ({"c": True}, "c=true&"),
        ({"crop": False}, "c=false&"),
        ({"dpr": 1.5}, "dpr=1.5&"),
        ({"dpr": 2.0}, "dpr=2&"),
        ({"dpr": 4 / 3}, "dpr=1.3333333333333333&"),
        ({"w": 1e3}, "w=1000&"),
        ({"w": 100.0}, "w=100&"),
        ({"w": "300"}, "w=300&"),
        # The origin clamps these to 0.5 and 5, so they are signed.
        ({"w": 300, "dpr": 0.5}, "w=300&dpr=0.5&"),
        ({"w": 300, "dpr": 5}, "w=300&dpr=5&"),
        ({"w": 300, "dpr": 0.1}, "w=300&dpr=0.1&"),
        ({"w": 300, "dpr": 7}, "w=300&dpr=7&"),
        # Several numbers may be a tuple.
        ({"w": 300, "h": 200, "fit": "cover", "g": (0.3, 0.6)}, "w=300&h=200&fit=cover&g=0.3%2C0.6&"),
        ({"gravity": "0.3,0.6"}, "g=0.3%2C0.6&"),
        ({"rect": (0, 0, 100, 100)}, "rect=0%2C0%2C100%2C100&"),
        ({"rect": [0.1, 0, 0.5, 1.0]}, "rect=0.1%2C0%2C0.5%2C1&"),
        ({"pad": "10,20"}, "pad=10%2C20&"),
        ({"pad": (10, 20)}, "pad=10%2C20&"),
        ({"pad": 10}, "pad=10&"),
        ({"ar": "16:9"}, "ar=16%3A9&"),
        ({"ar": 1.5}, "ar=1.5&"),
        ({"bg": "#fff"}, "bg=%23fff&"),
        ({"background": "tomato"}, "bg=tomato&"),
        ({"rotate": -90}, "rotate=-90&"),
        ({"enlarge": True, "trim": 10, "flip": "h"}, "enlarge=true&trim=10&flip=h&"),
    ],
)
def test_options_are_written_in_one_way(options: Any, query: str) -> None:
    written = signer.url("cat.jpg", **options)
    assert written.startswith(f"https://img.example.com/photos/cat.jpg?{query}t=")
    assert verify_url(written).accepted


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"wdith": 300}, TypeError),
        ({"W": 300}, TypeError),
        ({"w": 300, "width": 300}, TypeError),
        ({"e": NOW}, TypeError),
        ({"expires": NOW}, TypeError),
        ({"t": "x"}, TypeError),
        ({"w": 0}, ValueError),
        ({"w": -1}, ValueError),
        ({"w": 0.4}, ValueError),
        ({"w": ""}, ValueError),
        ({"w": True}, ValueError),
        ({"w": "wide"}, ValueError),
        ({"w": float("nan")}, ValueError),
        ({"w": float("inf")}, ValueError),
        ({"c": "yes"}, ValueError),
        ({"f": "wébp"}, ValueError),
        ({"g": (0.3, 1.6)}, ValueError),
        ({"rect": (0, 0, 100)}, ValueError),
        ({"pad": ()}, ValueError),
        ({"bg": "none"}, ValueError),
    ],
)
def test_an_option_that_the_origin_cannot_read_is_not_signed(options: Any, error: Any) -> None:
    with pytest.raises(error):
        signer.url("cat.jpg", **options)


BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a\0",
    "a\nb",
    "a\x7f",
    "a\x85",
    "\ud800",
    "é" * 513,
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_the_origin_refuses_is_not_signed(key: str) -> None:
    for write in (signer.url, signer.grant):
        with pytest.raises(ValueError, match="a key has"):
            write(key)


def test_a_path_is_escaped_by_segment() -> None:
    url = UrlSigner("https://cdn.example.com/img/", "/shop/photos/", [KEY]).url("été/a b+c%2F?#.jpg")
    path, _, token = url.partition("?t=")
    assert path == "https://cdn.example.com/img/shop/photos/%C3%A9t%C3%A9/a%20b%2Bc%252F%3F%23.jpg"
    assert verify("été/a b+c%2F?#.jpg", "", token, by=Verifier("shop/photos", [KEY])).accepted


@pytest.mark.parametrize("base", ["https://a.example/?x", "https://a.example/#x", "https://a.example/ b"])
def test_a_base_url_that_could_not_hold_a_path_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        UrlSigner(base, "photos", [KEY])


@pytest.mark.parametrize(
    "base", ["img.example.com", "images/", "ftp://img.example.com", "https:img.example.com"]
)
def test_a_base_url_without_a_scheme_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match=r"base_url: expected one such as https://img.example.com, got"):
        UrlSigner(base, "photos", [KEY])


@pytest.mark.parametrize("base", ["", "/", "/img", "//img.example.com", "HTTPS://img.example.com"])
def test_a_base_url_may_leave_out_what_the_page_has(base: str) -> None:
    assert UrlSigner(base, "photos", [KEY]).url("a.jpg").startswith(f"{base.rstrip('/')}/photos/a.jpg?t=")


@pytest.mark.parametrize("key", [KEY + "\n", " " + KEY, KEY + "\t"])
def test_a_key_with_white_space_at_an_end_is_refused(key: str) -> None:
    for make in (lambda: UrlSigner("", "photos", [KEY, key]), lambda: Verifier("photos", [key])):
        with pytest.raises(ValueError, match="was it read with its newline") as refused:
            make()
        assert KEY not in str(refused.value)


@pytest.mark.parametrize("when", [timedelta(hours=1), datetime(2030, 1, 1, tzinfo=UTC), "3600", True])
def test_an_expiry_that_is_no_number_is_told(when: Any) -> None:
    kind = type(when).__name__
    with pytest.raises(TypeError, match=rf"^expires_in: expected seconds from now, got {kind}$"):
        signer.url("a.jpg", expires_in=when)
    with pytest.raises(TypeError, match=rf"^expires_at: expected a Unix second, got {kind}$"):
        signer.grant("a.jpg", expires_at=when)


def test_bounds_of_uploads_and_grants_that_are_of_another_type_are_told() -> None:
    wrong: Any = "5MB"
    with pytest.raises(TypeError, match=r"^max_bytes: expected a number of bytes, got '5MB'$"):
        signer.upload("a/*", expires_in=60, max_bytes=wrong)
    with pytest.raises(TypeError, match=r"^formats: expected a list such as"):
        signer.upload("a/*", expires_in=60, formats="jpg")
    with pytest.raises(TypeError, match=r"^w: expected .*, got range$"):
        signer.grant("a/*", w=range(1, 1600))


@pytest.mark.parametrize("bucket", [0, -1, 0.5])
def test_a_bucket_below_a_second_is_refused(bucket: Any) -> None:
    with pytest.raises(ValueError, match=rf"^bucket: expected seconds >= 1, got {bucket}$"):
        UrlSigner("https://img.example.com", "photos", [KEY], bucket=bucket)


def candidates(srcset: str) -> list[tuple[str, str]]:
    return [(url, descriptor) for url, descriptor in (part.split(" ") for part in srcset.split(", "))]


def test_a_srcset_over_widths_has_a_token_for_each() -> None:
    found = candidates(signer.srcset("a,b.jpg", widths=[300, 600], f="webp", expires_in=60, now=NOW))
    assert [descriptor for _, descriptor in found] == ["300w", "600w"]
    for url, descriptor in found:
        assert f"?w={descriptor[:-1]}&f=webp&e=1790002800&t=" in url
        key = "a,b.jpg"
        assert verifier.verify(key, decode_query(urlsplit(url).query.encode()), NOW).reason is Reason.SIGNED


def test_a_srcset_over_densities_sets_dpr() -> None:
    found = candidates(signer.srcset("cat.jpg", densities=[1, 1.5, 2.0], w=300))
    assert [descriptor for _, descriptor in found] == ["1x", "1.5x", "2x"]
    assert [url.partition("&t=")[0][-5:] for url, _ in found] == ["dpr=1", "r=1.5", "dpr=2"]
    assert all(verify_url(url).accepted for url, _ in found)


def test_a_srcset_may_share_a_grant() -> None:
    token = signer.grant("cat.jpg", w={"max": 1600})
    found = candidates(signer.srcset("cat.jpg", widths=[300, 600], grant=token))
    assert [parse_qsl(urlsplit(url).query)[-1] for url, _ in found] == [("t", token)] * 2
    assert all(verify_url(url).reason is Reason.GRANTED for url, _ in found)


def test_a_srcset_over_widths_keeps_the_shape_of_w_and_h() -> None:
    grant = signer.grant("cat.jpg", w={"max": 1600}, h={"max": 1600})
    for given in (None, grant):
        found = candidates(signer.srcset("cat.jpg", widths=[300, 600, 901], w=3, h="2", grant=given))
        sizes = [dict(parse_qsl(urlsplit(url).query)) for url, _ in found]
        assert [(size["w"], size["h"]) for size in sizes] == [("300", "200"), ("600", "400"), ("901", "601")]
        assert all(verify_url(url).accepted for url, _ in found)


def test_a_height_alone_gives_a_srcset_no_shape() -> None:
    with pytest.raises(TypeError, match="give w and h beside widths"):
        signer.srcset("cat.jpg", widths=[300, 600], h=200)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"widths": [1], "densities": [1]}, {"densities": [1, 2]}, {"widths": [1], "w": 5}, {"widths": []}],
)
def test_a_srcset_without_a_meaning_is_not_signed(arguments: Any) -> None:
    with pytest.raises(TypeError):
        signer.srcset("cat.jpg", **arguments)


@pytest.mark.parametrize(
    ("key", "options"), [("dog.jpg", {"w": 1}), ("cat.jpg", {"w": 2000}), ("cat.jpg", {})]
)
def test_a_url_outside_its_grant_is_not_written(key: str, options: Any) -> None:
    with pytest.raises(ValueError, match="outside the grant"):
        signer.url(key, grant=signer.grant("cat.jpg", w={"max": 1600}), **options)


@pytest.mark.parametrize(
    "bounds",
    [
        {"wdith": 1},
        {"w": "1"},
        {"w": {}},
        {"f": {"max": 1}},
        {"t": "x"},
        {"t": 1},
        {"w": []},
        {"w": 1, "width": 1},
    ],
)
def test_a_grant_that_the_origin_could_not_read_is_not_signed(bounds: Any) -> None:
    with pytest.raises(ValueError, match=r"option|type|bounds|value"):
        signer.grant("cat.jpg", **bounds)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"g": ["smart", (0.3, 0.6)]}, ["g=smart", "g=0.30,0.6"], ["g=entropy", "g=0.3,0.7", ""]),
        ({"g": (0.5, 0)}, ["g=top"], ["g=bottom"]),
        ({"rect": (0, 0, 100, 100)}, ["rect=0,0,100.0,100"], ["rect=0,0,100,101"]),
        ({"pad": 10}, ["pad=10", "pad=10,10"], ["pad=10,11", "pad=20"]),
        ({"pad": [10, (10, 20)]}, ["pad=10", "pad=10,20,10"], ["pad=20"]),
        ({"ar": ["16:9", 1.5]}, ["ar=32:18", "ar=3:2"], ["ar=1"]),
        ({"ar": {"min": 1, "max": "16:9"}}, ["ar=1", "ar=16:9"], ["ar=0.99", "ar=16.1:9"]),
        ({"rotate": {"min": -10, "max": 10}}, ["rotate=-10", "rotate=0"], ["rotate=-11", "rotate=350"]),
        ({"bg": ["#fff", "tomato"]}, ["bg=white", "bg=ff6347"], ["bg=fffffffe"]),
        ({"fit": ["cover", "inside"]}, ["fit=COVER"], ["fit=fill"]),
        ({"trim": {"max": 20}}, ["trim=20"], ["trim=21"]),
        ({"enlarge": False}, ["enlarge=0"], ["enlarge=1"]),
        ({"flip": "h"}, ["flip=h"], ["flip=v"]),
    ],
)
def test_a_grant_bounds_what_a_picture_looks_like(bounds: Any, inside: list[str], outside: list[str]) -> None:
    token = signer.grant("cat.jpg", **bounds)
    assert all(verify("cat.jpg", query, token).accepted for query in inside)
    assert {verify("cat.jpg", query, token).reason for query in outside} == {Reason.OUTSIDE}


@pytest.mark.parametrize(
    "options",
    [
        {"q": 0},
        {"q": 101},
        {"q": 80.5},
        {"f": "bmp"},
        {"f": " webp"},
        {"expires_at": 1_790_000_000_000},
    ],
)
def test_nothing_is_signed_that_the_origin_refuses(options: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|milliseconds"):
        signer.url("cat.jpg", **options)


@pytest.mark.parametrize(
    ("key", "bounds"),
    [
        ("cat.jpg", {"f": ["wepb"]}),
        ("cat.jpg", {"w": {"min": 900, "max": 1}}),
        ("cat.jpg", {"w": 0}),
        ("cat.jpg", {"w": {"max": 0}}),
        ("cat.jpg", {"q": {"min": 101}}),
        ("cat.jpg", {"q": 101}),
        ("users/42*", {}),
        ("users/*/cat.jpg", {}),
        ("*", {}),
    ],
)
def test_no_grant_is_written_that_grants_nothing(key: str, bounds: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|min|absent|\*"):
        signer.grant(key, **bounds)


def test_a_srcset_has_whole_widths() -> None:
    with pytest.raises(TypeError, match="whole"):
        signer.srcset("cat.jpg", widths=[300.5])  # type: ignore[list-item]


def test_yes_is_no_name() -> None:
    with pytest.raises(ValueError, match="another type"):
        signer.grant("cat.jpg", p=True)
