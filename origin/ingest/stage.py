"""Where uploads wait, invisible, until they are published; what is not goes after a while.

Publishing copies before it removes: a crash in between leaves a picture that is published, and a copy in the
stage that publishing again or the sweep removes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Mapping

from origin.delivery.admission import FetchAdmission
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.ingest.preconditions import Preconditions
from origin.ingest.store import PictureStore
from origin.sources.base import ObjectSettings
from origin.sources.base import Store
from origin.sources.base import StoredObject

log = logging.getLogger(__name__)

MIN_PAUSE = 10.0  # seconds between two sweeps, where a tenth of `expire` is less
CONTENT_TYPE = "origin-type"
"""The name in the metadata under which the type of a picture waits with it."""
_IDLE = 0  # users of a lock that nobody holds


class Stage:
    """The stage of one handler. `expire` is in seconds; `clock` gives Unix seconds."""

    def __init__(
        self,
        name: str,
        store: Store,
        published: PictureStore,
        admission: FetchAdmission,
        settings: ObjectSettings,
        *,
        expire: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._store = store
        self._published = published
        self._admission = admission
        self._settings = settings
        self._expire = expire
        self._clock = clock
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}  # by key, with how many want it
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises SourceUnavailable, and the sweep runs all the same."""
        self._sweeping = asyncio.ensure_future(self._sweep_on())
        await self._store.open()

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._store.close()

    async def put(self, key: str, body: bytes, told: Mapping[str, str]) -> str:
        """Let a picture wait under a key that is free; its version. `told` is published with it.

        Raises Exists and what `PictureStore.put` raises.
        """
        conditions = await self._published.check(key, Preconditions(may_replace=False))
        staged = PictureStore(self._store, _nothing_to_purge)
        settings = ObjectSettings(content_type=told.get(CONTENT_TYPE), metadata=told)
        return await staged.put(key, body, conditions, settings)

    async def publish(self, key: str) -> StoredObject:
        """Make the picture visible, and return it as it is stored. Again is harmless.

        Raises NotFound where it is neither in the stage nor published, SourceUnavailable and others.
        """
        async with self._locked(key):
            try:
                staged = await self._store.head(key)
            except NotFound:
                found = await self._published.find(key)
                if found is None:
                    raise
                return found
            async with self._admission.place(self._name) as reserve:
                original = await self._store.get(key, None, reserve)
                assert original is not None  # no version was named
                settings = ObjectSettings(
                    content_type=staged.metadata.get(CONTENT_TYPE),
                    cache_control=self._settings.cache_control,
                    acl=self._settings.acl,
                    metadata={**self._settings.metadata, **staged.metadata},
                )
                etag = await self._published.put(key, original.body, Preconditions(), settings)
            with contextlib.suppress(SourceUnavailable):  # the sweep removes it later
                await self._store.delete(key)
            return StoredObject(key, staged.size, etag, staged.last_modified, settings.metadata)

    async def delete(self, key: str) -> None:
        """Remove the picture from the stage and from where it is published, if it is there at all."""
        async with self._locked(key):
            await self._store.delete(key)
            await self._published.delete(key)

    async def sweep(self) -> int:
        """Remove what has waited for too long; how many there were. Raises SourceUnavailable."""
        late = self._clock() - self._expire
        removed = 0
        async for stored in self._store.objects():
            if stored.last_modified < late:
                async with self._locked(stored.key):
                    await self._store.delete(stored.key)
                removed += 1
        if removed:
            log.info("handler %s: %d uploads were not published in time and are removed", self._name, removed)
        return removed

    async def _sweep_on(self) -> None:
        while True:
            try:
                await self.sweep()
            except OriginError as error:
                log.warning("handler %s: the stage cannot be swept: %s", self._name, error)
            await asyncio.sleep(max(self._expire / 10, MIN_PAUSE))

    @contextlib.asynccontextmanager
    async def _locked(self, key: str) -> AsyncIterator[None]:
        """One at a time publishes or deletes a picture, of this origin."""
        lock, users = self._locks.get(key, (asyncio.Lock(), _IDLE))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            self._locks[key] = lock, users - 1
            if users - 1 == _IDLE:
                del self._locks[key]


async def _nothing_to_purge(key: str) -> None:
    """No handler reads the stage."""
