"""When tokens end, and how long before that caches may keep an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from origin.signing import Reason
from origin.signing import UrlSigner
from origin.signing import Verdict
from origin.signing import decode_query
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.signing import encode_base64
from tests.support.signing import sign_payload
from tests.support.signing import signer
from tests.support.signing import verify
from tests.support.signing import verify_url


@pytest.mark.parametrize(
    ("late", "accepted"), [(-3600, True), (0, True), (30, True), (30.5, False), (31, False), (10**9, False)]
)
@pytest.mark.parametrize("name", ["e", "expires"])
def test_an_expiry_has_thirty_seconds_of_leeway(name: str, late: float, accepted: bool) -> None:
    pairs = [(name.encode(), b"%d" % NOW)]
    found = verify("cat.jpg", f"{name}={NOW}", signer.token("cat.jpg", pairs), NOW + late)
    assert found == Verdict(Reason.SIGNED, "", 0, NOW) if accepted else found.reason is Reason.EXPIRED


@pytest.mark.parametrize(
    "query",
    [
        "e=-1",
        "e=%2B1790000000",
        "e=1790000000.0",
        "e=01790000000",
        "e=1e12",
        "e=1_790_000_000",
        "e=%D9%A1%D9%A7",
        "e=1790000000%0A",
        "e=%201790000000",
        "e=nan",
        "e=" + "9" * 5000,
        "e=2790000000&e=2790000000",
        "e=2790000000&expires=2790000001",
        "e=2790000000&e=",
    ],
)
def test_a_malformed_or_repeated_expiry_is_refused_though_signed(query: str) -> None:
    token = signer.token("cat.jpg", decode_query(query.encode()))
    assert verify("cat.jpg", query, token).reason is Reason.MALFORMED


def test_an_empty_expiry_is_none() -> None:
    token = signer.token("cat.jpg", [(b"e", b"")])
    assert verify("cat.jpg", "e=", token) == Verdict(Reason.SIGNED, "", 0, None)


@pytest.mark.parametrize(
    ("arguments", "bucket", "expires"),
    [
        ({"expires_in": 1}, 3600, 1790002800),
        ({"expires_in": 3600}, 3600, 1790006400),
        ({"expires_at": 1790002800}, 3600, 1790002800),
        ({"expires_at": 1790002800.5}, 3600, 1790006400),
        ({"expires_in": 90}, 60, 1790000100),
        ({"expires_in": 90.2}, 1, 1790000091),
        ({}, 3600, None),
    ],
)
def test_an_expiry_is_rounded_up_to_its_bucket(arguments: Any, bucket: int, expires: int | None) -> None:
    url = UrlSigner("", "photos", [KEY], bucket=bucket).url("cat.jpg", now=NOW, **arguments)
    assert verify_url(url).expires == expires


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"expires_in": 1, "expires_at": NOW + 1}, TypeError),
        ({"expires_in": 0}, ValueError),
        ({"expires_in": -5}, ValueError),
        ({"expires_at": NOW}, ValueError),
    ],
)
def test_an_expiry_that_has_passed_or_is_given_twice_is_not_signed(arguments: Any, error: Any) -> None:
    with pytest.raises(error, match="expir"):
        signer.url("cat.jpg", now=NOW, **arguments)
    with pytest.raises(error, match="expir"):
        signer.grant("cat.jpg", now=NOW, **arguments)


@pytest.mark.parametrize(
    ("grant_expires", "query", "expires"),
    [
        (NOW + 100, "", NOW + 100),
        (None, "", None),
        (NOW + 100, f"e={NOW + 50}", NOW + 50),
        (NOW + 100, f"e={NOW + 500}", NOW + 100),
        (None, f"e={NOW + 500}", NOW + 500),
    ],
)
def test_the_earlier_expiry_of_grant_and_url_counts(
    grant_expires: int | None, query: str, expires: int | None
) -> None:
    bounds: dict[str, Any] = {"e": {"min": 1}} if query else {}
    by = UrlSigner("", "photos", [KEY], bucket=1)
    token = by.grant("cat.jpg", expires_at=grant_expires, now=NOW, **bounds)
    assert verify("cat.jpg", query, token) == Verdict(Reason.GRANTED, "", 0, expires)


def test_an_expiry_beside_a_grant_that_does_not_name_it_is_refused() -> None:
    assert verify("cat.jpg", f"e={NOW + 5}", signer.grant("cat.jpg")).reason is Reason.OUTSIDE


def test_an_expiry_that_no_clock_reaches_is_no_expiry() -> None:
    payload = encode_base64(json.dumps({"k": "cat.jpg", "e": 10**400}).encode())
    assert verify("cat.jpg", "", sign_payload(payload)).reason is Reason.MALFORMED
