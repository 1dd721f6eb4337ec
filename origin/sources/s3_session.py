"""aiobotocore's HTTP session without two of its habits: it follows a redirect to any host, and it reads an
error answer of any size into memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from typing import cast

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession

from origin.http.trace_context import trace_headers

_ERROR_BYTES = 65_536  # read of an error answer; those of S3 are under 1 kB


class RedirectRefused(aiohttp.ClientError):
    """The server sends us elsewhere."""

    def __init__(self, status: int, region: str | None) -> None:
        mend = f"set region to {region}" if region else "check region and endpoint_url"
        super().__init__(f"{status}, which leads elsewhere; {mend}")


class NoRedirectSession(AIOHTTPSession):  # type: ignore[misc]
    async def make_tls(self) -> ssl.SSLContext:
        """TLS as botocore has it: with its certificates, or those that its settings name."""
        context, _ = await asyncio.to_thread(self._build_ssl_contexts, None)
        return cast(ssl.SSLContext, context)

    async def _get_session(self, proxy_url: str | None) -> _Client:
        return _Client(await super()._get_session(proxy_url))


class _Client:
    """The one method that aiobotocore uses of an aiohttp session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(
        self, method: str, headers: Mapping[str, str], **arguments: Any
    ) -> aiohttp.ClientResponse | _ErrorAnswer:
        headers = {**headers, **trace_headers()}  # beside what is signed
        response = await self._session.request(method, headers=headers, **arguments, allow_redirects=False)
        if response.status < 300:
            return response
        async with response:
            # Raised, because botocore answers a 3xx by a search for the bucket's region that never ends.
            if response.status < 400 and response.status != 304:
                raise RedirectRefused(response.status, response.headers.get("x-amz-bucket-region"))
            return _ErrorAnswer(response, await _read_beginning(response))


class _ErrorAnswer:
    """What botocore needs of an error answer."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.url = response.url
        self.raw_headers = response.raw_headers
        self._body = body

    async def read(self) -> bytes:
        return self._body


async def _read_beginning(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _ERROR_BYTES:
            break  # aiohttp closes a connection that is left with bytes unread
    return bytes(body[:_ERROR_BYTES])
