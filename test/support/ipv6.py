"""Whether this machine has the IPv6 loopback address."""

from __future__ import annotations

import socket

import pytest


def has_ipv6_loopback() -> bool:
    """Return whether ::1 can be bound."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def localhost_is_ipv6() -> bool:
    """Return whether `localhost` has the address ::1."""
    try:
        found = socket.getaddrinfo("localhost", 1, socket.AF_INET6, socket.SOCK_STREAM)
    except OSError:
        return False
    return has_ipv6_loopback() and any(address[0] == "::1" for *_, address in found)


needs_localhost_on_ipv6 = pytest.mark.skipif(
    not localhost_is_ipv6(), reason="localhost has no address ::1 on this machine"
)
needs_ipv6 = pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no address ::1")
