"""The player: a recording, a finished simulation job or a video file on the graph.

ros2 launch odyssey_ros player.launch.py stream_id:=... rate:=0 wait_for:=image_raw,frame_info
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from odyssey_ros.bridge.launch_arguments import (
    given_parameters,
    node_arguments,
    parameter_arguments,
    picture_profile,
)
from odyssey_ros.bridge.player_parameters import SETTINGS

if TYPE_CHECKING:
    from launch import LaunchContext


def _player(context: LaunchContext) -> list[Node]:
    return [
        Node(
            package="odyssey_ros",
            executable="player",
            name=LaunchConfiguration("name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), given_parameters(context, SETTINGS)],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            additional_env=picture_profile(),
            respawn=LaunchConfiguration("respawn").perform(context).lower() in ("true", "1", "yes", "on"),
            respawn_delay=2.0,
            output="screen",
            emulate_tty=True,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *node_arguments("player", "player"),
            *parameter_arguments(SETTINGS),
            OpaqueFunction(function=_player),
        ]
    )
