"""A line in the log for whoever subscribes or publishes with a quality of service that does not fit ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import qos_policy_name_from_kind

if TYPE_CHECKING:
    from rclpy.node import Node


def publisher_events(node: Node, message_type: type, topic: str) -> PublisherEventCallbacks:
    """Return the callbacks of a publisher that is about to be created on ``node``."""

    def incompatible(event: Any) -> None:
        node.get_logger().warning(
            f"A subscriber of {described(node, message_type, topic)} asks for a {policy(event)} that this "
            f"node does not offer: it gets nothing. Let it ask for less{override_hint(node, topic, event)}"
        )

    return PublisherEventCallbacks(incompatible_qos=incompatible)


def subscription_events(node: Node, message_type: type, topic: str) -> SubscriptionEventCallbacks:
    """Return the callbacks of a subscription that is about to be created on ``node``."""

    def incompatible(event: Any) -> None:
        node.get_logger().warning(
            f"A publisher of {described(node, message_type, topic)} offers less {policy(event)} than this "
            f"node asks for: what it publishes is lost. Let it offer more{override_hint(node, topic, event)}"
        )

    return SubscriptionEventCallbacks(incompatible_qos=incompatible)


def described(node: Node, message_type: type, topic: str) -> str:
    """Return a topic as `ros2 topic info` names it, with its type."""
    return f"{node.resolve_topic_name(topic)} ({type_name(message_type)})"


def type_name(message_type: type) -> str:
    """Return a message's type as people write it, such as sensor_msgs/msg/Image."""
    package, kind = message_type.__module__.split(".")[:2]
    return f"{package}/{kind}/{message_type.__name__}"


def policy(event: Any) -> str:
    """Return the name of the policy that does not fit."""
    return str(qos_policy_name_from_kind(event.last_policy_kind)).lower()


def override_hint(node: Node, topic: str, event: Any) -> str:
    """Return what can be set on our side, where something can."""
    for end in ("publisher", "subscription"):
        name = f"qos_overrides.{node.resolve_topic_name(topic)}.{end}.{policy(event)}"
        if node.has_parameter(name):
            return f", or start this node with the parameter {name}"
    return ""
