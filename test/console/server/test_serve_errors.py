"""Why an address cannot be used, with the remedy."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from odyssey_ros.console.server.serve_errors import listen_error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no host has the name 'robot'"),
        (UnicodeError("label too long"), "no host has the name 'robot'"),
        (errno.EADDRINUSE, "port 80 of robot is in use, perhaps by another console: set port"),
        (errno.EACCES, "may not listen on port 80: set port to 1024 or more"),
        (errno.EADDRNOTAVAIL, "robot is no address of this machine: set address"),
        (errno.EAFNOSUPPORT, "robot is no address of this machine"),
        (errno.ENOBUFS, "cannot listen on port 80 of robot: No buffer space available"),
    ],
)
def test_the_reason_and_the_remedy(error, expected):
    if isinstance(error, int):
        error = OSError(error, os.strerror(error))
    text = str(listen_error(error, "robot", 80))
    assert expected in text
    assert "\n" not in text
