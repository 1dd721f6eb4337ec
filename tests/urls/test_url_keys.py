"""Keys that are URLs. Expected texts are written by Python's own codecs and by openssl."""

from __future__ import annotations

import base64
import subprocess
from urllib.parse import quote
from urllib.parse import unquote

import pytest

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import NotFound
from origin.errors import OriginError
from origin.urls.url_keys import camo_key_reader
from origin.urls.url_keys import read_base64url_key
from origin.urls.url_keys import read_encoded_key
from origin.urls.url_keys import read_hex_key
from origin.urls.url_keys import read_plain_key
from origin.urls.url_keys import read_signed_encoded_key
from tests.support.documents import need

URL = "https://example.com/a/b c.jpg?x=1&y=é"
HEX = URL.encode().hex()
BASE64 = base64.urlsafe_b64encode(URL.encode()).decode().rstrip("=")
SECRET = "0x24FEEDFACEDEADBEEFCAFE"


@pytest.mark.parametrize("key", [HEX, HEX.upper(), f"{HEX}/cat.jpg", f"{HEX}/x"])
def test_hex(key: str) -> None:
    assert read_hex_key(key, (), b"") == URL


@pytest.mark.parametrize("key", ["1", "gg", "g1", HEX[:-1], f"{HEX} ", "61 61", "6\u0661", "ff"])
def test_what_is_no_hex_is_a_bad_request(key: str) -> None:
    with pytest.raises(BadRequest):
        read_hex_key(key, (), b"")


@pytest.mark.parametrize("key", [f"{HEX}/a/b", f"{HEX}/", f"{HEX}//a", "", "/a"])
def test_what_is_no_key_with_one_name_at_most_is_not_there(key: str) -> None:
    with pytest.raises(NotFound):
        read_hex_key(key, (), b"")


@pytest.mark.parametrize("name", [".", "..", "%2e", "%2E."])
def test_a_name_that_a_client_would_resolve_is_a_bad_request(name: str) -> None:
    """RFC 3986 section 5.2.4: it means another path."""
    encoded = quote(URL, safe="")
    for key in (encoded, quote(encoded, safe="")):
        with pytest.raises(BadRequest):
            read_encoded_key(unquote(f"{key}/{name}"), (), f"/img/{key}/{name}".encode())
    for read, key in ((read_hex_key, HEX), (read_base64url_key, BASE64)):
        with pytest.raises(BadRequest):
            read(f"{key}/{unquote(name)}", (), b"")


@pytest.mark.parametrize("key", [BASE64, f"{BASE64}/cat.jpg"])
def test_base64url(key: str) -> None:
    assert read_base64url_key(key, (), b"") == URL


@pytest.mark.parametrize("key", [f"{BASE64}=", "a", "a+b/", "====", "é"])
def test_what_is_no_base64url_is_a_bad_request(key: str) -> None:
    with pytest.raises(OriginError):
        read_base64url_key(key, (), b"")


@pytest.mark.parametrize(
    ("raw_key", "url"),
    [
        (quote(URL, safe=""), URL),
        (quote(URL, safe="") + "/cat.jpg", URL),
        (quote(quote(URL, safe=""), safe=""), URL),
        (quote(quote(URL, safe=""), safe="") + "/cat.jpg", URL),
        # A proxy that writes %2F as a slash leaves no name to be told.
        (quote(URL, safe="/:"), URL),
    ],
)
def test_percent_encoded(raw_key: str, url: str) -> None:
    raw_path = f"/img/{raw_key}".encode()
    assert read_encoded_key(unquote(raw_key), (), raw_path) == url


def test_a_signed_url_is_the_whole_key() -> None:
    """Or a token for /a/b.jpg would be one for /a with the name b.jpg."""
    raw_path = b"/img/https%3A%2F%2Fexample.com%2Fa/b.jpg"
    assert read_encoded_key("https://example.com/a/b.jpg", (), raw_path) == "https://example.com/a"
    assert (
        read_signed_encoded_key("https://example.com/a/b.jpg", (), raw_path) == "https://example.com/a/b.jpg"
    )


def digest(url: str) -> str:
    need("openssl", "openssl")
    command = ["openssl", "dgst", "-sha1", "-hmac", SECRET]
    done = subprocess.run(command, input=url.encode(), capture_output=True, check=True)
    return done.stdout.decode().split()[-1]


def test_the_examples_of_go_camo_are_read() -> None:
    """Those of its url-tool(1), in hex and in base64url."""
    read, url = camo_key_reader(b"test"), "http://golang.org/doc/gopher/frontpage.png"
    short = "D23vHLFHsOhPOcvdxeoQyAJTpvM/aHR0cDovL2dvbGFuZy5vcmcvZG9jL2dvcGhlci9mcm9udHBhZ2UucG5n"
    assert read(short, (), b"") == read(f"{short}/cat.png", (), b"") == url
    assert read(f"0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/{url.encode().hex()}", (), b"") == url
    # A digest has one spelling: the last two bits of this one mean nothing.
    for other in (short.replace("M/", "N/"), short.replace("D2", "d2"), short.replace("aHR0", "aHR1")):
        with pytest.raises(Forbidden):
            read(other, (), b"")
    for other in (
        short.replace("M/", "M=/"),
        short + "=",
        short.partition("/")[0],
        short.replace("/a", "/!"),
    ):
        with pytest.raises(BadRequest):
            read(other, (), b"")


def test_camo() -> None:
    read = camo_key_reader(SECRET.encode())
    signed = digest(URL)
    assert read(f"{signed}/{HEX}", (), b"") == URL
    assert read(f"{signed}/{HEX}/cat.jpg", (), b"") == URL
    assert read(signed, [(b"url", URL.encode())], b"") == URL
    assert read(f"{signed}/cat.jpg", [(b"w", b"3"), (b"url", URL.encode())], b"") == URL
    with pytest.raises(Forbidden):
        read(f"{signed}/{b'https://example.com/b'.hex()}", (), b"")
    with pytest.raises(Forbidden):
        read(f"{digest(URL + 'x')}/{HEX}", (), b"")


@pytest.mark.parametrize(
    ("key", "urls"),
    [("x" * 40, 1), ("a" * 40, 0), ("a" * 40, 2), (HEX, 0), ("a" * 39, 1), (f"{'a' * 40}/zz", 0)],
)
def test_what_camo_does_not_write_is_a_bad_request(key: str, urls: int) -> None:
    with pytest.raises(BadRequest):
        camo_key_reader(SECRET.encode())(key, [(b"url", URL.encode())] * urls, b"")


def test_a_plain_key_is_checked_and_stays() -> None:
    assert read_plain_key("a/b.jpg", (), b"") == "a/b.jpg"
    with pytest.raises(BadRequest):
        read_plain_key("a/../b.jpg", (), b"")
