"""Start the player, which publishes a recording, a completed simulation job, a video file or a dataset.

ros2 launch odyssey_ros player.launch.py stream_id:=... rate:=0 wait_for:=image_raw,frame_info
"""

from __future__ import annotations

from launch import LaunchDescription
from odyssey_ros.bridge.launch_arguments import launch_node
from odyssey_ros.bridge.player_parameters import SETTINGS
from odyssey_ros.console.console_launch import console_arguments, console_beside


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription(
        [*console_arguments(), *launch_node("player", "player", SETTINGS, beside=console_beside)]
    )
