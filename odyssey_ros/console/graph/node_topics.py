"""The subscriptions of the console to the topics of one node."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import TransitionEvent
from rcl_interfaces.msg import ParameterEvent
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

import odyssey_ros.msg
from odyssey_ros.console.graph.graph_nodes import NodeKind
from odyssey_ros.console.graph.message_values import (
    diagnostics_values,
    event_value,
    playback_value,
    status_value,
    timeline_value,
)
from odyssey_ros.console.graph.shown_frames import BEST_EFFORT, ShownFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from odyssey_ros.console.graph.graph_nodes import GraphNode

EVENTS: Final = "events"
CHANGED: Final = "changed"
"""The kinds of reports that are no value: an event, and that the lifecycle or a parameter has changed."""

_EVENTS_DEPTH: Final = 100
_DIAGNOSTICS_TOPIC: Final = "/diagnostics"
_PARAMETERS_TOPIC: Final = "/parameter_events"
_DEPTH: Final = 10
_PARAMETERS_DEPTH: Final = 100
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
        self._qos: dict[str, tuple[int, QoSProfile]] = {}
        messages = odyssey_ros.msg
        for role, kind, convert, depth in (
            ("status", messages.StreamStatus, status_value, 1),
            ("playback", messages.PlaybackStatus, playback_value, 1),
            ("timeline", messages.PlaybackTimeline, timeline_value, 1),
            (EVENTS, messages.StreamEvent, event_value, _EVENTS_DEPTH),
        ):
            if role in watched.topics:
                self._subscribe(kind, watched.topics[role], depth, partial(self._received, role, convert))
        if watched.kind is NodeKind.PLAYER and "frame_info" in watched.topics:
            shown = ShownFrames(report, time.monotonic)
            self._create(messages.FrameInfo, watched.topics["frame_info"], shown, BEST_EFFORT)
        self._subscribe(DiagnosticArray, _DIAGNOSTICS_TOPIC, _DEPTH, self._diagnosed)
        if "transition_event" in watched.topics:
            self._subscribe(TransitionEvent, watched.topics["transition_event"], _DEPTH, self._changed)
            self._subscribe(ParameterEvent, _PARAMETERS_TOPIC, _PARAMETERS_DEPTH, self._parameter_changed)

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def match(self) -> bool:
        """Return whether the subscriptions have the quality of service that the publishers offer now."""
        return all(matching_qos(self._node, topic, depth) == qos for topic, (depth, qos) in self._qos.items())

    def _subscribe(self, kind: type, topic: str, depth: int, callback: Callable[[Any], None]) -> None:
        qos = matching_qos(self._node, topic, depth)
        self._create(kind, topic, callback, qos)
        self._qos[topic] = depth, qos

    def _create(self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile) -> None:
        subscription = self._node.create_subscription(
            kind,
            topic,
            callback,
            qos,
            # Each event would be one more entity to wait for.
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )
        self._subscriptions.append(subscription)

    def _changed(self, _: object) -> None:
        self._report(CHANGED, None)

    def _parameter_changed(self, message: ParameterEvent) -> None:
        if message.node == self._name and message.changed_parameters:
            self._report(CHANGED, None)

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
