"""HTTP to servers of other people: only addresses that were checked are connected to.

The addresses of a name are looked up here, all of them are checked, and the client connects to those and to
no others. Redirects are followed here, so that each goes through the same checks. No proxy of the
environment, no cookie and no password file has a say.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from origin import __version__
from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import HostUnavailable
from origin.http.trace_context import trace_headers
from origin.http.via import via_header
from origin.sources.addresses import Address
from origin.sources.addresses import AddressRules
from origin.sources.addresses import parse_network
from origin.sources.http import HttpSettings
from origin.sources.http_connection import BoundedConnection
from origin.sources.remote_url import RemoteUrl
from origin.sources.settings import reveal

LookUp = Callable[[str], Awaitable[list[str]]]
"""The addresses of a name. Raises OSError."""

CONNECTIONS = 64
_LOOKUP_THREADS = 16  # names that are looked up at once; a lookup that hangs holds its thread
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpSession:
    """Asks servers as the settings say."""

    def __init__(self, settings: HttpSettings, look_up: LookUp | None = None) -> None:
        self._settings = settings
        self._rules = AddressRules(map(parse_network, settings.allow_private))
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, "origin-dns")
        self._look_up = look_up or self._ask_the_system
        self._client: aiohttp.ClientSession | None = None
        agent = settings.user_agent or f"image-origin/{__version__}"
        # The bytes as they are: what is compressed has to be unpacked within bounds.
        self._headers = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        self._headers["User-Agent"] = agent
        self._own_headers = {name: str(reveal(value) or "") for name, value in settings.headers.items()}

    def open(self) -> None:
        """Raises OSError where the trusted certificates cannot be read."""
        if self._client is not None:
            return
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout)
        self._client = aiohttp.ClientSession(
            connector=self._connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def get(
        self, url: RemoteUrl, conditions: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of all redirects.

        Raises Forbidden for a URL or an address that may not be asked, HostUnavailable for too many
        redirects, and what aiohttp raises.
        """
        self.open()
        assert self._client is not None
        first, seen = url, {str(url)}
        while True:
            self._admit(url)
            headers = {**self._headers, "Via": via_header(), **trace_headers(), **conditions}
            if _is_same_server(first, url):
                headers |= self._own_headers
            request = self._client.get(URL(str(url), encoded=True), headers=headers, allow_redirects=False)
            async with request as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    yield response
                    return
            url = _follow(url, location)
            if str(url) in seen:
                raise HostUnavailable(f"{first}: redirects in a circle")
            seen.add(str(url))
            if len(seen) > self._settings.max_redirects + 1:
                raise HostUnavailable(f"{first}: more than {self._settings.max_redirects} redirects")

    def _admit(self, url: RemoteUrl) -> None:
        """Check what the URL itself says; the addresses of a name are checked where they are looked up."""
        self._settings.check_host(url)
        if url.address is not None:
            self._admit_address(url.address, url.host)

    def _admit_address(self, address: Address, host: str) -> None:
        if not self._rules.admit(address):
            what = host if host == str(address) else f"{host}: {address}"
            raise Forbidden(f"{what} is not a public address; allow_private can name its network")

    def _connector(self) -> aiohttp.TCPConnector:
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._look_up, self._admit_address),
            use_dns_cache=False,  # what was checked is used for this one connection
            ssl=_tls(self._settings),
            limit=CONNECTIONS,
            socket_factory=self._make_socket,
        )
        make: type[ResponseHandler] = BoundedConnection
        connector._factory = partial(make, loop=asyncio.get_running_loop())
        return connector

    def _make_socket(self, address_info: Any) -> socket.socket:
        """The socket of one connection. Its address is checked once more: here none is missed."""
        family, kind, protocol, _, peer = address_info
        self._admit_address(ipaddress.ip_address(peer[0]), str(peer[0]))
        return socket.socket(family, kind, protocol)

    async def _ask_the_system(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()

        def ask() -> list[str]:
            return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]

        return await loop.run_in_executor(self._threads, ask)


class _CheckedResolver(AbstractResolver):
    """Gives aiohttp the addresses of a name if every one of them may be connected to."""

    def __init__(self, look_up: LookUp, admit: Callable[[Address, str], None]) -> None:
        self._look_up = look_up
        self._admit = admit

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = [ipaddress.ip_address(text) for text in await self._look_up(host)]
        for address in addresses:
            self._admit(address, host)
        if not addresses:
            raise OSError(f"{host} has no address")
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None: ...


def _result(host: str, port: int, address: Address) -> ResolveResult:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=flags)


def _follow(url: RemoteUrl, location: str) -> RemoteUrl:
    try:
        return url.join(location)
    except BadRequest as error:
        raise HostUnavailable(f"{url}: {error}") from error


def _is_same_server(first: RemoteUrl, url: RemoteUrl) -> bool:
    """Whether a redirect stays on the server that was asked, or leads to its TLS."""
    is_upgrade = (first.scheme, first.port, url.scheme, url.port) == ("http", 80, "https", 443)
    return url.origin == first.origin or (url.host == first.host and is_upgrade)


def _tls(settings: HttpSettings) -> ssl.SSLContext:
    """Raises OSError where `ca` cannot be read."""
    context = ssl.create_default_context(cafile=settings.ca)
    if not settings.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
