"""Follows the nodes of the graph, and the state of those that are watched."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from odyssey_ros.console.graph.node_topics import NodeTopics

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.node_directory import NodeDirectory


class GraphObserver(Protocol):
    """Is told what the graph watch sees, on the executor's thread."""

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        """Handle a change of the nodes on the graph."""

    def arrived(self, node: GraphNode) -> None:
        """Handle that a watched node is on the graph, or has other topics and services than before."""

    def left(self, name: str) -> None:
        """Handle that a watched node is not on the graph any more."""

    def reported(self, name: str, kind: str, value: Any) -> None:
        """Handle what a topic of a watched node says; `kind` is as in `node_topics`."""


class GraphWatch:
    """Follows the graph while it is open, and subscribes to the topics of the nodes that are watched.

    For the executor's thread.

    Args:
        node: The node of the console.
        directory: The nodes on the graph.
        observer: Is told everything.
    """

    def __init__(self, node: Node, directory: NodeDirectory, observer: GraphObserver) -> None:
        self._node = node
        self._directory = directory
        self._observer = observer
        self._watched: dict[str, NodeTopics | None] = {}
        self._known: dict[str, GraphNode] = {}
        self._nodes: tuple[GraphNode, ...] | None = None

    def open(self) -> None:
        """Follow the nodes of the graph."""
        self._directory.follow(self._looked)

    def close(self) -> None:
        """Follow nothing. Nodes must not be watched any more."""
        self._directory.unfollow(self._looked)
        self._known.clear()
        self._nodes = None

    def watch(self, name: str) -> None:
        """Subscribe to the topics of a node, as soon as it is on the graph."""
        self._watched[name] = None
        if name in self._known:
            self._subscribe(self._known[name])

    def unwatch(self, name: str) -> None:
        """Unsubscribe from the topics of a node."""
        topics = self._watched.pop(name, None)
        if topics is not None:
            topics.destroy()

    def _looked(self, nodes: tuple[GraphNode, ...]) -> None:
        before = self._known
        self._known = {node.name: node for node in nodes}
        if self._nodes != nodes:
            self._nodes = nodes
            self._observer.nodes_changed(nodes)
        for name, topics in tuple(self._watched.items()):
            if name not in self._known:
                self._unsubscribe(name)
            elif topics is None or before.get(name) != self._known[name] or not topics.match():
                self._subscribe(self._known[name])

    def _subscribe(self, watched: GraphNode) -> None:
        topics = self._watched[watched.name]
        if topics is not None:
            topics.destroy()
        report = partial(self._observer.reported, watched.name)
        self._watched[watched.name] = NodeTopics(self._node, watched, report)
        self._observer.arrived(watched)

    def _unsubscribe(self, name: str) -> None:
        topics = self._watched[name]
        if topics is not None:
            topics.destroy()
            self._watched[name] = None
            self._observer.left(name)
