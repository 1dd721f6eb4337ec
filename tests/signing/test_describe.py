"""What a person is told of a token that is refused."""

from __future__ import annotations

import hmac

import pytest

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


@pytest.mark.parametrize(
    ("signed", "mistake"),
    [
        ("photos\nà b\nf=x&w=1&e=9\n", None),
        ("photos\nà b\ne=1790000000&f=x&w=1\n", "ends with a newline"),
        ("photos\n%C3%A0%20b\ne=1790000000&f=x&w=1", "percent-encoded"),
        ("photos\n/à b\ne=1790000000&f=x&w=1", "slash"),
        ("photos\nphotos/à b\ne=1790000000&f=x&w=1", "the prefix"),
        ("/photos/\nà b\ne=1790000000&f=x&w=1", "with slashes"),
        ("photos\na\u0300 b\ne=1790000000&f=x&w=1", "NFD"),
        ("photos\nà b\nf=x&w=1", "expiry is left out"),
        ("photos\nà b\n", "query is left out"),
        ("photos\nà b\nw=1&f=x&e=1790000000", "not sorted"),
    ],
)
def test_a_description_finds_the_usual_mistakes(signed: str, mistake: str | None) -> None:
    derived = hmac.digest(KEY.encode(), b"origin/v1", "sha256")
    token = encode_base64(hmac.digest(derived, signed.encode(), "sha256")).decode()
    found = described("à b", "w=1&f=x&e=1790000000", token)[3:-1]
    assert len(found) == (0 if mistake is None else 1)
    assert mistake is None or mistake in found[0]
