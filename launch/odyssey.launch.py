"""The bridge: an Odyssey stream on the graph.

ros2 launch odyssey_ros odyssey.launch.py prompt:="a harbour at dawn" rviz:=true
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
from odyssey_ros.bridge.parameters import SETTINGS

if TYPE_CHECKING:
    from launch import LaunchContext


def _bridge(context: LaunchContext) -> list[Node]:
    return [
        Node(
            package="odyssey_ros",
            executable="bridge",
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
            *node_arguments("odyssey", "bridge"),
            *parameter_arguments(SETTINGS),
            OpaqueFunction(function=_bridge),
            *rviz_on_pictures(),
        ]
    )
