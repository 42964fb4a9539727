"""Addresses that mean this machine."""

from __future__ import annotations

import ipaddress
from typing import Final

LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1")
"""The loopback address of each IP version."""


def is_loopback_host(host: str) -> bool:
    """Return whether a host name or address literal means this machine; no name is resolved.

    The unspecified addresses (`0.0.0.0`, `::`) are the addresses on which a service listens to all
    interfaces; as destinations they also mean this machine.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = parsed_address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def parsed_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address literal without brackets; return None for any other text.

    An IPv4 address in IPv6 notation (`::ffff:127.0.0.1`) is returned as an IPv4 address, and a zone is left
    out.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
