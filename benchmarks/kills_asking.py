"""What clients under kills ask, and what they know of each key.

A write that was answered has happened or has not, as the answer says. One that was not answered may have
happened: both are right from then on, until the next answer. An S3 server may carry out a write to whose end
nobody waited even later: it is right from then on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from dataclasses import field

from benchmarks import kills_pictures
from benchmarks.client import Client
from benchmarks.client import Reply

TOKEN = "a token for uploads under kills"
# Handlers: one that writes, one that reads there too, one with a stage.
WRITER, OTHER, STAGED = "up", "all", "staged"
FOLDER = "pictures"  # of `WRITER`, as `OTHER` sees it
DERIVED, SUFFIX = "derived", "MI"  # the handler that stores a small file beside each picture, and its folder
CROPPED = "cropped"  # the handler of which parts of pictures are published, and its folder
_AUTH = f"Authorization: Bearer {TOKEN}\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
UNKNOWN = frozenset({0, 503})  # statuses behind which a write may have happened or not
UNANSWERED = UNKNOWN | {502, 504}  # the same of reads
NOTHING: int | None = None  # what a key holds that has no picture


@dataclass
class Ledger:
    """What there may be, and what went wrong."""

    may_hold: dict[str, set[int | None]] = field(default_factory=dict)  # numbers of pictures, by key
    writes: dict[str, list[str]] = field(default_factory=dict)  # by key: second, number and answer of each
    late: dict[str, set[int | None]] = field(default_factory=dict)  # what the store may still carry out
    is_remote: bool = False  # whether it may carry out later what was not answered, or with 503
    waiting: dict[str, int] = field(default_factory=dict)  # acknowledged in the stage, and not published
    published: set[str] = field(default_factory=set)  # keys of those that waited
    unanswered: set[int] = field(default_factory=set)  # pictures whose POST was not answered
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)  # keys that hold a late write in place of a later one
    answered: int = 0  # uploads that were acknowledged or refused
    with_files: dict[str, set[int | None]] = field(default_factory=dict)  # the same of `DERIVED`
    parts: dict[str, set[int | None]] = field(default_factory=dict)  # what is shown of `CROPPED`, by key
    unanswered_parts: set[int | None] = field(default_factory=set)  # which got a name that nobody knows
    reads: int = 0
    unread: int = 0  # reads without an answer, or while S3 was away

    def held(self, key: str) -> set[int | None]:
        """All that is right of a key that was written."""
        return self.may_hold.get(key, {NOTHING}) | self.late.get(key, set())

    def held_with_file(self, key: str) -> set[int | None]:
        """The same of a picture beside which there is a file."""
        return self.with_files[key] | self.late.get(key, set())

    def shown(self, key: str) -> set[int | None]:
        """The same of a picture of which a part is published; of any that nobody was told of."""
        return self.parts.get(key, self.unanswered_parts) | self.late.get(key, set())


class Asker:
    """Writes, reads, and notes in the ledger how that went."""

    def __init__(self, client: Client, ledger: Ledger, up: asyncio.Event) -> None:
        self._client = client
        self._ledger = ledger
        self._up = up  # whether there is an origin to ask

    async def _write(self, method: str, target: str, body: bytes = b"", headers: str = "") -> Reply:
        """`POST /x/-/publish` counts as `publish`."""
        reply = await self._send(method, target, body, _AUTH + headers)
        kind = reply.headers.get("x-origin-error", "")
        _, is_action, action = target.partition("/-/")
        name = action if is_action else method
        self._ledger.statuses[f"{name} {reply.status or 'no answer'} {kind}".strip()] += 1
        self._ledger.answered += reply.status not in UNKNOWN
        return reply

    async def _send(self, method: str, target: str, body: bytes = b"", headers: str = "") -> Reply:
        await self._up.wait()
        reply = await self._client.send(method, target, headers, body)
        if not reply.status:
            await asyncio.sleep(0.02)  # it was killed, and whoever has killed it comes to know
        return reply

    def _expect(self, reply: Reply, statuses: set[int], what: str) -> None:
        if reply.status not in statuses | UNKNOWN:
            self._ledger.wrong.append(f"{what}: {reply.status} {reply.body[:200]!r}")

    def _note_late(self, key: str, number: int | None, reply: Reply) -> None:
        if reply.status in UNKNOWN and self._ledger.is_remote:
            self._ledger.late.setdefault(key, set()).add(number)

    async def _see(self, target: str, held: set[int | None]) -> None:
        reply = await self._send("GET", target)
        if reply.status in UNANSWERED:
            self._ledger.unread += 1
            return
        self._ledger.reads += 1
        problem = complaint(reply, held)
        if problem:
            self._ledger.wrong.append(f"GET {target}: {problem}")


def complaint(reply: Reply, held: set[int | None]) -> str:
    """What is wrong with an answer, where the key may hold these."""
    if reply.status == 404:
        return "" if NOTHING in held else f"404, and it holds {held}"
    if reply.status != 200:
        return f"{reply.status} {reply.headers.get('x-origin-error')}"
    try:
        number = kills_pictures.number_of(reply.body)
    except OSError as error:
        return f"no picture: {error}"
    return "" if number in held else f"shows {number}, and it holds {held}"
