"""A table from which the parameters of a node are declared, checked and read."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.parameter import Parameter

from odyssey_ros.dataset.paths import HomeFolderError, expand_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rclpy.node import Node

MAX_TEXT: Final = 4096
"""Maximum length of a text parameter, in characters: every node on the graph can set some of them."""

_MAX_SHOWN: Final = 200

P = TypeVar("P")


def _no_fault(_: object) -> None:
    """Allow every value."""


class Change(enum.Enum):
    """When a change of a parameter takes effect; the value is the text for its description."""

    ALWAYS = "A change takes effect at once."
    NEXT_STREAM = "A change takes effect with the next stream."
    UNCONFIGURED = "Can be changed only while the node is unconfigured."
    NEVER = "Read-only: set it when the node starts."


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter.

    Attributes:
        name: The name.
        default: The default value, whose type is the type of the parameter; an empty tuple for a list of
            texts.
        description: The meaning.
        change: When a change takes effect.
        choices: The allowed values; empty allows all.
        bounds: The smallest and the largest value; None allows all.
        is_path: Whether the value is a path, in which `~` is the home folder; or, for a list, whether its
            items are absolute paths of folders.
        repeatable: Whether setting the present value again has an effect, as with a file that was edited.
        max_length: The largest allowed number of characters of a text; None allows all.
        fault: Returns the reason why a value is not allowed, or None.
    """

    name: str
    default: bool | int | float | str | tuple[str, ...]
    description: str
    change: Change
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    is_path: bool = False
    repeatable: bool = False
    max_length: int | None = MAX_TEXT
    fault: Callable[[Any], str | None] = _no_fault

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor, which `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(
            name=self.name,
            description=f"{self.description} {self.change.value}",
            read_only=self.change is Change.NEVER,
        )
        if self.choices:
            descriptor.additional_constraints = "One of: " + ", ".join(self.choices)
        if self.bounds is not None:
            low, high = self.bounds
            if isinstance(self.default, int):
                descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=low, to_value=high, step=0.0)
                ]
        return descriptor

    @property
    def declared_default(self) -> bool | int | float | str | list[str]:
        """The default value as rclpy needs it: it gives an empty list the type of bytes."""
        return (list(self.default) or [""]) if isinstance(self.default, tuple) else self.default

    def refusal(self, value: Any) -> str | None:
        """Return the reason why a value is not allowed, or None. rclpy checks types and ranges."""
        if isinstance(value, str) and self.max_length is not None and len(value) > self.max_length:
            return f"{self.name} has {len(value)} characters: set it to at most {self.max_length}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {_shown(value)}: set it to one of: {', '.join(self.choices)}"
        try:
            read = self.read(value)
        except HomeFolderError as error:
            return f"{self.name} is {error}"
        if self.is_path and isinstance(read, tuple):
            relative = next((path for path in read if not os.path.isabs(path)), None)  # noqa: PTH117 -- a text
            if relative is not None:
                return f"{self.name} contains {_shown(relative)}: write absolute paths, or paths from ~"
        reason = self.fault(value)
        return None if reason is None else f"{self.name} is {_shown(value)}: {reason}"

    def read(self, value: Any) -> Any:
        """Return what the node uses for a value: a path without `~`, a list without empty texts.

        Raises:
            HomeFolderError: The value is a path that begins with a user who has no home folder.
        """
        if isinstance(self.default, tuple):
            return tuple(expand_home(text) if self.is_path else text for text in value if text)
        return expand_home(value) if self.is_path else value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


@dataclass(slots=True)
class ParameterTable(Generic[P]):
    """Declares the parameters of a node, refuses invalid changes and reports valid changes.

    For the executor's thread.

    Attributes:
        node: The node.
        settings: The parameters.
        make: Makes the typed values from one keyword argument for each setting.
        is_configured: Returns whether the node is configured.
        on_changed: Called with the new values and the names of the parameters that changed.
        check: Returns the reason why a change of values is not allowed, or None. It is not called for the
            values with which the node starts.
        current: The current values.
    """

    node: Node
    settings: tuple[Setting, ...]
    make: Callable[..., P]
    is_configured: Callable[[], bool]
    on_changed: Callable[[P, frozenset[str]], None]
    check: Callable[[dict[str, Any]], str | None] = field(default=lambda _: None)
    current: P = field(init=False)
    _declared: bool = field(init=False, default=False)

    def declare(self) -> None:
        """Declare all parameters, taking overrides from the command line and from files.

        Raises:
            rclpy.exceptions.ParameterException: An override has a wrong type or a value that is not allowed.
        """
        self.node.add_on_set_parameters_callback(self._refuse_or_accept)
        for setting in self.settings:
            if isinstance(setting.default, tuple):
                self._give_type_to_empty_list(setting.name)
            self.node.declare_parameter(setting.name, setting.declared_default, setting.descriptor())
        self._declared = True
        self.current = self._read()
        self.node.add_post_set_parameters_callback(self._changed)

    def _give_type_to_empty_list(self, name: str) -> None:
        """Give an override `[]` the type of a list of texts; rcl gives it none."""
        given = self.node._parameter_overrides  # noqa: SLF001 -- rclpy has no other access before declaring
        if name in given and given[name].value in (None, []):
            given[name] = Parameter(name, Parameter.Type.STRING_ARRAY, [""])

    def _read(self) -> P:
        return self.make(
            **{
                setting.name: setting.read(self.node.get_parameter(setting.name).value)
                for setting in self.settings
            }
        )

    def _refuse_or_accept(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        try:
            reason = self._refusal(parameters)
        except Exception as error:  # noqa: BLE001 -- an exception of a callback would end the process
            reason = f"internal error: {_shown(error)}"
            self.node.get_logger().error(f"Could not check a parameter: {reason}")
        return SetParametersResult(successful=reason is None, reason=reason or "")

    def _refusal(self, parameters: Iterable[Parameter]) -> str | None:
        by_name = {setting.name: setting for setting in self.settings}
        for parameter in parameters:
            setting = by_name.get(parameter.name)
            if setting is None:
                continue
            reason = setting.refusal(parameter.value)
            if setting.change is Change.UNCONFIGURED and self.is_configured():
                reason = (
                    f"{parameter.name} can be changed only while the node is unconfigured: "
                    f"run `ros2 lifecycle set {self.node.get_fully_qualified_name()} cleanup` first"
                )
            if reason is not None:
                return reason
        if not self._declared:
            return None
        return self.check({parameter.name: parameter.value for parameter in parameters})

    def _changed(self, parameters: Iterable[Parameter]) -> None:
        before, self.current = self.current, self._read()
        names = {setting.name for setting in self.settings}
        repeatable = {setting.name for setting in self.settings if setting.repeatable}
        changed = frozenset(
            parameter.name
            for parameter in parameters
            if parameter.name in names
            and (
                parameter.name in repeatable
                or getattr(before, parameter.name) != getattr(self.current, parameter.name)
            )
        )
        if changed:
            self.on_changed(self.current, changed)
