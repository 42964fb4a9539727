"""The parameters of the bridge node: what they are, which values they take, and when they can change."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rclpy.node import Node
    from rclpy.parameter import Parameter

P = TypeVar("P")
ENCODINGS = ("rgb8", "bgr8", "mono8")
STAMP_SOURCES = ("media", "arrival")


class Change(enum.Enum):
    """When a parameter can be changed."""

    ALWAYS = "A change takes effect at once."
    NEXT_STREAM = "A change takes effect with the next stream."
    UNCONFIGURED = "Can be changed only while the node is unconfigured: it shapes the connection."
    NEVER = "Read-only: set it when the node starts."


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter: its default (which gives the type), meaning and bounds."""

    name: str
    default: bool | int | float | str
    description: str
    change: Change
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` shows."""
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
        """Say why ``value`` is not allowed, or return None. Types and ranges are rclpy's to check."""
        if self.choices and value not in self.choices:
            return f"{self.name} is {value!r}, but has to be one of: {', '.join(self.choices)}"
        return None


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "prompt",
        "",
        "The prompt that a stream starts with when the node is activated; empty waits for ~/prompt. "
        "Setting it on an active node does what a message on ~/prompt does.",
        Change.ALWAYS,
    ),
    Setting(
        "portrait",
        False,
        "Pictures of 704x1280 (portrait) instead of 1280x704 (landscape).",
        Change.NEXT_STREAM,
    ),
    Setting(
        "broadcast",
        False,
        "Let spectators watch the streams; ~/get_broadcast tells them how.",
        Change.NEXT_STREAM,
    ),
    Setting(
        "api_url",
        "",
        "Address of the service; empty takes ODYSSEY_API_URL, else the public service.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "api_key_file",
        "",
        "File (chmod 600) that holds the API key; empty takes the environment's ODYSSEY_API_KEY.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "credentials_file",
        "",
        "File (chmod 600) with minted client credentials as JSON, for a robot that holds no key.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "autostart",
        True,
        "Configure and activate the node by itself when it starts.",
        Change.NEVER,
    ),
    Setting(
        "resume_stream",
        True,
        "Start the stream again, with the last prompt, after a lost connection or when the service ended it.",
        Change.ALWAYS,
    ),
    Setting(
        "max_retries",
        -1,
        "Attempts to get or regain a connection before the node gives up; -1 never gives up. Fatal "
        "errors, such as a wrong key, are never retried.",
        Change.UNCONFIGURED,
        bounds=(-1, 1_000_000),
    ),
    Setting(
        "queue_timeout",
        30.0,
        "Seconds that one attempt waits in the queue for a free streamer.",
        Change.UNCONFIGURED,
        bounds=(0.0, 86400.0),
    ),
    Setting(
        "frame_timeout",
        10.0,
        "Seconds without a frame, while a stream runs, after which the connection counts as lost.",
        Change.UNCONFIGURED,
        bounds=(0.5, 3600.0),
    ),
    Setting(
        "frame_id",
        "odyssey_optical_frame",
        "frame_id of all headers: an optical frame (REP-103).",
        Change.ALWAYS,
    ),
    Setting(
        "encoding",
        "rgb8",
        "Encoding of ~/image_raw.",
        Change.ALWAYS,
        choices=ENCODINGS,
    ),
    Setting(
        "stamp_source",
        "media",
        "What header.stamp tells: media is the capture time, by the stream's own clock; arrival is when "
        "the frame arrived.",
        Change.ALWAYS,
        choices=STAMP_SOURCES,
    ),
    Setting(
        "camera_info_url",
        "",
        "Calibration YAML (file:// or package://) for ~/camera_info; empty publishes the size only, which "
        "means uncalibrated.",
        Change.ALWAYS,
    ),
    Setting(
        "jpeg_quality",
        85,
        "Quality of ~/image_raw/compressed.",
        Change.ALWAYS,
        bounds=(1, 100),
    ),
    Setting(
        "expected_frame_rate",
        20.0,
        "Frames per second below which (by a quarter) /diagnostics warns.",
        Change.ALWAYS,
        bounds=(0.1, 240.0),
    ),
    Setting(
        "simulation_poll_period",
        2.0,
        "Seconds between two looks at a simulation job that ~/run_simulation follows.",
        Change.ALWAYS,
        bounds=(0.1, 300.0),
    ),
    Setting(
        "allow_credential_minting",
        False,
        "Let ~/create_client_credentials answer with a secret, in clear on the graph.",
        Change.NEVER,
    ),
)


@dataclass(frozen=True, slots=True)
class BridgeParameters:
    """The parameters at one moment; see ``SETTINGS`` for what they mean."""

    prompt: str
    portrait: bool
    broadcast: bool
    api_url: str
    api_key_file: str
    credentials_file: str
    autostart: bool
    resume_stream: bool
    max_retries: int
    queue_timeout: float
    frame_timeout: float
    frame_id: str
    encoding: str
    stamp_source: str
    camera_info_url: str
    jpeg_quality: int
    expected_frame_rate: float
    simulation_poll_period: float
    allow_credential_minting: bool


@dataclass(slots=True)
class ParameterTable(Generic[P]):
    """Declares the parameters on a node, refuses bad changes, and tells of good ones.

    Not thread-safe: for the executor's thread.
    """

    node: Node
    settings: tuple[Setting, ...]
    make: Callable[..., P]  # takes one argument for each setting, by its name
    is_configured: Callable[[], bool]
    on_changed: Callable[[P, frozenset[str]], None]
    check: Callable[[dict[str, Any]], str | None] = field(default=lambda _: None)
    current: P = field(init=False)

    def declare(self) -> None:
        """Declare all parameters, taking overrides from the command line and from files.

        Raises:
            rclpy.exceptions.ParameterException: An override has a wrong type, or a value that is not allowed.
        """
        self.node.add_on_set_parameters_callback(self._refuse_or_accept)
        for setting in self.settings:
            self.node.declare_parameter(setting.name, setting.default, setting.descriptor())
        self.current = self._read()
        self.node.add_post_set_parameters_callback(self._changed)

    def _read(self) -> P:
        return self.make(
            **{setting.name: self.node.get_parameter(setting.name).value for setting in self.settings}
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
        reason = self.check({parameter.name: parameter.value for parameter in parameters})
        return SetParametersResult(successful=reason is None, reason=reason or "")

    def _changed(self, parameters: Iterable[Parameter]) -> None:
        before, self.current = self.current, self._read()
        names = {setting.name for setting in self.settings}
        changed = frozenset(
            parameter.name
            for parameter in parameters
            if parameter.name in names
            and (parameter.name == "prompt" or getattr(before, parameter.name) != parameter.value)
        )
        if changed:
            self.on_changed(self.current, changed)
