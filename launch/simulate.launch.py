"""From a script file to frames on topics: submit it as a simulation job, wait for it, play it.

ros2 launch odyssey_ros simulate.launch.py script:=walk.yaml rate:=0 wait_for:=image_raw,frame_info

Takes the arguments of player.launch.py too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare

from launch import LaunchDescription
from odyssey_ros.bridge.launch_arguments import node_arguments, parameter_arguments, parse_truth
from odyssey_ros.bridge.player_parameters import SETTINGS

if TYPE_CHECKING:
    from launch.events.process import ProcessExited, ProcessIO

    from launch import LaunchContext, LaunchDescriptionEntity

SOURCES = ("stream_id", "job_id", "video_file", "events_file")  # the job is what is played


def _simulate(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    options = []
    for option in ("api_url", "api_key_file"):
        value = context.launch_configurations.get(option, "")
        if value:
            options += [f"--{option.replace('_', '-')}", value]
    if not parse_truth("portrait", LaunchConfiguration("portrait").perform(context)):
        options.append("--landscape")
    simulate = ExecuteProcess(
        cmd=[
            PathJoinSubstitution([FindPackagePrefix("odyssey_ros"), "lib", "odyssey_ros", "simulate"]),
            *options,
            *LaunchConfiguration("script").perform(context).split(","),
        ],
        name="simulate",
        output="screen",
    )
    job_id: list[str] = []

    def hear(event: ProcessIO) -> None:
        job_id.extend(re.findall(r"^(\S+)$", event.text.decode(errors="replace"), re.MULTILINE))

    def play(event: ProcessExited, _: LaunchContext) -> LaunchDescriptionEntity:
        if event.returncode != 0 or not job_id:
            return EmitEvent(event=Shutdown(reason="the scripts were not simulated"))
        return IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                PathJoinSubstitution([FindPackageShare("odyssey_ros"), "launch", "player.launch.py"])
            ),
            launch_arguments={"job_id": job_id[0]}.items(),
        )

    return [
        RegisterEventHandler(OnProcessIO(target_action=simulate, on_stdout=hear)),
        RegisterEventHandler(OnProcessExit(target_action=simulate, on_exit=play)),
        simulate,
    ]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("script", description="Script files (YAML or JSON), apart by commas."),
            DeclareLaunchArgument(
                "portrait", default_value="false", description="704x1280 instead of 1280x704."
            ),
            *node_arguments("player", "player"),
            *parameter_arguments([setting for setting in SETTINGS if setting.name not in SOURCES]),
            OpaqueFunction(function=_simulate),
        ]
    )
