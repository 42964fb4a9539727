"""Sockets that listen on all addresses of a host name."""

from __future__ import annotations

import errno
import socket
from typing import Final

_BACKLOG: Final = 128
_NO_SUCH_FAMILY: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on the addresses of a host, all on one port. Resolves a name, which blocks.

    Args:
        host: An address or a name; `::` listens on all IPv6 and IPv4 addresses where the system can.
        port: The TCP port; 0 selects a free one.

    Raises:
        OSError: No address of the host can be used: `socket.gaierror` for a name that is unknown.
    """
    if host == "::" and socket.has_dualstack_ipv6():
        return [socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    unusable: OSError | None = None
    for family, address in dict.fromkeys((family, address) for family, *_, address in found):
        try:
            sockets.append(_listening(family, (address[0], port, *address[2:])))
        except OSError as error:
            if error.errno not in _NO_SUCH_FAMILY:
                for one in sockets:
                    one.close()
                raise
            unusable = error  # such as ::1 of localhost, on a machine without IPv6
            continue
        port = sockets[0].getsockname()[1]
    if not sockets:
        raise unusable or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    return sockets


def _listening(family: int, address: tuple[str | int, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            made.bind(address)
        except OSError as error:
            reason = (error.strerror or "cannot be used").lower()
            where = f"{address[0]}, port {address[1]}"
            raise OSError(error.errno, f"cannot listen on {where}: {reason}") from None
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
