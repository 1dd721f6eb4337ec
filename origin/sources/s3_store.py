"""Writing to S3. S3 itself keeps the promise that an object is whole or absent."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from origin.errors import BadRequest
from origin.errors import NotFound
from origin.sources.base import OWN_FOLDER
from origin.sources.base import Note
from origin.sources.base import ObjectSettings
from origin.sources.base import StoredObject
from origin.sources.base import is_key
from origin.sources.base import is_prefix
from origin.sources.object_metadata import bytes_version
from origin.sources.object_metadata import object_version
from origin.sources.s3_errors import ConditionUnknown
from origin.sources.s3_errors import ReadErrorAnswer
from origin.sources.s3_errors import delete_refusal
from origin.sources.s3_errors import parsed
from origin.sources.s3_errors import write_refusal
from origin.sources.s3_source import S3Source
from origin.sources.s3_source import body_etag


class S3Store(S3Source):
    """A bucket that can be written to.

    Conditions need a server that knows `If-Match` and `If-None-Match` in PUT, as AWS does since 2024, and
    `If-Match` in DELETE, as AWS does since 2025. A condition may fail against our own write, where the answer
    to its first try was lost on the way.
    """

    page = 1000  # objects of one answer to a listing; S3 gives no more

    async def put(
        self,
        key: str,
        body: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        settings: ObjectSettings | None = None,
    ) -> str:
        try:
            path = self._path(key)
        except NotFound as error:
            raise BadRequest(str(error)) from error
        arguments = _object_arguments(settings or ObjectSettings())
        if if_match is not None:
            arguments["IfMatch"] = bytes_version(if_match)
        if if_none_match:
            arguments["IfNoneMatch"] = "*"
        async with self._connected(path, write_refusal) as (client, _):
            answer = await parsed(client.put_object(Bucket=self._bucket, Key=path, Body=body, **arguments))
            return object_version(answer.get("ETag") or body_etag(body), arguments.get("Metadata", {}))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        with contextlib.suppress(NotFound):
            path = self._path(key)
            if if_match is not None:
                with contextlib.suppress(ConditionUnknown):
                    await self._delete(path, write_refusal, IfMatch=bytes_version(if_match))
                    return
            await self._delete(path)

    async def _delete(self, path: str, refusal: ReadErrorAnswer = delete_refusal, **conditions: Any) -> None:
        """Raises NotFound too."""
        async with self._connected(path, refusal) as (client, _):
            await parsed(client.delete_object(Bucket=self._bucket, Key=path, **conditions))

    async def head(self, key: str) -> StoredObject:
        return replace(await self._head(self._path(key)), key=key)

    async def objects(self, prefix: str = "", start_after: str = "") -> AsyncIterator[StoredObject]:
        if not is_prefix(prefix):
            return
        beginning = f"{self._folder}/" if self._folder else ""
        place: dict[str, Any] = {"StartAfter": beginning + start_after} if start_after else {}
        while True:
            async with self._connected(beginning + prefix) as (client, _):
                answer = await parsed(
                    client.list_objects_v2(
                        Bucket=self._bucket, Prefix=beginning + prefix, MaxKeys=self.page, **place
                    )
                )
                page = [_listed(entry, beginning) for entry in answer.get("Contents", ())]
            for stored in page:
                if is_key(stored.key) and stored.key.startswith(prefix):
                    yield stored
            if not answer.get("IsTruncated"):
                return
            place = {"ContinuationToken": answer["NextContinuationToken"]}

    async def put_note(self, name: str, text: str) -> None:
        path = self._notes + name
        async with self._connected(path, write_refusal) as (client, _):
            await parsed(client.put_object(Bucket=self._bucket, Key=path, Body=text.encode()))

    async def notes(self) -> list[Note]:
        """As many as one answer to a listing holds: what is dealt with makes place for others."""
        async with self._connected(self._notes) as (client, _):
            listing = await parsed(client.list_objects_v2(Bucket=self._bucket, Prefix=self._notes))
        notes = []
        for entry in listing.get("Contents", ()):
            text = b""
            with contextlib.suppress(NotFound):
                text = await self._read_whole(entry["Key"])
            notes.append(Note(entry["Key"].removeprefix(self._notes), text.decode(errors="replace")))
        return notes

    async def delete_note(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            await self._delete(self._notes + name)

    @property
    def _notes(self) -> str:
        return "/".join([*([self._folder] if self._folder else []), OWN_FOLDER, "notes", ""])


def _object_arguments(settings: ObjectSettings) -> dict[str, Any]:
    arguments = {
        "ContentType": settings.content_type,
        "CacheControl": settings.cache_control,
        "ACL": settings.acl,
        "Metadata": dict(settings.metadata),
    }
    return {name: value for name, value in arguments.items() if value}


def _listed(entry: Any, beginning: str) -> StoredObject:
    key = entry["Key"].removeprefix(beginning)
    return StoredObject(key, entry["Size"], entry["ETag"], entry["LastModified"].timestamp())
