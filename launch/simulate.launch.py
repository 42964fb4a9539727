"""Submit script files as a simulation job, wait until it is completed, and play it.

ros2 launch odyssey_ros simulate.launch.py script:=walk.yaml rate:=0 wait_for:=image_raw,frame_info

It also has the arguments of player.launch.py.
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
from odyssey_ros.bridge.launch_arguments import node_arguments, parameter_arguments, parse_bool
from odyssey_ros.bridge.player_parameters import SETTINGS

if TYPE_CHECKING:
    from launch.events.process import ProcessExited, ProcessIO

    from launch import LaunchContext, LaunchDescriptionEntity

SOURCES = ("stream_id", "job_id", "video_file", "events_file")  # not arguments: the job is played


def _simulate(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    options = []
    for option in ("api_url", "api_key_file"):
        value = context.launch_configurations.get(option, "")
        if value:
            options += [f"--{option.replace('_', '-')}", value]
    if not parse_bool("portrait", LaunchConfiguration("portrait").perform(context)):
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

    def read_job_id(event: ProcessIO) -> None:
        job_id.extend(re.findall(r"^(\S+)$", event.text.decode(errors="replace"), re.MULTILINE))

    def play(event: ProcessExited, _: LaunchContext) -> LaunchDescriptionEntity:
        if event.returncode != 0 or not job_id:
            return EmitEvent(
                event=Shutdown(reason="the simulation failed; the log of simulate has the reason")
            )
        return IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                PathJoinSubstitution([FindPackageShare("odyssey_ros"), "launch", "player.launch.py"])
            ),
            launch_arguments={"job_id": job_id[0]}.items(),
        )

    return [
        RegisterEventHandler(OnProcessIO(target_action=simulate, on_stdout=read_job_id)),
        RegisterEventHandler(OnProcessExit(target_action=simulate, on_exit=play)),
        simulate,
    ]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("script", description="Comma-separated script files (YAML or JSON)."),
            DeclareLaunchArgument(
                "portrait",
                default_value="false",
                description="Simulate videos of 704x1280 instead of 1280x704.",
            ),
            *node_arguments("player", "player"),
            *parameter_arguments([setting for setting in SETTINGS if setting.name not in SOURCES]),
            OpaqueFunction(function=_simulate),
        ]
    )
