"""The body of an upload on its way in: counted, bound in bytes and in time, and compared with its digests.

Nothing else waits while it comes: no renderer, no place for a fetch, no lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable

from origin.errors import Malformed
from origin.errors import TooLarge
from origin.errors import TooSlow
from origin.http.digests import BodyDigests
from origin.http.message import Request

STALL = 20.0  # seconds without a byte
GRACE = 20.0  # seconds over which the rate is measured, again and again
MIN_RATE = 2_000  # bytes a second; the slowest mobile networks have ten times as many
LINE_RATE = 50_000  # bytes a second by which the time of a whole request is bound


def seconds_for(size: int) -> float:
    """Seconds that a request with a body of up to `size` bytes may take."""
    return GRACE + STALL + size / LINE_RATE


def check_length(request: Request, max_bytes: int) -> None:
    """Refuse what says itself that it is too large, before a byte of it is read. Raises TooLarge."""
    length = request.header(b"content-length") or ""
    if length.isdigit() and int(length) > max_bytes:
        raise _too_large(max_bytes)


async def arriving(
    request: Request, max_bytes: int, clock: Callable[[], float] | None = None
) -> AsyncIterator[bytes]:
    """The pieces of the body, `max_bytes` of them at most. `clock` counts seconds.

    Raises TooLarge, TooSlow, Malformed and ClientGone.
    """
    check_length(request, max_bytes)
    if (request.header(b"content-encoding") or "").lower() not in ("", "identity"):
        raise Malformed("Content-Encoding is not supported: send the body as it is")
    try:
        digests = BodyDigests(request.headers)
    except ValueError:
        raise Malformed("Content-Digest, Repr-Digest or Content-MD5 cannot be read") from None
    clock = clock or asyncio.get_running_loop().time
    pieces, size = aiter(request.body()), 0
    since, before = clock(), 0  # when the measuring began, and with how many bytes
    while True:
        try:
            async with asyncio.timeout(STALL):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise TooSlow(f"no byte of the body came within {STALL:.0f} seconds") from None
        if piece is None:
            if not digests.match():
                raise Malformed(
                    "the body is not the one that Content-Digest, Repr-Digest or Content-MD5 tells of"
                )
            return
        digests.update(piece)
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        took = clock() - since
        if took > GRACE:
            # Not from the beginning: who has sent most of it could let it wait here for a quarter of an hour.
            if size - before < took * MIN_RATE:
                raise TooSlow(f"the body comes with fewer than {MIN_RATE} bytes a second")
            since, before = since + took, size
        yield piece


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body may have {max_bytes} bytes")
