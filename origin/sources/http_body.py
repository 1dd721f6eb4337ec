"""The body of an answer, read to its end within a number of bytes, unpacked where it is compressed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator

import aiohttp

from origin.errors import HostUnavailable
from origin.errors import Unprocessable

_PIECE = 262_144  # bytes unpacked at once, between which other requests have their turn
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's `wbits` by Content-Encoding


class BodyTooLarge(Unprocessable):
    """More bytes than an original may have."""


async def read_body(
    response: aiohttp.ClientResponse, max_bytes: int, reserve: Callable[[int], Awaitable[None]]
) -> bytes:
    """The bytes of the original. Both what arrives and what it unpacks to are counted while it is read.

    Raises BodyTooLarge; Unprocessable for an encoding that is not known; HostUnavailable for a body that is
    broken; and what `reserve` and aiohttp raise.
    """
    announced = response.content_length
    if (announced or 0) > max_bytes:
        raise BodyTooLarge(f"an original of {announced} bytes; limits.max_original_bytes is {max_bytes}")
    unpacker = _unpacker(response)
    await reserve(max_bytes if announced is None or unpacker else announced)
    body, arrived = bytearray(), 0
    async for chunk in response.content.iter_any():
        arrived += len(chunk)
        for piece in unpacker.unpack(chunk) if unpacker else (chunk,):
            body += piece
            if max(len(body), arrived) > max_bytes:
                raise BodyTooLarge(f"an original of more than {max_bytes} bytes (limits.max_original_bytes)")
            if unpacker:
                await asyncio.sleep(0)
    if unpacker:
        unpacker.end()
    return bytes(body)


class _Unpacker:
    def __init__(self, window: int) -> None:
        self._zlib = zlib.decompressobj(window)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """What the data unpacks to, in pieces."""
        while data:
            try:
                piece = self._zlib.decompress(data, _PIECE)
            except zlib.error as error:
                raise HostUnavailable(f"a compressed body that is broken: {error}") from error
            if self._zlib.unused_data:
                raise HostUnavailable("bytes behind the end of a compressed body")
            data = self._zlib.unconsumed_tail
            yield piece

    def end(self) -> None:
        if not self._zlib.eof:
            raise HostUnavailable("a compressed body that ends too early")


def _unpacker(response: aiohttp.ClientResponse) -> _Unpacker | None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return None
    if encoding not in _WINDOWS:
        raise Unprocessable(f"Content-Encoding {encoding[:40]!r}, which was not asked for")
    return _Unpacker(_WINDOWS[encoding])
