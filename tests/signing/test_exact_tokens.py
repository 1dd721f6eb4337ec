"""Exact tokens: one spelling, one URL, one key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from origin.signing import Reason
from origin.signing import UrlSigner
from origin.signing import Verdict
from origin.signing import Verifier
from origin.signing import decode_query
from origin.signing import message
from tests.support.cases import check_each
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.signing import respell_token
from tests.support.signing import signer
from tests.support.signing import verifier
from tests.support.signing import verify

EXACT = signer.token("cat.jpg", [(b"w", b"300")])


def test_an_exact_token_has_one_spelling() -> None:
    def check(token: str) -> None:
        assert not verify("cat.jpg", "w=300", token).accepted

    assert verify("cat.jpg", "w=300", EXACT).accepted
    check_each({token: token for token in respell_token(EXACT)}, check)


@pytest.mark.parametrize("token", ["A" * 10_000, "." * 10_000, "A" * 42, "A" * 44, ".", "..", "%FF" * 43])
def test_a_text_that_is_no_token_is_malformed(token: str) -> None:
    assert verify("cat.jpg", "", token).reason is Reason.MALFORMED


@pytest.mark.parametrize("token", ["A" * 43, "." + "A" * 43, "%00." + "A" * 43])
def test_a_token_of_no_key_is_wrong(token: str) -> None:
    assert verify("cat.jpg", "", token).reason is Reason.WRONG


@pytest.mark.parametrize(
    "query",
    ["t={}&t={}", "t={}&token={}", "token={}&token={}", "t=&t={}", "t={}&token=", "%74={}&t={}"],
)
def test_a_repeated_token_is_refused(query: str) -> None:
    pairs = decode_query(("w=300&" + query.replace("{}", EXACT)).encode())
    assert verifier.verify("cat.jpg", pairs, NOW).reason is Reason.MALFORMED


@pytest.mark.parametrize("spelling", ["t={}", "token={}", "%74={}", "t={}&", "tok%65n={}"])
def test_a_token_may_be_written_under_either_name(spelling: str) -> None:
    pairs = decode_query(("w=300&" + spelling.replace("{}", EXACT)).encode())
    assert verifier.verify("cat.jpg", pairs, NOW) == Verdict(Reason.SIGNED, key_index=0)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", Reason.UNSIGNED),
        ("w=300&e=1", Reason.UNSIGNED),
        ("w=300&e=never&t=", Reason.UNSIGNED),
        (f"w=300&t={EXACT}", Reason.SIGNED),
        (f"w=301&t={EXACT}", Reason.WRONG),
        ("w=300&t=x", Reason.MALFORMED),
        ("t=&t=", Reason.MALFORMED),
    ],
)
def test_a_token_that_is_not_required_is_valid_or_absent(query: str, reason: Reason) -> None:
    found = Verifier("photos", [KEY], required=False).verify("cat.jpg", decode_query(query.encode()), NOW)
    assert found.reason is reason
    assert found.expires is None


@pytest.mark.parametrize("query", ["", "w=300", "t=", "token=&w=300", "T=x"])
def test_a_required_token_is_missed(query: str) -> None:
    assert verifier.verify("cat.jpg", decode_query(query.encode()), NOW).reason is Reason.MISSING


def test_a_token_of_another_digest_or_derivation_is_refused() -> None:
    def made(key: bytes, digest: str) -> str:
        mac = hmac.digest(key, message("photos", "cat.jpg", []), digest)
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    derived = hmac.digest(KEY.encode(), b"origin/v1", "sha256")
    concatenated = hashlib.sha256(b"origin/v1" + b"signer" + KEY.encode()).digest()
    assert verify("cat.jpg", "", made(derived, "sha256")).accepted
    for token in (made(KEY.encode(), "sha256"), made(concatenated, "sha256"), made(derived, "sha1")):
        assert not verify("cat.jpg", "", token).accepted


@pytest.mark.parametrize("keys", [[], ["x" * 31], ["x" * 32, "short"], "x" * 40])
def test_no_key_and_a_short_key_are_refused(keys: Any) -> None:
    for make in (lambda: Verifier("photos", keys), lambda: UrlSigner("", "photos", keys)):
        with pytest.raises(ValueError, match="key"):
            make()


def test_a_key_of_32_characters_signs() -> None:
    token = UrlSigner("", "photos", ["x" * 32]).token("c", [])
    assert verify("c", "", token, by=Verifier("photos", ["x" * 32])).accepted


def test_a_refused_key_is_not_in_the_message() -> None:
    with pytest.raises(ValueError, match="32") as caught:
        Verifier("photos", ["hunter2"])
    assert "hunter2" not in str(caught.value)


def test_another_handler_with_the_same_key_refuses_an_exact_token() -> None:
    assert verify("c", "", signer.token("c", []), by=Verifier("avatars", [KEY])).reason is Reason.WRONG
