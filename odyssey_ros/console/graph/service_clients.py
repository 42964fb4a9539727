"""The clients of services that the console calls, destroyed when nobody has used them for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.client import Client
    from rclpy.node import Node

IDLE_S: Final = 20.0
"""A client without a call is kept this long, because discovery takes up to a second for each new one."""


class ServiceClients:
    """Creates and keeps clients. For the executor's thread.

    Args:
        node: The node of the console.
        clock: Returns seconds, monotonic.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._kept: dict[tuple[type, str], _Kept] = {}

    def __len__(self) -> int:
        """Return the number of clients."""
        return len(self._kept)

    def acquire(self, kind: Any, name: str) -> Client:
        """Return the client of a service, which remains until it is released.

        Args:
            kind: The class of the service.
            name: The absolute name of the service.
        """
        kept = self._kept.get((kind, name))
        if kept is None:
            kept = self._kept[kind, name] = _Kept(self._node.create_client(kind, name))
        kept.uses += 1
        return kept.client

    def release(self, kind: Any, name: str) -> None:
        """End one use of a client. Without effect after an `acquire` that failed."""
        kept = self._kept.get((kind, name))
        if kept is not None:
            kept.uses -= 1
            kept.released = self._clock()

    def destroy_idle(self) -> None:
        """Destroy the clients that have not been used for `IDLE_S`."""
        now = self._clock()
        for key, kept in tuple(self._kept.items()):
            if kept.uses == 0 and now - kept.released >= IDLE_S:
                del self._kept[key]
                self._node.destroy_client(kept.client)


@dataclass(slots=True)
class _Kept:
    """A client, the number of calls that use it, and when the last of them ended."""

    client: Client
    uses: int = 0
    released: float = 0.0


class Servers:
    """The servers of a service that could receive a request, to see whether they are still there.

    With a middleware that names the topics of a service differently, only whether there is any server is
    known. For the executor's thread.

    Args:
        node: The node of the console.
        client: The client.
    """

    def __init__(self, node: Node, client: Client) -> None:
        self._node = node
        self._client = client
        self._identities = self._present()

    def remain(self) -> bool:
        """Return whether the servers are still there.

        The graph lists the server of a process that was killed until its lease ends. So a new server beside
        it counts as its successor.
        """
        if not self._identities:
            return bool(self._client.service_is_ready())
        present = self._present()
        return not self._identities.isdisjoint(present) and present <= self._identities

    def _present(self) -> frozenset[bytes]:
        topic = f"rq{self._client.service_name}Request"
        readers = self._node.get_subscriptions_info_by_topic(topic, no_mangle=True)
        return frozenset(bytes(reader.endpoint_gid) for reader in readers)
