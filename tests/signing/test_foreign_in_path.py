"""Signatures that stand in the path: thumbor's, with URLs that its libraries and openssl have signed."""

from __future__ import annotations

import base64
import subprocess
from urllib.parse import quote

import pytest

from origin.signing import Reason
from origin.signing.foreign import ForeignVerifier
from origin.urls.dialects import SIGNING
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
