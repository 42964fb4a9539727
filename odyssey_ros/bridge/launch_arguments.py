"""The common parts of the launch files: parameters as arguments, rviz, and the Fast DDS profile for images.

Needs `launch` and `launch_ros`, which are part of a ROS installation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

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

_PROFILE_VARIABLES: Final = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
_TRUE: Final = ("true", "1", "yes", "on")
_FALSE: Final = ("false", "0", "no", "off")


def share_file(*parts: str) -> str:
    """Return the path of an installed file of this package."""
    return os.path.join(get_package_share_directory("odyssey_ros"), *parts)  # noqa: PTH118 -- launch needs a string


def node_arguments(name: str, executable: str) -> list[DeclareLaunchArgument]:
    """Declare the arguments of every node that are not parameters.

    Args:
        name: The default name of the node.
        executable: The name of the executable.
    """
    return [
        DeclareLaunchArgument(
            "name", default_value=name, description="Name of the node; the topics are at /namespace/name/."
        ),
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
        DeclareLaunchArgument(
            "params_file",
            default_value=share_file("config", "odyssey.yaml"),
            description="YAML file with parameters; the arguments below override it.",
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="false",
            description=f"Restart the {executable} two seconds after its process exits.",
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", description="Log level: debug, info, warn, error or fatal."
        ),
    ]


def parameter_arguments(settings: Sequence[Setting]) -> list[DeclareLaunchArgument]:
    """Declare one argument for each parameter. If it is empty, the value of params_file is used."""
    return [
        DeclareLaunchArgument(
            setting.name,
            default_value="",
            description=f"{setting.description} (Default: as in params_file, else {setting.default!r}.)",
        )
        for setting in settings
    ]


def rviz_with_images() -> list[DeclareLaunchArgument | Node]:
    """Declare the argument `rviz`, and open rviz with the images of the node when it is true."""
    images = [LaunchConfiguration("namespace"), "/", LaunchConfiguration("name"), "/image_raw"]
    return [
        DeclareLaunchArgument("rviz", default_value="false", description="Open rviz with the images."),
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", share_file("config", "odyssey.rviz")],
            remappings=[("/odyssey/image_raw", images)],
            additional_env=fastdds_profile(),
            condition=IfCondition(LaunchConfiguration("rviz")),
        ),
    ]


def given_parameters(
    context: LaunchContext, settings: Sequence[Setting]
) -> dict[str, bool | int | float | str]:
    """Return the parameters that are given as arguments, with the types that the node declares.

    Raises:
        ValueError: An argument is not a value of the type of its parameter.
    """
    texts = {setting: LaunchConfiguration(setting.name).perform(context) for setting in settings}
    return {setting.name: parse_value(setting, text) for setting, text in texts.items() if text}


def parse_value(setting: Setting, text: str) -> bool | int | float | str:
    """Convert the text of an argument to the type of its parameter.

    Raises:
        ValueError: The text is not a value of this type.
    """
    if isinstance(setting.default, bool):
        return parse_bool(setting.name, text)
    for kind in (int, float):
        if type(setting.default) is kind:
            try:
                return kind(text)
            except ValueError:
                raise ValueError(f"{setting.name}:={text} has to be a number ({kind.__name__})") from None
    return text


def parse_bool(name: str, text: str) -> bool:
    """Convert the text of an argument to a bool.

    Raises:
        ValueError: The text is not a truth value.
    """
    if text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    raise ValueError(f"{name}:={text} has to be true or false")


def parse_file(name: str, text: str) -> str:
    """Return the text of an argument if it is the path of a file.

    Raises:
        ValueError: There is no such file.
    """
    if not Path(text).is_file():
        raise ValueError(f"{name}:={text} is not a file")
    return text


def fastdds_profile() -> dict[str, str]:
    """Return the environment with a Fast DDS profile that has room for images.

    It is empty when the user has set a profile.
    """
    if any(os.environ.get(variable) for variable in _PROFILE_VARIABLES):
        return {}
    return dict.fromkeys(_PROFILE_VARIABLES, share_file("config", "fastdds.xml"))


def launch_node(executable: str, name: str, settings: Sequence[Setting]) -> list[LaunchDescriptionEntity]:
    """Declare the arguments of a node, and start the node with their values.

    Args:
        executable: The executable of this package, whose name also appears in the log.
        name: The default name of the node.
        settings: The parameters of the node.
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
                additional_env=fastdds_profile(),
                respawn=parse_bool("respawn", respawn),
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
