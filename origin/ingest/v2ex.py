"""The endpoints of v2ex/remote: a picture as multipart in, pictures as base64 in JSON out.

Names, sizes, texts and rules are those of that program as it was observed, so that its clients go on; all
its failures have a status that says so, and a body `{"status": "error", "success": false, "message"}`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from origin.errors import BadRequest
from origin.errors import NotFound
from origin.errors import NothingSent
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import Unauthorized
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import refusal
from origin.http.message import RETRY_AFTER
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.http.message import Response
from origin.imaging.protocol import Normalisation
from origin.ingest.posted import Picture
from origin.ingest.posted import PostedPictures
from origin.ingest.reply import headers_of_posted
from origin.render.pool import Rendered
from origin.urls.options import Options
from origin.urls.query import decode_query

log = logging.getLogger(__name__)

NAMES = ("fit", "prepare_jpeg", "resize_avatar", "info")
OTHER_NAMES = {"rescale_avatar": "resize_avatar"}  # as its README calls it

_ALWAYS = (24, 48, 73)  # px of the avatars that are enlarged
_WHERE_LARGE = (128, 256, 512)  # px of those made where both sides of the original are as long
_OFF = frozenset({b"0", b"false", b"no", b"off"})
_MAX_SIDE = 100_000  # px; a larger box means the same, since nothing is enlarged
_BOX = re.compile(r"fit/([0-9]+)")
_JSON_TYPE = "application/json;charset=utf-8"
_USAGE = {
    "fit": "POST a picture as the multipart field `file` to get it within a box of that many pixels.",
    "prepare_jpeg": "POST a JPEG as the multipart field `file` to get it upright and without metadata.",
    "resize_avatar": "POST a picture as the multipart field `file` to get square PNGs of it.",
    "info": "POST a picture as the multipart field `file` to get its size, type and number of frames.",
}
_NO_JPEG = "This endpoint is only for processing JPEG images"
_UNKNOWN = "Unable to determine the file type"
_UNSUPPORTED = "The uploaded file is not in a supported format"

Fields = dict[str, Any]


class V2ex:
    """The endpoints of one handler that are named in `names`."""

    def __init__(self, handler: str, names: Collection[str], posted: PostedPictures) -> None:
        self._handler = handler
        self.names = {OTHER_NAMES.get(name, name) for name in names}.intersection(NAMES)
        self._posted = posted
        self._answer: Mapping[str, Callable[[str, Request], Awaitable[Response]]] = {
            "fit": self._fit,
            "prepare_jpeg": self._prepare_jpeg,
            "resize_avatar": self._resize_avatar,
            "info": self._info,
        }

    async def usage(self, key: str, request: Request) -> Response:
        """What a GET says: how to POST."""
        try:
            name = self._find(key)
        except NotFound as error:
            return self._failed(error)
        return await self._succeeded({"usage": _USAGE[name]})

    async def respond(self, key: str, request: Request) -> Response:
        """The answer to a POST. Raises ClientGone."""
        try:
            return await self._answer[self._find(key)](key, request)
        except ClientGone:
            raise
        except OriginError as error:
            return self._failed(error)

    def _find(self, key: str) -> str:
        """The endpoint at this path. Raises NotFound."""
        name = "fit" if _BOX.fullmatch(key) else OTHER_NAMES.get(key, key)
        if name not in self.names or (name == "fit" and name == key):
            raise NotFound(f"no endpoint {key!r}")
        return name

    async def _fit(self, key: str, request: Request) -> Response:
        """Within a square box, never enlarged, in the format that came."""
        match = _BOX.fullmatch(key)
        assert match is not None  # or another endpoint had been found
        box = int(match[1]) if len(match[1]) < 10 else _MAX_SIDE
        if box == 0:
            raise BadRequest("The box has no pixels")
        start = time.time()
        sides = min(box, _MAX_SIDE)
        async with self._posted.received(request) as picture:
            options = Options(width=sides, height=sides)
            rendered = await self._render(picture, options, "original", request)
        if _value(request, b"simple") is not None:
            return self._sent(rendered.body, rendered.format.mime)
        end = time.time()
        times = {"start": start, "end": end, "cost": round(1000 * (end - start))}
        return await self._succeeded({**_uploaded(picture), "output": rendered.body, **times})

    async def _prepare_jpeg(self, key: str, request: Request) -> Response:
        """Upright, and without any metadata but its colour profile. What is upright is not encoded anew."""
        async with self._posted.received(request) as picture:
            if picture.format is not Format.JPG:
                raise BadRequest(_NO_JPEG)
            normalisation = Normalisation(orient=True, strip="all")
            rendered = await self._posted.render(
                picture, Options(), "jpg", request, normalisation=normalisation
            )
        return await self._succeeded({**_uploaded(picture), "output": rendered.body})

    async def _resize_avatar(self, key: str, request: Request) -> Response:
        """Squares cut from the middle, as PNG."""
        async with self._posted.received(request) as picture:
            largest = Options(width=_WHERE_LARGE[-1], height=_WHERE_LARGE[-1], crop=True)
            # As much of the original as the largest avatar needs; the smaller ones are made of it.
            base = await self._render(picture, largest, "png", request)
            middle = Picture(base.body, Format.PNG)
            avatars = {}
            for side in (*_ALWAYS, *_WHERE_LARGE):
                if side not in _ALWAYS and side > min(base.width, base.height):
                    continue
                body = base.body
                if (base.width, base.height) != (side, side):
                    square = Options(width=side, height=side, crop=True, enlarge=True)
                    body = (await self._render(middle, square, "png", request)).body
                avatars[f"avatar{side}"] = {"size": len(body), "body": body}
        return await self._succeeded({**_uploaded(picture), **avatars})

    async def _info(self, key: str, request: Request) -> Response:
        """Sides as the picture is seen."""
        async with self._posted.received(request) as picture:
            told = await self._posted.render(picture, Options(format="json"), "json", request)
        facts = json.loads(told.body)
        return await self._succeeded(
            {
                "width": facts["width"],
                "height": facts["height"],
                "mime_type": picture.format.mime,
                "binary_size": len(picture.body),
                "frames": facts["frames"],
            }
        )

    async def _render(self, picture: Picture, options: Options, format: str, request: Request) -> Rendered:
        """With `animated` in the query as an animation, otherwise the first frame."""
        moves = is_animated(request)
        return await self._posted.render(picture, options, format, request, animated=moves, moving_png=moves)

    async def _succeeded(self, fields: Fields) -> Response:
        content = {**fields, "status": "ok", "success": True}
        return self._sent(await asyncio.to_thread(_dump, content), _JSON_TYPE)

    def _sent(self, body: bytes, type: str) -> Response:
        return Response(200, headers_of_posted(body, type), body, self._handler)

    def _failed(self, error: OriginError) -> Response:
        status, message = _status_and_message(error)
        body = _dump({"message": message, "status": "error", "success": False})
        headers = headers_of_posted(body, _JSON_TYPE)
        if isinstance(error, Unauthorized):
            headers.append((b"www-authenticate", b"Bearer"))
        if isinstance(error, Overloaded):
            headers.append(RETRY_AFTER)
        return Response(status, headers, body, self._handler, error, error.kind)


def _status_and_message(error: OriginError) -> tuple[int, str]:
    """What the client is told. `error` may name what is ours."""
    if isinstance(error, NothingSent):
        return error.status, "No file was uploaded"
    if isinstance(error, NotFound):
        return error.status, "Not found"
    if isinstance(error, UnsupportedFormat):
        return error.status, _UNKNOWN if str(error) == refusal(b"") else _UNSUPPORTED
    if isinstance(error, Unprocessable):
        return error.status, "The uploaded file cannot be decoded, or is too large"
    if isinstance(error, RenderFailed):
        return error.status, "Error occurred during rescaling"
    if isinstance(error, Overloaded):
        return error.status, "Too busy, try again soon"
    return error.status, str(error)


def _uploaded(picture: Picture) -> Fields:
    return {"uploaded": {"size": len(picture.body), "mime": picture.format.mime}}


def is_animated(request: Request) -> bool:
    """Whether the query asks for an animation."""
    value = _value(request, b"animated")
    return value is not None and value.lower() not in _OFF


def _value(request: Request, name: bytes) -> bytes | None:
    """The value of a flag in the query; None where it is not there. It counts without a value too."""
    return dict(decode_query(request.query)).get(name)


def _dump(content: Fields) -> bytes:
    """JSON, with bytes in base64."""
    return json.dumps(content, default=_encode_base64).encode()


def _encode_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
