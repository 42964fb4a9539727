"""Start the bridge, which publishes an Odyssey stream.

ros2 launch odyssey_ros odyssey.launch.py prompt:="a harbour at dawn" rviz:=true
"""

from __future__ import annotations

from launch import LaunchDescription
from odyssey_ros.bridge.bridge_parameters import SETTINGS
from odyssey_ros.bridge.launch_arguments import launch_node
from odyssey_ros.console.console_launch import console_arguments, console_beside


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription(
        [*console_arguments(), *launch_node("bridge", "odyssey", SETTINGS, rviz=True, beside=console_beside)]
    )
