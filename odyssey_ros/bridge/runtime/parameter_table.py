"""A table from which the parameters of a node are declared, checked and read."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult

from odyssey_ros.dataset.paths import HomeFolderError, expand_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rclpy.node import Node
    from rclpy.parameter import Parameter

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
        default: The default value, whose type is the type of the parameter.
        description: The meaning.
        change: When a change takes effect.
        choices: The allowed values; empty allows all.
        bounds: The smallest and the largest value; None allows all.
        is_path: Whether the value is a path, in which `~` is the home folder.
        repeatable: Whether setting the present value again has an effect, as with a file that was edited.
        fault: Returns the reason why a value is not allowed, or None.
    """

    name: str
    default: bool | int | float | str
    description: str
    change: Change
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    is_path: bool = False
    repeatable: bool = False
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

    def refusal(self, value: object) -> str | None:
        """Return the reason why a value is not allowed, or None. rclpy checks types and ranges."""
        if self.choices and value not in self.choices:
            return f"{self.name} is {value!r}: set it to one of: {', '.join(self.choices)}"
        if self.is_path:
            try:
                expand_home(str(value))
            except HomeFolderError as error:
                return f"{self.name} is {error}"
        reason = self.fault(value)
        return None if reason is None else f"{self.name} is {value!r}: {reason}"

    def read(self, value: Any) -> Any:
        """Return what the node uses for a value: a path without `~`, else the value."""
        return expand_home(value) if self.is_path else value


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
            self.node.declare_parameter(setting.name, setting.default, setting.descriptor())
        self._declared = True
        self.current = self._read()
        self.node.add_post_set_parameters_callback(self._changed)

    def _read(self) -> P:
        return self.make(
            **{
                setting.name: setting.read(self.node.get_parameter(setting.name).value)
                for setting in self.settings
            }
        )

    def _refuse_or_accept(self, parameters: Iterable[Parameter]) -> SetParametersResult:
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
                return SetParametersResult(successful=False, reason=reason)
        if not self._declared:
            return SetParametersResult(successful=True)
        reason = self.check({parameter.name: parameter.value for parameter in parameters})
        return SetParametersResult(successful=reason is None, reason=reason or "")

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
