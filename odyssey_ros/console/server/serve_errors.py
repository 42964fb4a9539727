"""The reasons why the console cannot serve its page, in words."""

from __future__ import annotations

import errno
import socket


class CannotServeError(Exception):
    """The page cannot be served; the text gives the reason and the remedy, and never a secret."""


def listen_error(error: OSError | UnicodeError, address: str, port: int) -> CannotServeError:
    """Return the error of an address and a port on which the console cannot listen."""
    if isinstance(error, (socket.gaierror, UnicodeError)):
        reason = (
            f"no host has the name {address!r}: set address to an IP address of this machine, or to a name "
            "of it"
        )
    elif error.errno == errno.EADDRINUSE:
        reason = (
            f"port {port} of {address} is in use, perhaps by another console: set port to another one, or to "
            "0 for a free one"
        )
    elif error.errno == errno.EACCES:
        reason = f"this user may not listen on port {port}: set port to 1024 or more, such as 8088"
    elif error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        reason = (
            f"{address} is no address of this machine: set address to one that `ip address` shows, or to "
            "0.0.0.0 for all of them"
        )
    else:
        reason = f"cannot listen on port {port} of {address}: {error.strerror or type(error).__name__}"
    return CannotServeError(reason)
