"""The spectator: a broadcast of another bridge as a managed ROS 2 node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odyssey_ros.bridge.api_key import read_spectator_token
from odyssey_ros.bridge.live.diagnostics import service_host, spectator_diagnostics
from odyssey_ros.bridge.live.spectator_supervisor import SpectatorSupervisor
from odyssey_ros.bridge.live.stream_node import StreamNode
from odyssey_ros.bridge.runtime.node_process import run_node
from odyssey_ros.bridge.spectator_parameters import SETTINGS, SpectatorParameters
from odyssey_ros.client import AdvancedConfig, OdysseyArgumentError
from odyssey_ros.client.whep import WhepEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odyssey_ros.bridge.live.diagnostics import Assessment, Health
    from odyssey_ros.bridge.live.stream_state import SessionObserver


class SpectatorNode(StreamNode[SpectatorParameters, SpectatorSupervisor]):
    """The node `spectator`: publishes a broadcast on the image topics of a bridge.

    It connects when it is configured and publishes while it is active.
    """

    def __init__(self, node_name: str = "spectator", **options: Any) -> None:
        super().__init__(node_name, SETTINGS, SpectatorParameters, **options)
        self.begin()

    def session_maker(
        self, parameters: SpectatorParameters
    ) -> Callable[[SessionObserver], SpectatorSupervisor]:
        """Read the token and check the address."""
        if not parameters.webrtc_url:
            raise OdysseyArgumentError(
                "no broadcast: start the node with the parameter webrtc_url, which is in the response of "
                "~/get_broadcast"
            )
        token = self.files.wait_for(lambda: read_spectator_token(parameters.spectator_token_file))
        WhepEndpoint.parse(parameters.webrtc_url, token, allow_insecure=parameters.allow_insecure)
        config = AdvancedConfig(
            max_retries=None if parameters.max_retries < 0 else parameters.max_retries,
            max_retry_delay_ms=30_000,
            frame_timeout_s=parameters.frame_timeout,
        )
        return lambda observer: SpectatorSupervisor(
            parameters.webrtc_url, token, observer, config, allow_insecure=parameters.allow_insecure
        )

    def assess(self, health: Health) -> tuple[str, Mapping[str, Assessment]]:
        """Assess the connection and the frames."""
        return service_host(self._settings.current.webrtc_url), spectator_diagnostics(health)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the spectator as a process."""
    return run_node(SpectatorNode, arguments)
