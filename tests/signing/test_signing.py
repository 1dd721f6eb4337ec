from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

import pytest
from hypothesis import assume
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from origin.signing import ALIASES
from origin.signing import Pair
from origin.signing import Reason
from origin.signing import UrlSigner
from origin.signing import Verdict
from origin.signing import Verifier
from origin.signing import decode_query
from origin.signing import message

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests/vectors/signing.json").read_text())
ROWS = [pytest.param(row, id=row["name"]) for row in VECTORS["exact"]]
GRANTS = [pytest.param(row, id=row["name"]) for row in VECTORS["grants"]]
REQUESTS = [
    pytest.param(row, request, id=f"{row['name']}: {request['key']}?{request['query']}")
    for row in VECTORS["grants"]
    for request in row["requests"]
]

KEY = "correct-horse-battery-staple-0123456789"
OLD = "an-old-secret-that-is-long-enough-000"
NOW = 1790000000
BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

signer = UrlSigner("https://img.example.com", "photos", [KEY])
verifier = Verifier("photos", [KEY])


def verdict(key: str, query: str, token: str, now: float = NOW, by: Verifier = verifier) -> Verdict:
    return by.verify(key, decode_query(f"{query}&t={token}".encode()), now)


def judged(url: str, now: float = NOW) -> Verdict:
    """The verdict on a URL whose key needs no unescaping."""
    parts = urlsplit(url)
    return verifier.verify(parts.path.removeprefix("/photos/"), decode_query(parts.query.encode()), now)


# --- Vectors --------------------------------------------------------------------------------------


def test_the_vectors_are_what_their_script_writes() -> None:
    script = ROOT / "tests/vectors/make_signing.py"
    written = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout
    assert json.loads(written) == VECTORS


@pytest.mark.parametrize("row", ROWS)
def test_a_message_is_that_of_the_vectors(row: dict[str, Any]) -> None:
    pairs = decode_query(row["query"].encode())
    assert pairs == [(name.encode(), value.encode()) for name, value in row["pairs"]]
    assert message(row["prefix"], row["key"], pairs) == row["message"].encode()


@pytest.mark.parametrize("row", ROWS)
def test_an_exact_token_is_that_of_the_vectors(row: dict[str, Any]) -> None:
    by = UrlSigner("", row["prefix"], [OLD, row["secret"]])
    assert by.token(row["key"], decode_query(row["query"].encode())) == row["token"]


@pytest.mark.parametrize("row", ROWS)
def test_an_exact_token_gets_the_verdict_of_the_vectors(row: dict[str, Any]) -> None:
    by = Verifier(row["prefix"], row["keys"])
    found = verdict(row["key"], row["query"], row["token"], row["now"], by)
    assert found.reason.value == row["verdict"]
    if found.accepted:
        assert row["keys"][found.key_index] == row["secret"]


@pytest.mark.parametrize(("row", "request_"), REQUESTS)
def test_a_grant_gets_the_verdict_of_the_vectors(row: dict[str, Any], request_: dict[str, str]) -> None:
    by = Verifier(row["prefix"], row["keys"])
    found = verdict(request_["key"], request_["query"], row["token"], row["now"], by)
    assert found.reason.value == request_["verdict"]


def test_signing_imports_the_standard_library_and_itsdangerous_alone() -> None:
    program = "import sys; old = set(sys.modules); import origin.signing; print(*(set(sys.modules) - old))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    modules = {name.split(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names
    ours = {name.split(".")[1] for name in done.stdout.split() if name.startswith("origin.")}
    assert modules == {"origin", "itsdangerous"}
    assert ours == {"signing", "urls"}


# --- Messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", []),
        (b"&&", []),
        (b"=", [(b"", b"")]),
        (b"a", [(b"a", b"")]),
        (b"a=%FF", [(b"a", b"\xff")]),
        (b"a=\xff", [(b"a", b"\xff")]),
        (b"a=%EF%BF%BD", [(b"a", b"\xef\xbf\xbd")]),
        (b"a=%2", [(b"a", b"%2")]),
        (b"a=%2%30", [(b"a", b"%20")]),
        (b"a;b=c", [(b"a;b", b"c")]),
    ],
)
def test_a_query_is_read_as_a_form(query: bytes, pairs: list[Pair]) -> None:
    assert decode_query(query) == pairs


texts = st.text(max_size=8)
names = st.one_of(st.sampled_from(["w", "h", "width", "f", "q", "e", "x", "a", "a-"]), texts)
queries = st.lists(st.tuples(names, texts).map(lambda pair: (pair[0].encode(), pair[1].encode())), max_size=5)
unsigned = queries.map(lambda pairs: [pair for pair in pairs if pair[0] not in (b"t", b"token")])
keys = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@st.composite
def spellings(draw: st.DrawFn, pairs: list[Pair]) -> bytes:
    """Any text that a form reads as these pairs, in any order."""

    def spelt(data: bytes) -> str:
        return "".join(draw(st.sampled_from(_spellings_of(byte))) for byte in data)

    pieces = [f"{spelt(name)}={spelt(value)}" for name, value in draw(st.permutations(pairs))]
    return draw(st.sampled_from(["", "&"])).join(["", "&".join(pieces), ""]).encode()


def _spellings_of(byte: int) -> list[str]:
    escapes = [f"%{byte:02X}", f"%{byte:02x}"]
    if byte == ord(" "):
        return [*escapes, "+"]
    is_plain = chr(byte).isascii() and chr(byte).isprintable() and chr(byte) not in "&=+%"
    return [chr(byte), *escapes] if is_plain else escapes


@given(key=keys, pairs=unsigned, data=st.data())
def test_any_order_and_escaping_of_an_equal_query_verifies(key: str, pairs: list[Pair], data: Any) -> None:
    assume(not any(name in (b"e", b"expires") for name, _ in pairs))
    token = signer.token(key, pairs).encode()
    other = data.draw(spellings([*pairs, (b"t", token)]))
    assert verifier.verify(key, decode_query(other), NOW).reason is Reason.SIGNED


@given(st.tuples(keys, keys, unsigned), st.tuples(keys, keys, unsigned))
def test_no_two_requests_share_a_message(first: Any, second: Any) -> None:
    same = (*first[:2], sorted(first[2])) == (*second[:2], sorted(second[2]))
    assert (message(*first) == message(*second)) is same


@given(key=keys, pairs=unsigned, other_key=keys, other_pairs=unsigned)
def test_a_token_verifies_no_other_request(key: str, pairs: Any, other_key: str, other_pairs: Any) -> None:
    assume((key, sorted(pairs)) != (other_key, sorted(other_pairs)))
    token = (b"t", signer.token(key, pairs).encode())
    assert verifier.verify(other_key, [*other_pairs, token], NOW).reason is Reason.WRONG


@given(key=keys, width=st.integers(1, 9999), expires=st.integers(NOW, 2 * NOW), data=st.data())
def test_any_change_of_one_part_is_refused(key: str, width: int, expires: int, data: Any) -> None:
    request = (key, [(b"w", b"%d" % width), (b"e", b"%d" % expires)])
    token = (b"t", signer.token(*request).encode())
    other = data.draw(st.sampled_from(_changes(*request)))
    assert verifier.verify(request[0], [*request[1], token], NOW).accepted
    assert not verifier.verify(other[0], [*other[1], token], NOW).accepted


def _changes(key: str, pairs: list[Pair]) -> list[tuple[str, list[Pair]]]:
    (w, width), (e, expires) = pairs
    later = (e, b"%d" % (int(expires) + 1))
    return [
        (key + "x", pairs),
        (key.swapcase() + "/", pairs),
        ("x/" + key, pairs),
        (key, [(w, width + b"0"), (e, expires)]),
        (key, [(w, width), later]),
        (key, [(w, width)]),
        (key, [(w, width), (e, b"")]),
        (key, [(b"width", width), (e, expires)]),
        (key, [*pairs, (b"h", b"1")]),
        (key, [*pairs, (w, width)]),
        (key, [*pairs, (b"x", b"")]),
        (key, []),
    ]


@given(query=st.binary(max_size=60), token=st.sampled_from([b"", b"t=", b"t=.", b"t=" + b"A" * 43, b"t=a.b"]))
def test_any_query_gets_a_verdict(query: bytes, token: bytes) -> None:
    assert not verifier.verify("cat.jpg", decode_query(query + b"&" + token), NOW).accepted


@pytest.mark.parametrize(("prefix", "key"), [("a\nb", "c"), ("a", "b\nc"), ("a", "\ud800")])
def test_a_message_that_could_be_read_in_two_ways_is_never_written(prefix: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"newline|surrogates"):
        message(prefix, key, [])


# --- Exact tokens ---------------------------------------------------------------------------------

EXACT = signer.token("cat.jpg", [(b"w", b"300")])


def respelt(token: str) -> list[str]:
    """Other texts for a token; four of the last characters decode to the same bytes."""
    changed = [token[:-1] + last for last in BASE64URL if last != token[-1]]
    changed += [token + pad for pad in ("=", "==", "A", "%3D", "%00", "%0A", "+", ".")]
    changed += [pad + token for pad in ("%20", "=", "-")]
    changed += [token[:20] + mark + token[20:] for mark in ("%20", "!", "=", "%C3%A9")]
    changed += [token.swapcase(), token.lower(), token.upper(), token[:-1], token[1:], "", "A" * 43, "=" * 43]
    changed += [token.replace("-", "%2B").replace("_", "/")] if set("-_") & set(token) else []
    return changed


@pytest.mark.parametrize("token", respelt(EXACT))
def test_an_exact_token_has_one_spelling(token: str) -> None:
    assert verdict("cat.jpg", "w=300", EXACT).accepted
    assert not verdict("cat.jpg", "w=300", token).accepted


@pytest.mark.parametrize("token", ["A" * 10_000, "." * 10_000, "A" * 42, "A" * 44, ".", "..", "%FF" * 43])
def test_a_text_that_is_no_token_is_malformed(token: str) -> None:
    assert verdict("cat.jpg", "", token).reason is Reason.MALFORMED


@pytest.mark.parametrize("token", ["A" * 43, "." + "A" * 43, "%00." + "A" * 43])
def test_a_token_of_no_key_is_wrong(token: str) -> None:
    assert verdict("cat.jpg", "", token).reason is Reason.WRONG


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
    assert verdict("cat.jpg", "", made(derived, "sha256")).accepted
    for token in (made(KEY.encode(), "sha256"), made(concatenated, "sha256"), made(derived, "sha1")):
        assert not verdict("cat.jpg", "", token).accepted


@pytest.mark.parametrize("keys", [[], ["x" * 31], ["x" * 32, "short"], "x" * 40])
def test_no_key_and_a_short_key_are_refused(keys: Any) -> None:
    for make in (lambda: Verifier("photos", keys), lambda: UrlSigner("", "photos", keys)):
        with pytest.raises(ValueError, match="key"):
            make()


def test_a_key_of_32_characters_signs() -> None:
    token = UrlSigner("", "photos", ["x" * 32]).token("c", [])
    assert verdict("c", "", token, by=Verifier("photos", ["x" * 32])).accepted


def test_a_refused_key_is_not_in_the_message() -> None:
    with pytest.raises(ValueError, match="32") as caught:
        Verifier("photos", ["hunter2"])
    assert "hunter2" not in str(caught.value)


# --- Expiry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "accepted"), [(-3600, True), (0, True), (30, True), (30.5, False), (31, False), (10**9, False)]
)
@pytest.mark.parametrize("name", ["e", "expires"])
def test_an_expiry_has_thirty_seconds_of_leeway(name: str, late: float, accepted: bool) -> None:
    pairs = [(name.encode(), b"%d" % NOW)]
    found = verdict("cat.jpg", f"{name}={NOW}", signer.token("cat.jpg", pairs), NOW + late)
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
    assert verdict("cat.jpg", query, token).reason is Reason.MALFORMED


def test_an_empty_expiry_is_none() -> None:
    token = signer.token("cat.jpg", [(b"e", b"")])
    assert verdict("cat.jpg", "e=", token) == Verdict(Reason.SIGNED, "", 0, None)


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
    assert judged(url).expires == expires


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


# --- Grants ---------------------------------------------------------------------------------------

FOLDER = signer.grant("users/42/*", w={"min": 1, "max": 1600}, f=["webp", "jpg"], c=True)
ALLOWED = "w=300&f=webp&c=true"


def signed_payload(payload: bytes) -> str:
    """A grant of any text under the right key, made with the standard library."""
    derived = hmac.digest(KEY.encode(), b"origin/v1/grant", "sha256")
    mac = hmac.digest(derived, payload, "sha256")
    return f"{payload.decode()}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def test_a_grant_is_what_the_serializer_of_itsdangerous_reads_and_writes() -> None:
    arguments: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    serializer = URLSafeSerializer([OLD, KEY], salt="origin/v1/grant", signer_kwargs=arguments)
    range_ = {"min": 1, "max": 1600}
    fields: dict[str, Any] = {"k": "users/42/*", "o": {"w": range_, "h": range_, "q": range_, "dpr": range_}}
    compressed, plain = serializer.dumps(fields), serializer.dumps({"k": "users/42/*", "o": {}})
    assert compressed.startswith(".")
    assert not plain.startswith(".")
    assert verdict("users/42/a.jpg", "w=300&h=300&q=80&dpr=2", compressed).reason is Reason.GRANTED
    assert verdict("users/42/a.jpg", "", plain).reason is Reason.GRANTED
    unbounded: dict[str, Any] = {}
    for bounds in (fields["o"], unbounded):
        assert serializer.loads(signer.grant("users/42/*", **bounds)) == {"k": "users/42/*", "o": bounds}


@pytest.mark.parametrize(
    "token", [*respelt(FOLDER), "." + FOLDER, FOLDER.replace(".", ".."), FOLDER.replace(".", "=.")]
)
def test_a_grant_has_one_spelling(token: str) -> None:
    assert verdict("users/42/cat.jpg", ALLOWED, FOLDER).accepted
    assert not verdict("users/42/cat.jpg", ALLOWED, token).accepted


def test_every_character_of_a_grant_counts() -> None:
    for at, character in enumerate(FOLDER):
        other = FOLDER[:at] + ("A" if character != "A" else "B") + FOLDER[at + 1 :]
        assert not verdict("users/42/cat.jpg", ALLOWED, other).accepted


def test_an_exact_signature_of_a_payload_is_no_grant() -> None:
    payload = encoded(b'{"k":"cat.jpg"}')
    derived = hmac.digest(KEY.encode(), b"origin/v1", "sha256")
    signature = encoded(hmac.digest(derived, payload, "sha256"))
    assert verdict("cat.jpg", "", signed_payload(payload)).accepted
    assert not verdict("cat.jpg", "", f"{payload.decode()}.{signature.decode()}").accepted


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"cat.jpg"',
        b"{}",
        b'{"k":"cat.jpg"',
        b'{"k":"cat.jpg","k":"dog.jpg"}',
        b'{"k":["cat.jpg"]}',
        b'{"k":null}',
        b'{"k":"cat.jpg","e":null}',
        b'{"k":"cat.jpg","e":true}',
        b'{"k":"cat.jpg","e":2e9}',
        b'{"k":"cat.jpg","e":NaN}',
        b'{"k":"cat.jpg","o":null}',
        b'{"k":"cat.jpg","o":[]}',
        b'{"k":"cat.jpg","o":{"w":null}}',
        b'{"k":"cat.jpg","o":{"w":{}}}',
        b'{"k":"cat.jpg","o":{"w":[]}}',
        b'{"k":"cat.jpg","o":{"w":[[300]]}}',
        b'{"k":"cat.jpg","o":{"w":{"max":null}}}',
        b'{"k":"cat.jpg","o":{"w":{"max":NaN}}}',
        b'{"k":"cat.jpg","o":{"w":{"max":Infinity}}}',
        b'{"k":"cat.jpg","o":{"w":{"max":9,"max":9999}}}',
        b'{"k":"cat.jpg","o":{"w":300,"w":300}}',
        b'{"k":"cat.jpg","o":{"c":1}}',
        b'{"k":"cat.jpg","o":{"c":"true"}}',
        b'{"k":"cat.jpg","o":{"f":{"min":"a"}}}',
        b'{"k":"cat.jpg","o":{"f":["webp",1]}}',
        b'{"k":"cat.jpg","o":{"W":300}}',
        b'{"k":"cat.jpg","o":{"token":"x"}}',
        b'{"k":"\xff"}',
        b"[" * 1400,
    ],
)
def test_a_signed_payload_of_another_form_is_refused(text: bytes) -> None:
    query = "w=300&f=webp&c=true"
    assert verdict("cat.jpg", query, signed_payload(encoded(text))).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "payload", [b"", b".", b"a", b".AAAA", b"..", encoded(b"{}") + b"." + encoded(b"{}")]
)
def test_a_signed_payload_that_does_not_decode_is_refused(payload: bytes) -> None:
    assert verdict("cat.jpg", "", signed_payload(payload)).reason is Reason.MALFORMED


def test_a_bomb_is_refused_unsigned_and_harmless_signed() -> None:
    bomb = b"." + encoded(zlib.compress(b'{"k":"' + b"a" * 1_000_000 + b'"}', 9))
    assert len(bomb) < 2000
    assert verdict("cat.jpg", "", f"{bomb.decode()}.{'A' * 43}").reason is Reason.WRONG
    assert verdict("cat.jpg", "", signed_payload(bomb)).reason is Reason.OUTSIDE


def test_a_grant_of_more_than_2048_characters_is_neither_written_nor_read() -> None:
    noise = "".join(hashlib.sha256(b"%d" % at).hexdigest() for at in range(16))
    payload = encoded(json.dumps({"k": noise, "o": {"f": [noise[1:]]}}).encode())
    assert verdict(noise, "f=x", signed_payload(payload)).reason is Reason.MALFORMED
    with pytest.raises(ValueError, match="2048"):
        signer.grant(noise, w=[int(noise[at : at + 5], 16) + 1 for at in range(0, 1000, 2)])


@pytest.mark.parametrize(
    ("bounds", "query", "accepted"),
    [
        ({"w": 300}, "w=300", True),
        ({"w": 300}, "w=300.0", True),
        ({"w": 300}, "width=%33%30%30", True),
        ({"w": 300}, "w=300.000000000000001", False),
        ({"w": 300}, "w=300.00000000000000000001", False),
        ({"w": 300}, "w=300.000000000000000000000", False),  # more digits than we read
        ({"width": 300}, "w=300", True),
        ({"w": {"max": 1600}}, "w=0", False),
        ({"w": {"max": 1600}}, "w=0.0", False),
        ({"w": {"max": 1600}}, "w=0.3", False),
        ({"w": {"min": 100}}, "w=99.9", False),
        ({"w": {"min": 100}}, "w=99999", True),
        ({"w": {"max": 1600}}, "w=1600&h=0", True),
        ({"w": {"max": 1600}}, "w=1600&h=0.4", False),
        ({"w": {"max": 1600}}, "w=1600&h=&q=&dpr=&f=&c=&e=", True),
        ({"w": {"max": 1600}}, "w=1600&dpr=1", False),
        ({"w": {"max": 1600}}, "w=+300", False),
        ({"w": {"max": 1600}}, "w=%2B300", False),
        ({"w": {"max": 1600}}, "w=3e2", False),
        ({"w": {"max": 1600}}, "w=-1", False),
        ({"w": {"max": 1600}}, "w=%D9%A3", False),
        ({"w": {"max": 1600}}, "w=1&w=9000", False),
        ({"w": {"max": 1600}}, "w=1&%77=9000", False),
        ({"w": {"max": 1600}}, "w=&width=9000", False),
        ({"w": {"max": 1600}}, "w=1&W=9000", True),  # no option: neither we nor the origin read it
        ({"q": 80}, "q=80", True),
        ({"q": 80}, "q=0", False),
        ({"q": {"max": 80}}, "q=80.5", False),
        ({"dpr": [1, 1.5, 2]}, "dpr=1.5", True),
        ({"dpr": [1, 1.5, 2]}, "dpr=1.50", True),
        ({"dpr": [1, 1.5, 2]}, "dpr=1.4", False),
        ({"c": False}, "c=F", True),
        ({"c": False}, "crop=0", True),
        ({"c": False}, "c=true", False),
        ({"c": [True, False]}, "c=1", True),
        ({"c": True}, "c=yes", False),
        ({"c": True}, "", False),
        ({"f": "jpg"}, "f=JpEg", True),
        ({"f": "JPEG"}, "format=jpg", True),
        ({"f": ["webp", "jpg"]}, "f=png", False),
        ({"f": ["webp", "jpg"]}, "f=webp,jpg", False),
        ({"f": ["webp", "jpg"]}, "f=%D0%B0vif", False),
        ({"f": ["webp", "jpg"]}, "", False),
    ],
)
def test_a_bound_judges_what_an_option_means(bounds: Any, query: str, accepted: bool) -> None:
    assert verdict("cat.jpg", query, signer.grant("cat.jpg", **bounds)).accepted is accepted


@given(
    options=st.lists(
        st.tuples(
            st.sampled_from([b"w", b"width", b"h", b"height", b"dpr", b"q", b"f", b"format", b"x"]),
            st.sampled_from(
                [b"", b"0", b"0.2", b"1", b"300", b"1600", b"1601", b"9e9", b"webp", b"gif", b"01"]
            ),
        ),
        max_size=4,
    ),
    data=st.data(),
)
@settings(max_examples=300)
def test_a_grant_is_never_widened(options: list[Pair], data: Any) -> None:
    token = signer.grant("cat.jpg", w={"max": 1600}, f=["webp"])
    query = data.draw(spellings([*options, (b"t", token.encode())]))
    accepted = verifier.verify("cat.jpg", decode_query(query), NOW).accepted
    # What a reader of forms other than ours sees, last value first: the bounds have to hold in any of them.
    seen = [(ALIASES.get(name, name), value) for name, value in parse_qsl(query.decode())]
    widths = [value for name, value in seen if name == "w"]
    formats = [value for name, value in seen if name == "f"]
    others = [value for name, value in seen if name in ("h", "dpr", "q") and (name, value) != ("h", "0")]
    is_within = len(widths) == 1 and widths[0] in ("1", "300", "1600") and formats == ["webp"] and not others
    assert is_within or not accepted
    if is_within and len({ALIASES.get(name.decode(), name.decode()) for name, _ in options}) == len(options):
        assert accepted


@given(key=st.text("ab/*.%2F", min_size=1, max_size=8), pattern=st.text("ab/*.%2F", min_size=1, max_size=5))
def test_a_grant_reaches_its_own_key_or_what_is_below_its_prefix(key: str, pattern: str) -> None:
    token = signed_payload(encoded(json.dumps({"k": pattern}).encode()))
    folder = pattern[:-2].split("/") if pattern.endswith("/*") else None
    segments = key.split("/")
    is_below = folder is not None and segments[: len(folder)] == folder and len(segments) > len(folder)
    assert verdict(key, "", token).accepted is (is_below or (folder is None and key == pattern))


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
    assert verdict("cat.jpg", query, token) == Verdict(Reason.GRANTED, "", 0, expires)


def test_an_expiry_beside_a_grant_that_does_not_name_it_is_refused() -> None:
    assert verdict("cat.jpg", f"e={NOW + 5}", signer.grant("cat.jpg")).reason is Reason.OUTSIDE


# --- Rotation -------------------------------------------------------------------------------------


def test_the_newest_key_signs_and_every_key_verifies() -> None:
    both = UrlSigner("", "photos", [OLD, KEY])
    old = UrlSigner("", "photos", [OLD])
    by = Verifier("photos", [OLD, KEY])
    assert both.token("c", []) == signer.token("c", [])
    assert both.grant("c") == signer.grant("c")
    for token, index in (
        (both.token("c", []), 1),
        (old.token("c", []), 0),
        (both.grant("c"), 1),
        (old.grant("c"), 0),
    ):
        assert verdict("c", "", token, by=by).key_index == index
    for token in (old.token("c", []), old.grant("c")):
        assert verdict("c", "", token).reason is Reason.WRONG


def test_another_handler_with_the_same_key_refuses_an_exact_token() -> None:
    assert verdict("c", "", signer.token("c", []), by=Verifier("avatars", [KEY])).reason is Reason.WRONG


# --- Writing URLs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, ""),
        ({"w": 300}, "w=300&"),
        ({"width": 300, "f": "webp"}, "w=300&f=webp&"),
        ({"f": "webp", "w": 300}, "w=300&f=webp&"),
        ({"w": 300, "h": None}, "w=300&"),
        ({"c": True}, "c=true&"),
        ({"crop": False}, "c=false&"),
        ({"dpr": 1.5}, "dpr=1.5&"),
        ({"dpr": 2.0}, "dpr=2&"),
        ({"dpr": 4 / 3}, "dpr=1.3333333333333333&"),
        ({"w": 1e3}, "w=1000&"),
        ({"w": 100.0}, "w=100&"),
        ({"w": "300"}, "w=300&"),
    ],
)
def test_options_are_written_in_one_way(options: Any, query: str) -> None:
    written = signer.url("cat.jpg", **options)
    assert written.startswith(f"https://img.example.com/photos/cat.jpg?{query}t=")
    assert judged(written).accepted


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"wdith": 300}, TypeError),
        ({"W": 300}, TypeError),
        ({"w": 300, "width": 300}, TypeError),
        ({"e": NOW}, TypeError),
        ({"expires": NOW}, TypeError),
        ({"t": "x"}, TypeError),
        ({"w": 0}, ValueError),
        ({"w": -1}, ValueError),
        ({"w": 0.4}, ValueError),
        ({"w": ""}, ValueError),
        ({"w": True}, ValueError),
        ({"w": "wide"}, ValueError),
        ({"w": float("nan")}, ValueError),
        ({"w": float("inf")}, ValueError),
        ({"c": "yes"}, ValueError),
        ({"f": "wébp"}, ValueError),
    ],
)
def test_an_option_that_the_origin_cannot_read_is_not_signed(options: Any, error: Any) -> None:
    with pytest.raises(error):
        signer.url("cat.jpg", **options)


BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a\0",
    "a\nb",
    "a\x7f",
    "a\x85",
    "\ud800",
    "é" * 513,
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_the_origin_refuses_is_not_signed(key: str) -> None:
    for write in (signer.url, signer.grant):
        with pytest.raises(ValueError, match="a key has"):
            write(key)


def test_a_path_is_escaped_by_segment() -> None:
    url = UrlSigner("https://cdn.example.com/img/", "/shop/photos/", [KEY]).url("été/a b+c%2F?#.jpg")
    path, _, token = url.partition("?t=")
    assert path == "https://cdn.example.com/img/shop/photos/%C3%A9t%C3%A9/a%20b%2Bc%252F%3F%23.jpg"
    assert verdict("été/a b+c%2F?#.jpg", "", token, by=Verifier("shop/photos", [KEY])).accepted


@pytest.mark.parametrize("base", ["https://a.example/?x", "https://a.example/#x", "https://a.example/ b"])
def test_a_base_url_that_could_not_hold_a_path_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        UrlSigner(base, "photos", [KEY])


def candidates(srcset: str) -> list[tuple[str, str]]:
    return [(url, descriptor) for url, descriptor in (part.split(" ") for part in srcset.split(", "))]


def test_a_srcset_over_widths_has_a_token_for_each() -> None:
    found = candidates(signer.srcset("a,b.jpg", widths=[300, 600], f="webp", expires_in=60, now=NOW))
    assert [descriptor for _, descriptor in found] == ["300w", "600w"]
    for url, descriptor in found:
        assert f"?w={descriptor[:-1]}&f=webp&e=1790002800&t=" in url
        key = "a,b.jpg"
        assert verifier.verify(key, decode_query(urlsplit(url).query.encode()), NOW).reason is Reason.SIGNED


def test_a_srcset_over_densities_sets_dpr() -> None:
    found = candidates(signer.srcset("cat.jpg", densities=[1, 1.5, 2.0], w=300))
    assert [descriptor for _, descriptor in found] == ["1x", "1.5x", "2x"]
    assert [url.partition("&t=")[0][-5:] for url, _ in found] == ["dpr=1", "r=1.5", "dpr=2"]
    assert all(judged(url).accepted for url, _ in found)


def test_a_srcset_may_share_a_grant() -> None:
    token = signer.grant("cat.jpg", w={"max": 1600})
    found = candidates(signer.srcset("cat.jpg", widths=[300, 600], grant=token))
    assert [parse_qsl(urlsplit(url).query)[-1] for url, _ in found] == [("t", token)] * 2
    assert all(judged(url).reason is Reason.GRANTED for url, _ in found)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"widths": [1], "densities": [1]}, {"densities": [1, 2]}, {"widths": [1], "w": 5}, {"widths": []}],
)
def test_a_srcset_without_a_meaning_is_not_signed(arguments: Any) -> None:
    with pytest.raises(TypeError):
        signer.srcset("cat.jpg", **arguments)


@pytest.mark.parametrize(
    ("key", "options"), [("dog.jpg", {"w": 1}), ("cat.jpg", {"w": 2000}), ("cat.jpg", {})]
)
def test_a_url_outside_its_grant_is_not_written(key: str, options: Any) -> None:
    with pytest.raises(ValueError, match="outside the grant"):
        signer.url(key, grant=signer.grant("cat.jpg", w={"max": 1600}), **options)


@pytest.mark.parametrize(
    "bounds",
    [
        {"wdith": 1},
        {"w": "1"},
        {"w": {}},
        {"f": {"max": 1}},
        {"t": "x"},
        {"t": 1},
        {"w": []},
        {"w": 1, "width": 1},
    ],
)
def test_a_grant_that_the_origin_could_not_read_is_not_signed(bounds: Any) -> None:
    with pytest.raises(ValueError, match=r"option|type|bounds|value"):
        signer.grant("cat.jpg", **bounds)


# --- Explaining -----------------------------------------------------------------------------------


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
    token = encoded(hmac.digest(derived, signed.encode(), "sha256")).decode()
    found = described("à b", "w=1&f=x&e=1790000000", token)[3:-1]
    assert len(found) == (0 if mistake is None else 1)
    assert mistake is None or mistake in found[0]


@pytest.mark.parametrize(
    "options",
    [
        {"q": 0},
        {"q": 101},
        {"q": 80.5},
        {"dpr": 0.5},
        {"dpr": 5},
        {"f": "bmp"},
        {"f": " webp"},
        {"expires_at": 1_790_000_000_000},
    ],
)
def test_nothing_is_signed_that_the_origin_refuses(options: Any) -> None:
    with pytest.raises(ValueError, match=r"meaning|milliseconds"):
        signer.url("cat.jpg", **options)


@pytest.mark.parametrize(
    ("key", "bounds"),
    [
        ("cat.jpg", {"f": ["wepb"]}),
        ("cat.jpg", {"w": {"min": 900, "max": 1}}),
        ("cat.jpg", {"w": 0}),
        ("users/42*", {}),
        ("users/*/cat.jpg", {}),
        ("*", {}),
    ],
)
def test_no_grant_is_written_that_grants_nothing(key: str, bounds: Any) -> None:
    with pytest.raises(ValueError, match=r"meaning|min|absent|\*"):
        signer.grant(key, **bounds)


def test_a_srcset_has_whole_widths() -> None:
    with pytest.raises(TypeError, match="whole"):
        signer.srcset("cat.jpg", widths=[300.5])  # type: ignore[list-item]


def test_a_key_that_cannot_be_signed_is_refused_as_any_other() -> None:
    assert verifier.verify("a\nb", [(b"t", b"A" * 43)], NOW).reason is Reason.MALFORMED


def test_an_expiry_that_no_clock_reaches_is_no_expiry() -> None:
    payload = encoded(json.dumps({"k": "cat.jpg", "e": 10**400}).encode())
    assert verdict("cat.jpg", "", signed_payload(payload)).reason is Reason.MALFORMED
