"""A checked picture goes into the store, and nothing serves the old one behind the answer.

A store keeps each object whole or absent. A change is told to every handler that reads from there once it
has happened, also where it only may have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator

from origin.errors import BadRequest
from origin.errors import Malformed
from origin.errors import NotFound
from origin.errors import StoreFilled
from origin.errors import WriteRefused
from origin.ingest.locks import Locks
from origin.ingest.preconditions import ALWAYS
from origin.ingest.preconditions import Preconditions
from origin.sources.base import ObjectSettings
from origin.sources.base import PreconditionFailed
from origin.sources.base import Store
from origin.sources.base import StoredObject
from origin.sources.base import StoreFull
from origin.urls.presets import stem_of

Purge = Callable[[str], Awaitable[None]]
"""Forgets a key of the store in every handler that reads it, in all tiers."""


async def purge_nothing(key: str) -> None:
    """For a store of which no handler here keeps anything."""


class PictureStore:
    """The store of one handler, whose changes are purged before they are told.

    `locks` are those of the store. Conditions are looked at once more under them: a store may know none.
    """

    def __init__(self, store: Store, purge: Purge, locks: Locks | None = None) -> None:
        self.store = store
        self._purge = purge
        self._locks = Locks() if locks is None else locks

    async def open(self) -> None:
        """Whatever has to go on beside the requests. The store itself is opened by its handler."""

    async def close(self) -> None: ...

    def check_key(self, key: str) -> None:
        """Raises Malformed for a key under which no picture may be written here."""

    async def find(self, key: str) -> StoredObject | None:
        """What is under the key. Raises SourceUnavailable and SourceTimeout."""
        try:
            return await self.store.head(key)
        except NotFound:
            return None

    async def purge(self, key: str) -> None:
        """Forget it in every handler that reads it. Also for who answers what the store has and changes
        nothing: handlers may show what was there before a write that a crash has kept from being purged."""
        await self._purge(key)

    async def check(self, key: str, conditions: Preconditions) -> Preconditions:
        """The conditions, for what is under the key now. Raises Exists and PreconditionMissed."""
        found = await self.find(key)
        try:
            conditions.check(found)
        except WriteRefused:
            await self.purge(key)
            raise
        return conditions.at(found.etag if found else None)

    async def check_again(self, key: str, conditions: Preconditions) -> Preconditions:
        """The conditions that a request has named, for what is there while nobody else writes.

        Raises Exists and PreconditionMissed.
        """
        if not conditions.is_named:
            return conditions
        return await self.check(key, conditions)

    async def put(self, key: str, body: bytes, conditions: Preconditions, settings: ObjectSettings) -> str:
        """Store it, and return the version.

        Raises Exists, PreconditionMissed, Malformed (a key that this store cannot hold), StoreFilled,
        SourceUnavailable, SourceTimeout and Overloaded.
        """
        async with self._locks.holding(stem_of(key)):
            conditions = await self.check_again(key, conditions)
            try:
                with refusals_become_ours():
                    return await self.store.put(
                        key,
                        body,
                        if_match=conditions.version,
                        if_none_match=conditions.must_be_new,
                        settings=settings,
                    )
            except PreconditionFailed as error:
                raise conditions.failure() from error
            finally:
                await self.purge(key)

    async def delete(self, key: str, conditions: Preconditions = ALWAYS) -> None:
        """Remove it, where it is what the conditions found.

        Raises PreconditionMissed, SourceUnavailable, SourceTimeout and Overloaded.
        """
        async with self._locks.holding(stem_of(key)):
            conditions = await self.check_again(key, conditions)
            try:
                await self.store.delete(key, if_match=conditions.version)
            except PreconditionFailed as error:
                raise conditions.failure() from error
            finally:
                await self.purge(key)


@contextlib.contextmanager
def refusals_become_ours() -> Iterator[None]:
    try:
        yield
    except BadRequest as error:
        raise Malformed("the store cannot hold this key") from error
    except StoreFull as error:
        raise StoreFilled("the store has no space left") from error
