"""Copies the objects of one store to another, each checked by its digest once it is there.

Nothing is removed where they come from. An object of the same name with other bytes, or cut to another part,
is left as it is, unless it may be replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from dataclasses import replace

from origin.errors import NotFound
from origin.errors import OriginError
from origin.formats import sniff
from origin.sources.base import ObjectSettings
from origin.sources.base import Original
from origin.sources.base import PreconditionFailed
from origin.sources.base import Store
from origin.sources.base import StoredObject
from origin.sources.manifest import Manifest
from origin.sources.object_metadata import crop_of
from origin.sources.walk import do_for_all


class Differs(Exception):
    """The target has another picture under the key."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object. `failure` says why it is not in the target."""

    key: str
    size: int | None = None  # bytes copied now; None where nothing was
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Copier:
    """`settings` are for the objects that are made, beside their type and their metadata."""

    source: Store
    target: Store
    manifest: Manifest
    settings: ObjectSettings
    may_replace: bool

    async def copy_all(self, prefix: str, jobs: int) -> AsyncIterator[Outcome]:
        """Copy what begins with `prefix`, `jobs` objects at a time, in no particular order.

        Raises SourceUnavailable and SourceTimeout where the source cannot be listed.
        """
        async with aclosing(do_for_all(self.source.objects(prefix), self.copy, jobs)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def copy(self, found: StoredObject) -> Outcome:
        """Copy one object, unless the manifest has this version of it."""
        key = found.key
        if self.manifest.has(key, _listed_version(found)):
            return Outcome(key)
        try:
            return await self._copy(found)
        except NotFound:
            return Outcome(key)  # removed meanwhile
        except (OriginError, Differs, PreconditionFailed) as exc:
            return Outcome(key, failure=str(exc))

    async def _copy(self, found: StoredObject) -> Outcome:
        key = found.key
        original = await self.source.get(key)
        assert original is not None  # no version was named
        metadata = (await self.source.head(key)).metadata
        digest, written = _digest(original), None
        if not await self._is_there(key, original, digest):
            format = sniff(original.body)
            settings = replace(self.settings, content_type=format.mime if format else None, metadata=metadata)
            body = bytes(original.body)
            await self.target.put(key, body, if_none_match=not self.may_replace, settings=settings)
            if not await self._is_there(key, original, digest):
                raise Differs(f"{key!r}: what came back is not what was stored")
            written = len(original.body)
        self.manifest.add(key, _listed_version(found), size=len(original.body), sha256=digest)
        return Outcome(key, written)

    async def _is_there(self, key: str, original: Original, digest: str) -> bool:
        """Whether the target has this picture. Raises Differs where another one must not be replaced."""
        try:
            there = await self.target.get(key)
        except NotFound:
            return False
        assert there is not None
        has_bytes = _digest(there) == digest
        if has_bytes and crop_of(there.etag) == crop_of(original.etag):
            return True
        if not self.may_replace:
            other = "another part of this picture" if has_bytes else "other bytes"
            raise Differs(f"{key!r}: the target has {other} under this name")
        return False


def _listed_version(found: StoredObject) -> str:
    """What a manifest knows an object by. The ETag that S3 lists is the same for every part of a picture."""
    return f"{found.etag} {found.last_modified:.3f}"


def _digest(original: Original) -> str:
    return hashlib.sha256(original.body).hexdigest()
