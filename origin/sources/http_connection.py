"""aiohttp's connection to a server of other people, without work that has no bound.

aiohttp parses all bytes that have come before anybody else has a turn. 250 kB of `100 Continue` are 10,000
answers and half a second of CPU, and eight connections of that stop the event loop for as long as the server
goes on; chunks of one byte take a tenth of it. To switch it off, leave the connector's own `_factory`.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler

PORTION = 8_192  # bytes parsed at once: some 300 of the shortest answers, 15 ms
MOST_UNREAD = 16  # answers that wait to be read: `103 Early Hints` may come before the one that counts
MOST_AROUND = 65_536  # bytes of an answer that are no body, and a quarter of the body beside them


class BoundedConnection(ResponseHandler):
    """One that ends where a server sends answers that nobody asks for, or next to nothing but chunk sizes."""

    _received = 0  # bytes of the answer

    def set_response_params(self, **parameters: Any) -> None:
        self._received = 0
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data) or 1, PORTION):  # without data, aiohttp goes on with what it has
            portion = data[start : start + PORTION]
            self._received += len(portion)
            super().data_received(portion)
            if len(self._buffer) > MOST_UNREAD or self._has_too_little_body():
                self._give_up()
                return

    def _has_too_little_body(self) -> bool:
        if self._received <= MOST_AROUND:
            return False
        body = 0 if self._payload is None else self._payload.total_bytes
        return self._received - body > MOST_AROUND + body // 4

    def _give_up(self) -> None:
        error = ClientPayloadError("more around the answer than in it")
        if self._payload is not None:
            self._payload.set_exception(error)
        self.abort()
        self.set_exception(error)
