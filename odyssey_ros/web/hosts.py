"""The host names under which a web server answers.

A web page whose host name is made to resolve to this machine (DNS rebinding) makes a browser send requests to
the server that look like requests of the same origin. They have the name in the header `Host`.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


def host_of(header: str) -> str | None:
    """Return the lower-case host in a `Host` header, without brackets and port; None if it is invalid."""
    match = _HOST.fullmatch(header)
    if match is None or int(match[2] or 0) > 65535:
        return None
    return match[1].strip("[]").lower().removesuffix(".")


def is_loopback(host: str | None) -> bool:
    """Return whether a host is `localhost` or a loopback address.

    A socket for both IP versions reports IPv4 addresses in IPv6 notation (`::ffff:127.0.0.1`).
    """
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class HostRule:
    """The hosts under which the service answers.

    A service that is bound to a loopback address answers to `localhost`, loopback addresses and the allowed
    names. A service that is bound to another address answers to every address, to the name to which it is
    bound, to the name of this machine, and to the allowed names: DNS rebinding needs a name of the attacker.
    The port may be any, so that a forwarded port works.

    Args:
        bound: The address or name to which the service is bound.
        allowed: Further host names.
    """

    def __init__(self, bound: str, allowed: tuple[str, ...] = ()) -> None:
        self._names = {name.strip("[]").lower().removesuffix(".") for name in allowed}
        self._any_address = not is_loopback(bound)
        if self._any_address:
            self._names |= {bound.lower(), socket.gethostname().lower()}

    def accepts(self, host: str) -> bool:
        """Return whether the service answers to a host that `host_of` returned."""
        return host in self._names or is_loopback(host) or (self._any_address and _is_address(host))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
