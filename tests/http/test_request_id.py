"""The id of a request: whose it is, and what is not taken for one."""

from __future__ import annotations

import pytest

from origin.http.request_id import request_id

# The example of W3C Trace Context, section 3.2.2.
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_id_of_the_proxy_in_front_is_taken_first() -> None:
    assert request_id({b"x-request-id": b"7f1c-A.b_c", b"traceparent": TRACE}) == "7f1c-A.b_c"


def test_else_the_trace() -> None:
    assert request_id({b"traceparent": TRACE}) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert request_id({b"traceparent": b"cc" + TRACE[2:] + b"-what-comes-later"}) == (
        "4bf92f3577b34da6a3ce929d0e0e4736"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"x-request-id": b""},
        {b"x-request-id": b"a b"},
        {b"x-request-id": b"a\r\nb"},
        {b"x-request-id": b"\xc3\xa4"},
        {b"x-request-id": b"x" * 129},
        {b"traceparent": b"nothing"},
        {b"traceparent": TRACE.upper()},
        {b"traceparent": b"00-" + b"0" * 32 + TRACE[35:]},
    ],
)
def test_else_a_new_one_each_time(headers: dict[bytes, bytes]) -> None:
    first, second = request_id(headers), request_id(headers)
    assert first != second
    assert first.isascii()
    assert first.isprintable()
    assert len(first) < 32
