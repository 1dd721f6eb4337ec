"""No address that is not public is ever connected to, however it is written and whoever leads there.

A trap listens on every address of this machine. The control shows that it would be found.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import socket
from collections.abc import AsyncIterator

import pytest

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import HostUnavailable
from origin.sources.addresses import is_public
from origin.sources.http import HttpSettings
from origin.sources.http_source import HttpSource
from tests.support import pictures
from tests.support.stream_server import StreamServer
from tests.support.stream_server import hang_up
from tests.support.stream_server import stream_server
from tests.support.web_servers import web_server

# Hosts; the port of the trap is appended.
HOSTS = [
    # loopback, and this host
    *(
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0",
        "localhost",
        "LocalHost",
        "localhost.",
    ),
    # numbers instead of addresses
    *("2130706433", "017700000001", "0x7f000001", "0x7F.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01"),
    *("127.000.000.001", "127.0.0.1.", "4294967295", "18446744071562067969", "0x0", "00"),
    # other letters for the same
    *(
        "１２７.０.０.１",
        "127。0。0。1",
        "127．0．0．1",
        "①②⑦.⓪.⓪.①",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "loca­lhost",
        "ｌｏｃａｌｈｏｓｔ",
    ),
    # IPv6, and IPv4 inside it
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:0:127.0.0.1]"),
    *("[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]"),
    *("[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2620:0:1:1:0:5efe:7f00:1]", "[2620:0:1:1:200:5efe:7f00:1]"),
    *("[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[100::1]", "[5f00::1]"),
    *("[2001:db8::1]", "[3fff::1]", "[2001:2::1]", "[2001:20::1]"),
    # networks that are not public
    *(
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
    ),
    *("192.0.0.1", "192.0.0.192", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    # names that lead there; see ADDRESSES
    *("loop.test", "loop6.test", "mapped.test", "linklocal.test", "both.test", "two.test", "metadata.test"),
    # what parsers disagree on
    *("example.com@127.0.0.1", "user:secret@127.0.0.1", "127.0.0.1%2f", "127.0.0.1%00", "%31%32%37.0.0.1"),
    *(
        "127.0.0.1\\@example.com",
        "example.com\\@127.0.0.1",
        "127.0.0.1\t",
        "127.0.0.1\n",
        "[::1%lo]",
        "[::1%25lo]",
    ),
    *("[127.0.0.1]", "[::1", "::1", "", ".", "127.0.0.1..", "example..com", "a_b..127.0.0.1"),
]
URLS = [
    *(
        "http:127.0.0.1:{port}/",
        "http:/127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
    ),
    *(
        "HTTP://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "127.0.0.1:{port}",
        "http://127.0.0.1:{port}?x",
    ),
    *(
        "http://127.0.0.1:{port}#@example.com/",
        "http://127.0.0.1:{port}\\example.com/",
        " http://127.0.0.1:{port}/",
    ),
    *(
        "ftp://127.0.0.1:{port}/",
        "gopher://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
    ),
    *(
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "unix:///run/x",
        "ws://127.0.0.1:{port}/",
        "http://",
    ),
    *("http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://127.0.0.1:-1/", "http://127.0.0.1:8o80/"),
    *(
        "jar:http://127.0.0.1:{port}!/",
        "http\n://127.0.0.1:{port}/",
        "http://example.com:80:{port}@127.0.0.1/",
    ),
]
ADDRESSES = {
    "loop.test": ["127.0.0.1"],
    "loop6.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "linklocal.test": ["fe80::1%1"],
    "both.test": ["93.184.215.14", "127.0.0.1"],
    "two.test": ["2606:4700::1", "::1"],
    "metadata.test": ["169.254.169.254"],
}


@pytest.fixture
async def trap() -> AsyncIterator[StreamServer]:
    """Counts connections to one port of every address of this machine."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        async with stream_server(hang_up, listener=listener) as server:
            yield server


async def look_up(host: str) -> list[str]:
    """The addresses of a name: those above, else what the system says of names like `localhost`."""
    if host in ADDRESSES:
        return ADDRESSES[host]
    loop = asyncio.get_running_loop()
    return [str(info[4][0]) for info in await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@contextlib.asynccontextmanager
async def source(*allowed: str, max_redirects: int = 5) -> AsyncIterator[HttpSource]:
    settings = HttpSettings(keys="url", open=True, allow_private=allowed, max_redirects=max_redirects)
    source = HttpSource(settings, look_up=look_up, timeout=20)
    yield source
    await source.close()


async def test_nothing_that_is_not_public_is_reached(trap: StreamServer) -> None:
    urls = [f"http://{host}:{trap.port}/cat.png" for host in HOSTS]
    urls += [url.replace("{port}", str(trap.port)) for url in URLS]
    assert len(urls) >= 60
    outcomes: dict[str, str] = {}
    async with source() as guarded:
        for url in urls:
            try:
                await guarded.get(url)
            except (BadRequest, Forbidden) as error:
                outcomes[url] = error.kind
            except HostUnavailable:  # a name that the system knows nothing of
                outcomes[url] = "unknown name"
    assert trap.connections == 0
    assert [url for url in urls if url not in outcomes] == []
    assert [url for url, kind in outcomes.items() if kind == "unknown name"] == []


async def test_the_trap_would_have_been_found(trap: StreamServer) -> None:
    async with source("127.0.0.0/8", "::1/128") as allowed:
        for host in ("127.0.0.1", "localhost", "[::1]", "loop.test", "loop6.test", "１２７.０.０.１"):
            with pytest.raises(HostUnavailable):
                await allowed.get(f"http://{host}:{trap.port}/cat.png")
    assert trap.connections >= 6


async def test_no_redirect_leads_there(trap: StreamServer) -> None:
    places = [f"http://{host}:{trap.port}/" for host in HOSTS if host.isprintable() and host.isascii()]
    places += [url.replace("{port}", str(trap.port)) for url in URLS if "\n" not in url]
    places += [f"//127.0.0.1:{trap.port}/", f"\\\\127.0.0.1:{trap.port}/", f"/\\127.0.0.1:{trap.port}/"]
    with web_server("127.0.0.2") as web:
        async with source("127.0.0.2/32") as guarded:
            for number, place in enumerate(places):
                url = web.put(f"/{number}", status=302, headers={"Location": place})
                with pytest.raises((Forbidden, HostUnavailable, BadRequest, Exception)) as caught:
                    await guarded.get(url)
                assert getattr(caught.value, "kind", None) in {
                    "forbidden",
                    "source-unavailable",
                    "not-found",
                }, place
    assert trap.connections == 0


async def test_a_redirect_to_a_name_is_looked_up_and_checked(trap: StreamServer) -> None:
    with web_server("127.0.0.2") as web:
        url = web.put("/r", status=301, headers={"Location": f"http://both.test:{trap.port}/"})
        async with source("127.0.0.2/32") as guarded:
            with pytest.raises(Forbidden, match=r"both\.test: 127\.0\.0\.1 is not a public address"):
                await guarded.get(url)
    assert trap.connections == 0


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(trap: StreamServer) -> None:
    """A name that answers differently the second time has no second time."""
    with web_server("127.0.0.2") as web:
        web.put("/cat.png", pictures.small())
        answers = itertools.chain([["127.0.0.2"]], itertools.repeat(["127.0.0.1"]))
        asked: list[str] = []

        async def rebind(host: str) -> list[str]:
            asked.append(host)
            return next(answers)

        settings = HttpSettings(keys="url", open=True, allow_private=("127.0.0.2/32",))
        guarded = HttpSource(settings, look_up=rebind)
        original = await guarded.get(f"http://rebind.test:{web.port}/cat.png")
        await guarded.close()
    assert original is not None
    assert asked == ["rebind.test"]
    assert trap.connections == 0


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.1", "100.63.255.255", "2606:4700::1111"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_the_table_refuses_whatever_python_calls_special() -> None:
    """Python's table is another one of the same registries. Edges of each of its networks."""
    private = [*ipaddress._IPv4Constants._private_networks, *ipaddress._IPv6Constants._private_networks]  # type: ignore[attr-defined]
    edges = [address for network in private for address in (network[0], network[-1])]
    assert [str(address) for address in edges if is_public(address)] == []
