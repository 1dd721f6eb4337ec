"""Grants: what they hold, how they are read, and that no request gets more than they say."""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import unquote
from urllib.parse import urlencode

import pytest
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
from origin.urls.options import OPTIONS
from origin.urls.options import TOKEN
from origin.urls.options import Option
from origin.urls.parsing import parse_options
from tests.support.cases import check_each
from tests.support.options import DEFAULTS
from tests.support.options import example
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.signing import OLD
from tests.support.signing import encode_base64
from tests.support.signing import respell_token
from tests.support.signing import sign_payload
from tests.support.signing import signer
from tests.support.signing import spell_query
from tests.support.signing import verifier
from tests.support.signing import verify

FOLDER = signer.grant("users/42/*", w={"min": 1, "max": 1600}, f=["webp", "jpg"], c=True)
ALLOWED = "w=300&f=webp&c=true"


def test_a_grant_is_what_the_serializer_of_itsdangerous_reads_and_writes() -> None:
    arguments: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    serializer = URLSafeSerializer([OLD, KEY], salt="origin/v1/grant", signer_kwargs=arguments)
    range_ = {"min": 1, "max": 1600}
    fields: dict[str, Any] = {"k": "users/42/*", "o": {"w": range_, "h": range_, "q": range_, "dpr": range_}}
    compressed, plain = serializer.dumps(fields), serializer.dumps({"k": "users/42/*", "o": {}})
    assert compressed.startswith(".")
    assert not plain.startswith(".")
    assert verify("users/42/a.jpg", "w=300&h=300&q=80&dpr=2", compressed).reason is Reason.GRANTED
    assert verify("users/42/a.jpg", "", plain).reason is Reason.GRANTED
    unbounded: dict[str, Any] = {}
    for bounds in (fields["o"], unbounded):
        assert serializer.loads(signer.grant("users/42/*", **bounds)) == {"k": "users/42/*", "o": bounds}


def test_a_grant_has_one_spelling() -> None:
    def check(token: str) -> None:
        assert not verify("users/42/cat.jpg", ALLOWED, token).accepted

    assert verify("users/42/cat.jpg", ALLOWED, FOLDER).accepted
    others = [*respell_token(FOLDER), "." + FOLDER, FOLDER.replace(".", ".."), FOLDER.replace(".", "=.")]
    check_each({token: token for token in others}, check)


def test_every_character_of_a_grant_counts() -> None:
    for at, character in enumerate(FOLDER):
        other = FOLDER[:at] + ("A" if character != "A" else "B") + FOLDER[at + 1 :]
        assert not verify("users/42/cat.jpg", ALLOWED, other).accepted


def test_an_exact_signature_of_a_payload_is_no_grant() -> None:
    payload = encode_base64(b'{"k":"cat.jpg"}')
    derived = hmac.digest(KEY.encode(), b"origin/v1", "sha256")
    signature = encode_base64(hmac.digest(derived, payload, "sha256"))
    assert verify("cat.jpg", "", sign_payload(payload)).accepted
    assert not verify("cat.jpg", "", f"{payload.decode()}.{signature.decode()}").accepted


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
        b'{"k":"cat.jpg","o":{"q":{"max":"auto"}}}',
        b'{"k":"cat.jpg","o":{"f":["webp",1]}}',
        b'{"k":"cat.jpg","o":{"W":300}}',
        b'{"k":"cat.jpg","o":{"token":"x"}}',
        b'{"k":"\xff"}',
        b"[" * 1400,
    ],
)
def test_a_signed_payload_of_another_form_is_refused(text: bytes) -> None:
    query = "w=300&f=webp&c=true"
    assert verify("cat.jpg", query, sign_payload(encode_base64(text))).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "payload", [b"", b".", b"a", b".AAAA", b"..", encode_base64(b"{}") + b"." + encode_base64(b"{}")]
)
def test_a_signed_payload_that_does_not_decode_is_refused(payload: bytes) -> None:
    assert verify("cat.jpg", "", sign_payload(payload)).reason is Reason.MALFORMED


def test_a_bomb_is_refused_unsigned_and_harmless_signed() -> None:
    bomb = b"." + encode_base64(zlib.compress(b'{"k":"' + b"a" * 1_000_000 + b'"}', 9))
    assert len(bomb) < 2000
    assert verify("cat.jpg", "", f"{bomb.decode()}.{'A' * 43}").reason is Reason.WRONG
    assert verify("cat.jpg", "", sign_payload(bomb)).reason is Reason.OUTSIDE


def test_a_grant_of_more_than_2048_characters_is_neither_written_nor_read() -> None:
    noise = "".join(hashlib.sha256(b"%d" % at).hexdigest() for at in range(16))
    payload = encode_base64(json.dumps({"k": noise, "o": {"f": [noise[1:]]}}).encode())
    assert verify(noise, "f=x", sign_payload(payload)).reason is Reason.MALFORMED
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
        ({"q": {"max": 80}}, "q=auto", False),
        ({"q": {"min": 1}}, "q=auto", False),
        ({"q": "auto"}, "q=AUTO", True),
        ({"q": [75, "Auto"]}, "q=auto", True),
        ({"q": [75, "auto"]}, "q=80", False),
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
    assert verify("cat.jpg", query, signer.grant("cat.jpg", **bounds)).accepted is accepted


@pytest.mark.slow
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
@settings(max_examples=300, deadline=None)  # drawing an example takes long on a busy machine
def test_a_grant_is_never_widened(options: list[Pair], data: Any) -> None:
    token = signer.grant("cat.jpg", w={"max": 1600}, f=["webp"])
    query = data.draw(spell_query([*options, (b"t", token.encode())]))
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
    token = sign_payload(encode_base64(json.dumps({"k": pattern}).encode()))
    folder = pattern[:-2].split("/") if pattern.endswith("/*") else None
    segments = key.split("/")
    is_below = folder is not None and segments[: len(folder)] == folder and len(segments) > len(folder)
    turns = is_below and not {".", ".."}.isdisjoint(
        unquote("/".join(segments[len(folder or ()) :])).split("/")
    )
    assert verify(key, "", token).accepted is (
        (is_below and not turns) or (folder is None and key == pattern)
    )


# Behind https://example.com/users/42/, what some web server takes for another folder.
TURNS = [
    *("../7/cat.jpg", "a/../../7/cat.jpg", "%2e%2E/7/cat.jpg", "..%2f7/cat.jpg", "%2e./7", "..", "./cat.jpg"),
    *("..\\7\\cat.jpg", "..%5c7/cat.jpg", "..;x=1/7/cat.jpg", "a/..?v=1"),
]
STRAIGHT = ["cat.jpg", "a..b/..c/d../.e.jpg", "...", "cat.jpg?from=/../7", "cat.jpg#/../", "a%252e/b"]


def test_a_grant_below_a_url_is_not_left_by_dots() -> None:
    url = "https://example.com/users/42/"
    token = sign_payload(encode_base64(json.dumps({"k": f"{url}*"}).encode()))
    check_each({each: each for each in TURNS}, lambda each: _outside(url + each, token))
    assert all(verify(url + each, "", token).accepted for each in STRAIGHT)


def _outside(key: str, token: str) -> None:
    assert verify(key, "", token).reason is Reason.OUTSIDE


BOUNDABLE = [option for option in OPTIONS if option is not TOKEN]
SPELLINGS = [pytest.param(option, name, id=name) for option in BOUNDABLE for name in option.names]


@pytest.mark.parametrize(("option", "name"), SPELLINGS)
def test_every_option_is_outside_a_grant_that_does_not_name_it(option: Option, name: str) -> None:
    others = [other for other in BOUNDABLE if other is not option]
    bounds = {other.name: _constant(other) for other in others}
    query = "&".join(f"{other.name}={example(other)}" for other in others)
    token = signer.grant("cat.jpg", **bounds)
    assert verify("cat.jpg", query, token).accepted
    refused = verify("cat.jpg", f"{query}&{name}={example(option)}", token)
    assert refused == Verdict(Reason.OUTSIDE, f"it does not name {option.name}")


@pytest.mark.many
@pytest.mark.parametrize(("option", "name"), SPELLINGS)
def test_every_option_can_be_bound_under_either_name(option: Option, name: str) -> None:
    token = signer.grant("cat.jpg", **{name: _constant(option)})
    assert verify("cat.jpg", f"{option.name}={example(option)}", token).accepted
    assert verify("cat.jpg", "", token) == Verdict(Reason.OUTSIDE, f"{option.name} is missing")


def _constant(option: Option) -> Any:
    exact = option.kind.parse_exactly(example(option).encode())
    return option.kind.to_constant(exact)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for option in BOUNDABLE for name in option.names]),
            st.one_of(
                st.sampled_from([*map(example, BOUNDABLE), "0", "", "0.5", "1e2", "x"]),
                st.integers(-1, 10**17).map(str),
                st.floats(0, 100).map(str),
            ),
        ),
        max_size=4,
    )
)
def test_what_a_grant_admits_is_parsed_by_the_origin(pairs: list[tuple[str, str]]) -> None:
    bounds: dict[str, Any] = {
        option.name: {"min": 0} if option.kind.is_ordered else _constant(option)
        for option in BOUNDABLE
        if option.name in {ALIASES.get(name, name) for name, _ in pairs}
    }
    query = decode_query(urlencode([*pairs, ("t", signer.grant("cat.jpg", **bounds))]).encode())
    if verifier.verify("cat.jpg", query, NOW).accepted:
        parse_options(query, DEFAULTS)


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
        assert verify("c", "", token, by=by).key_index == index
    for token in (old.token("c", []), old.grant("c")):
        assert verify("c", "", token).reason is Reason.WRONG
