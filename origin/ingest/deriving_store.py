"""Originals that have files made of them (`derive`), kept together whatever happens to this origin.

In a URL of the origin the name of such a file means the preset of its original, and the file is not looked
at. So readers through the origin see one version of the original in all of its names: the original is one
object, and is replaced in one step. What is written down here is for those who read the bucket or folder
itself.

1  note     the original is noted in the store: from now on its files may not fit it
2  files    each is put in its place
3  original comes last, so that what has an original has its files; or goes first, where it is removed
4  look     the files are looked at once more, and those that another process has changed are put again; then
            the original is looked at too. A repair or rebuild looks at it behind its last file. So of two
            that work at the same time, one sees the other
5  note     goes
6  purge    every handler that reads from here forgets the original and the files

A crash between 1 and 5 leaves a note, by which the files are made anew of the original that is there, or are
removed where none is (see `origin.ingest.unfinished`). An original is put only in place of the version that
was there before 1. Where another origin was faster, its original stays, gets its own files back, and the
write begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import TypeVar

from origin.delivery.admission import FetchAdmission
from origin.errors import Exists
from origin.errors import NotFound
from origin.errors import RenderFailed
from origin.errors import SourceUnavailable
from origin.errors import Unsupported
from origin.errors import WriteRefused
from origin.ingest.derive import DerivedFile
from origin.ingest.derive import Deriver
from origin.ingest.locks import Locks
from origin.ingest.preconditions import ALWAYS
from origin.ingest.preconditions import Preconditions
from origin.ingest.store import PictureStore
from origin.ingest.store import Purge
from origin.ingest.store import refusals_become_ours
from origin.ingest.unfinished import UnfinishedWrites
from origin.sources.base import ObjectSettings
from origin.sources.base import Original
from origin.sources.base import PreconditionFailed
from origin.sources.base import Store
from origin.sources.object_metadata import DERIVED
from origin.sources.object_metadata import crop_in
from origin.sources.object_metadata import crop_of
from origin.urls.presets import stem_of

log = logging.getLogger(__name__)

TRIES = 4  # against others who write the same original

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the files of an original: those made, those that fitted it, and those removed."""

    made: int = 0
    fitting: int = 0
    removed: int = 0
    bytes: int = 0  # of those made


class DerivingStore(PictureStore):
    """The store of a handler with `derive`. `settings` are for the files, as for the originals."""

    def __init__(
        self,
        handler: str,
        store: Store,
        purge: Purge,
        deriver: Deriver,
        admission: FetchAdmission,
        settings: ObjectSettings,
        locks: Locks | None = None,
    ) -> None:
        super().__init__(store, purge, locks)
        self._handler = handler
        self._deriver = deriver
        self._admission = admission
        self._settings = settings
        self.unfinished = UnfinishedWrites(handler, store, self._repair)

    async def open(self) -> None:
        self.unfinished.open()

    async def close(self) -> None:
        await self.unfinished.close()

    def check_key(self, key: str) -> None:
        self._deriver.check_key(key)

    async def purge(self, key: str) -> None:
        for each in (key, *self._deriver.keys(key)):
            await super().purge(each)

    def is_derived(self, key: str) -> bool:
        """Whether it is the key of a file that is made of an original."""
        return self._deriver.is_key(key)

    def describe_files(self) -> str:
        """Which files are made and how, in one word."""
        return self._deriver.describe()

    async def remove_orphan(self, key: str) -> int:
        """Remove a file that was made here of an original that is no more; how many files that were."""
        found = await self.find(key)
        if found is None or DERIVED not in found.metadata:
            return 0
        for original in self._deriver.originals(key):
            if await self.find(original) is not None:
                return 0
        async with self._locks.holding(stem_of(key)):
            await self.store.delete(key)
        return 1

    async def put(self, key: str, body: bytes, conditions: Preconditions, settings: ObjectSettings) -> str:
        """As `PictureStore.put`; and Unsupported where a preset cannot be made of the picture, Exists where
        another original is there that would share a file with it."""
        self.check_key(key)
        async with self._locks.holding(stem_of(key)):
            conditions = await self.check(key, conditions)
            if conditions.found is None:
                await self._refuse_siblings(key)
            files = await self._deriver.make(key, body, crop_in(settings.metadata))
            for _ in range(TRIES):
                version = await self._put_once(key, body, conditions.found, files, settings)
                if version is not None:
                    return version
                conditions = await self.check(key, conditions)
        raise conditions.failure()

    async def _refuse_siblings(self, key: str) -> None:
        """Raises Exists: the last of two would give its files to both, and take them along when it goes."""
        for sibling in await self._siblings_there(key):
            name = sibling.rpartition("/")[2]
            raise Exists(f"there is a picture {name} already, whose files would have the same names")

    async def _put_once(
        self,
        key: str,
        body: bytes,
        found: str | None,
        files: Sequence[DerivedFile],
        settings: ObjectSettings,
    ) -> str | None:
        """Put files and original in place of that version; None where it is there no more."""
        try:
            with refusals_become_ours():
                async with self.unfinished.writing(key):
                    await self._put_files(files)
                    try:
                        version = await self.store.put(
                            key, body, if_match=found, if_none_match=found is None, settings=settings
                        )
                    except PreconditionFailed:
                        await self._restore(key)
                        return None
                    if await self._put_missing(files):
                        found_now = await self.find(key)
                        if found_now is None or found_now.etag != version:
                            await self._restore(key)
                    return version
        finally:
            await self.purge(key)

    async def delete(self, key: str, conditions: Preconditions = ALWAYS) -> None:
        self.check_key(key)
        missed: WriteRefused | None = None
        try:
            async with self._locks.holding(stem_of(key)):
                conditions = await self.check_again(key, conditions)
                async with self.unfinished.writing(key):
                    was_there = await self.find(key) is not None
                    try:
                        await self.store.delete(key, if_match=conditions.version)
                    except PreconditionFailed as error:
                        missed = conditions.failure()
                        missed.__cause__ = error
                    else:
                        await self._delete_files(key, also_of_others=was_there)
        finally:
            await self.purge(key)
        if missed is not None:  # outside of `writing`: nothing was changed that has to be repaired
            raise missed

    async def restore(self, key: str) -> Restored:
        """Make the files fit the original; or remove them, where it is not there.

        Raises Unsupported where they cannot be made of it, and leaves them as they are; Overloaded,
        SourceUnavailable and SourceTimeout.
        """
        async with self._locks.holding(stem_of(key)):
            try:
                return await self._restore(key)
            finally:
                await self.purge(key)

    async def _repair(self, key: str) -> None:
        """Restore the files of an original whose write was left half. What shows another picture goes."""
        try:
            await self.restore(key)
        except Unsupported as error:
            if isinstance(error.__cause__, RenderFailed):  # for want of time, and there may be more later
                raise
            log.warning("handler %s: the files of %r cannot be made: %s", self._handler, key, error)
            await self._delete_files(key)

    async def _restore(self, key: str) -> Restored:
        for _ in range(TRIES):
            original = await self._get(key)
            if original is None:
                done = Restored(removed=await self._delete_files(key))
            else:
                done = await self._make_missing(key, original)
            found = await self.find(key)
            if (found and found.etag) == (original and original.etag):
                return done
        raise SourceUnavailable(f"{key!r} changes all the time")

    async def _get(self, key: str) -> Original | None:
        async with self._admission.place(self._handler) as reserve:
            try:
                return await self.store.get(key, None, reserve)
            except NotFound:
                return None

    async def _make_missing(self, key: str, original: Original) -> Restored:
        crop = crop_of(original.etag)
        body = bytes(original.body)
        digests = self._deriver.digests(key, body, crop)
        found = await _all(map(self.find, digests))
        there = [None if each is None else each.metadata.get(DERIVED) for each in found]
        if there == list(digests.values()):
            return Restored(fitting=len(digests))
        files = await self._deriver.make(key, body, crop)
        await self._put_files(files)
        return Restored(made=len(files), bytes=sum(len(file.body) for file in files))

    async def _put_missing(self, files: Sequence[DerivedFile]) -> bool:
        """Put those files again that another process has changed, and whether there were any: a repair has,
        for the original as it was; or a write, and then the original is another one now."""
        has_put = False
        for _ in range(TRIES):
            found = await _all(self.find(file.key) for file in files)
            missing = [
                file
                for file, there in zip(files, found, strict=True)
                if there is None or there.metadata.get(DERIVED) != file.digest
            ]
            if not missing:
                return has_put
            await self._put_files(missing)
            has_put = True
        return has_put

    async def _put_files(self, files: Iterable[DerivedFile]) -> None:
        await _all(self._put_file(file) for file in files)

    async def _put_file(self, file: DerivedFile) -> None:
        metadata = {**self._settings.metadata, DERIVED: file.digest}
        settings = replace(self._settings, content_type=file.mime, metadata=metadata)
        await self.store.put(file.key, file.body, settings=settings)

    async def _delete_files(self, key: str, *, also_of_others: bool = True) -> int:
        """Remove the files of an original, but for those of a sibling that is there; how many there were.

        `also_of_others`: those too that were not made here, as long as the original was there.
        """
        siblings = await self._siblings_there(key)
        shared = {file for sibling in siblings for file in self._deriver.keys(sibling)}
        keys = [file for file in self._deriver.keys(key) if file not in shared]
        found = zip(keys, await _all(map(self.find, keys)), strict=True)
        there = [file for file, each in found if each and (also_of_others or DERIVED in each.metadata)]
        await _all(map(self.store.delete, there))
        return len(there)

    async def _siblings_there(self, key: str) -> list[str]:
        siblings = self._deriver.siblings(key)
        found = zip(siblings, await _all(map(self.find, siblings)), strict=True)
        return [sibling for sibling, each in found if each is not None]


async def _all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do it all at once, and wait for all of it also where some fails, so that nothing is written later."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
