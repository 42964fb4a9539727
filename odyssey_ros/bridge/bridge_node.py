"""The bridge: an Odyssey stream as a managed ROS 2 node."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String

from odyssey_ros.bridge.api_key import SecretError, read_api_key, read_credentials
from odyssey_ros.bridge.camera_calibration import CalibrationError, check_calibration, load_calibration
from odyssey_ros.bridge.conversions import event_message, status_message
from odyssey_ros.bridge.diagnostics import DiagnosticsTopic, bridge_diagnostics, service_host
from odyssey_ros.bridge.error_codes import error_code, error_text
from odyssey_ros.bridge.frame_publisher import ImageSettings
from odyssey_ros.bridge.health_watch import HealthWatch
from odyssey_ros.bridge.image_prompt import ImagePrompt
from odyssey_ros.bridge.image_topics import FrameCounters, ImageTopics
from odyssey_ros.bridge.managed_node import ConfigurationRefused, ManagedNode, spin_node
from odyssey_ros.bridge.parameters import SETTINGS, BridgeParameters, ParameterTable
from odyssey_ros.bridge.services import BridgeServices, CallTarget
from odyssey_ros.bridge.session import Event, EventKind, OdysseySession, SessionState, StreamWish
from odyssey_ros.bridge.simulation_action import SimulationAction
from odyssey_ros.bridge.stamping import ArrivalStamps, MediaStamps
from odyssey_ros.client import (
    AdvancedConfig,
    ClientConfig,
    ClientStatistics,
    ConnectionStatus,
    Odyssey,
    OdysseyArgumentError,
    OdysseyError,
    OdysseyImageError,
)
from odyssey_ros.msg import StreamEvent, StreamStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client import ClientCredentials, DecodedFrame

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class BridgeNode(ManagedNode):
    """The node ``odyssey``; see the README for its topics, services and parameters.

    The lifecycle says what the operator wants, the connection is what the network gives: no transition waits
    for it.
    """

    def __init__(self, node_name: str = "odyssey", **options: Any) -> None:
        super().__init__(node_name, **options)
        self._link: SessionLink | None = None
        self._state = SessionState()
        self._counters = FrameCounters()
        self._frame_rate = FrameRate()
        self._settings = ParameterTable(
            self,
            SETTINGS,
            BridgeParameters,
            lambda: self._link is not None,
            self._parameters_changed,
            check_calibration,
        )
        self._settings.declare()
        self._status = self.create_publisher(StreamStatus, "~/status", LATCHED)
        self._events = self.create_publisher(StreamEvent, "~/events", QoSProfile(depth=100))
        self._health = HealthWatch()
        self._diagnostics = DiagnosticsTopic(self)
        self.create_subscription(String, "~/prompt", self._prompt_received, QoSProfile(depth=10))
        self.create_subscription(
            Image,
            "~/image_prompt",
            self._picture_received,
            QoSProfile(depth=1),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        BridgeServices(self, self, may_mint=self._settings.current.allow_credential_minting)
        self._simulations = SimulationAction(
            self,
            self,
            poll_period_s=lambda: self._settings.current.simulation_poll_period,
            max_retries=lambda: retries(self._settings.current),
        )
        self.create_timer(1.0, self._every_second, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._publish_status()
        if self._settings.current.autostart:
            self.start_by_itself()

    # -- lifecycle ---------------------------------------------------------------------------------

    def configure(self) -> None:
        """Read parameters and the key; begin to connect, in the background."""
        parameters = self._settings.current
        try:
            credentials = (
                read_credentials(parameters.credentials_file) if parameters.credentials_file else None
            )
            client = make_client(parameters, "" if credentials else read_api_key(parameters.api_key_file))
            settings = image_settings(parameters)
        except (SecretError, CalibrationError, OdysseyArgumentError) as error:
            self._state = replace(
                SessionState(),
                connection=ConnectionStatus.FAILED,
                error_code="CONFIGURATION",
                message=str(error),
            )
            self._publish_status()
            raise ConfigurationRefused(str(error)) from None
        self._link = SessionLink(self, client, credentials, settings, parameters)
        self._counters = self._link.images.counters
        self._health.begin()
        self.start(self._link.session.run())

    def activate(self) -> None:
        """Publish; have a stream when there is a prompt, as soon as there is a connection."""
        assert self._link is not None  # noqa: S101 -- the lifecycle says so
        self._link.images.activate()
        prompt = self._settings.current.prompt
        wish = self._wish(prompt) if prompt.strip() else None
        self.start(self._link.session.activate(wish))

    def deactivate(self) -> None:
        """End the stream, stop publishing, stay connected."""
        assert self._link is not None  # noqa: S101
        self._link.images.deactivate()
        self.start(self._link.session.deactivate())

    def release(self) -> None:
        """Disconnect and release everything; the goodbye goes on in the background."""
        if self._link is None:
            return
        link, self._link = self._link, None
        link.forget()
        self._simulations.release()
        self.say_goodbye(self.start(link.session.close()))
        link.images.destroy()
        if self._state.connection is not ConnectionStatus.FAILED:
            self._state = SessionState()
        self._publish_status()

    def destroy_node(self) -> None:
        """Release everything and end."""
        self._simulations.destroy()
        super().destroy_node()

    # -- inputs ------------------------------------------------------------------------------------

    def _prompt_received(self, message: String) -> None:
        self._prompt(message.data)

    def _picture_received(self, message: Image) -> None:
        if self._link is None:
            self.get_logger().warning(
                "A picture came while the node is unconfigured, and is dropped: configure it first",
                throttle_duration_sec=10.0,
            )
            return
        try:
            picture = ImagePrompt.parse(message)
        except OdysseyImageError as error:
            event = Event(EventKind.ERROR, error_code=error_code(error), message=f"~/image_prompt: {error}")
            self.session_event_happened(event)
            return
        self.start(self._link.session.illustrate(picture.load))

    def _prompt(self, text: str) -> None:
        if self._link is None:
            self.get_logger().warning(
                "A prompt came while the node is unconfigured, and is dropped: configure it first"
            )
            return
        self.start(self._link.session.prompt(text, self._wish(text)))

    def _wish(self, prompt: str) -> StreamWish:
        parameters = self._settings.current
        return StreamWish(prompt, portrait=parameters.portrait, broadcast=parameters.broadcast)

    def _parameters_changed(self, parameters: BridgeParameters, changed: frozenset[str]) -> None:
        if self._link is not None:
            self._link.apply(parameters)
        if "prompt" in changed and self.lifecycle_state == "active":
            self._prompt(parameters.prompt)

    # -- calls of others ---------------------------------------------------------------------------

    def call_target(self) -> CallTarget:
        """Return what services and actions work on now.

        Raises:
            OdysseyError: The node is unconfigured.
        """
        if self._link is None:
            reason = f" ({self._state.message})" if self._state.message else ""
            raise OdysseyError(
                f"the node is unconfigured{reason}: run "
                f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure`",
                code="UNCONFIGURED",
            )
        return CallTarget(self._link.session, holds_key=self._link.holds_key)

    def call_failed(self, error: Exception) -> None:
        """Count limits that were met, and log what no caller can be to blame for."""
        self._health.call_failed(error)
        if error_code(error) == "INTERNAL":
            self.get_logger().error(f"A call failed: {error_text(error)}")

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
            logger.warning(f"{event.error_code}: {event.message}")

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

    # -- status ------------------------------------------------------------------------------------

    def _every_second(self) -> None:
        self._frame_rate.update(self._counters.received)
        self._publish_status()
        self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        parameters, session = self._settings.current, self._link and self._link.session
        health = self._health.look(
            self.lifecycle_state,
            self._state,
            self._counters,
            session.client.statistics if session else ClientStatistics(),
            stream_wanted=session is not None and session.stream_wanted,
            expected_hz=parameters.expected_frame_rate,
        )
        self._diagnostics.publish(service_host(api_url(parameters)), bridge_diagnostics(health))

    def _publish_status(self) -> None:
        message = status_message(self._state)
        message.stamp = self.get_clock().now().to_msg()
        counters = self._counters
        message.width, message.height = counters.width, counters.height
        message.frame_rate = self._frame_rate.hz
        message.frames_received = counters.received
        message.frames_published = counters.published
        message.frames_dropped = counters.dropped + counters.failed
        self._status.publish(message)

    def _log_connection(self, state: SessionState) -> None:
        logger = self.get_logger()
        text = f"{state.connection.value.capitalize()}" + (f": {state.message}" if state.message else "")
        if state.connection in (ConnectionStatus.RECONNECTING, ConnectionStatus.FAILED):
            logger.warning(text)
        else:
            logger.info(text)


class SessionLink:
    """One configured session and its topics, tied to the node until ``forget``.

    It is the session's observer: called on the asyncio thread, it stamps frames and hands the rest to the
    executor's.
    """

    def __init__(
        self,
        node: BridgeNode,
        client: Odyssey,
        credentials: ClientCredentials | None,
        settings: ImageSettings,
        parameters: BridgeParameters,
    ) -> None:
        self._node = node
        self._clock = node.get_clock()
        self._forgotten = False
        self._stream_began_ns = 0
        self._stamps: MediaStamps | ArrivalStamps = ArrivalStamps()
        self._stamp_source = ""
        self.images = ImageTopics(node, settings, self._image_failed)
        self.session = OdysseySession(client, self, credentials=credentials)
        self.holds_key = credentials is None
        self.apply(parameters)

    def apply(self, parameters: BridgeParameters) -> None:
        """Take over parameters that have changed. On the executor's thread."""
        self.images.settings = image_settings(parameters)
        self.session.resume_stream = parameters.resume_stream
        if parameters.stamp_source != self._stamp_source:
            self._stamp_source = parameters.stamp_source
            self._stamps = MediaStamps() if parameters.stamp_source == "media" else ArrivalStamps()

    def forget(self) -> None:
        """Tell the node nothing more. On the executor's thread."""
        self._forgotten = True

    def frame_arrived(self, decoded: DecodedFrame) -> None:
        """Stamp a frame and offer it to the topics."""
        arrival_ns = self._clock.now().nanoseconds
        if not self._clock.ros_time_is_active:
            arrival_ns -= time.monotonic_ns() - decoded.arrival_ns
        stamp_ns = self._stamps.stamp(arrival_ns, decoded.media_time_ns)
        if decoded.index == 0:
            self._stream_began_ns = decoded.media_time_ns
        since_beginning_ns = decoded.media_time_ns - self._stream_began_ns
        self.images.offer(replace(decoded, media_time_ns=since_beginning_ns), stamp_ns)

    def state_changed(self, state: SessionState) -> None:
        """Pass it on."""
        self._post(lambda: self._node.session_state_changed(state))

    def event_happened(self, event: Event) -> None:
        """Pass it on."""
        self._post(lambda: self._node.session_event_happened(event))

    def gave_up(self, error: OdysseyError) -> None:
        """Pass it on."""
        self._post(lambda: self._node.session_gave_up(error))

    def _image_failed(self, reason: str) -> None:
        self._post(lambda: self._node.image_failed(reason))

    def _post(self, call: Any) -> None:
        self._node.calls.post(lambda: None if self._forgotten else call())


class FrameRate:
    """Frames a second, between two updates."""

    def __init__(self) -> None:
        self.hz = 0.0
        self._count = 0
        self._time = time.monotonic()

    def update(self, count: int) -> None:
        """Take the count of frames so far; one that fell began anew."""
        now = time.monotonic()
        self.hz = max(0, count - self._count) / max(now - self._time, 1e-3)
        self._count, self._time = count, now


def make_client(parameters: BridgeParameters, api_key: str) -> Odyssey:
    """Make the client that the parameters describe; nothing is sent yet.

    Raises:
        OdysseyArgumentError: An address cannot be used.
    """
    return Odyssey(
        api_key,
        api_url=parameters.api_url or None,
        advanced=AdvancedConfig(
            max_retries=retries(parameters),
            max_retry_delay_ms=30_000,
            queue_timeout_s=parameters.queue_timeout,
            frame_timeout_s=parameters.frame_timeout,
        ),
    )


def api_url(parameters: BridgeParameters) -> str:
    """Return the service's address, empty where it cannot be used."""
    try:
        return ClientConfig.resolve(api_url=parameters.api_url).api_url
    except OdysseyArgumentError:
        return ""


def retries(parameters: BridgeParameters) -> int | None:
    """Return how often what may pass is tried again; None for ever."""
    return None if parameters.max_retries < 0 else parameters.max_retries


def image_settings(parameters: BridgeParameters) -> ImageSettings:
    """Return what shapes the messages.

    Raises:
        CalibrationError: ``camera_info_url`` names no calibration.
    """
    return ImageSettings(
        frame_id=parameters.frame_id,
        encoding=parameters.encoding,
        jpeg_quality=parameters.jpeg_quality,
        calibration=load_calibration(parameters.camera_info_url),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bridge as a process."""
    return spin_node(BridgeNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
