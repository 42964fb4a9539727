"""The address of a Ray cluster, and a check that a cluster answers there."""

from __future__ import annotations

import os
import socket
from typing import Final

from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.dataset.errors import PlanError

_AUTO: Final = "auto"
_TIMEOUT_S: Final = 10.0

# The start of each HTTP/2 connection: the client's preface with empty settings. The head node speaks gRPC,
# so it answers with its settings, whose type is 4.
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SETTINGS: Final = 4


def check_reachable(address: str, timeout_s: float = _TIMEOUT_S) -> None:
    """Check that a server like the head node of a cluster answers. Blocks for some seconds at most.

    Ray itself tries for minutes, and writes lines into the log meanwhile.

    Args:
        address: `HOST:PORT`; `auto` is accepted as it is.
        timeout_s: Limit for the connection, and for each part of the answer.

    Raises:
        PlanError: The address is none, nothing answers, or something else does.
    """
    if address == _AUTO:
        return
    host, port = _host_and_port(address)
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "1":
                return
            connection.sendall(_PREFACE)
            answer = connection.recv(9)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise PlanError(
            f"there is no Ray cluster at {address} ({reason}): give HOST:PORT of its head node, as `ray "
            "start --head` prints it"
        ) from error
    if len(answer) < 4 or answer[3] != _SETTINGS:
        raise PlanError(
            f"another server than the head node of a Ray cluster answers at {address}: give HOST:PORT as "
            "`ray start --head` prints it, which is not the port of the dashboard or of clients"
        )


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parsed = parse_address(f"http://{address}")
    except MalformedError:
        parsed = None
    if parsed is None or "://" in address or "/" in address or not address.rpartition(":")[2].isdigit():
        raise PlanError(f"the address of a Ray cluster is HOST:PORT or auto, not {address!r}")
    return parsed.host, int(address.rpartition(":")[2])
