"""Submit script files as a simulation job, wait until it is completed, and play it.

ros2 launch odyssey_ros simulate.launch.py script:=walk.yaml rate:=0 wait_for:=image_raw,frame_info

It also has the arguments of player.launch.py. The launch ends after the last frame: with exit status 0 if
everything has been played, else with 1. With exit_when_finished:=false the player stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix

from launch import LaunchDescription
from odyssey_ros.bridge.launch_arguments import (
    NodeArguments,
    OutputLines,
    argument,
    end_with,
    fail,
    node_arguments,
    parameter_arguments,
)
from odyssey_ros.bridge.launch_values import parse_bool, parse_file
from odyssey_ros.bridge.player_parameters import SETTINGS
from odyssey_ros.console.console_launch import console_arguments, console_beside

if TYPE_CHECKING:
    from launch.events.process import ProcessExited, ProcessIO

    from launch import LaunchContext, LaunchDescriptionEntity

# Not arguments: the job is played.
SOURCES = ("stream_id", "job_id", "video_file", "events_file", "dataset", "dataset_episode")
NO_SOURCE = {setting.name: setting.default for setting in SETTINGS if setting.name in SOURCES}
DEFAULTS = {"exit_when_finished": True}
PARAMETERS = [
    replace(setting, default=DEFAULTS.get(setting.name, setting.default))
    for setting in SETTINGS
    if setting.name not in SOURCES
]


def _simulate(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    scripts = [parse_file("script", name) for name in argument(context, "script").split(",")]
    options = [] if parse_bool("portrait", argument(context, "portrait")) else ["--landscape"]
    if url := argument(context, "api_url"):
        options += ["--api-url", url]
    if key_file := argument(context, "api_key_file"):
        options += ["--api-key-file", key_file]
    allow_insecure = argument(context, "allow_insecure")
    if allow_insecure and parse_bool("allow_insecure", allow_insecure):
        options += ["--allow-insecure"]
    player = NodeArguments.read(context, "player", PARAMETERS)
    console = console_beside(context)
    simulate = ExecuteProcess(
        cmd=[
            PathJoinSubstitution([FindPackagePrefix("odyssey_ros"), "lib", "odyssey_ros", "simulate"]),
            *options,
            *("--", *scripts),
        ],
        name="simulate",
        output="screen",
    )
    output, lines = OutputLines(), []

    def read_output(event: ProcessIO) -> None:
        lines.extend(output.add(event.text))

    def play(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        if event.returncode != 0:
            return [fail(f"simulate has exited with status {event.returncode}; its output gives the reason")]
        (job_id,) = lines  # the only output of simulate
        node = player.node(defaults=DEFAULTS, fixed={**NO_SOURCE, "job_id": job_id.strip()})
        return [end_with(node, "the player", respawn=player.respawn), node]

    return [
        RegisterEventHandler(OnProcessIO(target_action=simulate, on_stdout=read_output)),
        RegisterEventHandler(OnProcessExit(target_action=simulate, on_exit=play)),
        simulate,
        *console,
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
            *parameter_arguments(PARAMETERS),
            *console_arguments(),
            OpaqueFunction(function=_simulate),
        ]
    )
