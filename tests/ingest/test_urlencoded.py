"""Forms of the kind that a page sends without a file, against the parser of the standard library."""

from __future__ import annotations

import base64
import random
import tracemalloc
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import quote_plus

import pytest

from origin.errors import Malformed
from origin.ingest.urlencoded import UrlencodedParser
from origin.ingest.urlencoded import unescape_data_uri

ALPHABET = [b"a", b"b", b"=", b"&", b"%41", b"%C3%A4", b"%", b"+", b"%26", b"%3d", b"\xe4", b"aa"]


def parsed(pieces: list[bytes], large: str = "", max_text: int = 1000) -> tuple[list[tuple[str, str]], bytes]:
    """The texts, and what went to the large field."""
    pairs: list[tuple[str, str]] = []
    body: list[bytes] = []
    parser = UrlencodedParser(
        lambda name: bool(large) and name == large,
        body.append,
        lambda name, value: pairs.append((name, value)),
        max_fields=50,
        max_text=max_text,
    )
    for piece in pieces:
        parser.write(piece)
    parser.end()
    return pairs, b"".join(body)


def test_fields_are_those_that_the_standard_library_finds_however_they_arrive() -> None:
    dice = random.Random(1)
    for _ in range(2000):
        body = b"".join(dice.choices(ALPHABET, k=dice.randrange(20)))
        cuts = sorted(dice.randrange(len(body) + 1) for _ in range(dice.randrange(4)))
        pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert parsed(pieces)[0] == parse_qsl(body.decode("latin-1"), keep_blank_values=True), body


@pytest.mark.parametrize("escape", [quote, quote_plus])
def test_a_data_uri_is_the_text_that_was_escaped(escape) -> None:  # type: ignore[no-untyped-def]
    uri = b"data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(1000))
    body = b"image=" + escape(uri).encode() + b"&secret=x"
    for size in (1, 7, 10_000):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        pairs, large = parsed(pieces, "image")
        assert (pairs, unescape_data_uri(large)) == ([("secret", "x")], uri)
    assert unescape_data_uri(quote(uri).lower().encode())[:22] == uri[:22]


def test_what_is_too_long_is_left_out() -> None:
    assert parsed([b"a=12345&b=1234&c=%41%41%41%41%41&d=4"], max_text=4)[0] == [("b", "1234"), ("d", "4")]
    with pytest.raises(Malformed):
        parsed([b"a" * 13 + b"=1"], max_text=4)
    with pytest.raises(Malformed):
        parsed([b"&" * 50])


@pytest.mark.parametrize("large", ["image", ""])
def test_escapes_take_no_more_memory_than_their_bytes(large: str) -> None:
    body = b"image=" + b"%41" * 700_000
    tracemalloc.start()
    try:
        _, kept = parsed([body[at : at + 65_536] for at in range(0, len(body), 65_536)], large)
        unescape_data_uri(kept)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body)
    finally:
        tracemalloc.stop()
