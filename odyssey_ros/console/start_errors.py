"""The text of an error that keeps the console from serving its page."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from odyssey_ros.client import OdysseyError
from odyssey_ros.client.service_text import error_text

if TYPE_CHECKING:
    from odyssey_ros.console.console_parameters import ConsoleParameters


def start_error_text(error: BaseException, parameters: ConsoleParameters) -> str:
    """Return what happened and what to do, in one line.

    Args:
        error: The error of the server's start.
        parameters: The parameters of the console.
    """
    address, port = parameters.address, parameters.port
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"port {port} of {address} is in use, perhaps by another console: end that process, or choose "
            f"another port with -p port:={port + 1}"
        )
    if number == errno.EACCES:
        return f"port {port} is reserved for the system: choose a port from 1024 on with -p port:=8088"
    if number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return (
            f"{error_text(address)} is no address of this machine: set the parameter address to one that is"
        )
    if isinstance(error, OdysseyError):
        return error.message
    if isinstance(error, OSError):
        return error_text(str(error))
    return f"{type(error).__name__}: {error_text(str(error))}"
