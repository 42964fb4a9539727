"""Protection from invalid messages on `/clock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rosgraph_msgs.msg import Clock

_WARNING_PERIOD_S = 10.0


def without_negative_times(node: Node, callback: Callable[[Clock], None]) -> Callable[[Clock], None]:
    """Return a callback for `/clock` that drops times before 0.

    rclpy raises an exception for such a time in its own subscription, which would end the process.

    Args:
        node: Logs a warning for a dropped message.
        callback: Receives the other messages.
    """

    def received(message: Clock) -> None:
        if message.clock.sec >= 0:
            callback(message)
            return
        node.get_logger().warning(
            f"Ignored a negative time on /clock ({message.clock.sec} s): fix its publisher",
            throttle_duration_sec=_WARNING_PERIOD_S,
        )

    return received
