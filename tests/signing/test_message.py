"""The message that an exact token signs: one for all spellings of a request, and one request for each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from origin.signing import Pair
from origin.signing import Reason
from origin.signing import decode_query
from origin.signing import message
from tests.support.signing import NOW
from tests.support.signing import keys
from tests.support.signing import signer
from tests.support.signing import spell_query
from tests.support.signing import unsigned_pairs
from tests.support.signing import verifier


@pytest.mark.slow
@given(key=keys, pairs=unsigned_pairs, data=st.data())
@settings(deadline=None)  # drawing an example takes long on a busy machine
def test_any_order_and_escaping_of_an_equal_query_verifies(key: str, pairs: list[Pair], data: Any) -> None:
    assume(not any(name in (b"e", b"expires") for name, _ in pairs))
    token = signer.token(key, pairs).encode()
    other = data.draw(spell_query([*pairs, (b"t", token)]))
    assert verifier.verify(key, decode_query(other), NOW).reason is Reason.SIGNED


@given(st.tuples(keys, keys, unsigned_pairs), st.tuples(keys, keys, unsigned_pairs))
def test_no_two_requests_share_a_message(first: Any, second: Any) -> None:
    same = (*first[:2], sorted(first[2])) == (*second[:2], sorted(second[2]))
    assert (message(*first) == message(*second)) is same


@given(key=keys, pairs=unsigned_pairs, other_key=keys, other_pairs=unsigned_pairs)
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


def test_a_key_that_cannot_be_signed_is_refused_as_any_other() -> None:
    assert verifier.verify("a\nb", [(b"t", b"A" * 43)], NOW).reason is Reason.MALFORMED
