"""Upload grants: their form by itsdangerous itself, and which tokens are none."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
from itsdangerous import URLSafeSerializer

from origin.signing import UrlSigner
from origin.signing.uploads import UploadGrant
from origin.signing.uploads import UploadRefused
from origin.signing.uploads import UploadVerifier

KEY, OLD = "k" * 32, "o" * 32
NOW = 1_790_000_000
SIGNER = UrlSigner("https://img.example.com", "up", [OLD, KEY])


def serializer(secret: str = KEY, salt: str = "origin/v1/upload") -> URLSafeSerializer:
    scheme = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(secret, salt=salt, signer_kwargs=scheme)


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["t"][0]


def verify(token: str, now: float = NOW) -> UploadGrant:
    return UploadVerifier([OLD, KEY]).verify(token.encode(), now)


def test_a_grant_is_what_itsdangerous_reads() -> None:
    url = SIGNER.upload(
        "users/42/*", max_bytes=5_000_000, formats=["jpeg", "png"], expires_in=100, now=NOW, may_replace=True
    )
    assert url.startswith("https://img.example.com/up?t=")
    end = -(-(NOW + 100) // 3600) * 3600
    fields = {"k": "users/42/*", "e": end, "b": 5_000_000, "f": ["jpg", "png"], "r": True}
    assert serializer().loads(token_of(url)) == fields
    assert verify(token_of(url)) == UploadGrant("users/42/*", end, 5_000_000, ("jpg", "png"), True)


def test_the_url_of_a_key_is_that_of_a_put() -> None:
    url = SIGNER.upload("a b/ä.jpg", expires_at=NOW + 60, now=NOW)
    assert url.startswith("https://img.example.com/up/a%20b/%C3%A4.jpg?t=")
    assert verify(token_of(url)).covers("a b/ä.jpg")


@pytest.mark.parametrize("secret", [KEY, OLD])
def test_every_key_verifies(secret: str) -> None:
    token = serializer(secret).dumps({"k": "a.jpg", "e": NOW})
    assert verify(str(token)) == UploadGrant("a.jpg", NOW)


def test_there_are_thirty_seconds_of_leeway() -> None:
    token = str(serializer().dumps({"k": "a.jpg", "e": NOW}))
    verify(token, NOW + 30)
    with pytest.raises(UploadRefused, match="expired"):
        verify(token, NOW + 31)


@pytest.mark.parametrize(
    ("grant", "key", "covered"),
    [
        ("users/42/*", "users/42/a.jpg", True),
        ("users/42/*", "users/42/a/b.jpg", True),
        ("users/42/*", "users/420/a.jpg", False),
        ("users/42/*", "users/42", False),
        ("a.jpg", "a.jpg", True),
        ("a.jpg", "a.jpgx", False),
    ],
)
def test_a_grant_is_for_its_keys(grant: str, key: str, covered: bool) -> None:
    assert UploadGrant(grant, NOW).covers(key) is covered


@pytest.mark.parametrize(
    "fields",
    [
        {"k": "a.jpg"},
        {"e": NOW},
        {"k": 1, "e": NOW},
        {"k": "a.jpg", "e": str(NOW)},
        {"k": "a.jpg", "e": True},
        {"k": "a.jpg", "e": NOW * 1000},
        {"k": "a.jpg", "e": NOW, "b": 0},
        {"k": "a.jpg", "e": NOW, "b": True},
        {"k": "a.jpg", "e": NOW, "f": []},
        {"k": "a.jpg", "e": NOW, "f": "jpg"},
        {"k": "a.jpg", "e": NOW, "f": ["jpg", "exe"]},
        {"k": "a.jpg", "e": NOW, "r": 1},
        {"k": "a.jpg", "e": NOW, "x": 1},
        {"k": "../a.jpg", "e": NOW},
        {"k": "-/publish", "e": NOW},
        {"k": "a*", "e": NOW},
        {"k": "/*", "e": NOW},
        {"k": "*", "e": NOW},
        ["a.jpg", NOW],
        "a.jpg",
    ],
)
def test_a_payload_of_another_form_is_malformed(fields: Any) -> None:
    with pytest.raises(UploadRefused, match="malformed"):
        verify(str(serializer().dumps(fields)))


def test_a_token_of_another_salt_or_key_or_spelling_is_none() -> None:
    fields = {"k": "a.jpg", "e": NOW}
    good = str(serializer().dumps(fields))
    verify(good)
    others = [str(serializer(salt="origin/v1/grant").dumps(fields)), str(serializer("z" * 32).dumps(fields))]
    for token in (*others, good + "=", good[:-1], good.replace(".", ""), "", "." + "A" * 43, "x" * 3000):
        with pytest.raises(UploadRefused):
            verify(token)


@pytest.mark.parametrize(
    "arguments",
    [
        {"key": "../a.jpg"},
        {"key": "a*"},
        {"key": "-/x"},
        {"key": "a.jpg", "formats": []},
        {"key": "a.jpg", "formats": ["exe"]},
        {"key": "a.jpg", "max_bytes": 0},
    ],
)
def test_what_the_origin_would_refuse_is_not_signed(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        SIGNER.upload(**arguments, expires_in=60)
    with pytest.raises(TypeError):
        SIGNER.upload("a.jpg")
