"""A page whose machine vanishes: its connection stays open, but nobody reads or answers any more."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class VanishingPage:
    """Says hello and watches a node, and reads nothing afterwards. Use as a context manager.

    Args:
        url: The address of the console.
        node: The node to watch.
    """

    def __init__(self, url: str, node: str) -> None:
        token = httpx.get(f"{url}/api/session").json()["page_token"]
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=60)
        protocol = ClientProtocol(parse_uri(f"{url.replace('http', 'ws', 1)}/socket/state"), origin=url)
        protocol.send_request(protocol.connect())
        self._socket.sendall(b"".join(protocol.data_to_send()))
        while protocol.state.name == "CONNECTING":
            protocol.receive_data(self._socket.recv(4096))
        assert protocol.handshake_exc is None, protocol.handshake_exc
        for message in ({"type": "hello", "token": token}, {"type": "watch", "node": node}):
            protocol.send_text(json.dumps(message).encode())
        self._socket.sendall(b"".join(protocol.data_to_send()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
