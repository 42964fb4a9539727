"""Start the spectator, which publishes a broadcast.

ODYSSEY_SPECTATOR_TOKEN=... ros2 launch odyssey_ros spectator.launch.py webrtc_url:=https://... rviz:=true
"""

from __future__ import annotations

from launch import LaunchDescription
from odyssey_ros.bridge.launch_arguments import launch_node
from odyssey_ros.bridge.spectator_parameters import SETTINGS
from odyssey_ros.console.console_launch import console_arguments, console_beside


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription(
        [
            *console_arguments(),
            *launch_node("spectator", "spectator", SETTINGS, rviz=True, beside=console_beside),
        ]
    )
