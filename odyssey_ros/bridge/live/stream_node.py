"""The common part of the nodes that publish a live stream: topics, lifecycle, status and diagnostics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rclpy.clock import Clock, ClockType

from odyssey_ros.bridge.api_key import SecretError
from odyssey_ros.bridge.frames.camera_info_service import CameraInfoService
from odyssey_ros.bridge.frames.frame_counters import FrameCounters
from odyssey_ros.bridge.frames.image_settings import ImageParameters, image_settings
from odyssey_ros.bridge.frames.static_transform import StaticTransform, TransformError, TransformParameters
from odyssey_ros.bridge.live.diagnostics_topic import DiagnosticsTopic
from odyssey_ros.bridge.live.event_topic import EventTopic
from odyssey_ros.bridge.live.health_watch import HealthWatch
from odyssey_ros.bridge.live.session_binding import (
    FrameSettings,
    LiveSession,
    SessionBinding,
    SessionHandlers,
)
from odyssey_ros.bridge.live.status_topic import StatusTopic
from odyssey_ros.bridge.live.stream_state import SessionState
from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused, ManagedNode, refusal_code
from odyssey_ros.bridge.runtime.parameter_table import ParameterTable
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.client import (
    ClientStatistics,
    ConnectionStatus,
    OdysseyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odyssey_ros.bridge.live.diagnostics import Assessment, Health
    from odyssey_ros.bridge.live.stream_state import Event, SessionObserver
    from odyssey_ros.bridge.runtime.parameter_table import Setting


class StreamParameters(ImageParameters, TransformParameters, Protocol):
    """The parameters that all these nodes have."""

    @property
    def camera_info_url(self) -> str:
        """The `file://` or `package://` URL of a calibration; empty for none."""

    @property
    def calibration_folders(self) -> tuple[str, ...]:
        """The folders of the calibrations that `camera_info_url` may name at run time."""

    @property
    def allow_insecure(self) -> bool:
        """Whether secrets may be sent without encryption to other machines."""

    @property
    def autostart(self) -> bool:
        """Whether the node configures and activates itself."""

    @property
    def stamp_source(self) -> str:
        """The source of the stamps: `media` or `arrival`."""

    @property
    def key_frame_interval(self) -> float:
        """Longest time in s between key frames on a watched encoded topic; 0 for key frames on demand."""

    @property
    def expected_frame_rate(self) -> float:
        """Frames per second to expect; `/diagnostics` warns when a quarter is missing."""


P = TypeVar("P", bound=StreamParameters)
S = TypeVar("S", bound=LiveSession)


class StreamNode(ManagedNode, Generic[P, S]):
    """A managed node that publishes a live stream.

    A subclass implements `session_maker` and `assess`, and calls `begin` at the end of its `__init__`.

    Args:
        node_name: The name of the node.
        settings: The parameters to declare.
        make: Makes the typed parameters from one keyword argument for each setting.
        **options: Arguments of rclpy's Node.
    """

    def __init__(
        self, node_name: str, settings: tuple[Setting, ...], make: Callable[..., P], **options: Any
    ) -> None:
        super().__init__(node_name, **options)
        self._binding: SessionBinding[S] | None = None
        self._state = SessionState()
        self._counters = FrameCounters()
        self._statistics = ClientStatistics()  # of the last session
        self._settings: ParameterTable[P] = ParameterTable(
            self,
            settings,
            make,
            lambda: self._binding is not None,
            self.parameters_changed,
            self._refusal,
        )
        self._settings.declare()
        self._camera_info = CameraInfoService(
            self,
            lambda: self._settings.current.camera_info_url,
            self._apply_images,
            self._settings.current.calibration_folders,
        )
        self._transform = StaticTransform(self)
        self._status = StatusTopic(self)
        self._events = EventTopic(self)
        self._health = HealthWatch()
        self._diagnostics = DiagnosticsTopic(self)

    def begin(self) -> None:
        """Publish the first status, and configure and activate the node if `autostart` is set."""
        self.create_timer(1.0, self._every_second, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._publish_status()
        if self._settings.current.autostart:
            self.start_by_itself()

    # -- for subclasses ----------------------------------------------------------------------------

    def session_maker(self, parameters: P) -> Callable[[SessionObserver], S]:
        """Check the configuration, and return a function that makes a session from its observer.

        Raises:
            SecretError, OdysseyError: The node cannot be configured; the text gives the reason.
        """
        raise NotImplementedError

    def assess(self, health: Health) -> tuple[str, Mapping[str, Assessment]]:
        """Return the hardware id and the parts of `/diagnostics`."""
        raise NotImplementedError

    def parameters_changed(self, parameters: P, changed: frozenset[str]) -> None:
        """Apply parameters that have changed."""
        if "camera_info_url" in changed:
            self._camera_info.url_changed()
        self._apply_images()
        if "frame_id" in changed:
            self._transform.apply(parameters)

    def _apply_images(self) -> None:
        """Apply the parameters and the calibration to the image topics."""
        if self._binding is not None:
            self._binding.apply(self._frame_settings())

    def _frame_settings(self) -> FrameSettings:
        parameters = self._settings.current
        images = image_settings(parameters, self._camera_info.calibration)
        return FrameSettings(images, parameters.stamp_source, parameters.key_frame_interval)

    def _refusal(self, changes: dict[str, Any]) -> str | None:
        """Return why a change of parameters is refused, or None."""
        return self._camera_info.refusal(changes)

    # -- lifecycle ---------------------------------------------------------------------------------

    def configure(self) -> None:
        """Read parameters and secrets, and connect in the background."""
        parameters = self._settings.current
        self.warn_if_insecure(allow_insecure=parameters.allow_insecure)
        handlers = SessionHandlers(
            state_changed=self._session_state_changed,
            event_happened=self.report_event,
            gave_up=self._session_gave_up,
            image_failed=self._image_failed,
        )
        try:
            make_session = self.session_maker(parameters)
            self._transform.configure(parameters)
            self._camera_info.load()
            binding = SessionBinding(self, make_session, handlers, self._frame_settings())
        except (SecretError, TransformError, OverrideError, OdysseyError) as error:
            self._transform.release()
            self._state = replace(
                SessionState(),
                connection=ConnectionStatus.FAILED,
                error_code=refusal_code(error),
                message=str(error),
            )
            self._publish_status()
            raise ConfigurationRefused(str(error)) from None
        self._binding = binding
        self._counters = binding.images.counters
        self._statistics = binding.session.statistics
        self._state = SessionState()
        self._publish_status()
        self._health.reset()
        self.start(binding.session.run())

    def activate(self) -> None:
        """Start publishing."""
        self.binding.activate()
        self._transform.activate(self._settings.current)

    def deactivate(self) -> None:
        """Stop publishing and stay connected."""
        self.binding.deactivate()
        self._transform.deactivate()

    def release(self) -> None:
        """Release everything; the disconnection continues in the background."""
        self._transform.release()
        if self._binding is None:
            return
        binding, self._binding = self._binding, None
        binding.detach()
        self._statistics = binding.session.statistics
        self.finish_in_background(self.start(binding.session.close()))
        binding.images.destroy()
        if self._state.connection is not ConnectionStatus.FAILED:
            self._state = SessionState()
        self._publish_status()

    @property
    def binding(self) -> SessionBinding[S]:
        """The session and its topics; only for a configured node."""
        assert self._binding is not None  # noqa: S101 -- guaranteed by the lifecycle
        return self._binding

    # -- reports of the session, on the executor's thread ------------------------------------------

    def report_event(self, event: Event) -> None:
        """Publish and log an event."""
        self._health.event_happened(event)
        self._events.publish(event, self._settings.current.frame_id)

    def _session_state_changed(self, state: SessionState) -> None:
        before, self._state = self._state, state
        self._health.state_changed(before, state)
        if state.connection is not before.connection:
            self._log_connection(state)
        self._publish_status()

    def _session_gave_up(self, error: OdysseyError) -> None:
        """Log the reason and go to unconfigured."""
        advice = f" {error.action}" if error.action else ""
        self.get_logger().error(
            f"Gave up: {error}.{advice} The node is unconfigured now: fix this, run "
            f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure`, and then activate"
        )
        self.bring_down()

    def _image_failed(self, reason: str) -> None:
        self.get_logger().error(f"Could not publish a frame: {reason}", throttle_duration_sec=10.0)

    # -- status ------------------------------------------------------------------------------------

    def _every_second(self) -> None:
        session = None if self._binding is None else self._binding.session
        if self._binding is not None:
            self._binding.check_demand()
            self._statistics = self._binding.session.statistics
        self._status.second_passed(self._statistics)
        self._publish_status()
        health = self._health.sample(
            self.lifecycle_state,
            self._state,
            self._counters,
            self._statistics,
            stream_wanted=session is not None and session.stream_wanted,
            expected_hz=self._settings.current.expected_frame_rate,
        )
        self._diagnostics.publish(*self.assess(health))

    def _publish_status(self) -> None:
        if self._binding is not None:
            self._statistics = self._binding.session.statistics
        self._status.publish(self._state, self._counters, self._statistics)

    def _log_connection(self, state: SessionState) -> None:
        logger = self.get_logger()
        text = f"{state.connection.value.capitalize()}" + (f": {state.message}" if state.message else "")
        if state.connection in (ConnectionStatus.RECONNECTING, ConnectionStatus.FAILED):
            logger.warning(text)
        else:
            logger.info(text)
