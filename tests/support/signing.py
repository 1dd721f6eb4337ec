"""Signers, verifiers and vectors that the tests of signing share, and tokens made by the standard library."""

from __future__ import annotations

import base64
import hmac
import json
import random
import string
from functools import cache
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import strategies as st

from origin.signing import Pair
from origin.signing import UrlSigner
from origin.signing import Verdict
from origin.signing import Verifier
from origin.signing import decode_query
from tests.support.texts import any_text

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests/vectors/signing.json").read_text())
ROWS = {row["name"]: row for row in VECTORS["exact"]}
GRANTS = [pytest.param(row, id=row["name"]) for row in VECTORS["grants"]]
REQUESTS = {
    f"{row['name']}: {request['key']}?{request['query']}": (row, request)
    for row in VECTORS["grants"]
    for request in row["requests"]
}

KEY = "correct-horse-battery-staple-0123456789"
OLD = "an-old-secret-that-is-long-enough-000"
NOW = 1790000000
BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

signer = UrlSigner("https://img.example.com", "photos", [KEY])
verifier = Verifier("photos", [KEY])


def verify(key: str, query: str, token: str, now: float = NOW, by: Verifier = verifier) -> Verdict:
    return by.verify(key, decode_query(f"{query}&t={token}".encode()), now)


def verify_url(url: str, now: float = NOW) -> Verdict:
    """The verdict on a URL whose key needs no unescaping."""
    parts = urlsplit(url)
    return verifier.verify(parts.path.removeprefix("/photos/"), decode_query(parts.query.encode()), now)


def sign_payload(payload: bytes) -> str:
    """A grant of any text under the right key, made with the standard library."""
    derived = hmac.digest(KEY.encode(), b"origin/v1/grant", "sha256")
    mac = hmac.digest(derived, payload, "sha256")
    return f"{payload.decode()}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def encode_base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def respell_token(token: str) -> list[str]:
    """Other texts for a token; four of the last characters decode to the same bytes."""
    changed = [token[:-1] + last for last in BASE64URL if last != token[-1]]
    changed += [token + pad for pad in ("=", "==", "A", "%3D", "%00", "%0A", "+", ".")]
    changed += [pad + token for pad in ("%20", "=", "-")]
    changed += [token[:20] + mark + token[20:] for mark in ("%20", "!", "=", "%C3%A9")]
    changed += [token.swapcase(), token.lower(), token.upper(), token[:-1], token[1:], "", "A" * 43, "=" * 43]
    changed += [token.replace("-", "%2B").replace("_", "/")] if set("-_") & set(token) else []
    return changed


_texts = any_text(max_size=8)
_names = st.one_of(st.sampled_from(["w", "h", "width", "f", "q", "e", "x", "a", "a-"]), _texts)
_pairs = st.tuples(_names, _texts).map(lambda pair: (pair[0].encode(), pair[1].encode()))
unsigned_pairs = st.lists(_pairs, max_size=5).map(
    lambda pairs: [pair for pair in pairs if pair[0] not in (b"t", b"token")]
)
keys = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@st.composite
def spell_query(draw: st.DrawFn, pairs: list[Pair]) -> bytes:
    """Any text that a form reads as these pairs, in any order."""

    def spell(data: bytes) -> str:
        seed = draw(st.integers(0, 2**32))  # to draw one for each byte takes most of a test's time
        choose = random.Random(seed).choice if seed else itemgetter(0)
        return "".join(choose(_spellings_of(byte)) for byte in data)

    pieces = [f"{spell(name)}={spell(value)}" for name, value in draw(st.permutations(pairs))]
    return draw(st.sampled_from(["", "&"])).join(["", "&".join(pieces), ""]).encode()


@cache
def _spellings_of(byte: int) -> tuple[str, ...]:
    escapes = (f"%{byte:02X}", f"%{byte:02x}")
    if byte == ord(" "):
        return (*escapes, "+")
    is_plain = chr(byte).isascii() and chr(byte).isprintable() and chr(byte) not in "&=+%"
    return (chr(byte), *escapes) if is_plain else escapes
