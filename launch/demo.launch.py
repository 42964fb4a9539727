"""The emulator and the bridge: pictures without an account.

ros2 launch odyssey_ros demo.launch.py prompt:="a harbour at dawn" rviz:=true

Takes the arguments of odyssey.launch.py too.
"""

from __future__ import annotations

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare

from launch import LaunchDescription

LOCAL_KEY = "ody_local"  # the emulator's own; it opens nothing else
FIRST_PROMPT = "a harbour at dawn, calm water"


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    port, fps = LaunchConfiguration("port"), LaunchConfiguration("fps")
    emulator = ExecuteProcess(
        cmd=[
            PathJoinSubstitution([FindPackagePrefix("odyssey_ros"), "lib", "odyssey_ros", "emulator"]),
            *("--host", "127.0.0.1", "--port", port, "--api-key", LOCAL_KEY, "--fps", fps),
        ],
        name="emulator",
        output="screen",
    )
    bridge = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("odyssey_ros"), "launch", "odyssey.launch.py"])
        ),
        launch_arguments={
            "api_url": ["http://127.0.0.1:", port],
            "prompt": LaunchConfiguration("prompt"),
        }.items(),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "port",
                default_value="8090",
                description="TCP port of the emulator; not 0, since the bridge has to know it.",
            ),
            DeclareLaunchArgument("fps", default_value="20", description="Frames a second of the emulator."),
            DeclareLaunchArgument(
                "prompt", default_value=FIRST_PROMPT, description="The prompt that the stream starts with."
            ),
            emulator,
            GroupAction([SetEnvironmentVariable("ODYSSEY_API_KEY", LOCAL_KEY), bridge]),
            RegisterEventHandler(
                OnProcessExit(
                    target_action=emulator, on_exit=EmitEvent(event=Shutdown(reason="the emulator ended"))
                )
            ),
        ]
    )
