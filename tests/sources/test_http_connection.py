"""The connection to a server of other people: how much of what it sends is parsed in one turn of the loop."""

from __future__ import annotations

import asyncio

from origin.sources.http_connection import PORTION
from origin.sources.http_connection import BoundedConnection


async def test_a_flood_of_answers_is_not_parsed_to_its_end() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\n"
    connection = BoundedConnection(asyncio.get_running_loop())
    connection.set_response_params()
    connection.data_received(answer * 10_000)  # about what one read of a socket brings
    assert len(connection._buffer) <= PORTION // len(answer) + 1
    assert connection.should_close


async def test_a_body_of_one_read_is_parsed_to_its_end() -> None:
    body = bytes(250_000)
    connection = BoundedConnection(asyncio.get_running_loop())
    connection.set_response_params()
    connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    _, payload = await connection.read()
    assert await payload.read() == body
