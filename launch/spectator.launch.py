"""The spectator: a broadcast on the graph.

ODYSSEY_SPECTATOR_TOKEN=... ros2 launch odyssey_ros spectator.launch.py webrtc_url:=https://... rviz:=true
"""

from __future__ import annotations

from launch import LaunchDescription
from odyssey_ros.bridge.launch_arguments import launch_node, rviz_on_pictures
from odyssey_ros.bridge.spectator_parameters import SETTINGS


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription([*launch_node("spectator", "spectator", SETTINGS), *rviz_on_pictures()])
