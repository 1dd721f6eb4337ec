"""What a purge of a fleet reaches on this origin: its handlers and its caches."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path

from origin.cache.records import name_purged
from origin.cache.results import ResultCache
from origin.cache.seen import Seen
from origin.cache.seen import read_seen
from origin.cache.seen import write_seen
from origin.delivery.handler import Handler


class OwnMachine:
    """A `Machine` of `ops.purge`. `handlers` and `has_folders` are asked each time: a reload changes them."""

    def __init__(
        self,
        caches: Mapping[Path, ResultCache],
        handlers: Callable[[], Iterable[Handler]],
        has_folders: Callable[[], bool],
    ) -> None:
        self._caches = caches
        self._handlers = handlers
        self._has_folders = has_folders
        self._sources: dict[str, set[str]] = {}  # of each handler by name, all since the start

    def note(self, handler: str, source: str) -> bool:
        """A handler of this name has this source. Whether that is new: purges have to be made again then."""
        sources = self._sources.setdefault(handler, set())
        is_new = source not in sources
        sources.add(source)
        return is_new

    def begin_purge(self, handler: str, key: str | None, prefix: str | None) -> Awaitable[set[str]]:
        """In force when it returns; the names of results and originals, once they are removed.

        Of all handlers where `handler` is empty.
        """
        for each in self._handlers():
            if not handler or each.name == handler:
                each.forget(key, prefix)
        names = {name_purged(handler, source, key, prefix) for source in self.sources_of(handler)}
        if not names:  # of no handler that is here: more goes, never less
            names = {f"{handler}\0" if handler else ""}
        removed = [cache.begin_purge(name) for cache in self._caches.values() for name in names]

        async def finish() -> set[str]:
            return {name for each in removed for name in await each}

        return asyncio.ensure_future(finish())

    def sources_of(self, handler: str) -> set[str]:
        """The sources that a handler of this name has had here."""
        return self._sources.get(handler, set())

    @property
    def deletes_wait(self) -> bool:
        """Whether a purge would be forgotten if this process ended now."""
        return any(cache.below.deletes_wait for cache in self._caches.values())

    def trust(self) -> None:
        """Read the caches: all purges have been made."""
        for cache in self._caches.values():
            cache.below.trust()

    def read_seen(self) -> Seen:
        """Until when all purges have been made."""
        return read_seen(self._folders(), self._digest())

    def write_seen(self, until: float) -> None:
        write_seen(self._folders(), self._digest(), until)

    def _folders(self) -> list[Path]:
        return list(self._caches) if self._has_folders() else []

    def _digest(self) -> str:
        pairs = sorted((handler.name, handler.source_id) for handler in self._handlers())
        return hashlib.sha256(repr(pairs).encode()).hexdigest()[:16]
