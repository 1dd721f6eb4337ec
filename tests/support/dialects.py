"""An origin whose handlers read URLs of other systems, as the tests of each dialect ask it."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.pictures import opened
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Running


class Served(NamedTuple):
    origin: Running
    clock: Clock

    def get(self, target: str, **headers: str) -> Answer:
        return self.origin.get(target, headers=headers)

    def size(self, target: str) -> tuple[int, int]:
        answer = self.get(target)
        assert (answer.status, answer.kind) == (200, None), target
        return opened(answer.body).size
