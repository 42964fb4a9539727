"""The argument `console` of the launch files, which starts the console beside their nodes.

Needs `launch` and `launch_ros`, as `odyssey_ros.bridge.launch_arguments` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from launch.actions import DeclareLaunchArgument

from odyssey_ros.bridge.launch_arguments import (
    NodeArguments,
    argument,
    given_parameters,
    log_level,
    node_namespace,
    parameter_arguments,
)
from odyssey_ros.bridge.launch_values import USE_SIM_TIME, parse_bool, parse_file
from odyssey_ros.console.console_parameters import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch.launch_context import LaunchContext
    from launch_ros.actions import Node

    from odyssey_ros.bridge.launch_values import Value

PREFIX: Final = "console_"
PREFIXED: Final = tuple(replace(setting, name=PREFIX + setting.name) for setting in SETTINGS)
"""The parameters of the console with the names of their arguments."""

WITHOUT_SECRETS: Final = {"ODYSSEY_API_KEY": "", "ODYSSEY_SPECTATOR_TOKEN": ""}
"""The console needs no key, and gets none."""


def console_arguments() -> list[DeclareLaunchArgument]:
    """Declare the argument `console`, and one for each parameter of the console."""
    return [
        DeclareLaunchArgument(
            "console",
            default_value="false",
            description="Serve a web page that operates the nodes, by default at http://127.0.0.1:8088.",
        ),
        *parameter_arguments(PREFIXED),
    ]


def read_console(context: LaunchContext) -> NodeArguments | None:
    """Read and check the arguments of the console; return None if the argument `console` is false.

    The console also uses the arguments `namespace`, `params_file`, `log_level` and `use_sim_time` of the node
    beside it.

    Raises:
        ValueError: An argument is invalid; the message is for the user.
    """
    given = given_parameters(context, [*PREFIXED, USE_SIM_TIME])
    if not parse_bool("console", argument(context, "console")):
        return None
    return NodeArguments(
        executable="console",
        name="console",
        namespace=node_namespace(context),
        params_file=parse_file("params_file", argument(context, "params_file")),
        given={name.removeprefix(PREFIX): value for name, value in given.items()},
        log_level=log_level(context),
        respawn=False,
    )


def console_nodes(
    console: NodeArguments | None, *, defaults: Mapping[str, Value] | None = None
) -> list[Node]:
    """Return the action that starts the console, whose end does not end the launch.

    Args:
        console: The arguments; None starts nothing.
        defaults: Parameters that replace the defaults of the console.
    """
    return [] if console is None else [console.node(defaults=defaults, environment=WITHOUT_SECRETS)]


def console_beside(context: LaunchContext) -> list[Node]:
    """Return the action that starts the console, if the argument `console` is true.

    Raises:
        ValueError: An argument is invalid; the message is for the user.
    """
    return console_nodes(read_console(context))
