"""URLs are read as the client reads them, and as RFC 3986 does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.sources.remote_url import parse_url

PIECES = st.sampled_from(
    [
        *(
            "http://",
            "https://",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "#",
            "?",
            "%",
            "%2f",
            "[",
            "]",
            "::1",
            "..",
            ".",
            " ",
        ),
        *(
            "127.0.0.1",
            "example.com",
            "ex\u00e4mple",
            "\uff0e",
            "\u3002",
            "\uff11",
            "0x7f",
            "8080",
            "a",
            "-",
            "_",
            "xn--",
        ),
    ]
)


@given(st.lists(PIECES, max_size=9).map("".join).map(lambda rest: f"http://{rest}"))
def test_the_client_connects_to_the_host_that_was_checked(text: str) -> None:
    try:
        url = parse_url(text)
    except (BadRequest, Forbidden):
        return
    read = URL(str(url), encoded=True)
    assert (read.raw_host, read.port, read.scheme) == (url.host, url.port, url.scheme)
    assert read.user is None
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("http://example.com.:80/a#b", "http://example.com/a"),
        ("https://example.com:443?x=1", "https://example.com/?x=1"),
        ('https://example.com:8443/%C3%A9/\u00e9 "<>', "https://example.com:8443/%C3%A9/%C3%A9%20%22%3C%3E"),
        ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
        ("http://fa\u00df.example/", "http://xn--fa-hia.example/"),
        ("http://[2606:4700:0:0::1]:81/", "http://[2606:4700::1]:81/"),
        ("http://a_b.example:/", "http://a_b.example/"),
    ],
)
def test_a_url_is_read(text: str, read: str) -> None:
    assert str(parse_url(text)) == read


@pytest.mark.parametrize(
    ("location", "read"),
    [
        ("/b", "http://example.com/b"),
        ("b?x", "http://example.com/a/b?x"),
        ("//other.example/c", "http://other.example/c"),
        ("https://other.example", "https://other.example/"),
        ("?y", "http://example.com/a/cat.jpg?y"),
        ("../../b", "http://example.com/b"),
    ],
)
def test_a_redirect_is_resolved(location: str, read: str) -> None:
    assert str(parse_url("http://example.com/a/cat.jpg?x").join(location)) == read
