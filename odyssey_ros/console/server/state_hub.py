"""The last state of each node, and the pages that are told about it."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.server.answers import json_text
from odyssey_ros.console.server.event_texts import EventTexts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odyssey_ros.console.server.state_page import StatePage

MAX_NODES: Final = 128
"""Nodes whose state is kept; those that were published longest ago are forgotten first."""

NODES: Final = "nodes"


class StateHub:
    """Keeps the last value of each kind for each node, and its last events. For the asyncio thread.

    A value is any JSON value. A page gets the newest value of each kind, not every value: see `StatePage`.
    """

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, _NodeState] = OrderedDict()
        self._listed = ""
        self._pages: set[StatePage] = set()
        self._event_ids = count(1)

    def publish(self, node: str, kind: str, value: Any) -> None:
        """Send a value of a node to the pages that watch the node, and keep it for pages that come later.

        Args:
            node: The fully qualified name of the node.
            kind: The kind of the value, which is the type of the message and the name of its field.
            value: The value; None for a value that is not known any more.
        """
        text = json_text({"type": kind, "node": node, kind: value})
        state = self._state(node)
        if value is None:
            if state.values.pop(kind, None) is None:
                return
        elif state.values.get(kind) == text:
            return
        else:
            state.values[kind] = text
        for page in self._watching(node):
            page.put(kind, text)

    def publish_event(self, node: str, event: dict[str, Any]) -> None:
        """Add an event of a node; an `id` that increases is added to it."""
        text = json_text({"id": next(self._event_ids), **event})
        self._state(node).events.add(text)
        for page in self._watching(node):
            page.put_event(text)

    def publish_nodes(self, nodes: list[dict[str, Any]]) -> None:
        """Send the list of the nodes to all pages."""
        text = json_text({"type": NODES, NODES: nodes})
        if text == self._listed:
            return
        self._listed = text
        for page in self._pages:
            page.put(NODES, text)

    def forget(self, node: str, kinds: Iterable[str]) -> None:
        """Forget values of a node, and tell the pages that watch it."""
        for kind in kinds:
            self.publish(node, kind, None)

    def last(self, node: str, kind: str) -> str | None:
        """Return the message with the last value of a kind, as JSON; None without one."""
        state = self._nodes.get(node)
        return None if state is None else state.values.get(kind)

    @property
    def pages(self) -> int:
        """The number of pages."""
        return len(self._pages)

    def add(self, page: StatePage) -> None:
        """Send the state to a page, which watches no node yet."""
        self._pages.add(page)
        if self._listed:
            page.put(NODES, self._listed)

    def remove(self, page: StatePage) -> None:
        """Send nothing to a page any more. Idempotent."""
        self._pages.discard(page)

    def watch(self, page: StatePage, node: str) -> None:
        """Let a page watch another node; send what is known of the node. An empty name is no node."""
        page.watch(node)
        if not node:
            return
        state = self._nodes.get(node) or _NodeState()
        for kind, text in state.values.items():
            page.put(kind, text)
        page.put_backlog(state.events)

    def _state(self, node: str) -> _NodeState:
        state = self._nodes.setdefault(node, _NodeState())
        self._nodes.move_to_end(node)
        if len(self._nodes) > MAX_NODES:
            watched = {page.node for page in self._pages} | {node}
            oldest = next((name for name in self._nodes if name not in watched), node)
            del self._nodes[oldest]
        return state

    def _watching(self, node: str) -> list[StatePage]:
        return [page for page in self._pages if page.node == node]


class _NodeState:
    """The messages with the last values by kind, and the last events, as JSON."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.events = EventTexts()
