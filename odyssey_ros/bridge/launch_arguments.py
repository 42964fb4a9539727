"""The common parts of the launch files: parameters as arguments, rviz, and the Fast DDS profile for images.

Needs `launch` and `launch_ros`, which are part of a ROS installation. All arguments are read when the launch
file is executed, not when a node starts: in a scoped group, their values do not exist any more by then.
"""

from __future__ import annotations

import atexit
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from odyssey_ros.bridge.launch_values import (
    USE_SIM_TIME,
    parameter_file,
    parse_bool,
    parse_file,
    parse_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from launch.actions import ExecuteProcess
    from launch.events.process import ProcessExited
    from launch.launch_context import LaunchContext
    from launch.launch_description_entity import LaunchDescriptionEntity

    from odyssey_ros.bridge.launch_values import Value
    from odyssey_ros.bridge.runtime.parameter_table import Setting

# Patterns for all nodes, which no file of a user has. rclpy reads the sections of all files in the order in
# which their names appear first, and the last value wins: that of an argument, also over a section with the
# name of the node. In two sections of one name, rcl keeps the first value if the second has another type.
_DEFAULTS: Final = "/**/**/**"
_ARGUMENTS: Final = "/**/**"
_PROFILE_VARIABLES: Final = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
_TRANSPORTS_VARIABLE: Final = "FASTDDS_BUILTIN_TRANSPORTS"
_LOG_LEVEL: Final = re.compile(r"(\S+:=)?(debug|info|warn|error|fatal)", re.IGNORECASE)


def share_file(*parts: str) -> str:
    """Return the path of an installed file of this package."""
    return os.path.join(get_package_share_directory("odyssey_ros"), *parts)  # noqa: PTH118 -- launch needs a string


def node_arguments(name: str, executable: str) -> list[DeclareLaunchArgument]:
    """Declare the arguments of every node that are not its own parameters.

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
        *parameter_arguments([USE_SIM_TIME]),
    ]


def parameter_arguments(settings: Sequence[Setting]) -> list[DeclareLaunchArgument]:
    """Declare one argument for each parameter. If it is empty, the value of params_file is used."""
    return [
        DeclareLaunchArgument(
            setting.name,
            default_value="",
            description=f"{setting.description} (Default: as in params_file, else {default_text(setting)}.)",
        )
        for setting in settings
    ]


def default_text(setting: Setting) -> str:
    """Return the default value of a parameter for a description."""
    return repr(list(setting.default) if isinstance(setting.default, tuple) else setting.default)


def argument(context: LaunchContext, name: str) -> str:
    """Return the text of an argument."""
    text: str = LaunchConfiguration(name).perform(context)
    return text


def given_parameters(context: LaunchContext, settings: Sequence[Setting]) -> dict[str, Value]:
    """Return the parameters that are given as arguments, with the types that the node declares.

    Raises:
        ValueError: An argument is not a value that its parameter can have.
    """
    texts = {setting: argument(context, setting.name) for setting in settings}
    return {setting.name: parse_value(setting, text) for setting, text in texts.items() if text}


def log_level(context: LaunchContext) -> str:
    """Return the argument `log_level`: a level, or `logger:=level`.

    Raises:
        ValueError: It has another form.
    """
    text = argument(context, "log_level")
    if _LOG_LEVEL.fullmatch(text) is None:
        raise ValueError(f"log_level:={text} has to be one of: debug, info, warn, error, fatal")
    return text


def node_namespace(context: LaunchContext) -> str:
    """Return the absolute namespace of the argument `namespace`, below the one that the launch file is in."""
    pushed = context.launch_configurations.get("ros_namespace")
    namespace: str = make_namespace_absolute(prefix_namespace(pushed, argument(context, "namespace")))
    return namespace


def rviz_argument() -> DeclareLaunchArgument:
    """Declare the argument `rviz`."""
    return DeclareLaunchArgument("rviz", default_value="false", description="Open rviz with the images.")


def rviz_with_images(context: LaunchContext) -> list[Node]:
    """Return the action that opens rviz with the images of the node, if the argument `rviz` is true.

    Raises:
        ValueError: The argument is not a truth value.
    """
    if not parse_bool("rviz", argument(context, "rviz")):
        return []
    sim_time = given_parameters(context, [USE_SIM_TIME])
    images = prefix_namespace(node_namespace(context), f"{argument(context, 'name')}/image_raw")
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", share_file("config", "odyssey.rviz")],
            parameters=[sim_time] if sim_time else None,
            remappings=[("/odyssey/image_raw", images)],
            additional_env=fastdds_profile(),
        )
    ]


def fastdds_profile() -> dict[str, str]:
    """Return the environment with a Fast DDS profile that has room for images.

    It is empty when the user has set a profile, or has chosen the transports, which a profile would override.
    """
    if any(os.environ.get(variable) for variable in (*_PROFILE_VARIABLES, _TRANSPORTS_VARIABLE)):
        return {}
    return dict.fromkeys(_PROFILE_VARIABLES, share_file("config", "fastdds.xml"))


def write_parameters(node: str, values: Mapping[str, Value]) -> str:
    """Write a parameter file and return its path; the file is deleted when this process ends.

    Args:
        node: A pattern for the name of the node.
        values: The values of its parameters.
    """
    with tempfile.NamedTemporaryFile(
        "w", prefix="odyssey_ros_", suffix=".yaml", delete=False, encoding="utf-8"
    ) as file:
        file.write(parameter_file(node, values))
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


@dataclass(frozen=True)
class NodeArguments:
    """The arguments of a node, checked.

    Attributes:
        executable: The executable of this package, whose name also appears in the log.
        name: The name of the node.
        namespace: Its absolute namespace.
        params_file: The path of the parameter file.
        given: The parameters that are given as arguments.
        log_level: The log level.
        respawn: Whether the node is started again when its process exits.
    """

    executable: str
    name: str
    namespace: str
    params_file: str
    given: Mapping[str, Value]
    log_level: str
    respawn: bool

    @classmethod
    def read(cls, context: LaunchContext, executable: str, settings: Sequence[Setting]) -> NodeArguments:
        """Read and check the arguments.

        Args:
            context: The context in which the launch file is executed.
            executable: The executable of this package.
            settings: The parameters of the node that are arguments.

        Raises:
            ValueError: An argument is invalid; the message is for the user.
        """
        return cls(
            executable,
            argument(context, "name"),
            node_namespace(context),
            parse_file("params_file", argument(context, "params_file")),
            given_parameters(context, [*settings, USE_SIM_TIME]),
            log_level(context),
            parse_bool("respawn", argument(context, "respawn")),
        )

    def node(
        self,
        *,
        defaults: Mapping[str, Value] | None = None,
        fixed: Mapping[str, Value] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Node:
        """Return the action that starts the node.

        Args:
            defaults: Parameters that replace the defaults of this package; the user's file and arguments
                override them.
            fixed: Parameters that nothing overrides.
            environment: Additional environment variables.
        """
        files = [self.params_file]
        if defaults:
            packaged = Path(self.params_file).samefile(share_file("config", "odyssey.yaml"))
            files.insert(1 if packaged else 0, write_parameters(_DEFAULTS, defaults))
        values = {**self.given, **(fixed or {})}
        if values:
            files.append(write_parameters(_ARGUMENTS, values))
        return Node(
            package="odyssey_ros",
            executable=self.executable,
            name=self.name,
            namespace=self.namespace,
            parameters=files,
            arguments=["--ros-args", "--log-level", self.log_level],
            additional_env={**fastdds_profile(), **(environment or {})},
            respawn=self.respawn,
            respawn_delay=2.0,
            output="screen",
            emulate_tty=True,
        )


@dataclass
class OutputLines:
    """Collects the output of a process into lines, which may arrive in pieces."""

    _rest: str = field(default="", init=False)

    def add(self, text: bytes) -> list[str]:
        """Add a piece of output; return the lines that are complete now."""
        *lines, self._rest = (self._rest + text.decode(errors="replace")).split("\n")
        return lines


def fail(reason: str) -> OpaqueFunction:
    """Return an action that ends the launch, whose exit status is 1; `reason` is logged."""

    def end(_: LaunchContext) -> None:
        raise RuntimeError(reason)

    return OpaqueFunction(function=end)


def end_with(process: ExecuteProcess, name: str, *, respawn: bool = False) -> RegisterEventHandler:
    """Return the handler that ends the launch with a process: with exit status 1 if the process has failed.

    Args:
        process: The process.
        name: Its name in the log.
        respawn: Whether a process that has failed is started again.
    """

    def end(event: ProcessExited, context: LaunchContext) -> LaunchDescriptionEntity | None:
        if context.is_shutdown or (respawn and event.returncode != 0):
            return None
        if event.returncode == 0:
            return EmitEvent(event=Shutdown(reason=f"{name} has ended"))
        return fail(f"{name} has exited with status {event.returncode}; its output gives the reason")

    return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=end))


def launch_node(
    executable: str,
    name: str,
    settings: Sequence[Setting],
    *,
    rviz: bool = False,
    beside: Callable[[LaunchContext], list[Node]] | None = None,
) -> list[LaunchDescriptionEntity]:
    """Declare the arguments of a node, and start the node with their values.

    Args:
        executable: The executable of this package, whose name also appears in the log.
        name: The default name of the node.
        settings: The parameters of the node.
        rviz: Whether to offer the argument `rviz`.
        beside: Reads further arguments, and returns further nodes. Nothing is started if it raises an error.
    """

    def start(context: LaunchContext) -> list[Node]:
        node = NodeArguments.read(context, executable, settings).node()
        others = [] if beside is None else beside(context)
        return [node, *(rviz_with_images(context) if rviz else ()), *others]

    return [
        *([rviz_argument()] if rviz else ()),
        *node_arguments(name, executable),
        *parameter_arguments(settings),
        OpaqueFunction(function=start),
    ]
