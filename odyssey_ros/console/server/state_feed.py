"""Brings the state of the graph to the hub, while pages want it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.graph.graph_watch import GraphWatch
from odyssey_ros.console.graph.node_topics import EVENTS, TRANSITION

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.node_directory import NodeDirectory
    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.console.server.state_hub import StateHub

READ_KINDS: Final = ("status", "playback", "timeline", "lifecycle", "diagnostics", "limits")
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
    """

    def __init__(
        self,
        node: Node,
        executor: ExecutorCalls,
        directory: NodeDirectory,
        calls: ServiceCalls,
        hub: StateHub,
    ) -> None:
        self._executor = executor
        self._calls = calls
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pages = 0
        self._watchers: Counter[str] = Counter()
        self._graph = GraphWatch(node, directory, _Crossing(self._post, self))

    def page_opened(self) -> None:
        """Follow the graph, as the first of the pages."""
        self._loop = asyncio.get_running_loop()
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
            self._hub.forget(name, READ_KINDS)

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        """Publish the list of the nodes."""
        self._hub.publish_nodes([node_entry(node) for node in nodes])

    def arrived(self, node: GraphNode) -> None:
        """Read what no topic of a watched node says."""

    def left(self, name: str) -> None:
        """Forget the values of a node that has gone; its events remain."""
        self._hub.forget(name, READ_KINDS)

    def reported(self, name: str, kind: str, value: Any) -> None:
        """Publish a value or an event of a watched node."""
        if name not in self._watchers:
            return
        if kind == EVENTS:
            self._hub.publish_event(name, value)
        elif kind != TRANSITION:
            self._hub.publish(name, kind, value)

    def _post(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(call)


class _Crossing:
    """Passes what the graph watch says from the executor's thread to the asyncio thread."""

    def __init__(self, post: Callable[[Callable[[], None]], None], feed: StateFeed) -> None:
        self._post = post
        self._feed = feed

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        self._post(lambda: self._feed.nodes_changed(nodes))

    def arrived(self, node: GraphNode) -> None:
        self._post(lambda: self._feed.arrived(node))

    def left(self, name: str) -> None:
        self._post(lambda: self._feed.left(name))

    def reported(self, name: str, kind: str, value: Any) -> None:
        self._post(lambda: self._feed.reported(name, kind, value))


def node_entry(node: GraphNode) -> dict[str, Any]:
    """Return what pages are told about a node."""
    return {
        "name": node.name,
        "kind": node.kind.value,
        "video": [codec for codec, role in (("h264", "video"), ("jpeg", "jpeg")) if role in node.topics],
        "can": sorted([*node.services, *(["run_simulation"] if node.simulation_action else [])]),
    }
