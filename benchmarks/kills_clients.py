"""Clients that upload while the origin is killed, and know what each key may hold."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlencode

from benchmarks import kills_pictures
from benchmarks.client import Client
from benchmarks.client import Reply
from benchmarks.kills_asking import DERIVED
from benchmarks.kills_asking import FOLDER
from benchmarks.kills_asking import FORM
from benchmarks.kills_asking import NOTHING
from benchmarks.kills_asking import OTHER
from benchmarks.kills_asking import STAGED
from benchmarks.kills_asking import SUFFIX
from benchmarks.kills_asking import UNKNOWN
from benchmarks.kills_asking import WRITER
from benchmarks.kills_asking import Asker
from benchmarks.kills_asking import Ledger
from benchmarks.kills_parts import Cropper
from benchmarks.kills_pictures import SMALL


class Uploader(Asker):
    """One client. It alone writes the keys it makes."""

    def __init__(self, name: int, client: Client, ledger: Ledger, up: asyncio.Event) -> None:
        super().__init__(client, ledger, up)
        self._dice = random.Random(name)
        self._keys = (f"c{name}/{number}.png" for number in count())
        self._numbers = count(1 + (name << 16))
        self._derived = [f"d{name}/{number}" for number in range(3)]  # few, so that they are often replaced
        self._parts = Cropper(client, ledger, up, self._dice, self._numbers)
        self._mine: dict[str, str | None] = {}  # version by key, as far as known

    async def run(self, until: int) -> None:
        """Upload until so many uploads of all clients are answered."""
        ways = {self._put_new: 30, self._replace: 22, self._refused: 12, self._conditional: 16}
        ways |= {self._delete: 5, self._post: 7, self._publish: 8, self._derive: 8}
        ways |= {self._parts.publish: 6, self._parts.publish_again: 8, self._parts.recrop: 3}
        ways |= {self._parts.refused: 2}
        while self._ledger.answered < until:
            (way,) = self._dice.choices(list(ways), list(ways.values()))
            await way()

    # What a client does

    async def _put_new(self) -> None:
        await self._put(next(self._keys))

    async def _replace(self) -> None:
        await self._put(self._one_of_mine())

    async def _put(self, key: str) -> None:
        """A picture; where no answer comes, half of the time again until one does."""
        number = next(self._numbers)
        body, is_kept = kills_pictures.picture(number)
        insists = self._dice.random() < 0.5
        while True:
            reply = await self._write("PUT", f"/{WRITER}/{key}", body)
            self._expect(reply, {200, 201}, f"PUT {key}")
            self._note(key, number, reply, is_kept)
            if reply.status not in UNKNOWN:
                await self._read(key)
            if reply.status not in UNKNOWN or not insists:
                return

    async def _refused(self) -> None:
        key = next(self._keys) if self._dice.random() < 0.5 else self._one_of_mine()
        self._ledger.may_hold.setdefault(key, {NOTHING})
        body = kills_pictures.refused(next(self._numbers))
        self._expect(await self._write("PUT", f"/{WRITER}/{key}", body), {415}, f"refused PUT {key}")
        await self._read(key)

    async def _conditional(self) -> None:
        key, number = self._one_of_mine(), next(self._numbers)
        body, is_kept = kills_pictures.picture(number)
        held, version = self._ledger.held(key), self._mine.get(key)
        condition = self._dice.choice(["If-None-Match: *", 'If-Match: "x"', f"If-Match: {version}"])
        if version is None and condition.startswith("If-Match: N"):
            return
        expected = {200, 201, 412}
        if len(held) == 1:  # else nobody knows which it is
            holds = condition.startswith("If-N") == (held == {NOTHING}) and condition != 'If-Match: "x"'
            expected = {200, 201} if holds else {412}
        reply = await self._write("PUT", f"/{WRITER}/{key}", body, f"{condition}\r\n")
        self._expect(reply, expected, f"PUT {key}, {condition}")
        if reply.status != 412:
            self._note(key, number, reply, is_kept)

    async def _delete(self) -> None:
        key = self._one_of_mine()
        reply = await self._write("DELETE", f"/{WRITER}/{key}")
        self._expect(reply, {204}, f"DELETE {key}")
        self._note(key, NOTHING, reply, False)
        await self._read(key)

    async def _post(self) -> None:
        number = next(self._numbers)
        body, is_kept = kills_pictures.picture(number)
        reply = await self._write("POST", f"/{WRITER}", body)
        self._expect(reply, {201}, "POST")
        if reply.status == 201:
            key = json.loads(reply.body)["key"]
            self._note(key, number, reply, is_kept)
            await self._read(key)
        else:
            self._ledger.unanswered.add(number)

    async def _publish(self) -> None:
        """Post to the stage, and publish three of four; again where no answer comes, for that is harmless."""
        number = next(self._numbers)
        body, _ = kills_pictures.picture(number)
        reply = await self._write("POST", f"/{STAGED}", body)
        self._expect(reply, {201}, "POST to the stage")
        if reply.status != 201:
            self._ledger.unanswered.add(number)
            return
        key = json.loads(reply.body)["key"]
        self._ledger.waiting[key] = number
        if self._dice.random() < 0.25:
            return
        form = urlencode({"key": key}).encode()
        while (reply := await self._write("POST", f"/{STAGED}/-/publish", form, FORM)).status in UNKNOWN:
            pass
        self._expect(reply, {200}, f"publish {key}")
        del self._ledger.waiting[key]
        self._ledger.published.add(key)
        self._ledger.may_hold[key] = {number}
        await self._read(key)

    async def _derive(self) -> None:
        """Put or delete a picture beside which a file is made, and read that as well."""
        key, number = self._dice.choice(self._derived), next(self._numbers)
        held = self._ledger.with_files.setdefault(key, {NOTHING})
        if self._dice.random() < 0.2:
            reply, new = await self._write("DELETE", f"/{DERIVED}/{key}.png"), NOTHING
            self._expect(reply, {204}, f"DELETE {key}")
        else:
            body, new = kills_pictures.picture(number)[0], number
            reply = await self._write("PUT", f"/{DERIVED}/{key}.png", body)
            self._expect(reply, {200, 201}, f"PUT {key}")
        self._ledger.with_files[key] = held | {new} if reply.status in UNKNOWN else {new}
        self._note_late(key, new, reply)
        for target in derived_targets(key):
            await self._see(target, self._ledger.held_with_file(key))

    # Beneath

    def _one_of_mine(self) -> str:
        return self._dice.choice(list(self._mine)) if self._mine else next(self._keys)

    def _note(self, key: str, number: int | None, reply: Reply, is_kept: bool) -> None:
        """What the key may hold after that answer to a write of `number`."""
        write = f"{time.monotonic():.1f} s: {number}, {reply.status}"
        self._ledger.writes.setdefault(key, []).append(write)
        self._note_late(key, number, reply)
        if reply.status in UNKNOWN:
            self._ledger.may_hold.setdefault(key, {NOTHING}).add(number)
            self._mine[key] = None
        else:
            self._ledger.may_hold[key] = {number}
            self._mine[key] = reply.headers.get("etag") if is_kept else None

    async def _read(self, key: str) -> None:
        """What is served is what the last answer has said, by whichever handler and in whichever size."""
        await self._see(self._dice.choice(list(targets(key))), self._ledger.held(key))


def targets(key: str) -> Iterator[str]:
    for place in (f"/{WRITER}/{key}", f"/{OTHER}/{FOLDER}/{key}"):
        yield from (place, f"{place}?w={SMALL}&f=png")


def derived_targets(key: str) -> Iterator[str]:
    yield from (f"/{DERIVED}/{key}.png?w={SMALL}&f=png", f"/{DERIVED}/{key}{SUFFIX}.png")
