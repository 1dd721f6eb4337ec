"""The second stage: a program publishes what was uploaded, or deletes it.

Its requests are forms, as old clients send them: `key` or `filename`, and for deleting as many as it likes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping

from origin.errors import Malformed
from origin.errors import NoPicture
from origin.errors import NotFound
from origin.errors import NothingSent
from origin.errors import OriginError
from origin.errors import WriteForbidden
from origin.formats import sniff
from origin.http.message import Request
from origin.http.message import Response
from origin.ingest.arrival import arriving
from origin.ingest.auth import WriteAuthorizer
from origin.ingest.forms import Form
from origin.ingest.forms import content_type
from origin.ingest.forms import read_form
from origin.ingest.names import Moment
from origin.ingest.names import NameTemplate
from origin.ingest.reply import Reply
from origin.ingest.reply import Stored
from origin.ingest.reply import failure
from origin.ingest.reply import fill
from origin.ingest.reply import json_response
from origin.ingest.spool import Spool
from origin.ingest.stage import FORMAT
from origin.ingest.stage import HEIGHT
from origin.ingest.stage import WIDTH
from origin.ingest.stage import Stage
from origin.sources.base import StoredObject
from origin.sources.object_metadata import Crop
from origin.sources.object_metadata import crop_in

MAX_FORM = 64_000  # bytes
_KEY_FIELDS = ("key", "filename", "keys", "filenames")


class Actions:
    """The actions of one handler, by the key that they are posted to."""

    def __init__(
        self,
        name: str,
        stage: Stage,
        *,
        authorizers: Mapping[str, WriteAuthorizer],
        replies: Mapping[str, Reply],
        statuses: Mapping[str, int],
        write_url: Callable[[str], str],
        template: NameTemplate,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`authorizers` and `replies` by the name of the action; `template` for what is published anew."""
        self._name = name
        self._stage = stage
        self._authorizers = authorizers
        self._replies = replies
        self._statuses = statuses
        self._write_url = write_url
        self._template = template
        self._clock = clock
        self._actions: dict[str, Callable[[Form], Awaitable[Stored | None]]] = {
            "publish": self._publish,
            "recrop": self._recrop,
            "delete": self._delete,
        }

    @property
    def names(self) -> frozenset[str]:
        """The actions that somebody may do."""
        return frozenset(self._authorizers)

    def knows(self, name: str) -> bool:
        """Whether that is an action, also one that nobody may do."""
        return name in self._actions

    async def act(self, name: str, request: Request) -> Response:
        try:
            with Spool() as spool:
                return await self._act(name, request, spool)
        except NotFound as error:
            missing = NoPicture("there is no such picture")
            missing.__cause__ = error
            return failure(self._name, missing, self._statuses)
        except OriginError as error:
            return failure(self._name, error, self._statuses)

    async def _act(self, name: str, request: Request, spool: Spool) -> Response:
        authorizer = self._authorizers.get(name)
        if authorizer is None:
            raise WriteForbidden(f"nobody may {name} pictures here")
        if not authorizer.needs_form:
            _refuse_grants(authorizer, request)
        form = await read_form(request, arriving(request, MAX_FORM), spool, "", False)
        if authorizer.needs_form:
            authorizer.authorize(request, form.fields)
        else:
            _refuse_others(request, form)
        stored = await self._actions[name](form)
        values = {} if stored is None else stored.values()
        reply = self._replies[name]
        response = json_response(self._name, reply.status, fill(reply.json, values))
        response.key = ", ".join(self._keys(form)) if stored is None else stored.key
        return response

    async def _publish(self, form: Form) -> Stored:
        return self._stored(await self._stage.publish(self._key(form), _crop(form)))

    async def _recrop(self, form: Form) -> Stored:
        key = self._key(form)
        stem, dot, extension = key.rpartition("/")[2].rpartition(".")

        async def find_name(body: bytes, store: Callable[[str], Awaitable[None]]) -> None:
            def moment() -> Moment:
                return Moment(self._clock(), body, stem or extension)

            sent = sniff(body)
            own = extension if dot else sent.name if sent else ""
            await self._template.store(moment, "", own, store)

        return self._stored(await self._stage.recrop(key, _crop(form), find_name))

    async def _delete(self, form: Form) -> None:
        for key in self._keys(form):
            await self._stage.delete(key)

    def _key(self, form: Form) -> str:
        """The one key that a form names. Raises Malformed and NothingSent."""
        keys = self._keys(form)
        if not keys:
            raise NothingSent("name one picture as key")
        if len(keys) > 1:
            raise Malformed("name one picture as key, and no more")
        return keys[0]

    def _keys(self, form: Form) -> list[str]:
        """The keys that a form names. Raises Malformed."""
        keys = [value for name, value in form.pairs if name in _KEY_FIELDS and value]
        for key in keys:
            self._stage.check_key(key)
        return keys

    def _stored(self, found: StoredObject) -> Stored:
        told, crop = found.metadata, crop_in(found.metadata)
        width, height = int(told.get(WIDTH, 0)), int(told.get(HEIGHT, 0))
        if crop is not None:
            width, height = crop.width, crop.height
        url = self._write_url(found.key)
        return Stored(found.key, url, told.get(FORMAT, ""), found.size, width, height, found.etag)


def _refuse_grants(authorizer: WriteAuthorizer, request: Request) -> None:
    if authorizer.authorize(request, {}).grant is not None:
        raise WriteForbidden("an upload grant publishes and deletes nothing")


def _refuse_others(request: Request, form: Form) -> None:
    """A body that names keys in another way would be taken for one that names none, and a deletion for done.

    Old clients, whose secret is in the form, may send what they like beside it. Raises Malformed and
    NothingSent.
    """
    if form.spool.size:
        kind = content_type(request).decode("latin-1") or "a body without a Content-Type"
        raise Malformed(f"expected a form with the field key, and not {kind}")
    names = [name for name, _ in form.pairs]
    if names and not set(names) & set(_KEY_FIELDS):
        raise NothingSent(f"expected the field key; the form has {', '.join(names[:3])}")


def _crop(form: Form) -> Crop | None:
    """The part of the picture that a form names. Raises Malformed."""
    text = form.fields.get("crop", "").strip()
    try:
        return Crop.parse(text) if text else None
    except ValueError:
        raise Malformed("crop: expected WxH+X+Y in pixels, such as 200x100+10+20") from None
