"""aiobotocore's HTTP session, less two habits: to follow a redirect to any host, and to read an error
answer of any size into memory."""

from __future__ import annotations

from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession

_MAX_REFUSAL = 65_536  # bytes kept of an error answer; S3's are under 1 kB


class NoRedirectSession(AIOHTTPSession):  # type: ignore[misc]
    async def _get_session(self, proxy_url: str | None) -> _Straight:
        return _Straight(await super()._get_session(proxy_url))


class _Straight:
    """The one method that aiobotocore uses of an aiohttp session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **arguments: Any) -> aiohttp.ClientResponse | _Refusal:
        response = await self._session.request(method, **arguments, allow_redirects=False)
        if response.status < 300:
            return response
        async with response:
            # Raised, because given a 3xx botocore looks for the bucket's region by itself, for ever.
            if response.status < 400 and response.status != 304:
                region = response.headers.get("x-amz-bucket-region", "unknown")
                raise aiohttp.ClientError(f"{response.status} redirect refused; bucket region: {region}")
            return _Refusal(response, await _beginning(response))


class _Refusal:
    """What botocore needs of an error answer."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.url = response.url
        self.raw_headers = response.raw_headers
        self._body = body

    async def read(self) -> bytes:
        return self._body


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _MAX_REFUSAL:
            break  # aiohttp closes a connection that is left with bytes unread
    return bytes(body[:_MAX_REFUSAL])
