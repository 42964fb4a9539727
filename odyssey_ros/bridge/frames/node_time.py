"""The time of a node's clock, which may be simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from rclpy.clock import ROSClock
    from rclpy.node import Node


def node_time_ns(node: Node, age_ns: int = 0) -> int:
    """Return the time of the node's clock at an earlier moment, in ns. From any thread.

    With `use_sim_time`, the time is the one that the node last received on `/clock`, or 0 before that. It can
    stand still, run at any speed and go back, so that an age on the steady clock says nothing about it: the
    result is then the present simulated time.

    Args:
        node: The node.
        age_ns: How long ago the moment was on the steady clock, in ns; negative for a later moment.
    """
    clock = cast("ROSClock", node.get_clock())  # the clock of every node
    now_ns: int = clock.now().nanoseconds
    return now_ns if clock.ros_time_is_active else now_ns - age_ns
