"""Pictures that are posted to be rendered at once: nothing of them is stored or cached.

1  authorize  before a byte of the body is read, unless the secret is in it
2  receive    counted and spooled; a client that sends slowly holds no renderer
3  admit      a place and memory, as for originals that are fetched
4  render     in the pool, with its queue and its turns between handlers; given up when the client leaves
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from collections.abc import Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from typing import Any
from typing import TypeVar

from origin.delivery.admission import FetchAdmission
from origin.delivery.settings import RenderSettings
from origin.errors import BadRequest
from origin.errors import Malformed
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderStarved
from origin.errors import TooLarge
from origin.errors import Unprocessable
from origin.errors import Unsupported
from origin.errors import UnsupportedFormat
from origin.errors import WriteForbidden
from origin.formats import Format
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.imaging.protocol import Normalisation
from origin.ingest.arrival import arriving
from origin.ingest.arrival import check_length
from origin.ingest.auth import Permission
from origin.ingest.auth import WriteAuthorizer
from origin.ingest.forms import MULTIPART
from origin.ingest.forms import Form
from origin.ingest.forms import content_type
from origin.ingest.forms import read_form
from origin.ingest.spool import Spool
from origin.render.pool import Rendered
from origin.render.pool import RenderPool
from origin.render.quarantine import Quarantine
from origin.render.quarantine import Suspects
from origin.render.quarantine import asked_size
from origin.signing.uploads import UploadGrant
from origin.urls.options import Options

FIELD = "file"  # of a form, with the picture
FRAMING = 16_384  # bytes that a form may have around its picture

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that came, in a format that is allowed."""

    body: bytes
    format: Format


class PostedPictures:
    """Takes the posted pictures of one handler and renders them. `max_bytes` bounds a picture."""

    def __init__(
        self,
        handler: str,
        pool: RenderPool,
        admission: FetchAdmission,
        settings: RenderSettings,
        authorizer: WriteAuthorizer,
        max_bytes: int,
    ) -> None:
        self.max_body = max_bytes + FRAMING
        self._handler = handler
        self._pool = pool
        self._admission = admission
        self._settings = settings
        self._authorizer = authorizer
        self._max_bytes = max_bytes
        self._quarantine = Quarantine(time.monotonic)

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[Picture]:
        """The picture in the body of a request, with memory for it until the end of the block.

        Raises Unauthorized, WriteForbidden, Malformed, TooSlow, TooLarge, NothingSent, UnsupportedFormat,
        Overloaded, and ClientGone.
        """
        authorizer, permission = self._authorizer, Permission()
        if not authorizer.needs_form:
            permission = authorizer.authorize(request, {})
        check_length(request, self.max_body)
        self._pool.check_queue(self._handler)
        with Spool() as spool:
            form = await self._read(request, spool)
            if authorizer.needs_form:
                permission = authorizer.authorize(request, form.fields)
            self._check_size(spool.size, permission.grant)
            async with self._admission.place(self._handler) as reserve:
                await reserve(spool.size)
                body = await form.picture()
                spool.clear()
                yield Picture(body, self._identify(body, permission.grant))

    def _check_size(self, size: int, grant: UploadGrant | None) -> None:
        most = self._max_bytes
        if grant is not None and grant.max_bytes is not None:
            most = min(most, grant.max_bytes)
        if size > most:
            raise TooLarge(f"a picture may have {most} bytes")

    def _identify(self, body: bytes, grant: UploadGrant | None) -> Format:
        format = self._settings.identify(body)
        if grant is not None and grant.formats is not None and format.name not in grant.formats:
            raise WriteForbidden("the upload grant is for other formats")
        return format

    async def render(
        self,
        picture: Picture,
        options: Options,
        format: str,
        request: Request,
        *,
        animated: bool = True,
        moving_png: bool = False,
        normalisation: Normalisation | None = None,
    ) -> Rendered:
        """`animated`: an animation stays one, with `moving_png` in PNG too; otherwise the first frame counts.

        Raises what a render raises, and ClientGone where the client leaves before its end.
        A picture that has ended two renderers is Unprocessable for a while, for all clients.
        """
        job = replace(self._settings.job(options, format), normalisation=normalisation, moving_png=moving_png)
        if not animated:
            job = replace(job, max_frames=1)
        size = asked_size(options)
        if self._quarantine:  # or nothing need be hashed
            self._quarantine.check(_suspects(picture), size)
        with self._quarantine.watching(partial(_suspects, picture), size):
            work = self._pool.render(picture.body, job, self._settings.timeout, handler=self._handler)
            return await _unless_gone(request, work)

    async def _read(self, request: Request, spool: Spool) -> Form:
        """A form, or whatever comes as the picture itself: `curl --data-binary` calls it a form too."""
        pieces = arriving(request, self.max_body)
        try:
            if content_type(request) == MULTIPART:
                return await read_form(request, pieces, spool, FIELD, data_uri=False)
            async for piece in pieces:
                spool.write(piece)
        except OSError as exc:
            raise Overloaded(f"the body cannot be written to a file: {exc.strerror}") from exc
        return Form(spool)


def _suspects(picture: Picture) -> Suspects:
    name = hashlib.sha256(picture.body).hexdigest()
    return Suspects(name, name)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which is given up when the client leaves. Raises ClientGone."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


def as_upload_failure(error: OriginError) -> OriginError:
    """The failure as a class of what is written, in words that hold nothing of ours.

    What a renderer died of lies in the picture: it takes more time or memory than there is.
    """
    if isinstance(error, UnsupportedFormat):
        return Unsupported(str(error))  # says which format it is, and nothing of ours
    if isinstance(error, Unprocessable):
        return Unsupported("the picture is damaged, or larger than what is accepted here")
    if isinstance(error, RenderStarved):
        return Overloaded(str(error))
    if isinstance(error, RenderFailed):
        return Unsupported("the picture takes more than rendering it may take")
    if isinstance(error, BadRequest):
        return Malformed(str(error))
    return error
