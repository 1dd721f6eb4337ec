"""Clients that publish parts of pictures while the origin is killed.

A picture of three panels, each with a number of its own: what is shown tells which part it is of.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from urllib.parse import urlencode

from benchmarks import kills_pictures
from benchmarks.client import Client
from benchmarks.client import Reply
from benchmarks.kills_asking import CROPPED
from benchmarks.kills_asking import FORM
from benchmarks.kills_asking import OTHER
from benchmarks.kills_asking import SUFFIX
from benchmarks.kills_asking import UNKNOWN
from benchmarks.kills_asking import Asker
from benchmarks.kills_asking import Ledger
from benchmarks.kills_pictures import PANELS
from benchmarks.kills_pictures import SMALL

_MISSES = ("10x10+900+0", "1x1+0+900", "whole")  # what is no part of any picture here


class Cropper(Asker):
    """The part of one client. It alone writes the keys it makes."""

    def __init__(
        self, client: Client, ledger: Ledger, up: asyncio.Event, dice: random.Random, numbers: Iterator[int]
    ) -> None:
        super().__init__(client, ledger, up)
        self._dice = dice
        self._numbers = numbers
        self._mine: dict[str, int] = {}  # number of the first panel, by key

    async def publish(self) -> None:
        """Post a picture and publish a part of it; again where no answer comes, for that is harmless."""
        number, *_ = [next(self._numbers) for _ in range(PANELS)]
        reply = await self._write("POST", f"/{CROPPED}", kills_pictures.strip(number))
        self._expect(reply, {201}, "POST to be cropped")
        if reply.status != 201:
            self._ledger.unanswered.add(number)
            return
        key = json.loads(reply.body)["key"]
        self._ledger.waiting[key] = number
        panel = self._dice.randrange(PANELS)
        while (reply := await self._act("publish", key, panel)).status in UNKNOWN:
            self._note_late(key, number + panel, reply)
        self._expect(reply, {200}, f"publish part of {key}")
        del self._ledger.waiting[key]
        self._ledger.published.add(key)
        self._ledger.parts[key] = {number + panel}
        self._mine[key] = number
        await self._look(key)
        if len(self._mine) == 1:  # at once, so that a short run has it too
            await self.recrop()

    async def publish_again(self) -> None:
        """Another part of what is published, or the whole of it."""
        if not self._mine:
            return await self.publish()
        key, panel = self._dice.choice(list(self._mine)), self._dice.randrange(PANELS)
        new, held = self._mine[key] + panel, self._ledger.parts[key]
        reply = await self._act("publish", key, panel)
        self._expect(reply, {200}, f"publish part of {key} again")
        self._ledger.parts[key] = held | {new} if reply.status in UNKNOWN else {new}
        self._note_late(key, new, reply)
        await self._look(key)

    async def recrop(self) -> None:
        """Another part under a new name. The old one stays."""
        if not self._mine:
            return await self.publish()
        key, panel = self._dice.choice(list(self._mine)), self._dice.randrange(PANELS)
        number = self._mine[key]
        reply = await self._act("recrop", key, panel)
        self._expect(reply, {200}, f"recrop {key}")
        if reply.status == 200:
            new = json.loads(reply.body)["key"]
            self._ledger.parts[new], self._mine[new] = {number + panel}, number
            await self._look(new)
        else:
            self._ledger.unanswered_parts.add(number + panel)
        await self._look(key)

    async def refused(self) -> None:
        """What is no part of the picture."""
        if not self._mine:
            return await self.publish()
        key, action = self._dice.choice(list(self._mine)), self._dice.choice(("publish", "recrop"))
        form = urlencode({"key": key, "crop": self._dice.choice(_MISSES)}).encode()
        reply = await self._write("POST", f"/{CROPPED}/-/{action}", form, FORM)
        self._expect(reply, {400}, f"{action} no part of {key}")
        await self._look(key)

    async def _act(self, action: str, key: str, panel: int) -> Reply:
        """The first panel is what is seen of the whole."""
        form = {"key": key, "crop": kills_pictures.panel(panel)} if panel else {"key": key}
        return await self._write("POST", f"/{CROPPED}/-/{action}", urlencode(form).encode(), FORM)

    async def _look(self, key: str) -> None:
        for target in part_targets(key):
            await self._see(target, self._ledger.shown(key))


def part_targets(key: str) -> Iterator[str]:
    """The picture, as two handlers show it, and its file."""
    yield f"/{CROPPED}/{key}"
    yield f"/{OTHER}/{CROPPED}/{key}?w={SMALL}&f=png"
    yield f"/{CROPPED}/{file_beside(key)}"


def file_beside(key: str) -> str:
    """The key of the file that is made of an original."""
    return f"{key.removesuffix('.png')}{SUFFIX}.png"
