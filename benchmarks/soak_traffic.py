"""Clients of a soak: they ask for pictures, for nothing, and for nonsense, and look at what they get."""

from __future__ import annotations

import asyncio
import random
import time

from benchmarks import soak_pictures
from benchmarks.client import Client
from benchmarks.client import Reply
from benchmarks.soak_pictures import Judge
from benchmarks.soak_pictures import Rendering
from benchmarks.soak_report import Record

THINK = 0.03  # seconds between two requests of a client, on average
BAD = ("w=x", "w=1&w=2", "f=svg", "q=0", "dpr=x", "c=maybe", "w=-5")
# What a picture's answer may be instead, while renderers die and S3 is away.
EXCUSED = {"render-failed": (500, 504), "source-unavailable": (502, 504), "overloaded": (503,)}
QUARANTINED = {"unprocessable": (422,)}  # a picture that was in two renderers when they were killed


class Traffic:
    """What the clients know of the pictures, and what they saw."""

    def __init__(self, port: int, record: Record) -> None:
        self.pictures = 0  # that are there, from number 0 on
        self._record = record
        self._client = Client(port)
        self._judge = Judge()
        self._etags: dict[Rendering, str] = {}

    def close(self) -> None:
        self._client.close()

    async def visit(self, seed: int) -> None:
        """One client, for ever."""
        dice = random.Random(seed)
        while True:
            await asyncio.sleep(dice.expovariate(1 / THINK))
            kind = dice.random()
            if kind < 0.05:
                await self._ask_for_nothing(dice)
            elif kind < 0.10:
                await self._ask_nonsense(dice)
            elif kind < 0.15 and self._etags:
                await self._ask_again(dice)
            else:
                # Most requests are for few pictures.
                number = int(self.pictures * dice.random() ** (3 if kind < 0.8 else 1))
                await self.ask(soak_pictures.some_rendering(number, dice))

    async def ask(self, rendering: Rendering) -> str:
        """The outcome: `hit`, `revalidated`, `made`, or the class of a failure."""
        reply, took = await self._get(
            rendering.target, f"Accept: {soak_pictures.ACCEPTS[rendering.accept]}\r\n"
        )
        if reply.status != 200:
            return self._excuse(rendering.target, reply, took, EXCUSED | QUARANTINED)
        complaint = self._judge.complaint(rendering, reply)
        if complaint:
            self._wrong(rendering.target, complaint)
        self._etags[rendering] = reply.headers.get("etag", "")
        if len(self._etags) > 500:
            del self._etags[next(iter(self._etags))]
        outcome = _outcome(reply)
        self._record.note(outcome, took)
        return outcome

    async def _ask_for_nothing(self, dice: random.Random) -> None:
        target = f"/p/nothing/{dice.randrange(200)}.jpg?w=200"
        reply, took = await self._get(target)
        if (reply.status, reply.headers.get("x-origin-error")) == (404, "not-found"):
            self._record.note("missing", took)
        else:
            self._excuse(target, reply, took, EXCUSED)

    async def _ask_nonsense(self, dice: random.Random) -> None:
        target = f"/p/{soak_pictures.key(dice.randrange(self.pictures))}?{dice.choice(BAD)}"
        reply, took = await self._get(target)
        if (reply.status, reply.headers.get("x-origin-error")) == (400, "bad-request"):
            self._record.note("bad-request", took)
        else:
            self._excuse(target, reply, took, {})

    async def _ask_again(self, dice: random.Random) -> None:
        rendering = dice.choice(list(self._etags))
        accept = f"Accept: {soak_pictures.ACCEPTS[rendering.accept]}\r\n"
        reply, took = await self._get(
            rendering.target, f"{accept}If-None-Match: {self._etags[rendering]}\r\n"
        )
        if reply.status == 304 and not reply.body:
            self._record.note("304", took)
        elif reply.status == 200:  # rendered anew, by an encoder that is free to differ
            self._record.note("made", took)
        else:
            self._excuse(rendering.target, reply, took, EXCUSED | QUARANTINED)

    async def _get(self, target: str, headers: str = "") -> tuple[Reply, float]:
        since = time.perf_counter()
        reply = await self._client.get(target, headers)
        return reply, (time.perf_counter() - since) * 1000

    def _excuse(self, target: str, reply: Reply, took: float, excused: dict[str, tuple[int, ...]]) -> str:
        """Note a failure, and whether it is one that may be, with a picture in its stead. Its class."""
        kind = reply.headers.get("x-origin-error", "no class")
        self._record.note(kind if reply.status else "no answer", took)
        if reply.status not in excused.get(kind, ()):
            self._wrong(target, f"{reply.status} {kind}")
        elif not reply.headers.get("content-type", "").startswith("image/") or not reply.body:
            self._wrong(target, "a failure without a fallback image")
        return kind

    def _wrong(self, target: str, what: str) -> None:
        self._record.wrong.append(f"at {self._record.now:.1f} s: {target}: {what}")


def _outcome(reply: Reply) -> str:
    """How a picture was come by, as its Cache-Status has it (RFC 9211)."""
    told = reply.headers.get("cache-status", "")
    if "hit" in told:
        return "hit"
    return "revalidated" if "fwd-status=304" in told else "made"
