"""Bounds the guesses of the token from each address."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FAILURES: Final = 5
"""Wrong tokens from one address within `WINDOW_S`; then it has to wait."""

WINDOW_S: Final = 60.0

MAX_ADDRESSES: Final = 1024
"""Addresses that are remembered; the one that failed first is forgotten for a further one."""

_IPV6_NETWORK: Final = 64
"""Bits of the network of an IPv6 address: one machine can have every address in it."""


class LoginAttempts:
    """The wrong tokens of late.

    Args:
        now: A clock that never goes back, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: dict[str, list[float]] = {}

    def wait_s(self, address: str) -> float:
        """Return how long an address has to wait before it may try again; 0 if it may now."""
        failures = self._recent(_network(address))
        return failures[0] + WINDOW_S - self._now() if len(failures) >= MAX_FAILURES else 0.0

    def failed(self, address: str) -> None:
        """Note a wrong token."""
        network = _network(address)
        failures = self._recent(network)
        self._failures.pop(network, None)
        while len(self._failures) >= MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]
        self._failures[network] = [*failures, self._now()]

    def succeeded(self, address: str) -> None:
        """Forget the wrong tokens of an address."""
        self._failures.pop(_network(address), None)

    def _recent(self, network: str) -> list[float]:
        oldest = self._now() - WINDOW_S
        return [at for at in self._failures.get(network, []) if at > oldest]


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
    return str(parsed)
