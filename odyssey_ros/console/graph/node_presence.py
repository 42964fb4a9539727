"""Tells whether a process of the graph is still the one that a request was sent to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.console.graph.graph_nodes import GraphNode

_TOPIC_ROLES = ("status", "playback")


class NodePresence:
    """Remembers the process that runs a node, by the publishers of its status. For the executor's thread.

    A process that is killed leaves no message. The graph drops its publishers after the lease of the
    middleware, or the publishers of its successor appear beside them.

    Args:
        node: The node of the console.
        target: The node that is asked.
    """

    def __init__(self, node: Node, target: GraphNode) -> None:
        self._node = node
        self._target = target
        self._first = self._publishers()

    def has_left(self) -> bool:
        """Return whether the process has ended; false while its publishers are not known yet."""
        present = self._publishers()
        if not self._first:  # the name of the node can become known after its publishers
            self._first = present
            return False
        # A predecessor that was killed may be among the first until its lease ends: that is no departure.
        return not present & self._first or bool(present - self._first)

    def _publishers(self) -> frozenset[bytes]:
        topic = next(
            (self._target.topics[role] for role in _TOPIC_ROLES if role in self._target.topics), None
        )
        if topic is None:
            return frozenset()
        return frozenset(
            bytes(publisher.endpoint_gid)
            for publisher in self._node.get_publishers_info_by_topic(topic)
            if f"{publisher.node_namespace.rstrip('/')}/{publisher.node_name}" == self._target.name
        )
