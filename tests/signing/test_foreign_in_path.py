"""Signatures that stand in the path, thumbor's and imgproxy's: URLs of their makers, and of openssl."""

from __future__ import annotations

import base64
import subprocess
from urllib.parse import quote

import pytest

from origin.signing import Reason
from origin.signing import UrlSigner
from origin.signing.foreign import ForeignVerifier
from origin.urls.dialects import SIGNING
from origin.urls.dialects.imgproxy.dialect import join_secret
from tests.support.documents import need

KEY = "a-thumbor-key-16"
NOW = 1_790_000_000
THUMBOR = SIGNING["thumbor"]

# With the key "KEY": what the thumbor package of npm writes, as https://github.com/PolicyMic/thumbor/pull/11
# shows it.
THUMBOR_EXAMPLES = [
    (
        "-WBeY7C5iB0GJqFsu1HESfCi7rs=",
        "filters:colorize(100,100,100,ffffff)/trim/http://imgserver.com/image.png",
    ),
    ("TaFyTswL4p1WRg9br4_rVv_hecY=", "trim/http://imgserver.com/image.png"),
]


@pytest.mark.parametrize(("signature", "path"), THUMBOR_EXAMPLES)
def test_the_examples_of_thumbor_have_their_signatures(signature: str, path: str) -> None:
    text, message, expires = THUMBOR.read_signature(f"/{signature}/{path}".encode(), b"w=300")
    assert (text, expires) == (signature, None)
    assert THUMBOR.sign("KEY", message) == signature
    assert THUMBOR.sign_url("KEY", f"/{path}") == f"/{signature}/{path}"


def thumbor(path: str, key: str = KEY) -> str:
    """The path with its signature in front, by openssl."""
    need("openssl", "openssl")
    command = ["openssl", "dgst", "-sha1", "-mac", "HMAC", "-macopt", f"key:{key}", "-binary"]
    done = subprocess.run(command, input=path.removeprefix("/").encode(), capture_output=True, check=True)
    return f"/{base64.urlsafe_b64encode(done.stdout).decode()}{path}"


def verify(path: str, *, required: bool = True, keys: tuple[str, ...] = (KEY,)) -> Reason:
    return ForeignVerifier(THUMBOR, keys, required).verify(path.encode(), b"t=x&s=y", NOW).reason


def test_what_a_key_signs_is_accepted_and_nothing_else() -> None:
    right = thumbor("/300x200/smart/a%20cat.jpg")
    signature = right.split("/")[1]
    assert verify(right) is Reason.SIGNED
    assert verify(right.replace(signature, quote(signature))) is Reason.SIGNED
    for wrong in (
        right.replace("300", "301"),
        right.replace("%20", "+"),
        right + "/",
        right.replace("/300", "//300"),
        right.replace(signature, signature[:-1]),
        right.replace(signature, signature.swapcase()),
        right.replace(signature, signature + "="),
        right.replace(signature, "é"),
        right.replace(signature, "%ff"),
        thumbor("/300x200/smart/a%20cat.jpg", "another-thumbor-key"),
    ):
        assert verify(wrong) is Reason.WRONG, wrong
    assert verify(right, keys=("another-thumbor-key", KEY)) is Reason.SIGNED


@pytest.mark.parametrize("path", ["/unsafe/cat.jpg", "//cat.jpg", "/uns%61fe/cat.jpg"])
def test_a_url_without_a_signature(path: str) -> None:
    assert verify(path) is Reason.MISSING
    assert verify(path, required=False) is Reason.UNSIGNED
    assert verify(path, keys=()) is Reason.UNSIGNED


def test_a_signature_that_is_there_has_to_be_right_though_none_is_required() -> None:
    assert verify(thumbor("/cat.jpg", "another-thumbor-key"), required=False) is Reason.WRONG
    assert verify("/Unsafe/cat.jpg", required=False) is Reason.WRONG


@pytest.mark.parametrize("path", ["", "/", "/cat.jpg", "/unsafe"])
def test_a_path_with_nothing_behind_its_first_segment_is_malformed(path: str) -> None:
    assert verify(path) is Reason.MALFORMED


def test_an_account_of_a_signature_has_neither_it_nor_the_key() -> None:
    signed = thumbor("/300x/cat.jpg", "another-thumbor-key")
    lines = ForeignVerifier(THUMBOR, [KEY]).describe(signed.encode(), b"", NOW)
    assert lines == [
        "signed text: the secret, then 300x/cat.jpg",
        "verdict: wrong, no secret made this signature for this URL",
    ]


# imgproxy

IMGPROXY = SIGNING["imgproxy"]
# Of https://docs.imgproxy.net/usage/signing_url, and of the tests of a library that has imgproxy's example.
IMGPROXY_EXAMPLES = [
    (
        *("736563726574", "68656C6C6F"),
        "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8",
        "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png",
    ),
    (
        "943b421c9eb07c830af81030552c86009268de4e532ba2ee2eab8247c6da0881",
        "520f986b998545b4785e0defbc4f3c1203f22de2374a3d53cb7a7fe9fea309c5",
        "_PQ4ytCQMMp-1w1m_vP6g8Qb-Q7yF9mwghf6PddqxLw",
        "/fill/300/300/no/1/aHR0cDovL2ltZy5leGFtcGxlLmNvbS9wcmV0dHkvaW1hZ2UuanBn.png",
    ),
]
IMGPROXY_KEY, IMGPROXY_SALT = IMGPROXY_EXAMPLES[1][:2]
SECRET = join_secret(IMGPROXY_KEY, IMGPROXY_SALT, 32)


@pytest.mark.parametrize(("key", "salt", "signature", "path"), IMGPROXY_EXAMPLES)
def test_the_examples_of_imgproxy_have_their_signatures(
    key: str, salt: str, signature: str, path: str
) -> None:
    text, message, expires = IMGPROXY.read_signature(f"/{signature}{path}".encode(), b"w=300")
    assert (text, expires) == (signature, None)
    secret = join_secret(key, salt, 32)
    assert IMGPROXY.sign(secret, message) == signature
    assert IMGPROXY.sign_url(secret, path) == f"/{signature}{path}"


@pytest.mark.parametrize("size", [8, 16, 31])
def test_a_signature_of_imgproxy_may_be_the_beginning_of_a_digest(size: int) -> None:
    need("openssl", "openssl")
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{IMGPROXY_KEY}", "-binary"]
    message = bytes.fromhex(IMGPROXY_SALT) + b"/w:300/plain/cat.jpg"
    done = subprocess.run(command, input=message, capture_output=True, check=True)
    short = base64.urlsafe_b64encode(done.stdout[:size]).decode().rstrip("=")
    secret = join_secret(IMGPROXY_KEY, IMGPROXY_SALT, size)
    assert IMGPROXY.sign_url(secret, "/w:300/plain/cat.jpg") == f"/{short}/w:300/plain/cat.jpg"
    verifier = ForeignVerifier(IMGPROXY, [secret])
    for text, reason in ((short, Reason.SIGNED), (short[:-1], Reason.WRONG), (short + "A", Reason.WRONG)):
        assert verifier.verify(f"/{text}/w:300/plain/cat.jpg".encode(), b"", NOW).reason is reason


def test_an_expiry_of_imgproxy_counts_with_leeway() -> None:
    for secrets in ([SECRET], []):
        verifier = ForeignVerifier(IMGPROXY, secrets)
        for ends, accepted in ((NOW, True), (NOW - 30, True), (NOW - 31, False)):
            path = IMGPROXY.sign_url(SECRET, f"/exp:{ends}/plain/cat.jpg")
            verdict = verifier.verify(path.encode(), b"", NOW)
            assert verdict.accepted is accepted
            assert not accepted or verdict.expires == ends
    for path, reason in (
        ("/plain/exp:1/cat.jpg", Reason.SIGNED),  # behind plain nothing is an option
        ("/exp:/plain/cat.jpg", Reason.SIGNED),
        ("/exp:1e9/plain/cat.jpg", Reason.MALFORMED),
        ("/w:1" * 101 + "/plain/cat.jpg", Reason.MALFORMED),
    ):
        signed = IMGPROXY.sign_url(SECRET, path).encode()
        assert ForeignVerifier(IMGPROXY, [SECRET]).verify(signed, b"", NOW).reason is reason, path


@pytest.mark.parametrize("word", ["unsafe", "insecure", "_", ""])
def test_words_in_place_of_a_signature_of_imgproxy(word: str) -> None:
    path = f"/{word}/w:300/plain/cat.jpg".encode()
    assert ForeignVerifier(IMGPROXY, [SECRET]).verify(path, b"", NOW).reason is Reason.MISSING
    assert ForeignVerifier(IMGPROXY, [SECRET], False).verify(path, b"", NOW).reason is Reason.UNSIGNED
    assert ForeignVerifier(IMGPROXY, []).verify(path, b"", NOW).reason is Reason.UNSIGNED


def test_a_signature_of_one_system_is_none_of_another() -> None:
    """With the same secret, where a handler changes its dialect."""
    signed = THUMBOR.sign_url(SECRET, "/w:300/plain/cat.jpg").encode()
    assert ForeignVerifier(IMGPROXY, [SECRET]).verify(signed, b"", NOW).reason is Reason.WRONG
    token = UrlSigner("", "", [SECRET]).url("cat.jpg").partition("t=")[2]
    for dialect in (THUMBOR, IMGPROXY):
        path = f"/{token}/plain/cat.jpg".encode()
        assert ForeignVerifier(dialect, [SECRET]).verify(path, b"", NOW).reason is Reason.WRONG
        path = f"/_/plain/cat.jpg?t={token}".encode()
        assert not ForeignVerifier(dialect, [SECRET]).verify(path, f"t={token}".encode(), NOW).accepted
