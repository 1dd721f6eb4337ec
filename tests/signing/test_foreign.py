"""imgix's signatures, with the examples of https://github.com/imgix/imgix-blueprint."""

from __future__ import annotations

import subprocess

import pytest

from origin.signing import Reason
from origin.signing.foreign import ForeignVerifier
from origin.urls.dialects import SIGNING
from tests.support.documents import need

IMGIX = SIGNING["imgix"]
TOKEN = "an-imgix-token-1"
NOW = 1_790_000_000
SHORT = "FOO123bar"  # of the blueprint; no handler takes one so short

BLUEPRINT = [
    ("/users/1.png", "", "6797c24146142d5b40bde3141fd3600c"),
    ("/http%3A%2F%2Favatars.com%2Fjohn-smith.png", "", "493a52f008c91416351f8b33d4883135"),
    ("/users/1.png", "w=400&h=300", "c7b86f666a832434dd38577e38cf86d1"),
    ("/users/1.png", "h=300&w=400", "1a4e48641614d1109c6a7af51be23d18"),
    ("/http%3A%2F%2Favatars.com%2Fjohn-smith.png", "w=400&h=300", "61ea1cc7add87653bb0695fe25f2b534"),
]


def sign(path: str, query: str = "") -> str:
    """The query with its signature, by openssl."""
    need("openssl", "openssl")
    text = f"{TOKEN}{path}" + (f"?{query}" if query else "")
    done = subprocess.run(["openssl", "md5", "-r"], input=text.encode(), capture_output=True, check=True)
    return f"{query}&s={done.stdout[:32].decode()}".removeprefix("&")


def verify(path: str, query: str, *, required: bool = True, tokens: tuple[str, ...] = (TOKEN,)) -> Reason:
    return ForeignVerifier(IMGIX, tokens, required).verify(path.encode(), query.encode(), NOW).reason


@pytest.mark.parametrize(("path", "query", "signature"), BLUEPRINT)
def test_the_examples_of_imgix_have_their_signatures(path: str, query: str, signature: str) -> None:
    signed = f"{query}&s={signature}".removeprefix("&")
    text, message, expires = IMGIX.read_signature(path.encode(), signed.encode())
    assert (text, expires) == (signature, None)
    assert IMGIX.sign(SHORT, message) == signature


def test_what_a_token_signs_is_accepted_and_nothing_else() -> None:
    signed = sign("/a/cat.jpg", "w=300&txt=a%20b+c")
    assert verify("/a/cat.jpg", signed) is Reason.SIGNED
    pair, _, rest = signed.rpartition("&")
    assert verify("/a/cat.jpg", f"{rest}&{pair}") is Reason.SIGNED  # wherever s stands
    for path, query in (
        ("/a/cat.jpg", signed.replace("300", "301")),
        ("/a/cat.jpg", signed + "&h=2"),
        ("/a/cat.jpg", signed.replace("%20", "+")),
        ("/a/cat.jpg", "txt=a%20b+c&w=300" + signed[-35:]),
        ("/a/c%61t.jpg", signed),
        ("/cat.jpg", signed),
    ):
        assert verify(path, query) is Reason.WRONG, (path, query)
    assert verify("/a/cat.jpg", signed, tokens=("another-token-of-imgix",)) is Reason.WRONG
    assert verify("/a/cat.jpg", signed, tokens=("another-token-of-imgix", TOKEN)) is Reason.SIGNED


def test_nothing_can_be_appended_to_what_is_signed() -> None:
    """MD5 of a text tells that of the text with its padding (RFC 1321, section 3) and more behind it. The
    signature of the longer text is right then, and does not count."""
    path, query = "/a/cat.jpg", "w=300"
    length = len(f"{TOKEN}{path}?{query}")
    padding = b"\x80" + bytes((55 - length) % 64) + (8 * length).to_bytes(8, "little")
    longer = query.encode() + padding + b"&h=2"
    signature = IMGIX.sign(TOKEN, f"{path}?".encode() + longer)
    verdict = ForeignVerifier(IMGIX, [TOKEN]).verify(path.encode(), longer + f"&s={signature}".encode(), NOW)
    assert verdict.reason is Reason.MALFORMED


def test_a_signature_has_one_spelling() -> None:
    signed = sign("/cat.jpg")
    for query in (signed.upper().replace("S=", "s="), signed + "0", signed[:-1], f"{signed}&{signed}", "s=é"):
        assert verify("/cat.jpg", query) is Reason.WRONG, query
    assert verify("/cat.jpg", signed.replace("s=", "%73=")) is Reason.MISSING
    assert verify("/cat.jpg", "s=400", tokens=()) is Reason.UNSIGNED  # and not a signature at all


@pytest.mark.parametrize("query", ["", "w=300", "s="])
def test_a_url_without_a_signature(query: str) -> None:
    assert verify("/cat.jpg", query) is Reason.MISSING
    assert verify("/cat.jpg", query, required=False) is Reason.UNSIGNED
    assert verify("/cat.jpg", query, tokens=()) is Reason.UNSIGNED


def test_a_signature_that_is_there_has_to_be_right_though_none_is_required() -> None:
    assert verify("/cat.jpg", "s=" + "0" * 32, required=False) is Reason.WRONG


@pytest.mark.parametrize("tokens", [(TOKEN,), ()], ids=["signed", "without signing"])
def test_an_expiry_counts_with_leeway(tokens: tuple[str, ...]) -> None:
    verdict = ForeignVerifier(IMGIX, tokens).verify(
        b"/cat.jpg", sign("/cat.jpg", f"expires={NOW}").encode(), NOW
    )
    assert verdict.accepted
    assert verdict.expires == NOW
    assert verify("/cat.jpg", sign("/cat.jpg", f"expires={NOW - 30}"), tokens=tokens) in (
        *(Reason.SIGNED, Reason.UNSIGNED),
    )
    assert verify("/cat.jpg", sign("/cat.jpg", f"expires={NOW - 31}"), tokens=tokens) is Reason.EXPIRED
    for query in ("expires=soon", f"expires={NOW}&expires={NOW + 9}", "expires=1e20", "expires=-1"):
        assert verify("/cat.jpg", sign("/cat.jpg", query), tokens=tokens) is Reason.MALFORMED


def test_what_an_answer_to_an_upload_holds_may_be_read() -> None:
    url = IMGIX.write_url(TOKEN, "/a/my%20cat.jpg", NOW)
    assert url == "/a/my%20cat.jpg?" + sign("/a/my%20cat.jpg", f"expires={NOW}")
    assert IMGIX.write_url(None, "/a/my%20cat.jpg", NOW) == "/a/my%20cat.jpg"


def test_a_short_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="fewer than 16") as refused:
        ForeignVerifier(IMGIX, ["short-secret-15"])
    assert "short-secret" not in str(refused.value)


def test_an_account_of_a_signature_does_not_hold_the_secret() -> None:
    lines = ForeignVerifier(IMGIX, [TOKEN]).describe(b"/cat.jpg", b"w=300&s=" + b"0" * 32, NOW)
    assert lines == [
        "signed text: the secret, then /cat.jpg?w=300",
        "verdict: wrong, no secret made this signature for this URL",
    ]
