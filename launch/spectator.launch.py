"""The spectator: a broadcast on the graph.

ODYSSEY_SPECTATOR_TOKEN=... ros2 launch odyssey_ros spectator.launch.py webrtc_url:=https://... rviz:=true
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
    rviz_on_pictures,
)
from odyssey_ros.bridge.spectator_parameters import SETTINGS

if TYPE_CHECKING:
    from launch import LaunchContext


def _spectator(context: LaunchContext) -> list[Node]:
    return [
        Node(
            package="odyssey_ros",
            executable="spectator",
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
            *node_arguments("spectator", "spectator"),
            *parameter_arguments(SETTINGS),
            OpaqueFunction(function=_spectator),
            *rviz_on_pictures(),
        ]
    )
