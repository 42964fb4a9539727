"""What the launch files share: every parameter as an argument, and the picture profile of Fast DDS.

Needs `launch` and `launch_ros`, which come with a ROS installation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.launch_context import LaunchContext
    from launch.launch_description_entity import LaunchDescriptionEntity

    from odyssey_ros.bridge.runtime.parameter_table import Setting

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def share_file(*parts: str) -> str:
    """Return the path of a file that this package has installed."""
    return os.path.join(get_package_share_directory("odyssey_ros"), *parts)  # noqa: PTH118 -- launch wants text


def node_arguments(name: str, executable: str) -> list[DeclareLaunchArgument]:
    """Declare what every node can be given beside its parameters."""
    return [
        DeclareLaunchArgument(
            "name", default_value=name, description="Name of the node; its topics are under it."
        ),
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
        DeclareLaunchArgument(
            "params_file",
            default_value=share_file("config", "odyssey.yaml"),
            description="YAML file with parameters; the arguments below come before it.",
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="false",
            description=f"Start the {executable} again when its process dies.",
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", description="debug, info, warn, error or fatal."
        ),
    ]


def parameter_arguments(settings: Sequence[Setting]) -> list[DeclareLaunchArgument]:
    """Declare one argument for each parameter. An empty one leaves the parameter to params_file."""
    return [
        DeclareLaunchArgument(
            setting.name,
            default_value="",
            description=f"{setting.description} (Not given: as in params_file, else {setting.default!r}.)",
        )
        for setting in settings
    ]


def rviz_on_pictures() -> list[DeclareLaunchArgument | Node]:
    """Declare ``rviz``, and open rviz on the node's pictures when it is true."""
    pictures = [LaunchConfiguration("namespace"), "/", LaunchConfiguration("name"), "/image_raw"]
    return [
        DeclareLaunchArgument("rviz", default_value="false", description="Open rviz on the pictures."),
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", share_file("config", "odyssey.rviz")],
            remappings=[("/odyssey/image_raw", pictures)],
            additional_env=picture_profile(),
            condition=IfCondition(LaunchConfiguration("rviz")),
        ),
    ]


def given_parameters(context: LaunchContext, settings: Sequence[Setting]) -> dict[str, Any]:
    """Return the parameters that were given as arguments, with the types that the node declares.

    Raises:
        ValueError: An argument is no value of its parameter's type.
    """
    texts = {setting: LaunchConfiguration(setting.name).perform(context) for setting in settings}
    return {setting.name: parse_value(setting, text) for setting, text in texts.items() if text}


def parse_value(setting: Setting, text: str) -> bool | int | float | str:
    """Return an argument's text as a value of the parameter's type.

    Raises:
        ValueError: It is none.
    """
    if isinstance(setting.default, bool):
        return parse_truth(setting.name, text)
    for kind in (int, float):
        if type(setting.default) is kind:
            try:
                return kind(text)
            except ValueError:
                raise ValueError(f"{setting.name}:={text} has to be a number ({kind.__name__})") from None
    return text


def parse_truth(name: str, text: str) -> bool:
    """Return an argument's text as a truth value.

    Raises:
        ValueError: It is none.
    """
    if text.lower() in (*TRUE, *FALSE):
        return text.lower() in TRUE
    raise ValueError(f"{name}:={text} has to be true or false")


def parse_file(name: str, text: str) -> str:
    """Return an argument's text as the path of a file that is there.

    Raises:
        ValueError: It is not.
    """
    if not Path(text).is_file():
        raise ValueError(f"{name}:={text} is no file")
    return text


def picture_profile() -> dict[str, str]:
    """Return the environment that gives Fast DDS room for pictures, unless the user brought a profile."""
    if any(os.environ.get(variable) for variable in PROFILE_VARIABLES):
        return {}
    return dict.fromkeys(PROFILE_VARIABLES, share_file("config", "fastdds.xml"))


def launch_node(executable: str, name: str, settings: Sequence[Setting]) -> list[LaunchDescriptionEntity]:
    """Declare a node's arguments and start it as they say.

    Args:
        executable: What this package installed, which is also what messages call the process.
        name: The node's name unless another is given.
        settings: The node's parameters.
    """

    def start(context: LaunchContext) -> list[Node]:
        params_file, respawn = (
            LaunchConfiguration(argument).perform(context) for argument in ("params_file", "respawn")
        )
        return [
            Node(
                package="odyssey_ros",
                executable=executable,
                name=LaunchConfiguration("name"),
                namespace=LaunchConfiguration("namespace"),
                parameters=[parse_file("params_file", params_file), given_parameters(context, settings)],
                arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
                additional_env=picture_profile(),
                respawn=parse_truth("respawn", respawn),
                respawn_delay=2.0,
                output="screen",
                emulate_tty=True,
            )
        ]

    return [
        *node_arguments(name, executable),
        *parameter_arguments(settings),
        OpaqueFunction(function=start),
    ]
