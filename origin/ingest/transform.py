"""A POST answered with the picture that its body becomes: `POST /{prefix}?w=300`, and v2ex/remote's paths."""

from __future__ import annotations

import logging
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from origin.delivery.mounts import BodyLimit
from origin.delivery.mounts import Endpoint
from origin.delivery.rendering import TRIAL
from origin.delivery.request import job_format
from origin.delivery.responses import ignored_header
from origin.errors import BadRequest
from origin.errors import NoPicture
from origin.errors import OriginError
from origin.formats import Format
from origin.http.disposition import attachment
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.http.message import Response
from origin.ingest import reply
from origin.ingest.arrival import seconds_for
from origin.ingest.posted import PostedPictures
from origin.ingest.posted import as_upload_failure
from origin.ingest.v2ex import V2ex
from origin.ingest.v2ex import is_animated
from origin.render.pool import Rendered
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import find_ignored
from origin.urls.parsing import parse_options
from origin.urls.query import MAX_PAIRS
from origin.urls.query import decode_query

log = logging.getLogger(__name__)

RENDER = "render"


class Transform:
    """What one handler answers to posted pictures. `names` are those of the configuration.

    `statuses` are the handler's own for classes of failure.
    """

    def __init__(
        self,
        handler: str,
        names: Collection[str],
        posted: PostedPictures,
        defaults: OptionDefaults,
        statuses: Mapping[str, int],
        *,
        debug: bool = False,
    ) -> None:
        self._debug = debug
        self._handler = handler
        self._renders = RENDER in names
        self._posted = posted
        self._defaults = defaults
        self._statuses = statuses
        self._v2ex = V2ex(handler, names, posted)

    def endpoints(self, *, is_all: bool) -> dict[str, Endpoint]:
        """What answers at the prefix, by method. `is_all`: the handler serves no pictures."""
        size = self._posted.max_body
        endpoints = {"POST": Endpoint(self._post, BodyLimit(size, seconds_for(size)))}
        if is_all and self._v2ex.names:
            read = Endpoint(self._v2ex.usage, BodyLimit(0, 5.0))
            endpoints = {"GET": read, "HEAD": read, **endpoints}
        return endpoints

    async def _post(self, key: str, request: Request) -> Response:
        if key:
            return await self._v2ex.respond(key, request)
        try:
            if not self._renders:
                raise NoPicture("pictures are not rendered here")
            return await self._render(request)
        except ClientGone:
            raise
        except OriginError as error:
            response = reply.failure(self._handler, as_upload_failure(error), self._statuses)
            response.error = error
            return response

    async def _render(self, request: Request) -> Response:
        options = self._read_options(request)
        async with self._posted.received(request) as picture:
            passes = options.passes(picture.format)
            made, format = TRIAL if passes else (options, job_format(options, request.headers))
            moves = is_animated(request)
            rendered = await self._posted.render(picture, made, format, request, moving_png=moves)
        if passes:
            rendered = replace(rendered, body=picture.body, format=picture.format)
        vary = options.format == "auto"
        response = picture_response(self._handler, rendered, options.download, vary=vary)
        if self._debug:
            ignored = [*chain(*find_ignored(decode_query(request.query), self._defaults))]
            response.headers += [ignored_header(ignored)] if ignored else []
        return response

    def _read_options(self, request: Request) -> Options:
        """Raises BadRequest."""
        if request.query.count(b"&") > MAX_PAIRS:
            raise BadRequest(f"the query has more than {MAX_PAIRS} pairs")
        return parse_options(decode_query(request.query), self._defaults)


def picture_response(
    handler: str, rendered: Rendered, download: str | None = None, *, vary: bool = False
) -> Response:
    """The picture itself."""
    headers = reply.headers_of_posted(rendered.body, rendered.format.mime)
    if vary:
        headers.append((b"vary", b"Accept"))
    if download is not None and isinstance(rendered.format, Format):
        headers.append((b"content-disposition", attachment(download, rendered.format).encode()))
    stages = {"queue": rendered.waited, "render": rendered.took}
    return Response(200, headers, rendered.body, handler, stages=stages)
