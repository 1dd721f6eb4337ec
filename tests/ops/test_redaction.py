"""What no log shows: tokens, and signatures of other systems."""

from __future__ import annotations

import time

import pytest

from origin.ops.redaction import redact_path
from origin.ops.redaction import redact_text
from origin.ops.redaction import redact_url
from origin.urls.dialects import SIGNING
from origin.urls.dialects.dialect import SigningDialect


def test_what_could_be_a_token_is_found_in_linear_time() -> None:
    """Counted by the growth over doubled lengths, in the form that made a backtracking search quadratic."""

    def seconds(pieces: int) -> float:  # of this thread's own time: a busy machine adds none
        query = b"x=" + (b"a" * 42 + b".") * pieces
        times = []
        for _ in range(5):
            start = time.thread_time()
            assert redact_url(b"/nosuch", query)
            times.append(time.thread_time() - start)
        return min(times)

    # 64 times as long takes 64 times the time where it is linear, 4,096 times where it is quadratic.
    assert seconds(6400) < 512 * max(seconds(100), 1e-5)


def test_a_signature_of_imgix_is_not_written_and_other_values_of_its_name_are() -> None:
    signature = b"6797c24146142d5b40bde3141fd3600c"
    assert redact_url(b"/cat.jpg", b"w=300&s=" + signature) == "/cat.jpg?w=300&s=[token]"
    assert redact_url(b"/cat.jpg", b"s=" + signature + b"&w=3") == "/cat.jpg?s=[token]&w=3"
    assert redact_url(b"/cat.jpg", b"s=small&w=3") == "/cat.jpg?s=small&w=3"
    for path, query in (  # URLs that were put together wrongly
        (b"/cat.jpg", b"w=300&amp;s=%b"),
        (b"/cat.jpg", b"w=300;s=%b"),
        (b"/cat.jpg", b"w=300&S=%b"),
        (b"/cat.jpg", b"w=300&s=%bx"),
        (b"/cat.jpg&s=%b", b""),
        (b"/cat.jpg%%3Fw=300%%26s%%3D%b", b""),
        (b"/cat.jpg%%3fs=%b", b"w=3"),
    ):
        path, query = (text % signature if b"%b" in text else text for text in (path, query))
        shown = redact_url(path, query)
        assert "[token]" in shown
        assert signature.decode() not in shown
        assert signature.decode() not in redact_url(path, query.replace(signature, signature.upper()))
    digest = b"/1/s/" + signature + b".jpg"
    assert redact_url(digest, b"as=" + signature) == f"{digest.decode()}?as={signature.decode()}"


@pytest.mark.parametrize("dialect", SIGNING.values(), ids=lambda dialect: dialect.name)
def test_what_a_dialect_signs_is_not_written(dialect: SigningDialect) -> None:
    url = dialect.write_url(
        f"{'ab' * 16}:{'cd' * 16}:32", "/cat.jpg", 1_700_000_000
    )  # imgproxy has three parts
    path, _, query = url.encode().partition(b"?")
    signature = dialect.read_signature(path, query).text
    assert signature
    assert signature in url
    assert signature not in redact_url(redact_path(path, ""), b"w=300&" + query)
    if dialect.signs_in_path:
        assert signature not in redact_text(f"the key {url} is not there")


SIGNATURE = b"1234567890123456789012345-_="


@pytest.mark.parametrize(
    ("path", "prefix", "written"),
    [
        (b"/a/b/SIG/300x/cat.jpg", "a/b", b"/a/b/[signature]/300x/cat.jpg"),
        (b"/a%2Fb%2fSIG%2F300x/cat.jpg", "a/b", b"/a%2Fb%2f[signature]%2F300x/cat.jpg"),
        (b"/SIG/300x/cat.jpg", "", b"/[signature]/300x/cat.jpg"),
        (b"/almost-a-signature/cat.jpg", "", b"/[signature]/cat.jpg"),
        (b"/a//almost-a-signature/cat.jpg", "a", b"/a//[signature]/cat.jpg"),
        (b"/a/unsafe/cat.jpg", "a", b"/a/unsafe/cat.jpg"),
        (b"/a/_/cat.jpg", "a", b"/a/_/cat.jpg"),
        (b"/a/unsafe/SIG/cat.jpg", "a", b"/a/unsafe/[signature]/cat.jpg"),
        (b"/elsewhere/SIG/cat.jpg", None, b"/elsewhere/[signature]/cat.jpg"),
        (b"/elsewhere/cat.jpg", None, b"/elsewhere/cat.jpg"),
        (b"/", "", b"/"),
        (b"/a", "a", b"/a"),
        (b"", "a/b/c", b""),
    ],
)
def test_a_signature_in_a_path_is_not_written(path: bytes, prefix: str | None, written: bytes) -> None:
    for signature in (SIGNATURE, SIGNATURE.replace(b"=", b"%3D"), SIGNATURE.replace(b"1", b"%31")):
        assert redact_path(path.replace(b"SIG", signature), prefix) == written
