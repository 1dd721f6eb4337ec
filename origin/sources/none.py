"""No originals at all: what a handler has that only answers posted pictures."""

from __future__ import annotations

from dataclasses import dataclass

from origin.errors import NotFound
from origin.sources.base import Access
from origin.sources.base import CheckResult
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import no_limit
from origin.sources.settings import identity_digest


@dataclass(frozen=True, slots=True)
class NoSettings:
    """It has no keys, and no `type`: it stands where a handler with `transform` has no `source`."""

    def describe(self) -> str:
        return "no source"

    def locate(self, key: str) -> str:
        return "nowhere"

    def place(self) -> str:
        return self.describe()

    def identity(self) -> str:
        return identity_digest("none")


class NoSource:
    """Answers every key with NotFound."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> CheckResult:
        return CheckResult(Access.EMPTY, "no source")

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        raise NotFound(f"there is no source for {key!r}")
