"""How many bytes of large bodies may wait in memory for the clients that take them."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from origin.http.message import LARGE_BODY

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for which a client may take a body before it is cut off for another one


@dataclass(frozen=True, slots=True, eq=False)
class _Taker:
    """A client that takes a body."""

    address: str
    size: int  # bytes of the body
    since: float  # seconds of the clock
    cut: Callable[[], None] | None  # closes its connection; None where the server cannot


class BodyAdmission:
    """A bound on the bytes of large bodies that clients have not taken yet, over all handlers.

    A body that several clients take at once counts once, since they share it. At the bound, the address that
    holds the most bytes loses its connections that have taken longer than `PATIENCE`: otherwise a client that
    reads a few bytes now and then could keep all others from large pictures.
    """

    def __init__(self, max_bytes: int = 256_000_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._clock = clock
        self._takers: dict[int, list[_Taker]] = {}  # by the identity of the body, the oldest first

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each gauge."""
        text = "Bytes of large bodies that clients have not taken yet."
        yield "origin_response_bytes", text, self.bytes

    def admits(self, body: bytes, address: str = "") -> bool:
        """Whether this body may go out to that address now. One that is larger than the bound goes alone."""
        if len(body) < LARGE_BODY or id(body) in self._takers or self._fits(len(body)):
            return True
        self._make_room(len(body), address)
        return self._fits(len(body))

    @contextmanager
    def sending(
        self, body: bytes, address: str = "", cut: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Count a body until its client has taken it, which `Response.send` waits for."""
        if len(body) < LARGE_BODY:
            yield
            return
        taker = _Taker(address, len(body), self._clock(), cut)
        takers = self._takers.setdefault(id(body), [])
        takers.append(taker)
        if len(takers) == 1:
            self.bytes += len(body)
        try:
            yield
        finally:
            if taker in takers:  # it was not cut off
                takers.remove(taker)
                if not takers:
                    self._release(id(body), len(body))

    def _fits(self, size: int) -> bool:
        return not self.bytes or self.bytes + size <= self.max_bytes

    def _make_room(self, size: int, address: str) -> None:
        """Cut off clients of the address that holds the most, where that is more than this one would hold."""
        held: Counter[str] = Counter()
        for takers in self._takers.values():
            for holder in {taker.address for taker in takers}:
                held[holder] += takers[0].size
        greedy, most = held.most_common(1)[0]
        if greedy == address or most <= held[address] + size:
            return
        begun_before = self._clock() - PATIENCE
        for body, takers in list(self._takers.items()):
            if self._fits(size):
                return
            if all(taker.address == greedy and taker.since < begun_before and taker.cut for taker in takers):
                text = "cut off %s: it took more than %.0f s for a body, and others wait for the memory"
                log.info(text, greedy, PATIENCE)
                self._release(body, takers[0].size)
                while takers:
                    taker = takers.pop()
                    assert taker.cut is not None
                    taker.cut()

    def _release(self, body: int, size: int) -> None:
        del self._takers[body]
        self.bytes -= size
