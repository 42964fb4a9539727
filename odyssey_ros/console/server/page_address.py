"""The address under which people open the page."""

from __future__ import annotations

import socket
from typing import Final

_EVERY_ADDRESS: Final = {"0.0.0.0": ("192.0.2.1", socket.AF_INET), "::": ("2001:db8::1", socket.AF_INET6)}
"""For each address that means all addresses: a remote one, and the family of both."""


def page_url(scheme: str, address: str, port: int) -> str:
    """Return the URL of the page, for a person on another machine if the console can be reached from there.

    Args:
        scheme: `http` or `https`.
        address: The address or name on which the console listens.
        port: Its port.
    """
    host = _own_address(*_EVERY_ADDRESS[address]) if address in _EVERY_ADDRESS else address
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _own_address(remote: str, family: int) -> str:
    """Return the address from which packets to others are sent, else the name of this machine."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote, 9))  # chooses a route; sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()
