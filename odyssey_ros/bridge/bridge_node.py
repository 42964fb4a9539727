"""The bridge: an Odyssey stream as a managed ROS 2 node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String

from odyssey_ros.bridge.api_key import read_api_key, read_credentials
from odyssey_ros.bridge.bridge_parameters import SETTINGS, BridgeParameters
from odyssey_ros.bridge.calls.call_target import CallTarget
from odyssey_ros.bridge.calls.request_pictures import PictureFiles
from odyssey_ros.bridge.calls.services import BridgeServices
from odyssey_ros.bridge.calls.simulation_action import SimulationAction
from odyssey_ros.bridge.live.cv_bridge_conversion import CvBridgeConversion
from odyssey_ros.bridge.live.diagnostics import bridge_diagnostics, service_host
from odyssey_ros.bridge.live.image_prompt import ImagePrompt
from odyssey_ros.bridge.live.prompt_length import check_prompt
from odyssey_ros.bridge.live.stream_node import StreamNode
from odyssey_ros.bridge.live.stream_state import Event, StreamRequest
from odyssey_ros.bridge.live.stream_supervisor import StreamSupervisor
from odyssey_ros.bridge.runtime.node_process import run_node
from odyssey_ros.bridge.runtime.qos_overrides import OVERRIDE_ERRORS, OverrideError, overridable
from odyssey_ros.client import (
    AdvancedConfig,
    ClientConfig,
    ErrorCode,
    Odyssey,
    OdysseyArgumentError,
    OdysseyError,
    OdysseyImageError,
    as_odyssey_error,
)
from odyssey_ros.client.session_access import MintedSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odyssey_ros.bridge.live.diagnostics import Assessment, Health
    from odyssey_ros.bridge.live.stream_state import SessionObserver
    from odyssey_ros.client import ClientCredentials


class BridgeNode(StreamNode[BridgeParameters, StreamSupervisor]):
    """The node `odyssey`; see the README for its topics, services and parameters.

    The lifecycle is what the operator wants; the connection depends on the network. No transition waits for
    the network.
    """

    def __init__(self, node_name: str = "odyssey", **options: Any) -> None:
        super().__init__(node_name, SETTINGS, BridgeParameters, **options)
        self._holds_key = False
        self._cv_bridge = CvBridgeConversion(self._cv_bridge_unusable)
        # When both subscriptions have a message, the executor takes the one of the older subscription first.
        # An image that is sent before a prompt is therefore stored before the prompt starts a stream.
        try:
            self.create_subscription(
                Image,
                "~/image_prompt",
                self._image_received,
                QoSProfile(depth=1),
                qos_overriding_options=overridable(self, "~/image_prompt"),
            )
        except OVERRIDE_ERRORS as error:
            raise OverrideError(f"{self.resolve_topic_name('~/image_prompt')}: {error}") from None
        self.create_subscription(String, "~/prompt", self._prompt_received, QoSProfile(depth=10))
        parameters = self._settings.current
        pictures = PictureFiles(self.files, parameters.image_folders)
        BridgeServices(
            self,
            self.call_target,
            self.call_failed,
            pictures,
            may_mint=parameters.allow_credential_minting,
            max_calls=parameters.max_calls,
            max_prompt_length=parameters.max_prompt_length,
        )
        self._simulations = SimulationAction(
            self,
            self.call_target,
            self.call_failed,
            pictures,
            poll_period_s=lambda: self._settings.current.simulation_poll_period,
            max_retries=lambda: retries(self._settings.current),
            max_goals=parameters.max_simulations,
            max_prompt_length=parameters.max_prompt_length,
        )
        self.begin()

    def session_maker(self, parameters: BridgeParameters) -> Callable[[SessionObserver], StreamSupervisor]:
        """Read the key or the credentials, and return a function that makes the supervisor."""
        credentials, key = self.files.wait_for(lambda: _secrets(parameters))
        if credentials is not None:
            # Raises for an address that is refused, before anything is connected.
            MintedSession(credentials, allow_insecure=parameters.allow_insecure)
        client = make_client(parameters, key)
        self._holds_key = credentials is None
        return lambda observer: StreamSupervisor(
            client, observer, credentials=credentials, resume_stream=parameters.resume_stream
        )

    def assess(self, health: Health) -> tuple[str, Mapping[str, Assessment]]:
        """Assess the connection, the stream, the frames and the limits."""
        return service_host(api_url(self._settings.current)), bridge_diagnostics(health)

    # -- lifecycle ---------------------------------------------------------------------------------

    def activate(self) -> None:
        """Start publishing, and a stream if `prompt` is set, as soon as there is a connection."""
        super().activate()
        prompt = self._settings.current.prompt
        request = self._request(prompt) if prompt.strip() and self._is_short(prompt) else None
        self.start(self.binding.session.activate(request))

    def deactivate(self) -> None:
        """End the stream, stop publishing and stay connected."""
        super().deactivate()
        self.start(self.binding.session.deactivate())

    def release(self) -> None:
        """Release everything; simulation jobs continue without their goals."""
        self._simulations.release()
        super().release()

    def destroy_node(self) -> None:
        """Release everything and destroy the node."""
        self._simulations.destroy()
        super().destroy_node()

    # -- inputs ------------------------------------------------------------------------------------

    def _prompt_received(self, message: String) -> None:
        self._prompt(message.data)

    def _image_received(self, message: Image) -> None:
        if self._binding is None:
            self.get_logger().warning(
                "Dropped an image: the node is unconfigured. Configure it first",
                throttle_duration_sec=10.0,
            )
            return
        try:
            prompt = ImagePrompt.parse(message)
        except OdysseyImageError as error:
            self.report_event(Event.of_error(error, message=f"~/image_prompt: {error}"))
            return
        self.start(self._binding.session.set_next_image(lambda: prompt.load(self._cv_bridge)))

    def _cv_bridge_unusable(self, reason: str) -> None:
        self.get_logger().warning(f"Images of ~/image_prompt are converted without cv_bridge: {reason}")

    def _prompt(self, text: str) -> None:
        if self._binding is None:
            self.get_logger().warning("Dropped a prompt: the node is unconfigured. Configure it first")
            return
        if self._is_short(text):
            self.start(self._binding.session.prompt(self._request(text)))

    def _is_short(self, prompt: str) -> bool:
        """Return whether a prompt has at most the allowed length; report one that is longer."""
        try:
            check_prompt(prompt, self._settings.current.max_prompt_length)
        except OdysseyArgumentError as error:
            self.report_event(Event.of_error(error))
            return False
        return True

    def _request(self, prompt: str) -> StreamRequest:
        parameters = self._settings.current
        return StreamRequest(prompt, portrait=parameters.portrait, broadcast=parameters.broadcast)

    def parameters_changed(self, parameters: BridgeParameters, changed: frozenset[str]) -> None:
        """Apply changed parameters; setting `prompt` on an active node sends the prompt."""
        super().parameters_changed(parameters, changed)
        if self._binding is not None:
            self._binding.session.resume_stream = parameters.resume_stream
            if changed & {"portrait", "broadcast"}:
                self.start(
                    self._binding.session.reshape(
                        portrait=parameters.portrait if "portrait" in changed else None,
                        broadcast=parameters.broadcast if "broadcast" in changed else None,
                    )
                )
        if "prompt" in changed and self.lifecycle_state == "active":
            self._prompt(parameters.prompt)

    def _refusal(self, changes: dict[str, Any]) -> str | None:
        """Return why a change of parameters is refused, or None."""
        try:
            check_prompt(str(changes.get("prompt", "")), self._settings.current.max_prompt_length)
        except OdysseyArgumentError as error:
            return f"{error.code}: {error}"
        return super()._refusal(changes)

    # -- service calls -----------------------------------------------------------------------------

    def call_target(self) -> CallTarget:
        """Return the session for services and actions.

        Raises:
            OdysseyError: The node is unconfigured.
        """
        if self._binding is None:
            reason = f" ({self._state.message})" if self._state.message else ""
            raise OdysseyError(
                f"the node is unconfigured{reason}: run "
                f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure`",
                code=ErrorCode.UNCONFIGURED,
            )
        return CallTarget(self._binding.session, holds_key=self._holds_key)

    def call_failed(self, error: Exception) -> None:
        """Count an account limit, and log an internal error."""
        self._health.call_failed(error)
        if as_odyssey_error(error).code is ErrorCode.INTERNAL:
            self.get_logger().error(f"A call failed: {as_odyssey_error(error).advice}")


def _secrets(parameters: BridgeParameters) -> tuple[ClientCredentials | None, str]:
    """Return the credentials, if there is a file of them, and the API key; one of them is empty."""
    if parameters.credentials_file:
        return read_credentials(parameters.credentials_file), ""
    return None, read_api_key(parameters.api_key_file)


def make_client(parameters: BridgeParameters, api_key: str) -> Odyssey:
    """Make the client that the parameters describe, without connecting it.

    Raises:
        OdysseyArgumentError: `api_url` is invalid, or insecure and not allowed.
    """
    return Odyssey(
        api_key,
        api_url=parameters.api_url or None,
        allow_insecure=parameters.allow_insecure,
        advanced=AdvancedConfig(
            max_retries=retries(parameters),
            max_retry_delay_ms=30_000,
            queue_timeout_s=parameters.queue_timeout,
            frame_timeout_s=parameters.frame_timeout,
        ),
    )


def api_url(parameters: BridgeParameters) -> str:
    """Return the address of the service; empty when it is invalid."""
    try:
        return ClientConfig.resolve(
            api_url=parameters.api_url, allow_insecure=parameters.allow_insecure
        ).api_url
    except OdysseyArgumentError:
        return ""


def retries(parameters: BridgeParameters) -> int | None:
    """Return the number of retries of the connection; None retries forever."""
    return None if parameters.max_retries < 0 else parameters.max_retries


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bridge as a process."""
    return run_node(BridgeNode, arguments)
