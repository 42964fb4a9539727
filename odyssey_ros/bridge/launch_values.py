"""Values of launch arguments: converted, checked, and written so that ROS reads back the same values.

Does not need `launch`.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from odyssey_ros.bridge.runtime.parameter_table import Change, Setting
from odyssey_ros.dataset.paths import HomeFolderError, user_path
from odyssey_ros.number_text import decimal_number

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = bool | int | float | str | list[str]

USE_SIM_TIME: Final = Setting(
    "use_sim_time", False, "Use the time on /clock instead of the time of the system.", Change.ALWAYS
)
"""The parameter that rclpy declares on every node."""

_TRUE: Final = ("true", "1", "yes", "on")
_FALSE: Final = ("false", "0", "no", "off")
_INT64: Final = (-(2**63), 2**63 - 1)


def parse_value(setting: Setting, text: str) -> Value:
    """Convert the text of an argument to the type of its parameter.

    Raises:
        ValueError: The text is not a value that the parameter can have; the message is for the user.
    """
    value: Value
    if isinstance(setting.default, bool):
        return parse_bool(setting.name, text)
    if isinstance(setting.default, int):
        low, high = setting.bounds or _INT64
        return parse_int(setting.name, text, int(low), int(high))
    if isinstance(setting.default, float):
        low, high = setting.bounds or (-math.inf, math.inf)
        return parse_float(setting.name, text, low, high)
    if isinstance(setting.default, tuple):
        items = parse_list(setting.name, text)
        if (reason := setting.refusal(items)) is not None:
            raise ValueError(reason)
        return items
    value = parse_text(setting.name, text)
    if setting.choices and value not in setting.choices:
        raise ValueError(f"{_shown(setting.name, text)} has to be one of: {', '.join(setting.choices)}")
    return value


def parse_bool(name: str, text: str) -> bool:
    """Convert the text of an argument to a bool.

    Raises:
        ValueError: The text is not a truth value.
    """
    if text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    raise ValueError(f"{_shown(name, text)} has to be true or false")


def parse_int(name: str, text: str, low: int, high: int) -> int:
    """Convert the text of an argument to a whole number from `low` to `high`.

    Raises:
        ValueError: The text is not such a number.
    """
    # Not every text that Python reads as a number, such as 1_000.
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text) is None or not low <= int(text) <= high:
        raise ValueError(f"{_shown(name, text)} has to be a whole number from {low} to {high}")
    return int(text)


def parse_float(name: str, text: str, low: float, high: float) -> float:
    """Convert the text of an argument to a finite number from `low` to `high`.

    Raises:
        ValueError: The text is not such a number.
    """
    try:
        value = decimal_number(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not low <= value <= high:
        limits = f" from {low:g} to {high:g}" if math.isfinite(high - low) else ""
        raise ValueError(f"{_shown(name, text)} has to be a number{limits}")
    return value


def parse_text(name: str, text: str) -> str:
    """Return the text of an argument if ROS can transport it.

    Raises:
        ValueError: The command line was not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{_shown(name, text)} has to be UTF-8 text") from None
    return text


def parse_list(name: str, text: str) -> list[str]:
    """Convert the text of an argument to a list: a YAML list such as `[/a, /b]`, or paths joined by colons.

    Raises:
        ValueError: The text is neither, or was not UTF-8.
    """
    parse_text(name, text)
    if not text.lstrip().startswith("["):
        return text.split(":")
    try:
        items = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 -- reads every scalar as a text
    except (yaml.YAMLError, RecursionError):
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{_shown(name, text)} has to be a list of texts, as in {name}:='[/a, /b]'")
    return items


def parse_file(name: str, text: str) -> str:
    """Return the path of a file, with `~` replaced by the home directory.

    Raises:
        ValueError: There is no such file.
    """
    try:
        path = user_path(text)
    except HomeFolderError as error:
        raise ValueError(f"{name}:={error}") from None
    if not path.is_file():
        raise ValueError(f"{_shown(name, text)} is not a file")
    return str(path)


def parameter_file(node: str, values: Mapping[str, Value]) -> str:
    """Return the text of a parameter file that gives a node these values.

    Strings are always quoted. Without quotes the YAML parser of ROS would read `1e3`, `y` or `nan` as a
    number or a bool, and libraries that write YAML leave the quotes out, because they follow other rules.

    Args:
        node: The name of the node with its namespace, or a pattern such as `/**` for all nodes.
        values: The values of its parameters.
    """
    lines = [f"{_scalar(node)}:", "  ros__parameters:"]
    lines += [f"    {_scalar(name)}: {_scalar(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _scalar(value: Value) -> str:
    if isinstance(value, str):
        return yaml.safe_dump(value, default_style='"', width=math.inf).strip()
    if isinstance(value, list):
        # rcl gives an empty list no type; the nodes ignore an empty text.
        return "[" + ", ".join(_scalar(item) for item in value or [""]) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _shown(name: str, text: str) -> str:
    return f"{name}:={text if text.isprintable() else ascii(text)}"
