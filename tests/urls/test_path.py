"""Paths on the wire: what they mean, and what is refused before anything is asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.errors import BadRequest
from origin.urls.path import MAX_KEY
from origin.urls.path import check_key
from origin.urls.path import decode_path
from origin.urls.path import find_mount
from origin.urls.path import raw_key

MOUNTS = {
    "img": "img",
    "img/photos": "photos",
    "a b": "spaced",
    "ü": "umlaut",
    "img/photos/2024/deep": "deep",
}


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", ""),
        (b"/img/cat.jpg", "img/cat.jpg"),
        (b"/img/a%20b.jpg", "img/a b.jpg"),
        (b"/img/a+b.jpg", "img/a+b.jpg"),
        (b"/img/a%2Bb.jpg", "img/a+b.jpg"),
        (b"/img/q%3Fx%23.jpg", "img/q?x#.jpg"),
        (b"/img/a%252Fb", "img/a%2Fb"),  # once, and not twice
        (b"/img/a%2fb", "img/a/b"),
        (b"/img/%C3%BC.jpg", "img/ü.jpg"),
        (b"/img/u%CC%88.jpg", "img/u\u0308.jpg"),  # as it came, not composed
        (b"/img/%F0%9F%90%88.jpg", "img/🐈.jpg"),
        (b"//img/x", "/img/x"),
        (b"/img//x", "img//x"),
    ],
)
def test_a_path_is_decoded_once(raw: bytes, path: str) -> None:
    assert decode_path(raw) == path


ODD = [
    *("%", "%4", "%zz", "%4g", "%%41", "%u0041", "% 41", "%+1"),  # no escape
    *("%FF", "%C3", "%C3%28", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "\xff"),  # no UTF-8
    *("%00", "a%0Ab", "%0D%0A", "%7F", "%C2%80", "%C2%9B31m", "%1B[31m", "\x00"),  # control characters
]


@pytest.mark.parametrize("raw", ["/img/" + piece for piece in ODD])
def test_what_is_no_escape_no_utf8_or_a_control_character_is_refused(raw: str) -> None:
    with pytest.raises(BadRequest):
        decode_path(raw.encode("latin-1"))


ELSEWHERE = ["", ".", "..", "../x", "a/../b", "a/./b", "a/..", "a//b", "/a", "a/", "a/b/", "../../etc/passwd"]


@pytest.mark.parametrize("key", [*ELSEWHERE, "x" * 1025, "ü" * 513, "a\0", "a\nb", "\x85", "\ud800"])
def test_a_key_that_could_mean_another_place_is_refused(key: str) -> None:
    with pytest.raises(BadRequest):
        check_key(key)


@pytest.mark.parametrize(
    "key",
    ["a", "a/b/c.jpg", "...", "..a", "a..", ".hidden", "a b", "a\\b", "~", "x" * 1024, "ü" * 512, "..;"],
)
def test_a_key_that_means_itself_is_taken(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("img/cat.jpg", ("img", "cat.jpg")),
        ("img/photos/cat.jpg", ("photos", "cat.jpg")),
        ("img/photos/2024/cat.jpg", ("photos", "2024/cat.jpg")),
        ("img/photos/2024/deep/cat.jpg", ("deep", "cat.jpg")),
        ("img/photosx/cat.jpg", ("img", "photosx/cat.jpg")),
        ("a b/cat.jpg", ("spaced", "cat.jpg")),
        ("ü/cat.jpg", ("umlaut", "cat.jpg")),
        ("img/", ("img", "")),
        ("img//cat.jpg", ("img", "/cat.jpg")),
        ("img/../secret", ("img", "../secret")),
        ("img", None),
        ("IMG/cat.jpg", None),
        ("other/img/cat.jpg", None),
        ("/img/cat.jpg", None),
        ("", None),
    ],
)
def test_the_longest_prefix_wins(path: str, found: tuple[str, str] | None) -> None:
    assert find_mount(path, MOUNTS) == found


class CountingMounts(dict[str, str]):
    """Counts what is looked up, which is what a path costs: each look-up copies a piece of the path."""

    def __init__(self, *prefixes: str) -> None:
        super().__init__({prefix: prefix for prefix in prefixes})
        self.lookups: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        self.lookups.append(key)
        return super().get(key, default)


@pytest.mark.parametrize("path", ["/" * 4096, "a/" * 4096, "img/" + "a/" * 4096, "img/photos/" + "/" * 4096])
def test_a_path_of_many_slashes_costs_no_more_than_the_longest_mount(path: str) -> None:
    mounts = CountingMounts("img", "img/photos", "img/photos/2024/deep")
    find_mount(path, mounts)
    longest = max(map(len, mounts))
    assert len(mounts.lookups) <= longest
    assert all(len(prefix) <= longest for prefix in mounts.lookups)


def test_the_cost_of_a_path_does_not_grow_with_its_slashes() -> None:
    short, long = CountingMounts("img/photos"), CountingMounts("img/photos")
    find_mount("a/" * 50, short)
    find_mount("a/" * 4000, long)
    assert long.lookups == short.lookups


def test_nothing_is_mounted_where_there_are_no_mounts() -> None:
    assert find_mount("img/cat.jpg", {}) is None


@given(
    st.lists(st.text("ab/", min_size=1, max_size=6).map(lambda text: text.strip("/")), max_size=4),
    st.text("ab/", max_size=12),
)
def test_a_mount_is_found_as_by_trying_every_prefix(prefixes: list[str], path: str) -> None:
    mounts = {prefix: prefix for prefix in prefixes if prefix}
    pieces = path.split("/")
    tried = ["/".join(pieces[:count]) for count in range(len(pieces) - 1, 0, -1)]
    longest = next((prefix for prefix in tried if prefix in mounts), None)
    assert find_mount(path, mounts) == (None if longest is None else (longest, path[len(longest) + 1 :]))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_whatever_is_escaped_comes_back(path: str) -> None:
    assert decode_path(b"/" + quote(path, safe="").encode()) == path


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    try:
        path = decode_path(raw)
        check_key(path)
    except BadRequest:
        return
    assert len(path.encode()) <= MAX_KEY
    assert not {"", ".", ".."} & set(path.split("/"))
    assert "\0" not in path


@pytest.mark.parametrize(
    ("raw_path", "prefix", "key"),
    [
        (b"/a/b/c%2Fd", "a/b", b"/c%2Fd"),
        (b"/%61/%62/c", "a/b", b"/c"),
        (b"/%61%2F%62/c", "a/b", b"/c"),
        (b"/%C3%A9/c", "\u00e9", b"/c"),
        (b"/a/b", "", b"/a/b"),
        (b"/a/b%2Fc", "a/b", None),
        (b"/a%2Fc/a/d", "a", None),  # what is looked for is no longer than the prefix
        (b"/a%2F" + b"/%41" * 2000, "a", None),
        (b"", "a", None),
    ],
)
def test_the_key_as_it_came(raw_path: bytes, prefix: str, key: bytes | None) -> None:
    assert raw_key(raw_path, prefix) == key
