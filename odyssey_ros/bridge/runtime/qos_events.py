"""Log lines about publishers and subscriptions of other nodes with an incompatible quality of service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import qos_policy_name_from_kind

if TYPE_CHECKING:
    from rclpy.node import Node


def publisher_events(node: Node, message_type: type, topic: str) -> PublisherEventCallbacks:
    """Return the event callbacks for a new publisher of a node."""

    def incompatible(event: Any) -> None:
        node.get_logger().warning(
            f"A subscription to {described(node, message_type, topic)} requests a {policy(event)} that this "
            f"node does not offer, and receives nothing. Relax the subscription"
            f"{override_hint(node, topic, event)}"
        )

    return PublisherEventCallbacks(incompatible_qos=incompatible)


def subscription_events(node: Node, message_type: type, topic: str) -> SubscriptionEventCallbacks:
    """Return the event callbacks for a new subscription of a node."""

    def incompatible(event: Any) -> None:
        node.get_logger().warning(
            f"A publisher of {described(node, message_type, topic)} offers less {policy(event)} than this "
            f"node requests, and its messages are lost. Tighten the publisher"
            f"{override_hint(node, topic, event)}"
        )

    return SubscriptionEventCallbacks(incompatible_qos=incompatible)


def described(node: Node, message_type: type, topic: str) -> str:
    """Return the resolved name of a topic, with its type."""
    return f"{node.resolve_topic_name(topic)} ({type_name(message_type)})"


def type_name(message_type: type) -> str:
    """Return the name of a message type, such as sensor_msgs/msg/Image."""
    package, kind = message_type.__module__.split(".")[:2]
    return f"{package}/{kind}/{message_type.__name__}"


def policy(event: Any) -> str:
    """Return the name of the incompatible policy."""
    return str(qos_policy_name_from_kind(event.last_policy_kind)).lower()


def override_hint(node: Node, topic: str, event: Any) -> str:
    """Return a hint at the parameter that changes the policy of this node; empty when there is none."""
    for end in ("publisher", "subscription"):
        name = f"qos_overrides.{node.resolve_topic_name(topic)}.{end}.{policy(event)}"
        if node.has_parameter(name):
            return f", or start this node with the parameter {name}"
    return ""
