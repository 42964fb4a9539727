"""The servers of a service, watched while a request is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.client import Client
    from rclpy.node import Node


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
