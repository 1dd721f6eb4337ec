"""URLs of other web servers, read strictly and once.

One parser decides which host a URL names, and the client connects to what it found: two parsers that disagree
are the usual way around a list of hosts. What browsers and libraries repair differently (backslashes, numbers
as addresses, escapes in a host) is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote
from urllib.parse import urljoin

import idna

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.sources.addresses import Address

MAX_URL = 8192  # characters

_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"//([^/?#]*)(.*)", re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label it makes the host an IPv4 address (WHATWG URL)
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r"[0-9]{1,5}")
_AS_IT_IS = "%/:?@!$&'()*+,;=~-._[]"  # of path and query; everything else is escaped


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A URL that names a place on a web server. `host` is in lower case and ASCII, an IPv6 address without
    its brackets; `target` is path and query, escaped."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def address(self) -> Address | None:
        """The address, where the host is one and no name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def __str__(self) -> str:
        return self.origin + self.target

    def join(self, location: str) -> RemoteUrl:
        """Where a redirect leads (RFC 3986 section 5). Raises BadRequest and Forbidden."""
        try:
            return parse_url(urljoin(str(self), location.strip(" \t")))
        except ValueError:
            raise BadRequest(f"a redirect to {location[:200]!r}, which is no URL") from None


def parse_url(text: str) -> RemoteUrl:
    """The URL in a text.

    Raises BadRequest for what is no URL; Forbidden for other schemes than http and https, for credentials,
    and for hosts that are numbers in disguise.
    """
    if len(text) > MAX_URL or _CONTROL.search(text):
        raise BadRequest("a URL that is too long, or has control characters")
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise BadRequest(f"{text[:80]!r} is no URL")
    name = scheme[1].lower()
    if name not in _PORTS:
        raise Forbidden(f"the scheme {name[:20]} is not http or https")
    rest = _AUTHORITY.fullmatch(text, scheme.end())
    if rest is None:
        raise BadRequest("a URL without a host")
    authority, target = rest[1], rest[2].partition("#")[0]
    if "@" in authority:
        raise Forbidden("a URL with credentials")
    host, port = parse_host(authority)
    if not target.startswith("/"):
        target = f"/{target}"
    return RemoteUrl(name, host, _PORTS[name] if port is None else port, quote(target, safe=_AS_IT_IS))


def parse_host(authority: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. Raises BadRequest and Forbidden."""
    bracket = authority.rpartition("]")
    before_port, colon, port = bracket[2].rpartition(":")
    host = bracket[0] + bracket[1] + (before_port if colon else port)
    number = int(port) if colon and _PORT.fullmatch(port) else None
    if colon and port and not (number is not None and 1 <= number <= 65535):
        raise BadRequest(f"{port[:20]!r} is no port")
    return _normalise_host(host), number


def _normalise_host(text: str) -> str:
    if text.startswith("["):
        if not _IPV6.fullmatch(text):
            raise BadRequest(f"{text[:80]!r} is no address")
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise BadRequest(f"{text[:80]!r} is no address") from None
    try:
        # UTS 46 makes what looks like a dot or a digit into one, as browsers do.
        name = text if text.isascii() else idna.encode(text, uts46=True).decode()
    except (idna.IDNAError, ValueError):
        raise BadRequest("the host is no host name") from None
    name = name.lower().removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise BadRequest("the host is no host name")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        raise Forbidden(
            f"the host {name[:80]} is a number, and no address as it is usually written"
        ) from None


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A host that may be asked: a name, `*.` and a name for all below it, an address. Without a port, any."""

    host: str
    port: int | None = None
    is_wildcard: bool = False

    @staticmethod
    def parse(text: str) -> HostPattern:
        """The pattern of `example.com`, `*.example.com`, `example.com:8080`. Raises ValueError."""
        name = text.removeprefix("*.")
        try:
            host, port = parse_host(name)
        except (BadRequest, Forbidden) as error:
            raise ValueError(
                f"a host such as example.com, *.example.com or example.com:8080: {error}"
            ) from error
        return HostPattern(host, port, name != text)

    def matches(self, url: RemoteUrl) -> bool:
        if self.port not in (None, url.port):
            return False
        return url.host.endswith(f".{self.host}") if self.is_wildcard else url.host == self.host
