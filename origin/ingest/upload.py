"""POST, PUT and DELETE at a handler's prefix: the life of a picture that comes in.

1  authorize  before a byte of the body is read, unless the secret is in the body
2  receive    counted, in memory or in a file without a name
3  check      decoded in a render process, and put in order
4  store      whole or not at all; then every handler that reads from there forgets what it had
5  answer     JSON; any OriginError ends in its class and status
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from origin.delivery.reading import RESERVED
from origin.errors import BadRequest
from origin.errors import Exists
from origin.errors import Malformed
from origin.errors import NothingSent
from origin.errors import OriginError
from origin.errors import WriteForbidden
from origin.http.message import Request
from origin.http.message import Response
from origin.ingest.actions import Actions
from origin.ingest.arrival import arriving
from origin.ingest.arrival import check_length
from origin.ingest.auth import Permission
from origin.ingest.auth import WriteAuthorizer
from origin.ingest.checker import CheckedPicture
from origin.ingest.checker import PictureChecker
from origin.ingest.forms import read_form
from origin.ingest.names import Moment
from origin.ingest.names import NameTemplate
from origin.ingest.names import check_upload_key
from origin.ingest.preconditions import ALWAYS
from origin.ingest.preconditions import Preconditions
from origin.ingest.reply import DEFAULT_JSON
from origin.ingest.reply import Stored
from origin.ingest.reply import empty_response
from origin.ingest.reply import failure
from origin.ingest.reply import fill
from origin.ingest.reply import json_response
from origin.ingest.settings import WriteSettings
from origin.ingest.spool import Spool
from origin.ingest.stage import Stage
from origin.ingest.stage import tell
from origin.ingest.store import PictureStore
from origin.sources.base import ObjectSettings
from origin.urls.path import path_above

WriteUrl = Callable[[str], str]
"""The path and query by which the picture of a key may be read."""


class Uploads:
    """The writing half of one handler. `authorizers` has one for each method that is open; `clock` gives
    Unix seconds."""

    def __init__(
        self,
        name: str,
        *,
        store: PictureStore,
        checker: PictureChecker,
        settings: WriteSettings,
        authorizers: Mapping[str, WriteAuthorizer],
        write_url: WriteUrl,
        stage: Stage | None = None,
        actions: Actions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.settings = settings
        self._store = store
        self._checker = checker
        self._authorizers = authorizers
        self._write_url = write_url
        self._stage = stage  # where what comes in waits
        self._current: Stage | PictureStore = store if stage is None else stage  # what a write replaces
        self._actions = actions
        self._clock = clock
        self._template = NameTemplate(settings.name)
        self._reply = settings.reply

    async def post(self, key: str, request: Request) -> Response:
        """A picture whose name is made here, or an action where `key` is the name of one below `-/`."""
        action = key.removeprefix(RESERVED)
        if self._actions is not None and key != action and self._actions.knows(action):
            return await self._actions.act(action, request)
        return await self._answer(self._post(key, request))

    async def put(self, key: str, request: Request) -> Response:
        return await self._answer(self._put(key, request))

    async def delete(self, key: str, request: Request) -> Response:
        return await self._answer(self._delete(key, request))

    def refuse_path(self, error: BadRequest) -> Response:
        """The answer to a path that cannot be decoded."""
        refused = Malformed(str(error))  # which tells the rule that the path breaks
        return failure(self.name, refused, self.settings.statuses)

    async def _answer(self, work: Awaitable[Response]) -> Response:
        try:
            return await work
        except OriginError as error:
            return failure(self.name, error, self.settings.statuses)
        except OSError as error:  # of the file in which a body waits
            return failure(self.name, OriginError(str(error)), self.settings.statuses)

    async def _post(self, key: str, request: Request) -> Response:
        if key:
            raise Malformed("pictures are posted to the prefix itself")
        authorizer = self._authorizers.get("POST")
        if authorizer is None:
            raise WriteForbidden("nobody may post pictures here")
        permission = Permission()
        if not authorizer.needs_form:
            permission = authorizer.authorize(request, {})
        limit = self._limit(permission)
        with Spool() as spool:
            pieces = arriving(request, limit)
            form = await read_form(request, pieces, spool, self.settings.field_name, self.settings.data_uri)
            if authorizer.needs_form:
                permission = authorizer.authorize(request, form.fields)
            async with self._checker.memory(spool.size):
                body = await form.picture()
                spool.clear()
                picture = await self._check(body, permission)
                stored = await self._store_new(picture, form.file_name, permission)
        content = fill(self._reply.json, stored.values())
        response = json_response(self.name, self._reply.status, content, *_headers(stored))
        response.key = stored.key
        return response

    async def _put(self, key: str, request: Request) -> Response:
        permission = self._authorizers["PUT"].authorize(request, {})
        if request.header(b"content-range") is not None:  # RFC 9110 section 14.4
            raise Malformed("a part of a picture cannot be put")
        check_upload_key(key)
        self._store.check_key(key)
        if permission.grant is not None and not permission.grant.covers(key):
            raise WriteForbidden("the upload grant is not for this key")
        may_replace = permission.grant is None or permission.grant.may_replace
        conditions = Preconditions.read(request.headers, may_replace)
        limit = self._limit(permission)
        check_length(request, limit)
        conditions = await self._current.check(key, conditions)
        with Spool() as spool:
            async for piece in arriving(request, limit):
                spool.write(piece)
            if not spool.size:
                raise NothingSent("there is no picture in the request")
            async with self._checker.memory(spool.size):
                body = await spool.read()
                spool.clear()
                picture = await self._check(body, permission)
                stored = await self._put_under(key, picture, conditions)
        if picture.is_changed:  # RFC 9110 section 9.3.4
            stored = replace(stored, etag=None)
        content = fill(DEFAULT_JSON, stored.values())
        return json_response(self.name, 201 if stored.is_new else 200, content, *_headers(stored))

    async def _delete(self, key: str, request: Request) -> Response:
        permission = self._authorizers["DELETE"].authorize(request, {})
        if permission.grant is not None:
            raise WriteForbidden("an upload grant deletes nothing")
        check_upload_key(key)
        conditions = Preconditions.read(request.headers, may_replace=True)
        if conditions != ALWAYS:
            conditions = await self._current.check(key, conditions)
        await self._current.delete(key, conditions)
        return empty_response(self.name, 204)

    def _limit(self, permission: Permission) -> int:
        """Bytes that the body may have."""
        bound = permission.grant.max_bytes if permission.grant is not None else None
        return self.settings.max_bytes if bound is None else min(bound, self.settings.max_bytes)

    async def _check(self, body: bytes, permission: Permission) -> CheckedPicture:
        return await self._checker.check(body, permission.grant.formats if permission.grant else None)

    async def _store_new(self, picture: CheckedPicture, file_name: str, permission: Permission) -> Stored:
        """Store a picture that was posted, under a name that is free."""
        grant, prefix = permission.grant, ""
        if grant is not None:
            if grant.prefix is None:
                self._store.check_key(grant.key)
                conditions = Preconditions(may_replace=grant.may_replace)
                conditions = await self._current.check(grant.key, conditions)
                return await self._put_under(grant.key, picture, conditions)
            prefix = grant.prefix
        extension = self.settings.extension(picture.sent, picture.format)

        async def put(key: str) -> Stored:
            self._store.check_key(key)
            try:
                return await self._put_under(key, picture, Preconditions(may_replace=False))
            except Exists:
                if not self._template.is_of_content:
                    raise
                found = await self._current.find(key)
                if found is None:  # another picture has the file names of this one
                    raise
                return self._stored(key, picture, found.etag, is_new=False)

        def moment() -> Moment:
            return Moment(self._clock(), picture.body, file_name)

        return await self._template.store(moment, prefix, extension, put)

    async def _put_under(self, key: str, picture: CheckedPicture, conditions: Preconditions) -> Stored:
        if self._stage is not None:
            told = tell(picture.format, picture.width, picture.height)
            etag = await self._stage.put(key, picture.body, conditions, told)
            return self._stored(key, picture, etag, is_new=conditions.found is None)
        settings = ObjectSettings(
            content_type=picture.format.mime,
            cache_control=self.settings.object.cache_control,
            acl=self.settings.object.acl,
            metadata=self.settings.object.metadata,
        )
        etag = await self._store.put(key, picture.body, conditions, settings)
        return self._stored(key, picture, etag, is_new=conditions.found is None)

    def _stored(self, key: str, picture: CheckedPicture, etag: str | None, is_new: bool) -> Stored:
        return Stored(
            key,
            self._write_url(key),
            picture.format.name,
            len(picture.body),
            picture.width,
            picture.height,
            etag,
            is_new,
        )


def path_of(prefix: str, key: str) -> str:
    return quote(path_above(prefix) + key)


def _headers(stored: Stored) -> list[tuple[bytes, bytes]]:
    headers = [(b"location", stored.url.encode())]
    if stored.etag is not None:
        headers.append((b"etag", stored.etag.encode("latin-1")))
    return headers
