"""Start the emulator and the bridge: a stream without an account.

ros2 launch odyssey_ros demo.launch.py prompt:="a harbour at dawn" rviz:=true

It also has the arguments of odyssey.launch.py, except those that choose the service and the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessIO
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix

from launch import LaunchDescription
from odyssey_ros.bridge.bridge_parameters import SETTINGS
from odyssey_ros.bridge.launch_arguments import (
    NodeArguments,
    OutputLines,
    argument,
    end_with,
    node_arguments,
    parameter_arguments,
    rviz_argument,
    rviz_with_images,
)
from odyssey_ros.bridge.launch_values import parse_float, parse_int
from odyssey_ros.console.console_launch import console_arguments, console_nodes, read_console

if TYPE_CHECKING:
    from launch.events.process import ProcessIO

    from launch import LaunchContext, LaunchDescriptionEntity

LOCAL_KEY = "ody_local"  # valid only for the emulator
FIRST_PROMPT = "a harbour at dawn, calm water"
READY = "odyssey emulator ready at "
SERVICE = (
    "api_url",
    "api_key_file",
    "credentials_file",
    "allow_insecure",
)  # not arguments: the bridge uses the emulator
PARAMETERS = [setting for setting in SETTINGS if setting.name not in SERVICE]


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    port = parse_int("port", argument(context, "port"), 0, 65535)
    fps = parse_float("fps", argument(context, "fps"), 0.1, 60.0)
    bridge = NodeArguments.read(context, "bridge", PARAMETERS)
    console, rviz = read_console(context), rviz_with_images(context)
    emulator = ExecuteProcess(
        cmd=[
            PathJoinSubstitution([FindPackagePrefix("odyssey_ros"), "lib", "odyssey_ros", "emulator"]),
            *("--host", "127.0.0.1", "--port", str(port), "--api-key", LOCAL_KEY, "--fps", f"{fps:g}"),
        ],
        name="emulator",
        output="screen",
    )
    output = OutputLines()

    def start_bridge(event: ProcessIO) -> list[LaunchDescriptionEntity]:
        urls = [line.removeprefix(READY).strip() for line in output.add(event.text) if line.startswith(READY)]
        if not urls:
            return []
        node = bridge.node(
            defaults={"expected_frame_rate": fps},
            fixed={"api_url": urls[0], "api_key_file": "", "credentials_file": ""},
            environment={"ODYSSEY_API_KEY": LOCAL_KEY},
        )
        return [
            end_with(node, "the bridge", respawn=bridge.respawn),
            node,
            *console_nodes(console, defaults={"media_origins": [urls[0]]}),
        ]

    return [
        RegisterEventHandler(OnProcessIO(target_action=emulator, on_stdout=start_bridge)),
        end_with(emulator, "the emulator"),
        emulator,
        *rviz,
    ]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "port", default_value="8090", description="TCP port of the emulator; 0 selects a free one."
            ),
            DeclareLaunchArgument(
                "fps",
                default_value="20",
                description="Frame rate of the emulator in Hz, up to 60; also the default of "
                "expected_frame_rate.",
            ),
            DeclareLaunchArgument(
                "prompt", default_value=FIRST_PROMPT, description="Prompt with which the stream starts."
            ),
            rviz_argument(),
            *node_arguments("odyssey", "bridge"),
            *parameter_arguments([setting for setting in PARAMETERS if setting.name != "prompt"]),
            *console_arguments(),
            OpaqueFunction(function=_start),
        ]
    )
