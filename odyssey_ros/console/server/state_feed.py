"""Brings the state of the graph to the hub, while pages want it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.graph.graph_watch import GraphWatch
from odyssey_ros.console.graph.node_reader import NodeReader
from odyssey_ros.console.graph.node_topics import CHANGED, EVENTS
from odyssey_ros.console.server.graph_reports import ARRIVED, LEFT, GraphReports

if TYPE_CHECKING:
    import asyncio

    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.node_directory import NodeDirectory
    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.console.server.state_hub import StateHub

READ_KINDS: Final = ("status", "playback", "position", "timeline", "lifecycle", "diagnostics", "limits")
"""The kinds of values that are read from the graph, and unknown while nobody watches the node."""


class StateFeed:
    """Watches the graph while pages are open, and each node while pages watch it.

    The methods are for the asyncio thread.

    Args:
        node: The node of the console.
        executor: Runs calls on the thread that spins the node.
        directory: The nodes on the graph.
        calls: Calls services.
        hub: Gets the state.
        loop: The loop of the asyncio thread.
    """

    def __init__(
        self,
        node: Node,
        executor: ExecutorCalls,
        directory: NodeDirectory,
        calls: ServiceCalls,
        hub: StateHub,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._executor = executor
        self._calls = calls
        self._hub = hub
        self._pages = 0
        self._watchers: Counter[str] = Counter()
        self._readers: dict[str, NodeReader] = {}
        self._graph = GraphWatch(node, directory, GraphReports(loop, self))

    def page_opened(self) -> None:
        """Follow the graph, for the first of the pages."""
        self._pages += 1
        if self._pages == 1:
            self._executor.post(self._graph.open)

    def page_closed(self) -> None:
        """Stop following the graph, after the last of the pages."""
        self._pages -= 1
        if self._pages == 0:
            self._executor.post(self._graph.close)

    def watch(self, name: str) -> None:
        """Watch a node for a page; an empty name is no node."""
        if not name:
            return
        self._watchers[name] += 1
        if self._watchers[name] == 1:
            self._executor.post(lambda: self._graph.watch(name))

    def unwatch(self, name: str) -> None:
        """Watch a node for one page less."""
        if not name:
            return
        self._watchers[name] -= 1
        if self._watchers[name] == 0:
            del self._watchers[name]
            self._executor.post(lambda: self._graph.unwatch(name))
            self._forget(name)

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        """Publish the list of the nodes."""
        self._hub.publish_nodes([node_entry(node) for node in nodes])

    def reported(self, name: str, kind: str, value: Any) -> None:
        """Handle a report about a node."""
        if name not in self._watchers:
            return
        if kind == EVENTS:
            self._hub.publish_event(name, value)
        elif kind == ARRIVED:
            self._stop_reading(name)
            self._readers[name] = NodeReader(self._calls, value, partial(self._hub.publish, name))
        elif kind == LEFT:
            self._forget(name)
        elif kind != CHANGED:
            self._hub.publish(name, kind, value)
        elif name in self._readers:
            self._readers[name].changed()

    def _forget(self, name: str) -> None:
        """Forget the values of a node; its events remain."""
        self._stop_reading(name)
        self._hub.forget(name, READ_KINDS)

    def _stop_reading(self, name: str) -> None:
        reader = self._readers.pop(name, None)
        if reader is not None:
            reader.stop()


def node_entry(node: GraphNode) -> dict[str, Any]:
    """Return what pages are told about a node."""
    return {
        "name": node.name,
        "kind": node.kind.value,
        "video": [codec for codec, role in (("h264", "video"), ("jpeg", "jpeg")) if role in node.topics],
        "can": sorted([*node.services, *(["run_simulation"] if node.simulation_action else [])]),
    }
