"""Where uploads wait, invisible, until they are published; what is not goes after a while.

Publishing copies before it removes: a crash in between leaves a picture that is published, and a copy in the
stage that publishing again or the sweep removes.

A published original is always whole. The part of it that is shown stands in its metadata, and is its version.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from origin.delivery.admission import FetchAdmission
from origin.errors import Malformed
from origin.errors import OriginError
from origin.errors import PreconditionMissed
from origin.errors import SourceUnavailable
from origin.errors import WriteRefused
from origin.formats import Format
from origin.ingest.locks import Locks
from origin.ingest.names import check_upload_key
from origin.ingest.preconditions import ALWAYS
from origin.ingest.preconditions import UNCHANGED
from origin.ingest.preconditions import Preconditions
from origin.ingest.store import PictureStore
from origin.ingest.store import purge_nothing
from origin.sources.base import ObjectSettings
from origin.sources.base import PreconditionFailed
from origin.sources.base import ReserveMemory
from origin.sources.base import Store
from origin.sources.base import StoredObject
from origin.sources.object_metadata import CROP
from origin.sources.object_metadata import WHOLE
from origin.sources.object_metadata import Crop
from origin.sources.object_metadata import crop_in

log = logging.getLogger(__name__)

TRIES = 4  # to read a picture that others replace meanwhile
MIN_PAUSE = 10.0  # seconds between two sweeps, where a tenth of `expire` is less
CONTENT_TYPE = "origin-type"
"""The name in the metadata under which the type of a picture waits with it."""
WIDTH, HEIGHT, FORMAT = "origin-width", "origin-height", "origin-format"
"""Names in the metadata under which an answer's values wait with a picture: pixels of the whole, upright."""

Measure = Callable[[bytes], Awaitable[tuple[Format, int, int]]]
"""Format, width and height of a picture of which no metadata tell. Raises Unsupported and Overloaded."""
FindName = Callable[[bytes, Callable[[str], Awaitable[None]]], Awaitable[None]]
"""Finds a free name for a picture by its bytes: the other argument stores it, or raises Exists."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """An original on its way to where it is published."""

    body: bytes
    metadata: Mapping[str, str]  # with the part that is to be shown


def tell(format: Format, width: int, height: int) -> dict[str, str]:
    """The metadata that tell of a picture."""
    return {WIDTH: str(width), HEIGHT: str(height), FORMAT: format.name, CONTENT_TYPE: format.mime}


class Stage:
    """The stage of one handler, under `locks` of its own. `expire` is in seconds; `clock` gives Unix
    seconds."""

    def __init__(
        self,
        name: str,
        store: Store,
        published: PictureStore,
        admission: FetchAdmission,
        settings: ObjectSettings,
        *,
        measure: Measure,
        expire: float,
        locks: Locks | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._staged = PictureStore(store, purge_nothing)
        self._published = published
        self._admission = admission
        self._settings = settings
        self._measure = measure
        self._expire = expire
        self._clock = clock
        self._locks = Locks() if locks is None else locks
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises SourceUnavailable, and the sweep runs all the same."""
        self._sweeping = asyncio.ensure_future(self._sweep_on())
        await self._staged.store.open()

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._staged.store.close()

    def check_key(self, key: str) -> None:
        """Raises Malformed for a key that no picture here can have."""
        check_upload_key(key)
        self._published.check_key(key)

    async def find(self, key: str) -> StoredObject | None:
        """What waits under the key, else what is published. Raises SourceUnavailable and SourceTimeout."""
        return await self._staged.find(key) or await self._published.find(key)

    async def check(self, key: str, conditions: Preconditions) -> Preconditions:
        """The conditions, for what a write would take the place of: what waits, else what is published.

        Raises Exists and PreconditionMissed.
        """
        checked, _ = await self._check(key, conditions)
        return checked

    async def _check(self, key: str, conditions: Preconditions) -> tuple[Preconditions, bool]:
        """The conditions as `check` gives them, and whether something waits under that key."""
        waiting = await self._staged.find(key)
        found = waiting or await self._published.find(key)
        try:
            conditions.check(found)
        except WriteRefused:
            await self._published.purge(key)
            raise
        return conditions.at(found.etag if found else None), waiting is not None

    async def put(self, key: str, body: bytes, conditions: Preconditions, told: Mapping[str, str]) -> str:
        """Let a picture wait; its version. What is published stays as it is. `told` is published with it.

        Raises what `PictureStore.put` raises.
        """
        async with self._locks.holding(key):
            checked, waits = await self._check(key, conditions)
            if not waits:  # what `If-Match` names is published, and not here
                checked = replace(checked, match=None, found=None)
            settings = ObjectSettings(content_type=told.get(CONTENT_TYPE), metadata=told)
            return await self._staged.put(key, body, checked, settings)

    async def publish(self, key: str, crop: Crop | None = None) -> StoredObject:
        """Make the picture visible, or that part of it, and return it as it is stored. Again is harmless.

        Raises NotFound where it is neither in the stage nor published, Malformed where the part is none of
        the picture, SourceUnavailable and others.
        """
        async with self._locks.holding(key):
            for _ in range(TRIES - 1):
                with contextlib.suppress(PreconditionMissed):  # another origin has just published it
                    return await self._publish(key, crop)
            return await self._publish(key, crop)

    async def _publish(self, key: str, crop: Crop | None) -> StoredObject:
        """Raises PreconditionMissed too: what was sent long ago, by an origin that was still meanwhile, takes
        the place of no newer picture."""
        waiting = await self._staged.find(key)
        if waiting is None:
            return await self._publish_again(key, crop)
        async with self._admission.place(self._name) as reserve:
            waiting, body = await _read(self._staged, waiting, reserve)
            picture = await self._picture(body, waiting.metadata, crop)
            stored = await self._put(key, picture, UNCHANGED)
        with contextlib.suppress(SourceUnavailable):  # the sweep removes it later
            await self._remove(key, lambda found: found.etag == waiting.etag)
        return stored

    async def _publish_again(self, key: str, crop: Crop | None) -> StoredObject:
        """Show another part of a picture that is published. Raises NotFound."""
        found = await self._head(key)
        if crop == crop_in(found.metadata):
            return found
        async with self._admission.place(self._name) as reserve:
            found, body = await _read(self._published, found, reserve)
            picture = await self._picture(body, found.metadata, crop)
            if crop_in(picture.metadata) == crop_in(found.metadata):
                return found
            conditions = Preconditions(match=(found.etag,), found=found.etag)
            return await self._put(key, picture, conditions)

    async def recrop(self, key: str, crop: Crop | None, name: FindName) -> StoredObject:
        """Publish a part of a published picture under a new name, or all of it; the old one stays.

        Raises as `publish`, and Exists where there is no new name.
        """
        found = await self._head(key)
        async with self._admission.place(self._name) as reserve:
            found, body = await _read(self._published, found, reserve)
            picture = await self._picture(body, found.metadata, crop)
            stored: list[StoredObject] = []

            async def store(key: str) -> None:
                stored.append(await self._put(key, picture, Preconditions(may_replace=False)))

            await name(body, store)
            return stored[-1]

    async def _head(self, key: str) -> StoredObject:
        """What is published, which every reader sees from now on. Raises NotFound."""
        try:
            return await self._published.store.head(key)
        finally:
            await self._published.purge(key)

    async def delete(self, key: str, conditions: Preconditions = ALWAYS) -> None:
        """Remove the picture from the stage and from where it is published, if it is there at all.

        The conditions are for what waits, else for what is published. Raises Exists and PreconditionMissed.
        """
        async with self._locks.holding(key):
            staged = published = ALWAYS
            if conditions != ALWAYS:
                checked, waits = await self._check(key, conditions)
                staged, published = (checked, ALWAYS) if waits else (ALWAYS, checked)
            await self._staged.delete(key, staged)
            await self._published.delete(key, published)

    async def sweep(self) -> int:
        """Remove what has waited for too long; how many there were. Raises SourceUnavailable."""
        late = self._clock() - self._expire
        removed = 0
        async for stored in self._staged.store.objects():
            if stored.last_modified < late:
                async with self._locks.holding(stored.key):
                    removed += await self._remove(stored.key, lambda found: found.last_modified < late)
        if removed:
            log.info("handler %s: %d uploads were not published in time and are removed", self._name, removed)
        return removed

    async def _remove(self, key: str, is_done_with: Callable[[StoredObject], bool]) -> bool:
        """Remove what waits, if it is still there and no newer picture has come in its place."""
        found = await self._staged.find(key)
        if found is None or not is_done_with(found):
            return False
        try:
            await self._staged.store.delete(key, if_match=found.etag)
        except PreconditionFailed:
            return False
        return True

    async def _picture(self, body: bytes, metadata: Mapping[str, str], crop: Crop | None) -> _Picture:
        """Raises Malformed where the part is none of the picture."""
        if not {WIDTH, HEIGHT, FORMAT, CONTENT_TYPE} <= metadata.keys():  # another system has published it
            metadata = {**metadata, **tell(*await self._measure(body))}
        if crop is not None:
            width, height = int(metadata[WIDTH]), int(metadata[HEIGHT])
            inside = crop.within(width, height)
            if inside is None:
                raise Malformed(f"crop: misses the picture, which is {width}x{height}")
            crop = None if inside == Crop(width, height, 0, 0) else inside
        return _Picture(body, {**metadata, CROP: WHOLE if crop is None else str(crop)})

    async def _put(self, key: str, picture: _Picture, conditions: Preconditions) -> StoredObject:
        settings = ObjectSettings(
            content_type=picture.metadata[CONTENT_TYPE],
            cache_control=self._settings.cache_control,
            acl=self._settings.acl,
            metadata={**self._settings.metadata, **picture.metadata},
        )
        etag = await self._published.put(key, picture.body, conditions, settings)
        return StoredObject(key, len(picture.body), etag, self._clock(), settings.metadata)

    async def _sweep_on(self) -> None:
        while True:
            try:
                await self.sweep()
            except OriginError as error:
                log.warning("handler %s: the stage cannot be swept: %s", self._name, error)
            except Exception:  # a mistake of ours must not end it: the stage would fill up
                log.exception("handler %s: the stage cannot be swept", self._name)
            await asyncio.sleep(max(self._expire / 10, MIN_PAUSE))


async def _read(
    store: PictureStore, found: StoredObject, reserve_memory: ReserveMemory
) -> tuple[StoredObject, bytes]:
    """What was found, and its bytes; or a newer version, where one has come in the meantime.

    What is told of one version is never that of the bytes of another. Raises NotFound.
    """
    for _ in range(TRIES):
        original = await store.store.get(found.key, None, reserve_memory)
        assert original is not None  # no version was named
        if original.etag == found.etag:
            return found, bytes(original.body)
        found = await store.store.head(found.key)
    raise SourceUnavailable(f"{found.key!r} changes all the time")
