"""What the nodes that publish a live picture share: topics, lifecycle, and how they tell of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile

from odyssey_ros.bridge.api_key import SecretError
from odyssey_ros.bridge.conversions import event_message
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError, check_calibration
from odyssey_ros.bridge.frames.image_settings import ImageParameters, image_settings
from odyssey_ros.bridge.frames.image_topics import FrameCounters
from odyssey_ros.bridge.live.diagnostics import DiagnosticsTopic
from odyssey_ros.bridge.live.health_watch import HealthWatch
from odyssey_ros.bridge.live.session_binding import LiveSession, SessionBinding
from odyssey_ros.bridge.live.status_topic import StatusTopic
from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused, ManagedNode
from odyssey_ros.bridge.runtime.parameter_table import ParameterTable
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.client import (
    ClientStatistics,
    ConnectionStatus,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyError,
)
from odyssey_ros.msg import StreamEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odyssey_ros.bridge.live.diagnostics import Health, Judgement
    from odyssey_ros.bridge.live.stream_state import SessionObserver
    from odyssey_ros.bridge.runtime.parameter_table import Setting


class PictureParameters(ImageParameters, Protocol):
    """The parameters that all these nodes have."""

    @property
    def autostart(self) -> bool:
        """Whether the node configures and activates itself."""

    @property
    def stamp_source(self) -> str:
        """The source of the stamps: `media` or `arrival`."""

    @property
    def expected_frame_rate(self) -> float:
        """Frames per second to expect; `/diagnostics` warns when a quarter is missing."""


P = TypeVar("P", bound=PictureParameters)
S = TypeVar("S", bound=LiveSession)


class StreamNode(ManagedNode, Generic[P, S]):
    """A managed node with a live picture.

    A subclass says where the pictures come from (``session_maker``) and what ``/diagnostics`` tells of it
    (``judge``), and calls ``begin`` at the end of its ``__init__``.
    """

    def __init__(
        self, node_name: str, settings: tuple[Setting, ...], make: Callable[..., P], **options: Any
    ) -> None:
        super().__init__(node_name, **options)
        self._link: SessionBinding[S] | None = None
        self._state = SessionState()
        self._counters = FrameCounters()
        self._settings: ParameterTable[P] = ParameterTable(
            self,
            settings,
            make,
            lambda: self._link is not None,
            self.parameters_changed,
            check_calibration,
        )
        self._settings.declare()
        self._status = StatusTopic(self)
        self._events = self.create_publisher(StreamEvent, "~/events", QoSProfile(depth=100))
        self._health = HealthWatch()
        self._diagnostics = DiagnosticsTopic(self)

    def begin(self) -> None:
        """Publish the first status; start by itself if wanted."""
        self.create_timer(1.0, self._every_second, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._publish_status()
        if self._settings.current.autostart:
            self.start_by_itself()

    # -- for subclasses ----------------------------------------------------------------------------

    def session_maker(self, parameters: P) -> Callable[[SessionObserver], S]:
        """Check the configuration, and return what makes a session from its observer.

        Raises:
            SecretError, OdysseyArgumentError: The node cannot be configured; the text says why.
        """
        raise NotImplementedError

    def judge(self, health: Health) -> tuple[str, Mapping[str, Judgement]]:
        """Return the hardware id and the parts of ``/diagnostics``."""
        raise NotImplementedError

    def parameters_changed(self, parameters: P, changed: frozenset[str]) -> None:
        """Take over parameters that have changed."""
        if self._link is not None:
            self._link.apply(image_settings(parameters), parameters.stamp_source)

    # -- lifecycle ---------------------------------------------------------------------------------

    def configure(self) -> None:
        """Read parameters and secrets; begin to connect, in the background."""
        parameters = self._settings.current
        try:
            make_session = self.session_maker(parameters)
            settings = image_settings(parameters)
            link = SessionBinding(self, self, make_session, settings, parameters.stamp_source)
        except (SecretError, CalibrationError, OverrideError, OdysseyArgumentError) as error:
            self._state = replace(
                SessionState(),
                connection=ConnectionStatus.FAILED,
                error_code=ErrorCode.CONFIGURATION,
                message=str(error),
            )
            self._publish_status()
            raise ConfigurationRefused(str(error)) from None
        self._link = link
        self._counters = link.images.counters
        self._state = SessionState()
        self._publish_status()
        self._health.begin()
        self.start(link.session.run())

    def activate(self) -> None:
        """Publish."""
        self.link.images.activate()

    def deactivate(self) -> None:
        """Stop publishing, stay connected."""
        self.link.images.deactivate()

    def release(self) -> None:
        """Disconnect and release everything; the goodbye goes on in the background."""
        if self._link is None:
            return
        link, self._link = self._link, None
        link.forget()
        self.finish_in_background(self.start(link.session.close()))
        link.images.destroy()
        if self._state.connection is not ConnectionStatus.FAILED:
            self._state = SessionState()
        self._publish_status()

    @property
    def link(self) -> SessionBinding[S]:
        """The session and its topics, of a configured node."""
        assert self._link is not None  # noqa: S101 -- the lifecycle says so
        return self._link

    # -- what the session tells, on the executor's thread ------------------------------------------

    def session_state_changed(self, state: SessionState) -> None:
        """Say where the session stands."""
        before, self._state = self._state, state
        self._health.state_changed(before, state)
        if state.connection is not before.connection:
            self._log_connection(state)
        self._publish_status()

    def session_event_happened(self, event: Event) -> None:
        """Publish an event, and log what an operator wants to read."""
        self._health.event_happened(event)
        message = event_message(event)
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = self._settings.current.frame_id
        self._events.publish(message)
        logger = self.get_logger()
        if event.kind is EventKind.STARTED:
            logger.info(f"Stream {event.stream_id} started: {event.prompt!r}")
        elif event.kind is EventKind.ENDED:
            logger.info(f"Stream {event.stream_id} ended")
        elif event.kind is EventKind.ACKNOWLEDGED:
            logger.info(f"Prompt in force: {event.prompt!r}")
        elif event.kind in (EventKind.ERROR, EventKind.STREAM_ERROR) and not event.fatal:
            again = "; trying again" if event.retried else ""
            logger.warning(f"{event.error_code}: {event.message}{again}")

    def session_gave_up(self, error: OdysseyError) -> None:
        """Go to unconfigured, with the reason."""
        advice = f" {error.action}" if error.action else ""
        self.get_logger().error(
            f"Gave up: {error}.{advice} The node is unconfigured now; mend that and run "
            f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure`, then activate"
        )
        self.bring_down()

    def image_failed(self, reason: str) -> None:
        """Say that a frame could not be published."""
        self.get_logger().error(f"A frame could not be published: {reason}", throttle_duration_sec=10.0)

    # -- telling -----------------------------------------------------------------------------------

    def _every_second(self) -> None:
        self._status.second_passed(self._counters)
        self._publish_status()
        session = None if self._link is None else self._link.session
        health = self._health.look(
            self.lifecycle_state,
            self._state,
            self._counters,
            ClientStatistics() if session is None else session.statistics,
            stream_wanted=session is not None and session.stream_wanted,
            expected_hz=self._settings.current.expected_frame_rate,
        )
        self._diagnostics.publish(*self.judge(health))

    def _publish_status(self) -> None:
        self._status.publish(self._state, self._counters)

    def _log_connection(self, state: SessionState) -> None:
        logger = self.get_logger()
        text = f"{state.connection.value.capitalize()}" + (f": {state.message}" if state.message else "")
        if state.connection in (ConnectionStatus.RECONNECTING, ConnectionStatus.FAILED):
            logger.warning(text)
        else:
            logger.info(text)
