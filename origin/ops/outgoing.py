"""Requests of our own to other servers: to CDNs that are to forget pictures, to SNS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from origin.errors import SourceUnavailable

if TYPE_CHECKING:
    import aiohttp

TIMEOUT = 10.0  # seconds for one request in all
_ANSWER = 4096  # bytes read of an answer


@dataclass(frozen=True, slots=True)
class OutgoingAnswer:
    status: int
    text: str  # its beginning
    retry_after: float | None  # seconds


class OutgoingHttp:
    """Sends requests and follows no redirect. A proxy is used where the environment names one."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> OutgoingAnswer:
        """`url` is sent as it is spelled. Raises SourceUnavailable where there is no answer."""
        import aiohttp  # takes 0.2 s, which no command that asks nobody has to wait for
        from yarl import URL

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True, auto_decompress=False)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as answer:
                text = (await answer.content.read(_ANSWER)).decode(errors="replace")
                return OutgoingAnswer(answer.status, text, _seconds(answer.headers.get("Retry-After")))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise SourceUnavailable(f"{urlsplit(url).hostname}: no answer: {reason}") from error

    async def visit(self, url: str) -> None:
        """GET a URL. Raises SourceUnavailable for an answer other than 2xx."""
        answer = await self.send("GET", url)
        if not 200 <= answer.status < 300:
            raise SourceUnavailable(f"{urlsplit(url).hostname}: answered {answer.status}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _seconds(retry_after: str | None) -> float | None:
    """Seconds of Retry-After; a date (RFC 9110 section 10.2.3) counts as absent."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return float(retry_after.strip())
