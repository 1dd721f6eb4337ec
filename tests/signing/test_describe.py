"""What a person is told of a token that is refused."""

from __future__ import annotations

import hmac

import pytest

from origin.signing import Verifier
from origin.signing import decode_query
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.signing import encode_base64
from tests.support.signing import signer
from tests.support.signing import verifier

EXACT = signer.token("cat.jpg", [(b"w", b"300")])


def described(key: str, query: str, token: str) -> list[str]:
    return verifier.describe(key, decode_query(f"{query}&t={token}".encode()), NOW)


def test_a_description_shows_the_message_line_by_line_and_the_key() -> None:
    lines = ["prefix: photos", "key: cat.jpg", "query: w=300", "verdict: signed, with key 1"]
    assert described("cat.jpg", "w=300", EXACT) == lines


def test_a_description_shows_a_grant_and_what_is_outside_it() -> None:
    lines = described("cat.jpg", "w=9", signer.grant("cat.jpg", w=5))
    assert lines == ["grant: {'k': 'cat.jpg', 'o': {'w': 5}}", "verdict: outside the grant, w=9"]


def made_of(signed: str, secret: bytes = KEY.encode(), salt: bytes = b"origin/v1") -> str:
    """A token of this text, by the standard library alone."""
    derived = hmac.digest(secret, salt, "sha256")
    return encode_base64(hmac.digest(derived, signed.encode(), "sha256")).decode()


@pytest.mark.parametrize(
    ("signed", "mistake"),
    [
        ("photos\nà b\nf=x&w=1&e=9\n", None),
        ("photos\nà b\ne=1790000000&f=x&w=1\n", "ends with a newline"),
        ("photos\r\nà b\r\ne=1790000000&f=x&w=1", r"end with \r\n"),
        ("photos\n%C3%A0%20b\ne=1790000000&f=x&w=1", "the key is percent-encoded"),
        ("photos\n/à b\ne=1790000000&f=x&w=1", "begins with a slash"),
        ("photos\nphotos/à b\ne=1790000000&f=x&w=1", "holds the prefix"),
        ("/photos/\nà b\ne=1790000000&f=x&w=1", "with slashes"),
        ("photos\na\u0300 b\ne=1790000000&f=x&w=1", "NFD"),
        ("photos\nà b\nf=x&w=1", "expiry is left out"),
        ("photos\nà b\ne=1790000000&w=1", "'f' is left out"),
        ("photos\nà b\n", "the query is left out"),
        ("photos\nà b\nw=1&f=x&e=1790000000", "not sorted"),
        ("photos\nà b\n?e=1790000000&f=x&w=1", "with its ?"),
        ("photos\nà b\nexpires=1790000000&format=x&width=1", "other name"),
        ("photos/à b\ne=1790000000&f=x&w=1", "three lines"),
        ("/photos/%C3%A0%20b?w=1&f=x&e=1790000000", "three lines"),
        ("https://img.example.com/photos/%C3%A0%20b?w=1&f=x&e=1790000000", "three lines"),
    ],
)
def test_a_description_finds_the_usual_mistakes(signed: str, mistake: str | None) -> None:
    query = f"w=1&f=x&e=1790000000&t={made_of(signed)}"
    lines = verifier.describe("à b", decode_query(query.encode()), NOW, "https://img.example.com")
    check_found(lines[3:-1], mistake)


@pytest.mark.parametrize(
    ("key", "query", "signed", "mistake"),
    [
        ("cat.jpg", "", "photos\ncat.jpg", "third line is left out"),
        ("a%20b", "", "photos\na b\n", "encoded twice"),
        ("cat.jpg/", "", "photos\ncat.jpg\n", "slash too many"),
        ("Cat.jpg", "", "photos\ncat.jpg\n", "lower case"),
        ("cat.jpg", "w=1&h=", "photos\ncat.jpg\nw=1", "'h' is left out"),
        ("cat.jpg", "w=1&a=1&b=2", "photos\ncat.jpg\nw=1", "names that are no options"),
        ("cat.jpg", "w=1&h=&q=", "photos\ncat.jpg\nw=1", "without a value"),
        ("cat.jpg", "w=1&amp;h=2", "photos\ncat.jpg\nh=2&w=1", "for HTML"),
        ("cat.jpg", "dl=a%20b", "photos\ncat.jpg\ndl=a+b", "with + for spaces"),
        ("cat.jpg", "dl=a+b", "photos\ncat.jpg\ndl=a%2Bb", "write %2B"),
        ("cat.jpg", "dl=%C3%A0", "photos\ncat.jpg\ndl=%c3%a0", "lower-case hex"),
        ("cat.jpg", "rect=1,2,3,4", "photos\ncat.jpg\nrect=1,2,3,4", "not percent-encoded"),
        ("cat.jpg", "rect=1,2,3,4&dl=%C3%A0", "photos\ncat.jpg\ndl=%C3%A0&rect=1,2,3,4", "in part"),
    ],
)
def test_so_it_does_for_other_urls(key: str, query: str, signed: str, mistake: str) -> None:
    check_found(described(key, query, made_of(signed))[3:-1], mistake)


HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("secret", "salt", "mistake"),
    [
        (b"%s\n" % HEX.encode(), b"origin/v1", "a newline at its end"),
        (bytes.fromhex(HEX), b"origin/v1", "decoded from hex"),
        (HEX.encode(), b"origin/v1/grant", "as a grant"),
        (HEX.encode()[::-1], b"origin/v1", None),
    ],
)
def test_a_description_finds_what_was_done_to_the_signing_key(
    secret: bytes, salt: bytes, mistake: str | None
) -> None:
    token = made_of("photos\ncat.jpg\nw=1", secret, salt)
    lines = Verifier("photos", [HEX]).describe("cat.jpg", decode_query(b"w=1&t=" + token.encode()), NOW)
    check_found(lines[3:-1], mistake)


def test_a_description_finds_a_signing_key_that_was_not_derived() -> None:
    token = encode_base64(hmac.digest(KEY.encode(), b"photos\ncat.jpg\nw=1", "sha256")).decode()
    check_found(described("cat.jpg", "w=1", token)[3:-1], "derive")


@pytest.mark.parametrize(
    ("salt", "mistake"),
    [(b"origin/v1/upload", "upload grant"), (b"origin/v1", "as an exact token"), (b"other", None)],
)
def test_a_description_finds_a_grant_of_another_kind(salt: bytes, mistake: str | None) -> None:
    payload = encode_base64(b'{"k":"cat.jpg","o":{"w":1}}').decode()
    lines = described("cat.jpg", "w=1", f"{payload}.{made_of(payload, salt=salt)}")
    check_found(lines[3:-1], mistake)


def check_found(lines: list[str], mistake: str | None) -> None:
    assert len(lines) == (0 if mistake is None else 1), lines
    assert mistake is None or mistake in lines[0]


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (f"{EXACT}=", "padding"),
        ("0" * 64, "hex"),
        ("%2B" + EXACT[1:], "plain base64"),
        (EXACT[:27], "SHA-256"),
        (EXACT[:40], "this has 40"),
        ("A" * 42 + "B", "last character"),
    ],
)
def test_a_token_that_is_spelled_wrong_is_told_how(token: str, why: str) -> None:
    verdict = described("cat.jpg", "w=300", token)[-1]
    assert verdict.startswith("verdict: malformed, a signature is 43 characters of base64url; ")
    assert why in verdict


def test_an_expiry_in_milliseconds_is_told() -> None:
    seconds, milliseconds = (signer.token("cat.jpg", [(b"e", b"%d" % e)]) for e in (NOW, NOW * 1000))
    assert "warning" not in str(described("cat.jpg", f"e={NOW}", seconds))
    warning, verdict = described("cat.jpg", f"e={NOW * 1000}", milliseconds)[-2:]
    assert "in seconds, not milliseconds" in warning
    assert verdict == f"verdict: signed, with key 1, until {NOW * 1000}"


def test_a_url_without_a_token_is_told_where_it_stands() -> None:
    assert verifier.describe("cat.jpg", [], NOW)[-1] == "verdict: missing, the URL has no t"
