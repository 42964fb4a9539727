"""Which IP addresses belong to the public internet, so that nobody outside can name a private one."""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# The last 32 bits are an IPv4 address: compatible (RFC 4291, 2.5.5.1) and translated ones (RFC 6052, 2.1).
_CARRIERS: Final = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))
_LOCAL_TRANSLATION: Final = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215; in Python since 3.13


def is_public(text: str) -> bool:
    """Return whether a text is an IP address of the public internet; a name is not.

    An IPv4 address inside of an IPv6 address (mapped, compatible, 6to4, NAT64) has to be public too.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_global(address)
    if address.ipv4_mapped is not None:
        return _is_global(address.ipv4_mapped)
    inner = address.sixtofour
    if any(address in network for network in _CARRIERS):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    local = address.is_site_local or address in _LOCAL_TRANSLATION
    return not local and _is_global(address) and (inner is None or _is_global(inner))


def _is_global(address: Address) -> bool:
    return address.is_global and not address.is_multicast
