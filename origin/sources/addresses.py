"""Which addresses of the Internet Protocol are public: what a source of other sites may connect to.

The tables are IANA's registries of special-purpose addresses (RFC 6890), as a fixed list: Python's own
`is_global` changes with its patch releases. Of IPv6 only the part that IANA hands out (2000::/3) can be
public, so whatever carries an IPv4 address inside (mapped, compatible, NAT64) is refused with the rest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform, which is not in IANA's table
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # in front of an IPv4 address, RFC 5214 section 6.1


def is_public(address: Address) -> bool:
    """Whether the address is one of the public Internet."""
    if isinstance(address, ipaddress.IPv6Address):
        is_isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
        if address not in _GLOBAL_UNICAST or address.scope_id is not None or is_isatap:
            return False
    return not any(address in network for network in _SPECIAL if network.version == address.version)


def parse_network(text: str) -> Network:
    """A network as `10.0.0.0/8`, or a single address. Raises ValueError."""
    return ipaddress.ip_network(text)


class AddressRules:
    """Public addresses, and those of networks that were allowed by name."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def admit(self, address: Address) -> bool:
        """Whether a connection to this address may be made."""
        if is_public(address):
            return True
        return any(address in network for network in self._allowed if network.version == address.version)
