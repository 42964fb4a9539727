"""Passes what the executor's thread sees of the graph to the asyncio thread, in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from odyssey_ros.client.tasks import call_on_loop
from odyssey_ros.console.graph.node_topics import EVENTS

if TYPE_CHECKING:
    import asyncio

    from odyssey_ros.console.graph.graph_nodes import GraphNode

MAX_WAITING_EVENTS: Final = 500

ARRIVED: Final = "arrived"
LEFT: Final = "left"
_NODES: Final = "nodes"


class ReportReceiver(Protocol):
    """Handles the reports on the asyncio thread."""

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        """Handle a change of the nodes on the graph."""

    def reported(self, name: str, kind: str, value: Any) -> None:
        """Handle a report about a node: a kind of `node_topics`, `ARRIVED` (with the node) or `LEFT`."""


class GraphReports:
    """The observer of the graph watch. The methods are for the executor's thread.

    A value replaces one of its kind that still waits, and only the newest events wait, so that no node can
    fill the memory by publishing faster than the pages are served.

    Args:
        loop: The loop of the asyncio thread.
        receiver: Handles the reports.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, receiver: ReportReceiver) -> None:
        self._loop = loop
        self._receiver = receiver
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], Any] = {}
        self._events: deque[tuple[str, Any]] = deque(maxlen=MAX_WAITING_EVENTS)

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        """Report the nodes on the graph."""
        self._report("", _NODES, nodes)

    def arrived(self, node: GraphNode) -> None:
        """Report that a watched node is on the graph, or has other topics and services than before."""
        self._report(node.name, ARRIVED, node)

    def left(self, name: str) -> None:
        """Report that a watched node is not on the graph any more."""
        self._report(name, LEFT, None)

    def reported(self, name: str, kind: str, value: Any) -> None:
        """Report what a topic of a watched node says."""
        self._report(name, kind, value)

    def _report(self, name: str, kind: str, value: Any) -> None:
        with self._lock:
            nothing_waits = not self._waiting and not self._events
            if kind == EVENTS:
                self._events.append((name, value))
            else:
                self._waiting.pop((name, kind), None)  # what is reported last is handled last
                self._waiting[name, kind] = value
        if nothing_waits:
            call_on_loop(self._loop, self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            events = list(self._events)
            self._events.clear()
        for (name, kind), value in waiting.items():
            if kind == _NODES:
                self._receiver.nodes_changed(value)
            else:
                self._receiver.reported(name, kind, value)
        for name, event in events:
            self._receiver.reported(name, EVENTS, event)
