"""Start the emulator and the bridge: a stream without an account.

ros2 launch odyssey_ros demo.launch.py prompt:="a harbour at dawn" rviz:=true

It also has the arguments of odyssey.launch.py.
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

LOCAL_KEY = "ody_local"  # valid only for the emulator
FIRST_PROMPT = "a harbour at dawn, calm water"


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
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
                description="TCP port of the emulator, to which the bridge connects; not 0.",
            ),
            DeclareLaunchArgument("fps", default_value="20", description="Frame rate of the emulator in Hz."),
            DeclareLaunchArgument(
                "prompt", default_value=FIRST_PROMPT, description="Prompt with which the stream starts."
            ),
            emulator,
            GroupAction([SetEnvironmentVariable("ODYSSEY_API_KEY", LOCAL_KEY), bridge]),
            RegisterEventHandler(
                OnProcessExit(
                    target_action=emulator,
                    on_exit=EmitEvent(event=Shutdown(reason="the emulator has exited")),
                )
            ),
        ]
    )
