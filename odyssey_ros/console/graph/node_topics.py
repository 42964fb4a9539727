"""The subscriptions of the console to the topics of one node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import TransitionEvent
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

import odyssey_ros.msg
from odyssey_ros.console.graph.message_values import (
    diagnostics_values,
    event_value,
    playback_value,
    status_value,
    timeline_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from odyssey_ros.console.graph.graph_nodes import GraphNode

EVENTS: Final = "events"
TRANSITION: Final = "transition"
"""The kinds of reports that are no value: an event, and that the state of the lifecycle has changed."""

_EVENTS_DEPTH: Final = 100
_DIAGNOSTICS_TOPIC: Final = "/diagnostics"
_DIAGNOSTICS_DEPTH: Final = 10
_MAX_DIAGNOSTICS: Final = 64


class NodeTopics:
    """Subscribes to the topics of a node while it exists. For the executor's thread.

    Args:
        node: The node of the console.
        watched: The node whose topics are subscribed.
        report: Called with the kind and the value of each message.
    """

    def __init__(self, node: Node, watched: GraphNode, report: Callable[[str, Any], None]) -> None:
        self._node = node
        self._name = watched.name
        self._report = report
        self._diagnostics: dict[str, Any] = {}
        self._subscriptions: list[Subscription] = []
        messages = odyssey_ros.msg
        for role, kind, convert, depth in (
            ("status", messages.StreamStatus, status_value, 1),
            ("playback", messages.PlaybackStatus, playback_value, 1),
            ("timeline", getattr(messages, "PlaybackTimeline", None), timeline_value, 1),
            (EVENTS, messages.StreamEvent, event_value, _EVENTS_DEPTH),
        ):
            if role in watched.topics and kind is not None:
                self._subscribe(kind, watched.topics[role], depth, partial(self._received, role, convert))
        self._subscribe(DiagnosticArray, _DIAGNOSTICS_TOPIC, _DIAGNOSTICS_DEPTH, self._diagnosed)
        if "get_state" in watched.services:
            topic = f"{watched.name}/transition_event"
            self._subscribe(TransitionEvent, topic, 10, lambda _: report(TRANSITION, None))

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _subscribe(self, kind: type, topic: str, depth: int, callback: Callable[[Any], None]) -> None:
        qos = matching_qos(self._node, topic, depth)
        self._subscriptions.append(self._node.create_subscription(kind, topic, callback, qos))

    def _received(self, role: str, convert: Callable[[Any], Any], message: Any) -> None:
        self._report(role, convert(message))

    def _diagnosed(self, message: DiagnosticArray) -> None:
        statuses = diagnostics_values(message, self._name)
        for status in statuses:
            if status["name"] in self._diagnostics or len(self._diagnostics) < _MAX_DIAGNOSTICS:
                self._diagnostics[status["name"]] = status
        if statuses:
            self._report("diagnostics", list(self._diagnostics.values()))


def matching_qos(node: Node, topic: str, depth: int) -> QoSProfile:
    """Return the best quality of service that every publisher of a topic offers.

    Args:
        node: The node of the console.
        topic: The name of the topic.
        depth: Messages that wait for the executor.
    """
    offered = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    latched = offered and all(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in offered)
    reliable = all(one.reliability == ReliabilityPolicy.RELIABLE for one in offered)
    return QoSProfile(
        depth=depth,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )
